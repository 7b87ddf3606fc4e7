"""A sweep on a Ray cluster of two nodes, one of which is lost; and errors without a cluster."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

pytest.importorskip("ray")

import commands
import torch
from rich.console import Console

from infogan.config.presets import get_preset
from infogan.data import LoadOptions
from infogan.scale.sweep.job import make_job
from infogan.scale.sweep.settings import parse_settings
from infogan.scale.sweep.trials import make_trials
from infogan.training import launch

pytestmark = pytest.mark.night  # a cluster takes long to start, and wants the machine for itself
ENV = {**commands.ENV, "RAY_USAGE_STATS_ENABLED": "0"}
CONFIG = get_preset("digits-code").replace(
    steps=1000, log_every=10, save_every=20, batch_size=32, device="cpu"
)
LINE = "--steps 1000 --log-every 10 --save-every 20 --batch-size 32 --device cpu --seeds 2"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One core on each of two nodes, on this machine."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100_000_000, "include_dashboard": False}
    soon = {
        "health_check_period_ms": 500,
        "health_check_timeout_ms": 5000,
        "health_check_failure_threshold": 3,
    }
    made = Cluster(initialize_head=True, head_node_args={**node, "_system_config": soon})
    made.add_node(**{key: value for key, value in node.items() if key != "include_dashboard"})
    yield made
    made.shutdown()


def start(*args: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(commands.command("sweep", *args), cwd=cwd, env=ENV, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def steps(run: Path) -> int:
    return max((int(p.stem) for p in run.glob("checkpoints/*.safetensors")), default=0)


def lines(run: Path, until: int) -> list[str]:
    """The lines of metrics.jsonl, whose speeds no second training would hit again."""
    file = run / "metrics.jsonl"
    found = file.read_text().splitlines() if file.is_file() else []
    return [line for line in found if json.loads(line)["step"] <= until]


def test_a_node_is_lost(cluster: Any, tmp_path: Path) -> None:
    trials = make_trials("digits-code", CONFIG, 2, parse_settings(["lr_g=1e-3,5e-4"]), tmp_path / "runs")
    runs = [trial.path for trial in trials]
    process = start(
        "digits-code", *LINE.split(), "--set", "lr_g=1e-3,5e-4", "--ray", cluster.address, cwd=tmp_path
    )
    try:
        until = time.monotonic() + 90
        while sum(20 <= steps(run) < 1000 for run in runs) < 2:  # one on each node
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        (other,) = cluster.worker_nodes
        cluster.remove_node(other, allow_graceful=False)
        done_steps = {run: steps(run) for run in runs}
        before = {run: lines(run, n) for run, n in done_steps.items()}
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "its machine or process was lost; continuing on another" in err
    assert "digits-code: 4 runs are done" in out
    rows = pyarrow.parquet.read_table(tmp_path / "runs" / "digits-code-sweep.parquet").to_pylist()
    assert [(row["status"], row["steps"]) for row in rows] == [("done", 1000)] * 4
    for run in runs:
        assert lines(run, done_steps[run]) == before[run]
        assert len(lines(run, 1000)) == 100
        assert (run / "evaluation.json").is_file()
    assert not list((tmp_path / "runs").glob(".*"))
    begun = [trial for trial in trials if done_steps[trial.path]]
    assert len(begun) == 2
    torch.set_num_threads(1)
    for trial in begun:  # of which one was lost
        alone = tmp_path / "alone" / trial.path.name
        launch.train(trial.config, alone, LoadOptions(), Console(quiet=True))
        name = "checkpoints/0001000.safetensors"
        assert (alone / name).read_bytes() == (trial.path / name).read_bytes()
    again = start(
        "digits-code",
        *LINE.split(),
        "--set",
        "lr_g=1e-3,5e-4",
        "--ray",
        cluster.address,
        "--json",
        cwd=tmp_path,
    )
    out, err = again.communicate(timeout=90)
    assert again.returncode == 0, err
    assert len(json.loads(out)["runs"]) == 4
    assert {run: lines(run, done_steps[run]) for run in runs} == before


def test_ctrl_c_saves_what_trains_on_the_cluster(cluster: Any, tmp_path: Path) -> None:
    line = "digits-code --steps 100000 --save-every 100000 --log-every 10 --device cpu --seeds 3 --ray"
    process = start(*line.split(), cluster.address, cwd=tmp_path)
    run = tmp_path / "runs" / "digits-code-0"
    try:
        until = time.monotonic() + 60
        while not lines(run, 100_000):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(2)
        _, err = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert steps(run) >= 10
    assert not list((tmp_path / "runs").glob(".*"))


def test_a_folder_that_is_not_shared_is_reported(tmp_path: Path) -> None:
    from infogan.scale.sweep.ray_tune import TrainRun

    (trial,) = make_trials("digits-code", CONFIG, 1, [{}], tmp_path)
    task = {"job": make_job(trial, LoadOptions(), False), "stop_file": str(tmp_path / "store" / "stop"),
            "token": "t", "cwd": str(tmp_path), "cpus": 1, "gpus": 0}  # fmt: skip
    report = json.loads(TrainRun({"task": json.dumps(task)}).step()["report"])
    assert "is not the folder that the sweep was started with" in report[1][0]
    assert not trial.path.exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (("--ray", "127.0.0.1:9"), "no Ray cluster answers at '127.0.0.1:9'"),
        (("--ray", "local", "--cpus", "4096"), "no node of the cluster has 4096 cores and 0 GPUs"),
    ],
)
def test_clusters_that_cannot_be_used(line: tuple[str, ...], why: str, tmp_path: Path) -> None:
    process = start("digits-code", *line, cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert why in err
    assert err.count("\n") == 1, err
    assert list(tmp_path.iterdir()) == []
