"""Several processes train as one with the whole batch, and survive the loss of one."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import several_trainings
import torch
from commands import fail, run, succeed
from several_trainings import train_all
from torch import Tensor
from trainers import assert_close_states

from infogan.data import open_collection
from infogan.data.shards.pack import pack
from infogan.data.shards.writer import ShardLimit

ROOT = Path(__file__).parent.parent
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
ENV.pop("TORCHELASTIC_RUN_ID", None)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]

EVERYTHING = {
    "transforms": "rotate:0.2 translate:0.1",
    "pretraining_steps": 6,
    "pseudo_label_weight": 2.0,
    "diffaug": True,
    "ema_decay": 0.9,
}


Trained = dict[str, dict[str, Tensor]]


def trained(folder: Path, processes: int) -> Trained:
    """The state of each training after four steps, and its metrics; the same processes run them all."""
    pack(open_collection("digits:train"), folder / "shards", ShardLimit(300, None), None, skip_bad=False)
    trainings = {
        "everything": ("digits", EVERYTHING),
        "shards": (f"shards:{folder / 'shards'}", {}),
        "own statistics": ("digits", {**EVERYTHING, "sync_batchnorm": False}),
    }
    if processes == 1:
        del trainings["own statistics"]  # one process has no other
    files = {name: folder / f"{name}.safetensors" for name in trainings}
    asked = [(str(files[name]), *how) for name, how in trainings.items()]
    if processes == 1:
        train_all(asked)
    else:
        start = [*TORCHRUN, "--standalone", f"--nproc-per-node={processes}", several_trainings.__file__]
        done = subprocess.run(
            [*start, json.dumps(asked)], env=ENV, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr
    return {name: safetensors.torch.load_file(file) for name, file in files.items()}


def without(state: dict[str, Tensor], metrics: set[str]) -> dict[str, Tensor]:
    """Diversity is that of the first process's part."""
    return {name: value for name, value in state.items() if name not in metrics | {"diversity"}}


@pytest.fixture(scope="module")
def by_one(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("one"), 1)


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.night)])
def by_several(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("several"), request.param)


def test_processes_are_one_with_the_whole_batch(by_one: Trained, by_several: Trained) -> None:
    """Clustering, noise, images, augmentation, batch norm, gradients, optimisers, the average, the stream."""
    found, expected = by_several["everything"], by_one["everything"]
    of_parts = {"loss_d", "pseudo_label", "L_I_real_c1"}  # with the entropy of each part's mean target
    assert_close_states(without(found, of_parts), without(expected, of_parts), 1e-9)


def test_processes_are_one_on_shards(by_one: Trained, by_several: Trained) -> None:
    """Each process reads its own part of every batch, and none another's images."""
    assert_close_states(without(by_several["shards"], set()), without(by_one["shards"], set()), 1e-9)


def test_without_sync_batchnorm_each_part_has_its_own_statistics(
    by_one: Trained, by_several: Trained
) -> None:
    found = by_several["own statistics"]
    assert (found["loss_d"] - by_one["everything"]["loss_d"]).abs().max() > 1e-3
    assert all(value.isfinite().all() for value in found.values())


