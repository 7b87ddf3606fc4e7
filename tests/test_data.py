"""Images by name: IDX files, MNIST's mirrors, the cache, and your own files."""

import gzip
import hashlib
import os
import re
import struct
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image

from infogan import data
from infogan.data import DATASETS, DEFAULT_OPTIONS, LoadOptions, load
from infogan.data.cache import cached_arrays
from infogan.data.datasets import mnist
from infogan.data.formats.idx import read_idx
from infogan.utils.errors import InfoganError

BYTES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("gzipped", [True, False])
def test_read_idx(tmp_path: Path, gzipped: bool) -> None:
    path = tmp_path / "sample-idx3-ubyte"
    content = idx(BYTES)
    path.write_bytes(gzip.compress(content) if gzipped else content)
    array = read_idx(path, md5=md5(content))
    np.testing.assert_array_equal(array, BYTES)
    array[0] = 0  # writable


CONTENT = idx(BYTES)
GZIPPED = gzip.compress(CONTENT, mtime=0)  # the same in every process


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT[:-1], "39 bytes, but 40"),
        (CONTENT + b"\0", "41 bytes, but 40"),
        (CONTENT[:10], "bytes, but"),
        (b"\0\0\x08\0", "0 dimensions"),
        (b"", "wrong magic"),
        (b"\0\0\x0d" + CONTENT[3:], "wrong magic"),
        (b"<html>not here</html>", "wrong magic"),
        (GZIPPED[:-12], "cannot be read"),
        (GZIPPED[:12], "cannot be read"),
        (GZIPPED[:15] + b"\xff\xff\xff" + GZIPPED[18:], "cannot be read"),
    ],
)
def test_damaged_idx_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "damaged-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(InfoganError, match=message) as error:
        read_idx(path)
    assert str(path) in str(error.value)


def test_idx_file_with_wrong_checksum(tmp_path: Path) -> None:
    path = tmp_path / "other-ubyte"
    path.write_bytes(CONTENT)
    with pytest.raises(InfoganError, match=r"other-ubyte has another checksum"):
        read_idx(path, md5="0" * 32)


def test_missing_idx_file(tmp_path: Path) -> None:
    with pytest.raises(InfoganError, match="nowhere"):
        read_idx(tmp_path / "nowhere")


X = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
LABELS = np.array([4, 0, 9], np.uint8)
NAMES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
TINY = dict(zip(NAMES, (idx(X), idx(LABELS)), strict=True))


