"""infogan data pack: shards that WebDataset reads, whole or not at all, the same however often stopped."""

import errno
import gc
import io
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset
from commands import fail, succeed
from PIL import Image

from infogan.data import LoadOptions, load, open_collection
from infogan.data.pixels import ToPixels
from infogan.data.shards.pack import PackResult, pack
from infogan.data.shards.writer import ShardLimit
from infogan.utils.errors import InfoganError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (40, 9, 11), np.uint8)
ROOT = Path(__file__).parent.parent


pytestmark = pytest.mark.usefixtures("own_folder")


def save(n: int = 40, suffix: str = "png") -> list[bytes]:
    for i in range(n):
        Image.fromarray(X[i]).save(f"own/{i:02}.{suffix}")
    return [Path(f"own/{i:02}.{suffix}").read_bytes() for i in range(n)]


def packed(name: str = "folder:own", out: str = "out", per_shard: str = "15", **how: Any) -> PackResult:
    options = {"to_pixels": None, "skip_bad": False, **how}
    return pack(open_collection(name), Path(out), ShardLimit.parse(per_shard), **options)


def read_by_webdataset(out: str = "out") -> list[dict[str, Any]]:
    """What the library finds in the shards, undecoded."""
    urls = sorted(map(str, Path(out).glob("*.tar")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves closing files to the collector
        found = list(webdataset.WebDataset(urls, shardshuffle=False))
        gc.collect()
    return found


def files_of(out: str = "out") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(out).iterdir()}


def test_pictures_keep_their_bytes() -> None:
    contents = save()
    kinds = ("jpg", "webp", "bmp", "tif", "gif")
    for i, kind in enumerate(kinds, 40):
        Image.fromarray(X[0]).save(f"own/{i}.{kind}")
        contents.append(Path(f"own/{i}.{kind}").read_bytes())
    assert packed() == PackResult(3, 45, sum(path.stat().st_size for path in Path("out").glob("*.tar")))
    found = read_by_webdataset()
    suffixes = ["png"] * 40 + list(kinds)
    assert [sample[suffix] for sample, suffix in zip(found, suffixes, strict=True)] == contents
    assert [sample["__key__"] for sample in found] == [f"{i:09}" for i in range(45)]
    images = load("shards:out", load_options=LoadOptions(shape=(1, 9, 11)))
    np.testing.assert_array_equal(images.x[:40, 0], X)
    assert images.labels is None


def test_arrays_become_pngs_and_labels_go_with_them() -> None:
    np.savez("own/x.npz", images=X, labels=np.arange(40) % 7)
    packed("npz:own/x.npz")
    found = read_by_webdataset()
    assert [int(sample["cls"]) for sample in found] == [i % 7 for i in range(40)]
    pictures = [np.asarray(Image.open(io.BytesIO(sample["png"]))) for sample in found]
    np.testing.assert_array_equal(pictures, X)
    images = load("shards:out")
    np.testing.assert_array_equal(images.x[:, 0], X)
    assert images.labels is not None
    assert images.labels.numbers.tolist() == [i % 7 for i in range(40)]


def test_colour_arrays_and_a_known_set() -> None:
    colour = RNG.integers(0, 256, (5, 8, 8, 3), np.uint8)
    np.save("own/x.npy", colour)
    packed("npz:own/x.npy")
    np.testing.assert_array_equal(load("shards:out").x, colour.transpose(0, 3, 1, 2))
    digits = load("digits:test")
    packed("digits:test", "digits", "100MB")
    images = load("shards:digits")
    np.testing.assert_array_equal(images.x, digits.x)
    assert digits.labels is not None
    assert images.labels is not None
    np.testing.assert_array_equal(images.labels.numbers, digits.labels.numbers)


def test_shards_of_shards_and_of_webdataset() -> None:
    with webdataset.ShardWriter("own/%06d.tar", maxcount=7, verbose=0) as writer:
        for i in range(20):
            writer.write({"__key__": f"few/{i}", "cls": i, "png": Image.fromarray(X[i])})
    packed("shards:own")
    np.testing.assert_array_equal(load("shards:out").x[:, 0], X[:20])
    packed("shards:out", "again")
    assert {k: v for k, v in files_of("again").items() if k != "pack.json"} == {
        k: v for k, v in files_of().items() if k != "pack.json"
    }


def test_brought_to_a_size() -> None:
    save()
    packed(to_pixels=ToPixels((1, 32, 32)))
    images = load("shards:out")
    np.testing.assert_array_equal(images.x, load("folder:own", load_options=LoadOptions(shape=(1, 32, 32))).x)


@pytest.mark.parametrize(("per_shard", "shards"), [("40", 1), ("39", 2), ("1", 40), ("1MB", 1), ("1GB", 1)])
def test_where_shards_end(per_shard: str, shards: int) -> None:
    save()
    assert packed(per_shard=per_shard).shards == shards


def test_no_shard_is_larger_than_asked() -> None:
    big = RNG.integers(0, 256, (6, 600, 600), np.uint8)
    np.save("own/x.npy", big)
    found = packed("npz:own/x.npy", per_shard="1MB")
    assert found.shards == 3
    assert max(path.stat().st_size for path in Path("out").glob("*.tar")) <= 10**6 + 10240
    alone = RNG.integers(0, 256, (2, 1500, 1500), np.uint8)
    np.save("own/y.npy", alone)
    assert packed("npz:own/y.npy", "alone", "1MB").shards == 2


@pytest.mark.parametrize("text", ["0", "-1", "100KB", "MB", "", "1.5GB", "1e3"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(InfoganError, match="choose a number of images or a size"):
        ShardLimit.parse(text)


def test_a_pack_is_the_same_twice_and_does_nothing_once_it_is_there() -> None:
    save()
    first = packed()
    packed(out="other")
    assert files_of() == files_of("other")
    before = {path.name: path.stat().st_mtime_ns for path in Path("out").glob("*.tar")}
    assert packed() == first
    assert {path.name: path.stat().st_mtime_ns for path in Path("out").glob("*.tar")} == before


@pytest.mark.parametrize("left", [1, 2])
def test_a_pack_that_was_stopped_goes_on_to_the_same_bytes(left: int) -> None:
    save()
    packed(out="straight")
    packed()
    for path in Path("out").glob("index*"):
        path.unlink()
    for path in sorted(Path("out").glob("*.tar"))[left:]:
        path.unlink()
    Path("out/000001.tar.99.part").write_bytes(b"half")
    packed()
    assert files_of() == files_of("straight")


@pytest.mark.parametrize("kills", [(9,), pytest.param((2, 9, 19), marks=pytest.mark.night)])
def test_a_killed_pack_continues_to_the_same_bytes(tmp_path: Path, kills: tuple[int, ...]) -> None:
    np.savez("own/x.npz", images=RNG.integers(0, 256, (4000, 9, 11), np.uint8))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "c")}
    words = [sys.executable, "-m", "infogan", "data", "pack", "npz:own/x.npz", "out", "--per-shard", "150"]
    packed("npz:own/x.npz", "straight", "150")
    for shards in kills:
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(list(Path("out").glob("*.tar"))) < shards and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
        process.wait()
    assert not Path("out/index.json").exists()
    packed("npz:own/x.npz", per_shard="150")
    assert files_of() == files_of("straight")


def test_pictures_that_are_broken(capsys: pytest.CaptureFixture[str]) -> None:
    save()
    for i in (3, 17, 39):
        Path(f"own/{i:02}.png").write_bytes(b"no picture")
    cut = Path("own/20.png").read_bytes()[:-30]  # which is seen only once all of it is decoded
    Path("own/20.png").write_bytes(cut)
    with pytest.raises(
        InfoganError, match=r"03\.png \(unknown form.*\) in own cannot be read; repair it, or set skip_bad"
    ):
        packed()
    assert not list(Path("out").glob("*.part"))
    assert packed(skip_bad=True).images == 36
    assert "4 of 40 images in own cannot be read: 03.png" in capsys.readouterr().err
    good = [i for i in range(40) if i not in (3, 17, 20, 39)]
    images = load("shards:out")
    np.testing.assert_array_equal(images.x[:, 0], X[good])
    assert [sample["__key__"] for sample in read_by_webdataset()] == [f"{i:09}" for i in good]


def test_broken_pictures_in_shards_are_left_out() -> None:
    with webdataset.TarWriter("own/a.tar") as writer:
        for i in range(12):
            content = b"no picture" if i == 5 else Path(_png(i)).read_bytes()
            writer.write({"__key__": str(i), "png": content, "cls": i})
    with pytest.raises(InfoganError, match=r"5\.png"):
        _ = load("shards:own").x
    packed("shards:own", skip_bad=True)
    images = load("shards:out")
    np.testing.assert_array_equal(images.x[:, 0], np.delete(X[:12], 5, 0))
    assert images.labels is not None
    assert images.labels.numbers.tolist() == [i for i in range(12) if i != 5]


def _png(i: int) -> str:
    Image.fromarray(X[i]).save(f"{i}.png")
    return f"{i}.png"


def test_no_picture_can_be_read() -> None:
    Path("own/a.png").write_bytes(b"text")
    Path("own/b.png").write_bytes(b"text")
    with pytest.raises(InfoganError, match="none of the 2 images in own can be read"):
        packed(skip_bad=True)
    assert not Path("out/index.json").exists()


def test_folders_that_hold_something_else() -> None:
    save()
    Path("out").mkdir()
    Path("out/thesis.tex").write_text("years")

    def refused(said: str, out: str, **how: Any) -> None:
        with pytest.raises(InfoganError, match=said):
            packed(out=out, **how)

    refused(r"out contains thesis\.tex, which no pack wrote; choose a new folder", "out")
    assert files_of() == {"thesis.tex": b"years"}
    Path("out/thesis.tex").rename("out/000000.tar")  # shards, but whose?
    refused(r"out contains 000000\.tar, which no pack wrote", "out")
    refused(r"own contains 00\.png, which no pack wrote", "own")
    Path("file").write_text("")
    refused("file is a file; choose a folder", "file")
    packed(out="good")
    Path("good/thesis.tex").write_text("years")
    refused(r"good contains thesis\.tex, which no pack wrote", "good")
    Path("good/thesis.tex").unlink()
    refused("good contains shards of other images or sizes", "good", per_shard="16")
    refused("good contains shards of other images or sizes", "good", to_pixels=ToPixels((1, 8, 8)))
    Path("own/00.png").unlink()
    refused("good contains shards of other images or sizes", "good")


def test_a_shard_of_ours_that_is_gone_or_damaged() -> None:
    save()
    packed()
    for path in Path("out").glob("index*"):
        path.unlink()
    last = Path("out/000002.tar").read_bytes()
    Path("out/000002.tar").write_bytes(last[:700])
    with pytest.raises(InfoganError, match=r"out/000002\.tar is damaged; delete out and pack again"):
        packed()
    Path("out/000002.tar").write_bytes(last)
    Path("out/000001.tar").unlink()
    with pytest.raises(InfoganError, match=r"out lacks 000001\.tar; delete the folder and pack again"):
        packed()


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    save()
    packed(out="straight")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("infogan.data.shards.writer.os.fsync", full)
        with pytest.raises(
            InfoganError, match=r"out cannot be written .No space left on device.; make room and pack again"
        ):
            packed()
    assert not list(Path("out").glob("*.tar*"))
    packed()
    assert files_of() == files_of("straight")


def test_the_command_line() -> None:
    Image.fromarray(np.stack([X[0]] * 3, axis=-1) // np.array([1, 2, 3], np.uint8)).save("own/a.png")
    save()
    words = "data pack folder:own out --per-shard 30 --size 32"
    assert succeed(*words.split(), cwd=Path.cwd()) == "out: 41 images in 2 shards, 0.2 MB\n"
    assert load("shards:out").shape == (3, 32, 32)
    refused = fail("data", "pack", "own", "out", "--json", cwd=Path.cwd())
    assert refused.startswith("infogan: out contains shards of other")
