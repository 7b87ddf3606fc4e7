"""Training on shards: the order of images, the processes that read ahead, and how they end."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from infogan.config import Config
from infogan.config.presets import digits
from infogan.data import Images, LoadOptions, load
from infogan.data.loading.shard_batches import ReadAhead, _Lane, make_feed
from infogan.data.loading.shard_order import Lanes, dealt
from infogan.data.shards.images import ShardedPixels
from infogan.data.shards.writer import PerShard, Sample, write_shards
from infogan.method.model import make_model
from infogan.training.seeds import StackedTrainer
from infogan.training.session import mark
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
CONFIG = digits().replace(device="cpu", batch_size=16, steps=12, images="shards:own")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.data.cache.platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def numbered(i: int, shape: tuple[int, int] = (8, 8)) -> np.ndarray:
    """A picture that says which one it is."""
    x = np.full(shape, 100, np.uint8)
    x.flat[:3] = (i % 256, i // 256 % 256, i // 65536)
    return x


def number_of(x: torch.Tensor) -> list[int]:
    flat = x.flatten(1).long()
    return (flat[:, 0] + 256 * flat[:, 1] + 65536 * flat[:, 2]).tolist()


def encoded(x: np.ndarray, kind: str = "BMP") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(x).save(buffer, kind)
    return buffer.getvalue()


def make_shards(n: int, per_shard: int, folder: str = "own") -> Path:
    path = Path(folder)
    path.mkdir()
    samples = (Sample(i, "bmp", encoded(numbered(i)), None) for i in range(n))
    write_shards(samples, path, 0, PerShard(per_shard, None))
    return path


def sharded(folder: str = "own") -> ShardedPixels:
    pixels = load(f"shards:{folder}", load_options=LoadOptions(shape=(1, 8, 8))).pixels
    assert isinstance(pixels, ShardedPixels)
    return pixels


lanes = st.builds(
    Lanes,
    n=st.integers(130, 5000),
    bytes_each=st.sampled_from([1, 2000, 50_000, 10**6, 10**8]),
    batch=st.sampled_from([2, 7, 64, 96, 128]),
    seed=st.integers(0, 9),
)


@given(lanes)
@settings(max_examples=40, deadline=None)
def test_a_lane_shows_each_of_its_images_once_an_epoch(order: Lanes) -> None:
    """And the lanes have all images between them, as many as each other up to one."""
    seen: list[int] = []
    for lane in range(order.count):
        start, end = order.bounds(lane)
        blocks = order.blocks_of(lane)
        for epoch in (0, 1):
            row = np.concatenate([order.images(lane, epoch * blocks + k) for k in range(blocks)])
            assert sorted(row.tolist()) == list(range(start, end))
        seen += row.tolist()
        assert abs((end - start) - order.n / order.count) < 1
    assert sorted(seen) == list(range(order.n))


@given(lanes, st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_a_batch_follows_from_seed_and_number(order: Lanes, n: int) -> None:
    """By going through the lanes one image after the other, from the very first."""
    slow = []
    for lane in range(order.count):
        start, end = order.bounds(lane)
        first, last = n * order.each, (n + 1) * order.each
        begin, stop = first // (end - start), (last - 1) // (end - start)
        blocks = range(begin * order.blocks_of(lane), (stop + 1) * order.blocks_of(lane))
        row = np.concatenate([order.images(lane, block) for block in blocks])
        slow.append(row[first - begin * (end - start) :][: order.each])
    np.testing.assert_array_equal(order.chosen(n), np.concatenate(slow))


@given(lanes)
@settings(max_examples=30, deadline=None)
def test_no_image_twice_in_an_epoch_of_batches(order: Lanes) -> None:
    """Of any number of replicas: they take slices of these batches."""
    whole = order.n // order.count // order.each
    taken = Counter(np.concatenate([order.chosen(n) for n in range(whole)]).tolist())
    assert max(taken.values()) == 1
    assert sum(taken.values()) == whole * order.batch


@given(lanes, st.integers(1, 8), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_parts_and_readers_cover_a_batch(order: Lanes, world: int, readers: int) -> None:
    if order.batch % world:
        return
    part = order.batch // world
    taken: list[int] = []
    for rank in range(world):
        shares = order.parts(slice(rank * part, (rank + 1) * part))
        mine = dealt(shares, min(readers, len(shares)))
        assert all(mine)
        taken += [
            lane * order.each + i
            for share in mine
            for lane, some in share
            for i in range(some.start, some.stop)
        ]
    assert taken == list(range(order.batch))


def test_the_order_mixes_far_and_wide() -> None:
    """Two images that are neighbours in the shards are hardly ever in one batch more often than others."""
    order = Lanes(100_000, 2000, 128, 0)
    batch = np.sort(order.chosen(0))
    assert (np.diff(batch) == 1).sum() <= 12
    parts = np.histogram(batch, 16, (0, 100_000))[0]
    assert parts.tolist() == [8] * 16  # from everywhere
    epochs = [set(order.images(0, k).tolist()) for k in (0, order.blocks_of(0))]
    assert len(epochs[0] & epochs[1]) < 0.5 * order.block  # another company in the next epoch
    assert not np.array_equal(order.chosen(0), Lanes(100_000, 2000, 128, 1).chosen(0))


@pytest.mark.parametrize("readers", [1, 2, 3])
def test_what_is_read_is_what_the_order_says(readers: int) -> None:
    make_shards(333, 50)
    pixels = sharded()
    order = Lanes(333, pixels.shards.bytes_each, 24, 5)
    feed = ReadAhead(pixels, order, dealt(order.parts(slice(0, 24)), readers), CPU)
    try:
        for n in (0, 1, 2, 3, 40, 41, 7):  # on, ahead and back
            x = feed.batch(n)
            assert x.dtype == torch.uint8
            assert number_of(x) == order.chosen(n).tolist()
            torch.testing.assert_close(x, pixels.take(torch.from_numpy(order.chosen(n))))
    finally:
        feed.close()


@pytest.mark.parametrize("world", [2, 4, 8])
def test_replicas_share_batches(world: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.data.loading.shard_batches.cores", lambda: 1)
    make_shards(200, 30)
    pixels, part = sharded(), 24 // world
    order = Lanes(200, pixels.shards.bytes_each, 24, 0)
    got: list[list[int]] = [[], []]
    for rank in range(world):
        feed = make_feed(pixels, 24, 0, slice(rank * part, (rank + 1) * part), CPU)
        for n in (0, 1):
            got[n] += number_of(feed.batch(n))
        feed.close()
    assert got == [order.chosen(0).tolist(), order.chosen(1).tolist()]


def test_memory_holds_a_block_of_large_pictures() -> None:
    """Of photographs of 2 MB, two a lane; of small ones 1,024."""
    assert Lanes(100_000, 2 * 10**6, 64, 0).block == 2
    assert Lanes(100_000, 2000, 64, 0).block == 1024
    assert Lanes(10**6, 2000, 8192, 0).count == 64
    assert Lanes(10**6, 2000, 7, 0).count == 7


def test_a_reader_holds_a_few_blocks() -> None:
    """And of those no picture that was taken."""
    make_shards(333, 50)
    lane = _Lane(sharded(), Lanes(333, 2000, 24, 5), 3, slice(0, 2))
    with ThreadPoolExecutor(1) as pool:
        for n in range(40):
            lane.ask(n, pool)
            assert len(list(lane.take(n))) == 2
            assert len(lane.blocks) <= 3
            held = [lane.blocks[at.block].result()[at.first : at.last] for at in lane._stretches(n)]
            assert all(picture is None for part in held for picture in part)


def readers_of_this_process() -> set[int]:
    text = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    return {pid for pid in map(int, text.split()) if Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"}


def trainer_on(folder: str = "own", config: Config = CONFIG) -> Trainer:
    images = load(f"shards:{folder}", load_options=LoadOptions(shape=(1, 8, 8)))
    return Trainer(config, make_model(config), images)


def test_readers_end_with_the_training() -> None:
    make_shards(100, 30)
    before = readers_of_this_process()
    trainer = trainer_on()
    assert readers_of_this_process() == before  # none before the first batch
    steps = trainer.fit()
    next(steps)
    assert len(readers_of_this_process() - before) == 1
    steps.close()
    assert readers_of_this_process() == before
    for update in trainer_on().fit():
        assert update.n
    assert readers_of_this_process() == before

    def broken(*_: object) -> None:
        raise ArithmeticError

    trainer = trainer_on()
    trainer.step_d = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(ArithmeticError):
        next(trainer.fit())
    assert readers_of_this_process() == before


def test_a_killed_reader_is_told_in_a_sentence() -> None:
    make_shards(100, 30)
    before, handler = readers_of_this_process(), signal.getsignal(signal.SIGCHLD)
    feed = make_feed(sharded(), 16, 0, slice(0, 16), CPU)
    feed.batch(0)
    assert signal.getsignal(signal.SIGCHLD) == handler
    (reader,) = readers_of_this_process() - before
    os.kill(reader, signal.SIGKILL)
    with pytest.raises(InfoganError, match="a process that reads images was lost"):
        list(map(feed.batch, range(1, 20)))
    assert readers_of_this_process() == before


def test_readers_leave_signals_to_the_training() -> None:
    make_shards(100, 30)
    before = readers_of_this_process()
    feed = make_feed(sharded(), 16, 0, slice(0, 16), CPU)
    feed.batch(0)
    (reader,) = readers_of_this_process() - before
    os.kill(reader, signal.SIGINT)
    subprocess.run(["kill", "-TERM", str(reader)], check=True)  # not of the training, as a job's manager does
    for n in range(1, 20):
        feed.batch(n)
    assert readers_of_this_process() - before == {reader}
    os.kill(reader, signal.SIGTERM)  # of the training itself
    deadline = time.monotonic() + 10
    while readers_of_this_process() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert readers_of_this_process() == before
    feed.close()


def test_a_broken_picture_ends_a_training_in_a_sentence() -> None:
    path = Path("own")
    path.mkdir()
    contents = [encoded(numbered(i)) for i in range(60)]
    contents[37] = b"no picture"
    write_shards((Sample(i, "bmp", c, None) for i, c in enumerate(contents)), path, 0, PerShard(20, None))
    before = readers_of_this_process()
    with pytest.raises(
        InfoganError, match=r"000001\.tar/000000037\.bmp .*infogan data pack shards:own OUT --sk"
    ):
        list(trainer_on().fit())
    assert readers_of_this_process() == before


def test_a_shard_that_changes_while_it_is_read() -> None:
    make_shards(100, 30)
    trainer = trainer_on()
    Path("own/000002.tar").write_bytes(bytes(Path("own/000002.tar").stat().st_size))
    with pytest.raises(InfoganError, match=r"000002\.tar is not as it was when it was indexed; delete "):
        list(trainer.fit())
    Path("own/000002.tar").write_bytes(b"")
    with pytest.raises(InfoganError, match=r"000002\.tar gave 0 bytes where "):
        list(trainer.fit())


def test_two_trainings_are_one() -> None:
    """The same bits for any number of readers, and through a state in between."""
    make_shards(100, 30)
    straight = trainer_on()
    list(straight.fit())
    other = trainer_on()
    other.feed = make_feed(other.pixels, 16, 0, slice(0, 16), CPU)
    assert isinstance(other.feed, ReadAhead)
    other.feed.shares = dealt(other.feed.lanes.parts(slice(0, 16)), 3)
    steps = other.fit()
    for _ in range(5):
        next(steps)
    state = {name: value.clone() for name, value in other.state().items()}
    steps.close()
    resumed = trainer_on()
    resumed.load_state(state)
    list(resumed.fit())
    for name, value in straight.state().items():
        torch.testing.assert_close(resumed.state()[name], value, rtol=0, atol=0)


def test_seeds_are_not_stacked_on_shards() -> None:
    make_shards(40, 30)
    images = load("shards:own", load_options=LoadOptions(shape=(1, 8, 8)))
    with pytest.raises(InfoganError, match="seeds are not stacked on shards; leave out --stacked"):
        StackedTrainer(CONFIG, [0, 1], images)


def test_a_mark_reads_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    make_shards(100, 30)
    images = load("shards:own", load_options=LoadOptions(shape=(1, 8, 8)))

    def refused(*_: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr("infogan.data.shards.files.Shard.part", refused)
        first = mark(images)
    assert first.startswith("100 ")
    Path("own").rename("elsewhere")
    Path("own").mkdir()
    for path in Path("elsewhere").iterdir():  # the same shards, as a copy would be
        path.rename(Path("own") / path.name)
    assert mark(load("shards:own", load_options=LoadOptions(shape=(1, 8, 8)))) == first
    make_shards(101, 30, "more")
    assert mark(load("shards:more", load_options=LoadOptions(shape=(1, 8, 8)))) != first


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "infogan", *map(str, words)]


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


def run(*words: object) -> str:
    done = subprocess.run(
        command(*words), env=environment(Path.cwd()), capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def descendants_of(pid: int) -> set[int]:
    found = set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    return found.union(*(descendants_of(child) for child in found))


def test_killed_and_gone_on_with(tmp_path: Path) -> None:
    """kill -9 between two checkpoints; readers end by themselves; the same bits as of a straight training."""
    make_shards(300, 70)
    how = ("--images", "shards:own", "--batch-size", 16, "--save-every", 20, "--device", "cpu")
    run("train", "digits", *how, "--steps", 120, "--out", "straight")
    process = subprocess.Popen(
        command("train", "digits", *how, "--steps", 120, "--out", "killed"),
        env=environment(tmp_path),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 100
    while not list(Path("killed/checkpoints").glob("*40.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.005)
    readers = descendants_of(process.pid)
    assert readers
    process.kill()
    process.wait()
    assert not list(Path("killed/checkpoints").glob("*120.safetensors"))
    run("train", "--resume", "killed")
    (one,), (two,) = (sorted(Path(f"{p}/checkpoints").glob("*120.*")) for p in ("straight", "killed"))
    first, second = (safetensors.torch.load_file(path) for path in (one, two))
    assert all(torch.equal(first[name], second[name]) for name in first)
    deadline = time.monotonic() + 20  # a reader looks every few seconds whether its training lives
    while any(Path(f"/proc/{pid}").exists() for pid in readers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in readers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_saves_and_ends(tmp_path: Path, number: int) -> None:
    """As a terminal and a job's manager send it: to readers too, which the training still needs."""
    make_shards(300, 70)
    words = (
        "train",
        "digits",
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
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    metrics = Path("run/metrics.jsonl")
    deadline = time.monotonic() + 100
    while not (metrics.is_file() and metrics.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    readers = descendants_of(process.pid)
    os.killpg(process.pid, number)
    _, told = process.communicate(timeout=30)
    assert "Traceback" not in told
    assert "lost" not in told
    assert not any(Path(f"/proc/{pid}").exists() for pid in readers)
    last = json.loads(metrics.read_text().splitlines()[-1])["step"]
    assert list(Path("run/checkpoints").glob(f"*{last}.safetensors"))


def test_the_command_line_on_a_packed_set(tmp_path: Path) -> None:
    run("data", "pack", "digits:train", "shards", "--per-shard", 400)
    told = json.loads(run("data", "info", "shards:shards", "--json"))
    assert told["images"] == 1437
    run(
        "train", "shards:shards", "--architecture", "digits", "--steps", 20, "--device", "cpu", "--out", "run"
    )
    for verb in ("evaluate", "report"):
        run(verb, "run")
    run("encode", "run", "shards:shards", "-o", "codes.csv")
    assert len(Path("codes.csv").read_text().splitlines()) == 1438
    run("data", "preview", "shards:shards", "--n", 10, "-o", "sheet.png")
    assert json.loads(Path("run/evaluation.json").read_text())


MEMORY = """
import json, resource, sys
from dataclasses import replace
import torch
from infogan.data import LoadOptions, load
from infogan.method.model import make_model
from infogan.config.presets import digits
from infogan.training.trainer import Trainer

images = load("shards:" + sys.argv[1], load_options=LoadOptions(shape=(1, 8, 8)))
config = replace(digits(), device="cpu", batch=64, updates=int(sys.argv[2]))
trainer = Trainer(config, make_model(config), images)
for _ in trainer.fit(): pass
for start in range(0, len(images), 4096):
    images.pixels.take(torch.arange(start, min(start + 4096, len(images))))
whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(json.dumps([resource.getrusage(who).ru_maxrss / 1024 for who in whose]))
"""


@pytest.mark.night
def test_memory_is_flat(tmp_path: Path) -> None:
    """Four times the images take no more memory: of the training, nor of its readers. In MiB."""
    n = 60_000
    peaks: list[Any] = []
    content = encoded(numbered(7), "PNG")
    for times in (1, 4):
        path = Path(f"own{times}")
        path.mkdir()
        samples = (Sample(i, "png", content, i % 10) for i in range(times * n))
        write_shards(samples, path, 0, PerShard(20_000, None))
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path), str(n // 100)],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=1000,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(json.loads(done.stdout))
    print(peaks)
    assert all(large - small < 40 for small, large in zip(*peaks, strict=True))


def test_stored_images_are_as_before() -> None:
    images = Images.from_arrays(np.arange(10 * 64, dtype=np.uint8).reshape(10, 1, 8, 8))
    feed = make_feed(images.pixels, 4, 3, slice(2, 4), CPU)
    from infogan.data.loading.batches import Epochs

    expected = images.pixels.take(Epochs(10, 4, 3, CPU).chosen(5)[2:4])
    torch.testing.assert_close(feed.batch(5), expected)
    feed.close()
