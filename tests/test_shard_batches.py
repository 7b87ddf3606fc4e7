"""Training on shards: the order of images, the processes that read ahead, and how they end."""

import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from commands import succeed
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from infogan.config.presets import get_preset
from infogan.data import Images, LoadOptions, load, open_collection
from infogan.data.loading.batches import EpochSampler
from infogan.data.loading.shard_batches import ShardBatches, _SegmentReader, make_batch_source
from infogan.data.loading.shard_order import ShardOrder, split_evenly
from infogan.data.shards.images import ShardedPixels
from infogan.data.shards.pack import pack
from infogan.data.shards.writer import Sample, ShardLimit, write_shards
from infogan.method.model import make_model
from infogan.runs.fingerprint import fingerprint
from infogan.training.launch import make_stacked_trainer
from infogan.training.state import load_state, state_of
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
CONFIG = get_preset("digits-code").replace(device="cpu", batch_size=16, steps=12, images="shards:own")


pytestmark = pytest.mark.usefixtures("own_folder")


def numbered(i: int) -> np.ndarray:
    """An image whose first pixels encode i."""
    x = np.full((8, 8), 100, np.uint8)
    x.flat[:3] = (i % 256, i // 256 % 256, i // 65536)
    return x


def numbers_of(x: torch.Tensor) -> list[int]:
    flat = x.flatten(1).long()
    return (flat[:, 0] + 256 * flat[:, 1] + 65536 * flat[:, 2]).tolist()


def encoded(x: np.ndarray, kind: str = "BMP") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(x).save(buffer, kind)
    return buffer.getvalue()


def make_shards(n: int, per_shard: int, folder: str = "own") -> None:
    Path(folder).mkdir(exist_ok=True)
    samples = (Sample(i, "bmp", encoded(numbered(i)), None, None) for i in range(n))
    write_shards(samples, Path(folder), 0, ShardLimit(per_shard, None))


def load_sharded(folder: str = "own") -> Images:
    return load(f"shards:{folder}", load_options=LoadOptions(shape=(1, 8, 8)))


def pixels_of() -> ShardedPixels:
    pixels = load_sharded().pixels
    assert isinstance(pixels, ShardedPixels)
    return pixels


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


orders = st.builds(
    ShardOrder,
    n=st.integers(130, 5000),
    bytes_per_image=st.sampled_from([1, 2000, 50_000, 10**6, 10**8]),
    batch_size=st.sampled_from([2, 7, 64, 96, 128]),
    seed=st.integers(0, 9),
)


@given(orders)
@settings(max_examples=40, deadline=None)
def test_a_segment_contains_each_of_its_images_once_per_epoch(order: ShardOrder) -> None:
    """The segments contain all images between them, and differ in length by one at most."""
    found: list[int] = []
    for segment in range(order.n_segments):
        start, stop = order.bounds(segment)
        blocks = order.n_blocks(segment)
        for epoch in (0, 1):
            row = np.concatenate([order.block_indices(segment, epoch * blocks + k) for k in range(blocks)])
            assert sorted(row.tolist()) == list(range(start, stop))
        found += row.tolist()
        assert abs((stop - start) - order.n / order.n_segments) < 1
    assert sorted(found) == list(range(order.n))


@given(orders, st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_a_batch_depends_on_seed_and_step(order: ShardOrder, step: int) -> None:
    """Against going through the segments one image after the other."""
    expected = []
    for segment in range(order.n_segments):
        start, stop = order.bounds(segment)
        first, last = step * order.per_segment, (step + 1) * order.per_segment
        first_epoch, last_epoch = first // (stop - start), (last - 1) // (stop - start)
        blocks = range(first_epoch * order.n_blocks(segment), (last_epoch + 1) * order.n_blocks(segment))
        row = np.concatenate([order.block_indices(segment, block) for block in blocks])
        expected.append(row[first - first_epoch * (stop - start) :][: order.per_segment])
    np.testing.assert_array_equal(order.indices(step), np.concatenate(expected))


@given(orders)
@settings(max_examples=30, deadline=None)
def test_no_image_is_twice_in_an_epoch_of_batches(order: ShardOrder) -> None:
    steps = order.n // order.n_segments // order.per_segment
    counts = Counter(np.concatenate([order.indices(step) for step in range(steps)]).tolist())
    assert max(counts.values()) == 1
    assert sum(counts.values()) == steps * order.batch_size


@given(orders, st.integers(1, 8), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_replicas_and_workers_cover_a_batch(order: ShardOrder, world: int, workers: int) -> None:
    if order.batch_size % world:
        return
    part = order.batch_size // world
    taken: list[int] = []
    for rank in range(world):
        slices = order.segment_slices(slice(rank * part, (rank + 1) * part))
        shares = split_evenly(slices, min(workers, len(slices)))
        assert all(shares)
        taken += [
            segment * order.per_segment + i
            for share in shares
            for segment, found in share
            for i in range(found.start, found.stop)
        ]
    assert taken == list(range(order.batch_size))


def test_the_order_mixes_distant_images() -> None:
    """Two neighbours in the shards are hardly more often in one batch than other images."""
    order = ShardOrder(100_000, 2000, 128, 0)
    batch = np.sort(order.indices(0))
    assert (np.diff(batch) == 1).sum() <= 12
    assert np.histogram(batch, 16, (0, 100_000))[0].tolist() == [8] * 16  # from everywhere
    epochs = [set(order.block_indices(0, k).tolist()) for k in (0, order.n_blocks(0))]
    assert len(epochs[0] & epochs[1]) < 0.5 * order.block_size  # blocks differ between epochs
    assert not np.array_equal(order.indices(0), ShardOrder(100_000, 2000, 128, 1).indices(0))


@pytest.mark.parametrize(("n", "batch_size"), [(10, 4), (50, 8), (64, 64), (97, 50)])
def test_an_epoch_is_a_fresh_permutation_without_its_remainder(n: int, batch_size: int) -> None:
    sampler = EpochSampler(n, batch_size, 3, CPU)
    steps = n // batch_size
    epochs = [[sampler.indices(epoch * steps + i) for i in range(steps)] for epoch in range(30)]
    assert all(len(batch) == batch_size for epoch in epochs for batch in epoch)
    shown = [set(torch.cat(epoch).tolist()) for epoch in epochs]
    assert all(len(images) == n - n % batch_size for images in shown)  # no image twice
    assert len({tuple(torch.cat(epoch).tolist()) for epoch in epochs}) == 30
    assert set.union(*shown) == set(range(n))  # each epoch leaves out other images


def test_the_order_is_that_of_earlier_versions() -> None:
    """A resumed training continues with the images that an earlier version would have taken."""
    assert EpochSampler(10, 4, 3, CPU).indices(5).tolist() == [9, 3, 4, 1]
    assert ShardOrder(333, 1000, 24, 5).indices(7)[:6].tolist() == [19, 26, 30, 37, 75, 80]


def test_images_in_memory_come_in_the_order_of_epochs() -> None:
    images = Images.from_arrays(np.arange(10 * 64, dtype=np.uint8).reshape(10, 1, 8, 8))
    source = make_batch_source(images.pixels, 4, 3, slice(2, 4), CPU)
    expected = images.pixels.take(EpochSampler(10, 4, 3, CPU).indices(5)[2:4])
    torch.testing.assert_close(source.batch(5), expected)
    source.close()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_batches_are_those_of_the_order(workers: int) -> None:
    make_shards(333, 50)
    pixels = pixels_of()
    order = ShardOrder(333, pixels.shards.bytes_per_image, 24, 5)
    source = ShardBatches(pixels, order, split_evenly(order.segment_slices(slice(0, 24)), workers), CPU)
    try:
        for step in (0, 1, 2, 3, 40, 41, 7):  # on, ahead and back
            x = source.batch(step)
            assert x.dtype == torch.uint8
            assert numbers_of(x) == order.indices(step).tolist()
            torch.testing.assert_close(x, pixels.take(torch.from_numpy(order.indices(step))))
    finally:
        source.close()


@pytest.mark.parametrize("world", [2, 4, 8])
def test_replicas_share_batches(world: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.data.loading.shard_batches.cores", lambda: 1)
    make_shards(200, 30)
    pixels, part = pixels_of(), 24 // world
    order = ShardOrder(200, pixels.shards.bytes_per_image, 24, 0)
    found: list[list[int]] = [[], []]
    for rank in range(world):
        source = make_batch_source(pixels, 24, 0, slice(rank * part, (rank + 1) * part), CPU)
        for step in (0, 1):
            found[step] += numbers_of(source.batch(step))
        source.close()
    assert found == [order.indices(0).tolist(), order.indices(1).tolist()]


@pytest.mark.parametrize(
    ("order", "block_size", "n_segments"),
    [
        (ShardOrder(100_000, 2 * 10**6, 64, 0), 2, 16),  # photographs of 2 MB
        (ShardOrder(100_000, 2000, 64, 0), 1024, 16),
        (ShardOrder(10**6, 2000, 8192, 0), 1024, 64),
        (ShardOrder(10**6, 2000, 7, 0), 1024, 7),
    ],
)
def test_blocks_are_bounded_in_memory(order: ShardOrder, block_size: int, n_segments: int) -> None:
    assert (order.block_size, order.n_segments) == (block_size, n_segments)


def test_a_worker_holds_few_blocks_and_no_image_that_was_taken() -> None:
    make_shards(333, 50)
    reader = _SegmentReader(pixels_of(), ShardOrder(333, 2000, 24, 5), 3, slice(0, 2))
    with ThreadPoolExecutor(1) as pool:
        for step in range(40):
            reader.prefetch(step, pool)
            assert len(list(reader.take(step))) == 2
            assert len(reader.blocks) <= 3
            slices = reader.order.block_slices(3, step, slice(0, 2))
            held = [reader.blocks[at.block].result()[at.start : at.stop] for at in slices]
            assert all(image is None for part in held for image in part)


def children_of(pid: int) -> set[int]:
    found = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return {child for child in found if Path(f"/proc/{child}/stat").read_text().split()[2] != "Z"}


def own_children() -> set[int]:
    return children_of(os.getpid())


def descendants_of(pid: int) -> set[int]:
    found = children_of(pid)
    return found.union(*(descendants_of(child) for child in found))


def are_gone(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def trainer_on_shards() -> Trainer:
    return Trainer(CONFIG, make_model(CONFIG), load_sharded())


def test_workers_end_with_the_training() -> None:
    make_shards(100, 30)
    before = own_children()
    trainer = trainer_on_shards()
    assert own_children() == before  # none before the first batch
    steps = trainer.fit()
    next(steps)
    assert len(own_children() - before) == 1
    steps.close()
    assert own_children() == before
    for metrics in trainer_on_shards().fit():
        assert metrics.step
    assert own_children() == before

    def broken(*_: object) -> None:
        raise ArithmeticError

    trainer = trainer_on_shards()
    trainer.step = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(ArithmeticError):
        next(trainer.fit())
    assert own_children() == before


def test_workers_end_when_the_training_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.utils.data._utils.worker.MP_STATUS_CHECK_INTERVAL", 0.2)
    make_shards(100, 30)
    pixels = pixels_of()

    def train() -> None:
        source = make_batch_source(pixels, 16, 0, slice(0, 16), CPU)
        source.batch(0)
        Path("started").touch()
        time.sleep(60)

    process = multiprocessing.get_context("fork").Process(target=train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        process.start()
    assert process.pid is not None
    wait_until(Path("started").exists, 20)
    workers = descendants_of(process.pid)
    assert workers
    process.kill()
    process.join()
    wait_until(lambda: are_gone(workers), 20)


def test_a_killed_worker_is_reported() -> None:
    make_shards(100, 30)
    before, handler = own_children(), signal.getsignal(signal.SIGCHLD)
    source = make_batch_source(pixels_of(), 16, 0, slice(0, 16), CPU)
    source.batch(0)
    assert signal.getsignal(signal.SIGCHLD) == handler
    (worker,) = own_children() - before
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(InfoganError, match="a process that reads images died"):
        list(map(source.batch, range(1, 20)))
    assert own_children() == before


def test_workers_obey_signals_of_the_training_only() -> None:
    make_shards(100, 30)
    before = own_children()
    source = make_batch_source(pixels_of(), 16, 0, slice(0, 16), CPU)
    source.batch(0)
    (worker,) = own_children() - before
    os.kill(worker, signal.SIGINT)
    subprocess.run(["kill", "-TERM", str(worker)], check=True)  # from another process, as a scheduler does
    for step in range(1, 20):
        source.batch(step)
    assert own_children() - before == {worker}
    os.kill(worker, signal.SIGTERM)  # from the training itself
    wait_until(lambda: own_children() == before, 10)
    source.close()


def test_an_unreadable_image_ends_a_training() -> None:
    contents = [encoded(numbered(i)) for i in range(60)]
    contents[37] = b"no image"
    samples = (Sample(i, "bmp", content, None, None) for i, content in enumerate(contents))
    write_shards(samples, Path("own"), 0, ShardLimit(20, None))
    before = own_children()
    with pytest.raises(InfoganError, match=r"000001\.tar/000000037\.bmp .*pack shards:own OUT --skip-bad"):
        list(trainer_on_shards().fit())
    assert own_children() == before


def test_a_shard_that_changes_while_it_is_read() -> None:
    make_shards(100, 30)
    trainer = trainer_on_shards()
    Path("own/000002.tar").write_bytes(bytes(Path("own/000002.tar").stat().st_size))
    with pytest.raises(InfoganError, match=r"000002\.tar has changed since it was indexed; delete "):
        list(trainer.fit())
    Path("own/000002.tar").write_bytes(b"")
    with pytest.raises(InfoganError, match=r"000002\.tar returned 0 bytes instead of "):
        list(trainer.fit())


def test_a_resumed_training_has_the_same_bits() -> None:
    """For any number of workers, and through a saved state in between."""
    make_shards(100, 30)
    straight = trainer_on_shards()
    list(straight.fit())
    other = trainer_on_shards()
    (source,) = other.batches.sources
    assert isinstance(source, ShardBatches)
    source.workers = split_evenly(source.order.segment_slices(slice(0, 16)), 3)
    steps = other.fit()
    for _ in range(5):
        next(steps)
    state = {name: value.clone() for name, value in state_of(other).items()}
    steps.close()
    resumed = trainer_on_shards()
    load_state(resumed, state)
    list(resumed.fit())
    for name, value in state_of(straight).items():
        torch.testing.assert_close(state_of(resumed)[name], value, rtol=0, atol=0)


def test_seeds_are_not_stacked_on_shards() -> None:
    make_shards(40, 30)
    with pytest.raises(InfoganError, match="seeds are not stacked on shards"):
        make_stacked_trainer(CONFIG, [0, 1], load_sharded())


def test_a_fingerprint_reads_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    make_shards(100, 30)
    images = load_sharded()

    def refused(*_: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr("infogan.data.shards.files.Shard.read_range", refused)
        first = fingerprint(images)
    assert first.startswith("100 ")
    Path("own").rename("elsewhere")
    Path("own").mkdir()
    for path in Path("elsewhere").iterdir():  # a copy of the same shards
        path.rename(Path("own") / path.name)
    assert fingerprint(load_sharded()) == first
    make_shards(101, 30, "more")
    assert fingerprint(load_sharded("more")) != first


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "infogan", *map(str, words)]


def environment() -> dict[str, str]:
    settings = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(Path.cwd() / "cache")}
    return {**os.environ, **settings}


def run(*words: object) -> str:
    return succeed(*map(str, words), cwd=Path.cwd())


@pytest.mark.night
def test_a_training_that_was_killed_resumes_with_the_same_bits() -> None:
    """kill -9 between two checkpoints; the workers end by themselves."""
    make_shards(300, 70)
    how = ("--images", "shards:own", "--batch-size", 16, "--save-every", 20, "--device", "cpu")
    run("train", "digits-code", *how, "--steps", 120, "--out", "straight")
    process = subprocess.Popen(
        command("train", "digits-code", *how, "--steps", 120, "--out", "killed"),
        env=environment(),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: list(Path("killed/checkpoints").glob("*40.safetensors")), 100)
    workers = descendants_of(process.pid)
    assert workers
    process.kill()
    process.wait()
    assert not list(Path("killed/checkpoints").glob("*120.safetensors"))
    run("train", "--resume", "killed")
    (one,), (two,) = (sorted(Path(f"{p}/checkpoints").glob("*120.*")) for p in ("straight", "killed"))
    first, second = (safetensors.torch.load_file(path) for path in (one, two))
    assert all(torch.equal(first[name], second[name]) for name in first)
    wait_until(lambda: are_gone(workers), 20)  # a worker checks every few seconds whether its training lives


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.night)])
def test_a_signal_to_all_processes_saves_and_ends(number: int) -> None:
    """A terminal or a scheduler signals the workers too, which the training still needs."""
    make_shards(300, 70)
    words = (
        "train",
        "digits-code",
        "--images",
        "shards:own",
        "--batch-size",
        16,
        "--device",
        "cpu",
        "--out",
        "run",
    )
    process = subprocess.Popen(
        command(*words, "--log-every", 1),
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    metrics = Path("run/metrics.jsonl")
    wait_until(lambda: metrics.is_file() and metrics.stat().st_size, 100)
    workers = descendants_of(process.pid)
    os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=30)
    assert "Traceback" not in stderr
    assert "died" not in stderr
    assert are_gone(workers)
    last = json.loads(metrics.read_text().splitlines()[-1])["step"]
    assert list(Path("run/checkpoints").glob(f"*{last}.safetensors"))


def test_the_command_line_on_a_packed_set(nightly: bool) -> None:
    pack(open_collection("digits:train"), Path("shards"), ShardLimit(400, None), None, skip_bad=False)
    no_stages = ("--transforms", "", "--knobs", "", "--factor-steps", 0)
    small = ("--architecture", "digits", "--steps", 20, "--device", "cpu")
    run("train", "shards:shards", *no_stages, *small, "--out", "run")
    run("encode", "run", "shards:shards", "-o", "codes.csv")
    assert len(Path("codes.csv").read_text().splitlines()) == 1438
    if nightly:
        assert json.loads(run("data", "info", "shards:shards", "--json"))["images"] == 1437
        for verb in ("evaluate", "report"):
            run(verb, "run")
        run("data", "preview", "shards:shards", "--n", 10, "-o", "sheet.png")
        assert json.loads(Path("run/evaluation.json").read_text())


MEMORY = """
import json, resource, sys
import torch
from infogan.data import LoadOptions, load
from infogan.method.model import make_model
from infogan.config.presets import get_preset
from infogan.training.trainer import Trainer

images = load("shards:" + sys.argv[1], load_options=LoadOptions(shape=(1, 8, 8)))
config = get_preset("digits-code").replace(device="cpu", batch_size=64, steps=int(sys.argv[2]))
trainer = Trainer(config, make_model(config), images)
for _ in trainer.fit(): pass
for start in range(0, len(images), 4096):
    images.pixels.take(torch.arange(start, min(start + 4096, len(images))))
whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(json.dumps([resource.getrusage(who).ru_maxrss / 1024 for who in whose]))
"""


@pytest.mark.night
def test_memory_does_not_grow_with_the_number_of_images() -> None:
    """Of the training and of its workers, in MiB."""
    n = 60_000
    peaks: list[Any] = []
    content = encoded(numbered(7), "PNG")
    for times in (1, 4):
        path = Path(f"own{times}")
        path.mkdir()
        samples = (Sample(i, "png", content, i % 10, None) for i in range(times * n))
        write_shards(samples, path, 0, ShardLimit(20_000, None))
        line = [sys.executable, "-c", MEMORY, str(path), str(n // 100)]
        done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=1000)
        assert done.returncode == 0, done.stderr
        peaks.append(json.loads(done.stdout))
    print(peaks)
    assert all(large - small < 40 for small, large in zip(*peaks, strict=True))