@pytest.fixture
def mnist_cache(user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MNIST's folder in an empty cache; the checksums of its test split are those of three images."""
    for name in mnist.MD5:
        monkeypatch.setitem(mnist.MD5[name], "test", tuple(map(md5, TINY.values())))
    monkeypatch.setattr("infogan.data.datasets.mnist.SYSTEM_FOLDERS", {})
    monkeypatch.delenv("INFOGAN_DATA", raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    return user_cache / "mnist"


@pytest.fixture
def server() -> Iterator[str]:
    """A local server with mirrors /good/, /corrupt/, /short/ and /hangup/; anything else is a 404."""
    good = {name: gzip.compress(content) for name, content in TINY.items()}

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            _, mirror, file = self.path.split("/")
            content = good[file.removesuffix(".gz")]
            if mirror == "hangup":
                self.close_connection = True
                return
            if mirror not in ("good", "corrupt", "short"):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if mirror == "corrupt":
                content = content[:20] + b"\xff" * 10 + content[30:]
            self.wfile.write(content[: len(content) // 2] if mirror == "short" else content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}/"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(timeout=5)
        assert not thread.is_alive()


@pytest.mark.parametrize("broken", ["missing", "corrupt", "short", "hangup"])
def test_second_mirror_is_tried(mnist_cache: Path, server: str, broken: str) -> None:
    images = mnist.load_mnist("mnist", DEFAULT_OPTIONS, "test", (f"{server}{broken}/", f"{server}good/"))
    np.testing.assert_array_equal(images.x[:, 0], X)
    assert images.labels is not None
    assert images.labels.numbers.tolist() == LABELS.tolist()
    assert sorted(p.name for p in mnist_cache.iterdir()) == [f"{name}.gz" for name in NAMES]


def test_downloads_are_cached(mnist_cache: Path, server: str) -> None:
    mnist.load_mnist("mnist", DEFAULT_OPTIONS, "test", (f"{server}good/",))
    images = mnist.load_mnist("mnist", DEFAULT_OPTIONS, "test", ())  # no mirror at all
    assert len(images) == 3


@pytest.mark.parametrize("broken", ["missing", "corrupt", "short", "hangup"])
def test_all_mirrors_fail(mnist_cache: Path, server: str, broken: str) -> None:
    with pytest.raises(InfoganError, match=r"t10k-images-idx3-ubyte\.gz cannot be downloaded") as error:
        mnist.load_mnist("mnist", DEFAULT_OPTIONS, "test", (f"{server}{broken}/",))
    assert f"{server}{broken}/" in str(error.value)
    assert "set INFOGAN_DATA" in str(error.value)
    assert list(mnist_cache.glob("*")) == []


def test_download_to_unwritable_cache(mnist_cache: Path, server: str) -> None:
    mnist_cache.parent.write_bytes(b"a file where the folder would be")
    with pytest.raises(InfoganError, match="cannot be written"):
        mnist.load_mnist("mnist", DEFAULT_OPTIONS, "test", (f"{server}good/",))


@pytest.mark.parametrize("name", ["mnist", "fashion"])
@pytest.mark.parametrize("inside", [True, False])
def test_mnist_in_data_folder(
    mnist_cache: Path, tmp_path: Path, name: str, inside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = name if inside else "."
    load_options = data.LoadOptions(tmp_path / "own")
    place = tmp_path / "own" / folder
    place.mkdir(parents=True)
    (place / NAMES[0]).write_bytes(TINY[NAMES[0]])
    with pytest.raises(InfoganError, match=rf"no {name}/{NAMES[1]}\.gz in"):
        data.load(name, "test", load_options)
    (place / f"{NAMES[1]}.gz").write_bytes(gzip.compress(TINY[NAMES[1]]))
    assert data.load(f"{name}:test", load_options=load_options).shape == (1, 28, 28)
    monkeypatch.setenv("INFOGAN_DATA", str(tmp_path / "own"))
    assert len(data.load(name, "test")) == 3
    assert not mnist_cache.exists()


@pytest.mark.skipif("INFOGAN_DATA" not in os.environ, reason="INFOGAN_DATA names no MNIST")
def test_real_mnist() -> None:
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    assert train.x.shape == (60_000, 1, 28, 28)
    assert test.x.shape == (10_000, 1, 28, 28)
    assert train.labels is not None
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(train.labels.numbers).tolist() == counts


def test_digits() -> None:
    train, test = data.load("digits"), data.load("digits", "test")
    assert train.x.shape == (1437, 1, 8, 8)
    assert test.x.shape == (360, 1, 8, 8)
    assert (train.x.min(), train.x.max()) == (0, 255)
    np.testing.assert_array_equal(data.load("digits:test", "train").x, test.x)
    assert data.available_splits("digits") == ("train", "test")
    assert data.available_splits("svhn", NOWHERE) == ("train",)
    assert data.available_splits("digits:test") == data.available_splits("npz:own.npz") == ("",)


NOWHERE = data.LoadOptions(Path("/nowhere"))


@pytest.mark.parametrize("name", DATASETS)
def test_dataset_info(name: str, mnist_cache: Path) -> None:
    dataset = DATASETS[name]
    assert dataset.name == name
    assert dataset.description
    assert dataset.licence
    assert all(count > 0 for count in dataset.splits.values())
    assert len({factor.name for factor in dataset.factors}) == len(dataset.factors)
    split = next(iter(dataset.splits))
    if dataset.files and not dataset.is_available(NOWHERE, split):
        with pytest.raises(InfoganError, match=re.escape(dataset.files[0])):
            dataset.load(NOWHERE, split)


def test_subsample_is_fixed() -> None:
    full = data.load("digits")
    sample = full.subsample(100)
    assert len(sample) == len(set(map(bytes, sample.x))) == 100
    np.testing.assert_array_equal(sample.x, full.subsample(100).x)
    assert full.labels is not None
    assert sample.labels is not None
    by_picture = {bytes(x): label for x, label in zip(full.x, full.labels.numbers, strict=True)}
    assert [by_picture[bytes(x)] for x in sample.x] == sample.labels.numbers.tolist()
    np.testing.assert_array_equal(full.subsample(len(full)).x, full.x)


def test_cached_arrays_are_computed_once(mnist_cache: Path) -> None:
    calls: list[int] = []

    def make() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"x": np.arange(3)}

    for key in ("a", "a", "b"):
        np.testing.assert_array_equal(cached_arrays("set", key, make)["x"], np.arange(3))
    assert len(calls) == 2
    file, _ = sorted(mnist_cache.parent.iterdir())
    file.write_bytes(file.read_bytes()[:50])  # damaged, so it is computed again
    for key in ("a", "b"):
        cached_arrays("set", key, make)
    assert len(calls) == 3
    assert len(list(mnist_cache.parent.iterdir())) == 2


def test_cached_arrays_in_unwritable_cache(mnist_cache: Path) -> None:
    mnist_cache.parent.write_bytes(b"a file where the folder would be")
    with pytest.raises(InfoganError, match=r"cannot be written \(.*\); this is the cache folder"):
        cached_arrays("set", "a", lambda: {"x": np.arange(3)})


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((5, 6, 7), None),
        ((5, 6, 7, 3), (0, 3, 1, 2)),
        ((5, 6, 7, 1), (0, 3, 1, 2)),
        ((5, 3, 6, 7), (0, 1, 2, 3)),
        ((5, 1, 6, 7), (0, 1, 2, 3)),
    ],
)
def test_npy(tmp_path: Path, shape: tuple[int, ...], axes: tuple[int, ...] | None) -> None:
    x = RNG.integers(0, 256, shape, np.uint8)
    path = tmp_path / "own.npy"
    np.save(path, x)
    images = data.load(str(path))
    np.testing.assert_array_equal(images.x, x[:, None] if axes is None else x.transpose(axes))
    assert images.x.flags.c_contiguous
    assert images.labels is None


def test_npz(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (5, 8, 8), np.uint8)
    path = tmp_path / "own.npz"
    np.savez(path, images=x, labels=np.arange(5, dtype=np.uint8))
    images = data.load(f"npz:{path}")
    np.testing.assert_array_equal(images.x[:, 0], x)
    assert images.labels is not None
    assert images.labels.numbers.tolist() == [0, 1, 2, 3, 4]
    np.savez(path, images=x)
    assert data.load(f"npz:{path}").labels is None


GOOD = np.zeros((5, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": GOOD}, "no array named 'images'.*pictures"),
        ({"images": GOOD.astype(np.float32) + 2}, "float32 from 2 to 2; bring floats to"),
        ({"images": GOOD.astype(np.int64) - 1}, "int64 from -1 to -1; convert them"),
        ({"images": GOOD[0]}, r"shape \(8, 8\)"),
        ({"images": np.zeros((2, 12, 12, 9), np.uint8)}, "shape"),
        ({"images": GOOD, "labels": np.arange(4)}, r"5 images but labels of shape \(4,\)"),
        ({"images": np.array([{}, None])}, "array of object, not of numbers"),
    ],
)
def test_invalid_npz(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(InfoganError, match=message) as error:
        data.load(f"npz:{path}")
    assert str(path) in str(error.value)


# NumPy leaves a truncated zip file open.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("name", ["bad.npz", "bad.npy"])
@pytest.mark.parametrize("content", [b"", b"no numbers", b"PK\x03\x04 truncated", b"\x93NUMPY\x01\x00"])
def test_not_a_numpy_file(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InfoganError, match=name.replace(".", r"\.")):
        data.load(str(path))


@pytest.mark.parametrize("compressed", [True, False])
def test_damaged_npz(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "bad.npz"
    x = RNG.integers(0, 256, (50, 8, 8), np.uint8)
    (np.savez_compressed if compressed else np.savez)(path, images=x)
    content = bytearray(path.read_bytes())
    content[200:1200] = bytes(255 - b for b in content[200:1200])
    path.write_bytes(content)
    with pytest.raises(InfoganError, match=r"bad\.npz"):
        data.load(str(path))


def save_picture(path: Path, value: int, size: tuple[int, int] = (6, 4), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value, 0, 255)).save(path)


def test_folder_of_images(tmp_path: Path) -> None:
    save_picture(tmp_path / "own" / "b.png", 2)
    save_picture(tmp_path / "own" / "a.PNG", 1)
    save_picture(tmp_path / "own" / "in" / "c.bmp", 3)
    (tmp_path / "own" / "notes.txt").write_text("no picture")
    images = data.load(f"folder:{tmp_path / 'own'}")
    assert images.x.shape == (3, 1, 4, 6)
    assert images.x[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert images.names == ("a.PNG", "b.png", os.path.join("in", "c.bmp"))
    one = data.load(str(tmp_path / "own" / "b.png"))
    assert one.names == ("b.png",)
    assert one.x[0, 0, 0, 0] == 2


def test_colour_images(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", 7, mode="RGB")
    images = data.load(str(tmp_path))
    assert images.x.shape == (1, 3, 4, 6)
    assert images.x[0, :, 0, 0].tolist() == [7, 0, 255]


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty", "bare"])
def test_corrupt_image(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(RNG.integers(0, 256, (32, 32), np.uint8)).save(path)
    full = path.read_bytes()
    flipped = full[:60] + bytes(255 - b for b in full[60:90]) + full[90:]
    damaged = {
        "cut": full[: len(full) // 2],
        "flipped": flipped,
        "text": b"no picture",
        "empty": b"",
        "bare": full[:8],
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(InfoganError, match=r"a\.png cannot be read as an image"):
        data.load(f"folder:{tmp_path}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", "did you mean 'mnist'"),
        ("digit", "did you mean 'digits'"),
        ("xyzzy", "known are mnist, fashion, digits"),
        ("mnist:tset", "no split 'tset'; did you mean 'test'"),
        ("npz:nowhere.npz", r"no nowhere\.npz"),
        ("folder:nowhere", "no nowhere"),
    ],
)
def test_unknown_name(name: str, message: str) -> None:
    with pytest.raises(InfoganError, match=message):
        data.load(name)


def test_a_smaller_shape_averages_pixels() -> None:
    whole = load("sprites").pixels
    reduced = load("sprites", load_options=LoadOptions(shape=(1, 32, 32), reduce=True)).pixels
    index = torch.tensor([3, 400_000])
    blocks = whole.take(index).double().reshape(2, 1, 32, 2, 32, 2).mean(dim=(3, 5))
    assert torch.equal(reduced.take(index), blocks.round().byte())
    assert reduced.shape == (1, 32, 32)
    assert len(reduced) == len(whole)


def test_images_keep_their_shape_unless_they_are_to_be_reduced() -> None:
    assert load("sprites", load_options=LoadOptions(shape=(1, 32, 32))).shape == (1, 64, 64)


def test_images_are_not_enlarged_and_keep_their_channels() -> None:
    for shape in [(1, 128, 128), (3, 32, 32), (1, 128, 32)]:
        assert load("sprites", load_options=LoadOptions(shape=shape, reduce=True)).shape == (1, 64, 64)
