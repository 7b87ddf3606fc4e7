"""Encoding on a Ray cluster of two nodes, one of which is lost; and errors without a cluster."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import commands
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("ray")

from infogan.config import Config
from infogan.runs.run import Run

pytestmark = pytest.mark.night  # a cluster takes long to start, and wants the machine for itself
ENV = {**commands.ENV, "RAY_USAGE_STATS_ENABLED": "0"}
N, ROWS = 2000, 16
SMALL = f"import infogan.scale.encoding.encode as e; e.ROWS_PER_PART = {ROWS}\nfrom infogan.cli import main\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One core on each of two nodes, on this machine."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100_000_000}
    soon = {
        "health_check_period_ms": 500,
        "health_check_timeout_ms": 5000,
        "health_check_failure_threshold": 3,
    }
    head = {**node, "include_dashboard": False, "_system_config": soon}
    made = Cluster(initialize_head=True, head_node_args=head)
    made.add_node(**node)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, untrained_run: Callable[..., Run]) -> Path:
    place = tmp_path_factory.mktemp("encoding-ray")
    untrained_run(
        place / "run",
        Config.from_options(images="digits", architecture="digits", codes="cat:4 unif:1 noise:2"),
    )
    np.save(place / "x.npy", np.random.default_rng(0).integers(0, 256, (N, 8, 8), dtype=np.uint8))
    return place


def start(*args: str, cwd: Path, first: str = "") -> subprocess.Popen[str]:
    """`infogan encode run x.npy ARGS` with small parts, after some lines of Python."""
    command = [sys.executable, "-c", f"{SMALL}{first}\nmain()", "encode", "run", "x.npy", *args]
    return subprocess.Popen(
        command, cwd=cwd, env=ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def error_of(process: subprocess.Popen[str], seconds: float = 60) -> str:
    """The one line on standard error of a command that must fail."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    assert (process.returncode, out) == (2, ""), err
    assert err.startswith("infogan: "), err
    assert err.count("\n") == 1, err
    return err


def works_there(node: Any) -> bool:
    """Whether a process of the pool runs on a node, which is a child of its raylet."""
    raylet = str(node.all_processes["raylet"][0].process.pid)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
            if parent == raylet and b"MapBatches(Encoder)" in (stat.parent / "cmdline").read_bytes():
                return True
        except OSError:  # it has ended
            continue
    return False


def test_a_lost_node_costs_no_row(cluster: Any, place: Path) -> None:
    process = start("-o", "straight/", cwd=place)
    process.communicate(timeout=60)
    assert process.returncode == 0
    process = start("-o", "out/", "--ray", cluster.address, cwd=place)
    out = place / "out"
    (other,) = cluster.worker_nodes
    try:
        until = time.monotonic() + 90
        while not works_there(other) or len(list(out.glob("part-*"))) < 10:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        assert len(list(out.glob("part-*"))) < 100
        cluster.remove_node(other, allow_graceful=False)
        out_there, err = process.communicate(timeout=90)
    finally:
        process.kill()
    assert (process.returncode, out_there) == (0, "out\n"), err
    assert err == "out holds all 2,000 images in 125 parts, 0 of them from before.\n"
    parts = sorted(out.glob("part-*"))
    table = pa.concat_tables([pq.read_table(path) for path in parts])
    assert table["image"].to_pylist() == list(range(N))
    assert {p.name: p.read_bytes() for p in parts} == {
        p.name: p.read_bytes() for p in (place / "straight").glob("part-*")
    }
    assert sorted(p.name for p in out.iterdir()) == ["_about.json", "_lock", *(p.name for p in parts)]


def test_what_workers_cannot_do_is_reported(cluster: Any, place: Path) -> None:
    at = ("--ray", cluster.address)
    small = start("-o", "new/", *at, "--cpus", "9", cwd=place)
    assert "no node of the cluster has 9 cores and 0 GPUs" in error_of(small)
    assert not (place / "new").exists()
    # Files that only this process sees, as where each node has a disk of its own.
    unseen = (
        "import infogan.scale.ray as r; r.tempfile.mkstemp = lambda **k: (r.os.open('/dev/null', 0), '/none')"
    )
    assert "does not see new; name a folder that all nodes share" in error_of(
        start("-o", "new/", *at, cwd=place, first=unseen)
    )
    assert not (place / "new").exists()
    other = "import infogan.scale.encoding.encode as e; e.fingerprint = lambda _: '2000 of this machine'"
    assert "a node finds other images in npz:" in error_of(start("-o", "new/", *at, cwd=place, first=other))
    assert sorted(p.name for p in (place / "new").iterdir()) == ["_about.json", "_lock"]


def test_a_missing_cluster_is_reported(place: Path) -> None:
    before = sorted(place.iterdir())
    asked = {
        address: start("-o", "none/", "--ray", address, cwd=place)
        for address in ("127.0.0.1:1", "nonsense", "127.0.0.1:99999999")
    }
    for address, process in asked.items():
        assert f"no Ray cluster answers at '{address}'" in error_of(process)
    missing = start("-o", "none/", "--ray", "local", cwd=place, first="import sys; sys.modules['ray'] = None")
    assert error_of(missing) == 'infogan: Ray is not installed; pip install "infogan[cluster]".\n'
    assert sorted(place.iterdir()) == before