def infogan(*args: str, cwd: Path, start: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [*(start or [sys.executable, "-m"]), "infogan", *args]
    return subprocess.run(command, cwd=cwd, env=ENV, capture_output=True, text=True, timeout=120)


TRAIN = ["train", "digits-code", "--batch-size", "16", "--steps", "80", "--save-every", "10",
         "--log-every", "5", "--device", "cpu", "--precision", "32-true"]  # fmt: skip


def last(run: Path) -> bytes:
    return max((run / "checkpoints").glob("*.safetensors")).read_bytes()


TWO = [*TORCHRUN, "--standalone", "--nproc-per-node=2", "--max-restarts=1", "-m"]


def rows(run: Path) -> list[dict[str, float]]:
    """metrics.jsonl without the speed."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "images_per_s"} for row in found]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes, started by --devices."""
    folder = tmp_path_factory.mktemp("two")
    done = infogan(*TRAIN, "--devices", "2", "--out", "a", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("80 steps") == 1  # one of them prints
    return folder / "a"


@pytest.mark.night
def test_torchrun_gives_the_same_bits(two: Path, tmp_path: Path) -> None:
    done = infogan(*TRAIN, "--out", "b", cwd=tmp_path, start=TWO)
    assert done.returncode == 0, done.stderr
    assert last(tmp_path / "b") == last(two)
    assert rows(tmp_path / "b") == rows(two)


def kill(run: Path, rank: int, started: subprocess.Popen[str]) -> None:
    """Kills the child process of that rank once there is a checkpoint."""
    until = time.monotonic() + 90
    while not (run / "checkpoints" / "0000020.safetensors").is_file():
        assert time.monotonic() < until
        assert started.poll() is None
        time.sleep(0.02)
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
    (lost,) = (
        pid
        for pid in children
        if f"LOCAL_RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    )
    os.kill(int(lost), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process in /proc")
@pytest.mark.night
@pytest.mark.parametrize("rank", [0, 1])
def test_torchrun_continues_after_a_loss(two: Path, tmp_path: Path, rank: int) -> None:
    command = [*TWO, "infogan", *TRAIN, "--out", "b"]
    with subprocess.Popen(command, cwd=tmp_path, env=ENV, stderr=subprocess.PIPE, text=True) as started:
        kill(tmp_path / "b", rank, started)
        _, printed = started.communicate(timeout=120)
    assert started.returncode == 0, printed
    assert last(tmp_path / "b") == last(two)
    assert rows(tmp_path / "b") == rows(two)


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes, of which one was lost, and which was resumed to its end."""
    if sys.platform != "linux":
        pytest.skip("finds the process in /proc")
    folder = tmp_path_factory.mktemp("lost")
    command = [sys.executable, "-m", "infogan", *TRAIN, "--devices", "2", "--out", "b"]
    with subprocess.Popen(command, cwd=folder, env=ENV, stderr=subprocess.PIPE, text=True) as started:
        kill(folder / "b", 1, started)
        _, printed = started.communicate(timeout=120)
    assert started.returncode != 0
    assert "infogan: a process of this training was lost" in printed
    assert "infogan train --resume b continues from step" in printed
    done = infogan("train", "--resume", "b", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("80 steps") == 1  # one of them prints
    return folder / "b"


@pytest.mark.night
def test_a_run_that_lost_a_process_continues_with_any_number(lost: Path, tmp_path: Path) -> None:
    shutil.copytree(lost, tmp_path / "b")
    succeed("train", "--resume", "b", "--steps", "90", "--devices", "1", cwd=tmp_path)
    assert [row["step"] for row in rows(tmp_path / "b")] == list(range(5, 91, 5))


@pytest.mark.night
def test_a_run_that_lost_a_process_comes_to_the_same_bits(two: Path, lost: Path) -> None:
    assert last(lost) == last(two)
    assert rows(lost) == rows(two)


@pytest.mark.night
@pytest.mark.skipif(sys.platform != "linux", reason="finds the process in /proc")
def test_two_nodes_continue_after_a_loss(two: Path, tmp_path: Path) -> None:
    """Two agents of torchrun, as on two machines, each with one process."""
    command = [*TORCHRUN, "--nnodes=2", "--nproc-per-node=1", "--max-restarts=1", "--rdzv-backend=c10d",
               f"--rdzv-endpoint=127.0.0.1:{free_port()}", "--rdzv-id=1",
               "-m", "infogan", *TRAIN, "--out", "b"]  # fmt: skip
    env = {**ENV, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    agents = [subprocess.Popen(command, cwd=tmp_path, env=env) for _ in range(2)]
    try:
        kill(tmp_path / "b", 0, agents[0])
        assert [agent.wait(timeout=180) for agent in agents] == [0, 0]
    finally:
        for agent in agents:
            agent.kill()
    # Not the same bytes, as the config tells the nodes.
    found, expected = (safetensors.torch.load(last(run)) for run in (tmp_path / "b", two))
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    assert rows(tmp_path / "b") == rows(two)


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--devices", "1000"], "devices is 1000, but this machine has"),
        (["--devices", "0"], "devices is 0, but must be at least 1"),
    ],
)
def test_numbers_of_processes_that_are_impossible(tmp_path: Path, options: list[str], sentence: str) -> None:
    assert sentence in fail("train", "digits-code", *options, "--out", "run", cwd=tmp_path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--batch-size", "33"], "batch_size is 33, which 2 processes cannot share"),
        (["--r1-weight", "0.1"], "r1_weight needs second derivatives"),
    ],
)
@pytest.mark.night
def test_one_of_two_processes_prints_what_is_wrong(tmp_path: Path, options: list[str], sentence: str) -> None:
    done = infogan("train", "digits-code", "--devices", "2", *options, "--out", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("infogan:") == 1
    assert not (tmp_path / "run").exists()


def test_seeds_are_stacked_in_one_process_only(tmp_path: Path) -> None:
    words = "sweep digits-code --seeds 2 --stacked --devices 2"
    done = run(*words.split(), cwd=tmp_path)
    assert done.status == 2
    assert "seeds are stacked in one process" in done.err
