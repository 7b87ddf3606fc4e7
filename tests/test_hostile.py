"""Malicious files: nothing in them is executed, fills the memory, or is written anywhere."""

import ast
import gzip
import io
import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from scipy.io import savemat

import infogan
from infogan import data
from infogan.config import Config
from infogan.config.spec import parse_spec
from infogan.data import LoadOptions
from infogan.data.datasets.factored import read_shapes3d
from infogan.data.datasets.svhn import read_svhn
from infogan.data.formats.idx import read_idx
from infogan.data.formats.mat import read_mat
from infogan.data.formats.npy import map_npy, read_npy, read_npz
from infogan.estimator import InfoGAN
from infogan.method.model import make_model
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_read_errors
from infogan.utils.limits import available_memory, require_within_limits

GIB = 2**30
CONFIG = Config.from_options(images="digits", architecture="digits", codes="cat:3 noise:4")
X = np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8)


def peak(call: Callable[[], object]) -> int:
    """The most bytes that Python and NumPy allocate while a call fails."""
    tracemalloc.start()
    try:
        with pytest.raises(InfoganError):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def npy(head: str | bytes, body: bytes = b"", version: bytes = b"\1\0") -> bytes:
    raw = head.encode("latin-1") if isinstance(head, str) else head
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(raw))
    return b"\x93NUMPY" + version + length + raw + body


def head(descr: str = "'|u1'", shape: str = "(4, 8, 8)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


def zipped(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return path


HEADERS = {
    "more than is there": npy(head(shape="(5, 8, 8)"), X.tobytes()),
    "less than is there": npy(head(shape="(3, 8, 8)"), X.tobytes()),
    "negative": npy(head(shape="(-4, -8, 8)"), X.tobytes()),
    "overflows to 256": npy(head(shape=f"({2**64 + 256}, 1, 1)"), X.tobytes()),
    "overflows to 256 as a product": npy(head(shape=f"({2**62 + 64}, 4, 1)"), X.tobytes()),
    "overflows to 0": npy(head(shape=f"({2**32}, {2**32}, 256)"), X.tobytes()),
    "terabytes": npy(head(shape="(1000000, 1000, 1000)"), X.tobytes()),
    "of nothing, often": npy(head("'<U0'", f"({10**15},)")),
    "objects": npy(head("'|O'", "(4,)"), pickle.dumps([1])),
    "records": npy(head("[('a', '|u1')]", "(256,)"), X.tobytes()),
    "records of objects": npy(head("[('a', '|O')]", "(4,)"), pickle.dumps([1])),
    "times": npy(head("'<M8[ns]'", "(32,)"), X.tobytes()),
    "nested": npy("(" * 5000),
    "signs": npy("-" * 9000 + "1"),
    "unfinished": npy("{'descr': ("),
    "no literal": npy("__import__('os')"),
    "a head of no end": npy(" " * 60_000 + head(), X.tobytes()),
    "a head of 4 GB": b"\x93NUMPY\2\0\xff\xff\xff\xff" + head().encode(),
    "version 3": npy(head(), X.tobytes(), b"\3\0"),
    "version 9": npy(head(), X.tobytes(), b"\t\0"),
    "cut": npy(head(), X.tobytes())[:60],
    "empty": b"",
    "a pickle": pickle.dumps(X),
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_a_header_is_not_trusted(tmp_path: Path, content: bytes) -> None:
    alone = tmp_path / "a.npy"
    alone.write_bytes(content)
    within = zipped(tmp_path / "a.npz", images=content)
    for call in (
        lambda: read_npy(alone),
        lambda: map_npy(alone),
        lambda: read_npz(within),
        lambda: data.load(f"npz:{alone}"),
        lambda: data.load(f"npz:{within}"),
    ):
        assert peak(call) < 2**23


def test_valid_headers(tmp_path: Path) -> None:
    odd = {
        "version 2": npy(head(), X.tobytes(), b"\2\0"),
        "of Python 2": npy(head(shape="(4L, 8L, 8L)"), X.tobytes()),
        "in another order": npy("{'shape': (4,8,8), 'descr': '|u1', 'fortran_order': False}", X.tobytes()),
        "none": npy(head(shape="(0, 8, 8)")),
    }
    for name, content in odd.items():
        path = tmp_path / "a.npy"
        path.write_bytes(content)
        expected = X[:0] if name == "none" else X
        np.testing.assert_array_equal(read_npy(path), expected)
        np.testing.assert_array_equal(read_npz(zipped(tmp_path / "a.npz", x=content))["x"], expected)
    np.save(tmp_path / "f.npy", np.asfortranarray(X))
    np.testing.assert_array_equal(map_npy(tmp_path / "f.npy"), X)


def with_field(content: bytes, offset: int, value: bytes) -> bytes:
    """A zip of one entry with a changed field in its directory."""
    at = content.index(b"PK\1\2") + offset
    return content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (24, struct.pack("<I", 2**32 - 2)),  # the size unpacked
        (24, struct.pack("<I", 10)),
        (20, struct.pack("<I", 10)),  # the size packed
        (20, struct.pack("<II", 2**32 - 2, 2**32 - 2)),
        (20, struct.pack("<II", 2**32 - 1, 2**32 - 1)),  # in 64 bits, which are not there
        (8, b"\1\0"),  # encrypted
        (10, b"\x0c\0"),  # bzip2
        (10, b"\x63\0"),  # of no known method
        (16, b"abcd"),  # the checksum
        (42, struct.pack("<I", 2**31)),  # where it lies
    ],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_entry_is_not_trusted(tmp_path: Path, offset: int, value: bytes, method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("images.npy", npy(head(), X.tobytes()))
    path = tmp_path / "a.npz"
    path.write_bytes(with_field(buffer.getvalue(), offset, value))
    assert peak(lambda: data.load(f"npz:{path}")) < 2**23


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_than_deflate_are_rejected(tmp_path: Path, method: int) -> None:
    """They unpack all of 1 MB at once, which may be 20 GB."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("images.npy", npy(head(), X.tobytes()))
    with pytest.raises(InfoganError, match="use deflate"):
        data.load(f"npz:{tmp_path / 'a.npz'}")


def test_two_arrays_of_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", npy(head(), X.tobytes()))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("images.npy", npy(head(), X.tobytes()))
    with pytest.raises(InfoganError, match="two arrays named images"):
        data.load(f"npz:{tmp_path / 'a.npz'}")


def test_limits_of_unpacking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.utils.limits.available_memory", lambda: 8 * GIB)
    require_within_limits("it", GIB, 1)
    require_within_limits("dSprites", 115 * 2**26, 2**26)
    require_within_limits("it", 250 * 2**23, 2**23)
    with pytest.raises(InfoganError, match=r"it claims to unpack to 1\.074 GB from 0\.000 GB"):
        require_within_limits("it", GIB + 1, 1)
    with pytest.raises(InfoganError, match=r"unpack to 2\.097 GB from 0\.008 GB"):
        require_within_limits("it", 250 * 2**23 + 1, 2**23)
    with pytest.raises(InfoganError, match=r"needs 8\.590 GB of memory, but only 8\.590 GB are free"):
        require_within_limits("it", 8 * GIB + 1, 8 * GIB)
    with pytest.raises(InfoganError, match=r"unpack to 1,000,000,000,000\.000 GB"):
        require_within_limits("it", 10**21, 1)


def test_available_memory() -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 2**26 < available_memory() < 16 * machine


def test_an_entry_is_unpacked_no_further_than_announced(tmp_path: Path) -> None:
    """200 MB that the directory announces as 100 bytes."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(2 * 10**8))
    raw = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(with_field(raw, 24, struct.pack("<I", 100)))
    assert peak(lambda: data.load(f"folder:{tmp_path / 'a.zip'}")) < 2**24


def idx(*sizes: int, body: bytes = b"") -> bytes:
    return b"\0\0\x08" + bytes([len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + body


IDX = {
    "overflows to 0": idx(2**31, 2**31, 4),
    "terabytes": idx(2**30, 2**10),
    "a bomb": gzip.compress(idx(2**30, 2**10, body=bytes(10**6))),
    "a bomb beyond its sizes": gzip.compress(idx(1000, 1, body=bytes(5 * 10**7))),
    "255 sizes": b"\0\0\x08\xff" + bytes(2000),
    "255 sizes, packed": gzip.compress(b"\0\0\x08\xff" + bytes(2000)),
    "something after the gzip": gzip.compress(idx(1, 1, body=b"a")) + b"more",
    "two gzips": gzip.compress(idx(1, 2, body=b"a")) + gzip.compress(b"b"),
    "a gzip without its end": gzip.compress(idx(1, 1, body=b"a"))[:-1],
    "another sum": gzip.compress(idx(1, 1, body=b"a"))[:-8] + bytes(8),
}


@pytest.mark.parametrize("content", IDX.values(), ids=IDX)
def test_an_idx_header_is_not_trusted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert peak(lambda: read_idx(tmp_path / "a")) < 2**22


def test_valid_idx_of_any_size(tmp_path: Path) -> None:
    for n in (1, 24, 31, 32, 33, 100_000):
        body = np.random.default_rng(n).integers(0, 256, n, np.uint8)
        for content in (idx(n, 1, body=body.tobytes()), gzip.compress(idx(n, 1, body=body.tobytes()))):
            (tmp_path / "a").write_bytes(content)
            np.testing.assert_array_equal(read_idx(tmp_path / "a"), body[:, None])


def test_bombs_that_announce_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.utils.limits.MAX_UNPACKED_BYTES", 2**20)  # so that small ones are some
    monkeypatch.setattr("infogan.utils.limits.MIN_CHECKED_BYTES", 2**20)
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(10**7, body=bytes(10**7))))
    with pytest.raises(InfoganError, match=r"claims to unpack to 0\.010 GB"):
        read_idx(tmp_path / "a.gz")
    for claimed in (b"", struct.pack("<II", 2**32 - 2, 2**32 - 2)):
        with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("images.npy", npy(head(shape="(1000, 100, 100)"), bytes(10**7)))
        raw = (tmp_path / "a.npz").read_bytes()
        (tmp_path / "a.npz").write_bytes(with_field(raw, 20, claimed))
        with pytest.raises(InfoganError, match="claims to unpack to"):
            data.load(f"npz:{tmp_path / 'a.npz'}")


def element(kind: int, body: bytes, length: int | None = None) -> bytes:
    return struct.pack("<II", kind, len(body) if length is None else length) + body + bytes(-len(body) % 8)


def matrix(
    name: str = "X",
    shape: tuple[int, ...] = (32, 32, 3, 1),
    body: bytes = bytes(3072),
    length: int | None = None,
    flags: int = 9,
    kind: int = 2,
) -> bytes:
    parts = element(6, struct.pack("<II", flags, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, parts + element(1, name.encode()) + element(kind, body, length))


def mat(*elements: bytes) -> bytes:
    """A .mat that begins with a valid y."""
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + b"".join([matrix("y", (1, 1), b"\1"), *elements])


def packed(content: bytes) -> bytes:
    squeezed = zlib.compress(content, 9)
    return struct.pack("<II", 15, len(squeezed)) + squeezed


def nested(depth: int) -> bytes:
    inner = matrix("", (1, 1), b"\1")
    for _ in range(depth):
        inner = matrix("X", (1, 1), inner, flags=1, kind=14)
    return inner


MATS = {
    "numbers of 4 GB": mat(matrix(length=2**32 - 8)),
    "numbers of 4 GB, packed": mat(packed(matrix(length=2**32 - 8, body=bytes(10**7)))),
    "sizes of terabytes": mat(matrix(shape=(32, 32, 3, 2**31 - 1))),
    "sizes that overflow": mat(matrix(shape=(2**16, 2**16, 2**16, 2**16), body=b"", length=0)),
    "negative sizes": mat(matrix(shape=(-32, -32, 3, 1))),
    "sizes without end": mat(matrix(shape=(1,) * 5000)),
    "a bomb, truly announced": mat(
        packed(matrix(shape=(32, 32, 3, 2 * 10**4), body=bytes(3072 * 2 * 10**4)))
    ),
    "a cell": mat(matrix(flags=1, kind=14, body=nested(2))),
    "cells in cells": mat(nested(2000)),
    "a struct": mat(matrix(flags=2)),
    "sparse": mat(matrix(flags=5)),
    "an object": mat(matrix(flags=17)),
    "complex": mat(matrix(flags=0x809)),
    "a long name": mat(packed(matrix(name="X" * 5 * 10**7))),
    "another sum": mat(packed(matrix())[:-4] + b"abcd"),
    "longer than it says": mat(packed(matrix() + bytes(99))),
    "packed within packed": mat(packed(packed(matrix()))),
    "twice": mat(matrix(), matrix()),
    "an element that goes beyond": mat(matrix())[:-8],
    "a last element that is cut, though not wanted": mat(matrix(), matrix("z")[:-8]),
    "no end of elements": mat(*[element(1, b"")] * 10),
}


@pytest.mark.parametrize("name", MATS)
def test_a_mat_is_not_trusted(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.utils.limits.MAX_UNPACKED_BYTES", 2**20)  # so that a small bomb is one
    monkeypatch.setattr("infogan.utils.limits.MIN_CHECKED_BYTES", 2**20)
    (tmp_path / "a.mat").write_bytes(MATS[name])
    assert peak(lambda: read_svhn(tmp_path / "a.mat")) < 2**25


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float64, ">f4", np.int64])
def test_valid_mats(tmp_path: Path, compressed: bool, kind: str) -> None:
    """As written by SciPy, with other variables in between."""
    X = np.random.default_rng(0).integers(0, 100, (5, 4, 3, 7)).astype(kind)
    other: dict[str, Any] = {"a": {"b": [1, 2]}, "cell": np.array([1, "x"], object), "s": "text"}
    savemat(tmp_path / "a.mat", {**other, "X": X, "y": np.arange(7.0)}, do_compression=compressed)
    found = read_mat(tmp_path / "a.mat", ("X", "y", "z"))
    np.testing.assert_array_equal(found["X"], X)
    np.testing.assert_array_equal(found["y"], np.arange(7.0)[None])
    assert set(found) == {"X", "y"}


def test_parquet_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.utils.limits.MAX_UNPACKED_BYTES", 2**20)  # so that small ones are some
    monkeypatch.setattr("infogan.utils.limits.MIN_CHECKED_BYTES", 2**20)
    labels, pictures = tmp_path / "labels.parquet", tmp_path / "pictures.parquet"
    n = 200_000
    pq.write_table(pa.table({"image": pa.array([b""] * n), "label": np.zeros(n, np.int64)}), labels)
    with pytest.raises(InfoganError, match=r"the labels of .* claims to unpack to"):
        data.load(f"parquet:{labels}")
    pq.write_table(pa.table({"image": [bytes(10**7)]}), pictures, compression="zstd", use_dictionary=False)
    with pytest.raises(InfoganError, match=r"a row group of .* claims to unpack to"):
        data.load(f"parquet:{pictures}")


def test_hdf5_leads_to_no_other_file(
    tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infogan.utils.limits.MAX_UNPACKED_BYTES", 2**20)
    monkeypatch.setattr("infogan.utils.limits.MIN_CHECKED_BYTES", 2**20)
    secret, path, x = tmp_path / "secret", tmp_path / "3dshapes.h5", np.zeros((2, 64, 64, 3), np.uint8)
    secret.write_bytes(x.tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as f:
        f["images"] = x
    layout = h5py.VirtualLayout(x.shape, np.uint8)
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "images", x.shape)

    def zeros(f: h5py.File) -> None:
        f.create_dataset("images", (10**4, 64, 64, 3), np.uint8, chunks=(1000, 64, 64, 3), compression=9)

    makers: dict[str, Callable[[h5py.File], object]] = {
        "has no array images": lambda f: f.__setitem__("images", h5py.ExternalLink("other.h5", "images")),
        "has no array images;": lambda f: f.create_dataset(
            "images", x.shape, np.uint8, external=[(str(secret), 0, x.nbytes)]
        ),
        "has no array images; ": lambda f: f.create_virtual_dataset("images", layout),
        "has no array images; f": lambda f: f.create_group("images"),
        "images of object": lambda f: f.create_dataset("images", data=["a"], dtype=h5py.string_dtype()),
        "claims to unpack to": zeros,
    }
    for said, make in makers.items():
        with h5py.File(path, "w") as f:
            make(f)
            f["labels"] = np.zeros((2, 6))
        with pytest.raises(InfoganError, match=said):
            read_shapes3d(path)


def image(kind: str = "PNG", **kwargs: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, kind, **kwargs)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "SGI", "TGA", "PCX", "DDS"])
def test_other_image_formats_are_rejected(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An EPS would start Ghostscript, whatever its suffix."""

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", never)
    (tmp_path / "a.png").write_bytes(image(kind))
    with pytest.raises(InfoganError, match=r"a\.png cannot be read as an image \(unknown format\)"):
        data.load(f"folder:{tmp_path}")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
    with pytest.raises(InfoganError, match="unknown format"):
        data.load(f"folder:{tmp_path / 'a.zip'}")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*chunks: bytes, width: int = 8, height: int = 8, kind: int = 0) -> bytes:
    rows = zlib.compressobj(1)
    row = bytes(1 + width * {0: 1, 2: 3, 6: 4}[kind])
    body = b"".join(rows.compress(row) for _ in range(min(height, 8_100))) + rows.flush()
    first = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + first + b"".join(chunks) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def exif(entries: int, count: int) -> bytes:
    """Tags, each of which claims the whole file."""
    tags = b"".join(struct.pack("<HHII", 1 + i, 1, count, 8) for i in range(entries))
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", entries) + tags + struct.pack("<I", 0)


ODD = {
    "text of 100 MB": lambda: png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8), 9))),
    "a colour profile of 100 MB": lambda: png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8), 9))),
    "many texts": lambda: png(*[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6), 9))] * 200),
    "tags upon tags": lambda: png(chunk(b"eXIf", exif(30_000, 300_000))),
    "a TIFF of tags": lambda: exif(9_000, 90_000),
    "a GIF of frames": lambda: image(
        "GIF",
        save_all=True,
        append_images=[Image.new("RGB", (8, 8), (i % 256, i // 256, 9)) for i in range(2000)],
    ),
    "a WebP of frames": lambda: image(
        "WEBP", save_all=True, append_images=[Image.new("RGB", (8, 8), (i, 7, 9)) for i in range(200)]
    ),
    "a TIFF of frames": lambda: image(
        "TIFF", save_all=True, append_images=[Image.new("RGB", (8, 8), (i, 7, 9)) for i in range(200)]
    ),
    "an EXIF that ends early": lambda: image(exif=exif(9, 9)[:20]),
    "an EXIF that turns round": lambda: image(
        exif=b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\xff\xff\0\0\x08\0\0\0"
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_images_are_read_or_reported(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.png").write_bytes(ODD[name]())
    load_options = LoadOptions(shape=(3, 8, 8), skip_bad=True)
    tracemalloc.start()
    try:
        assert data.load(f"folder:{tmp_path}", load_options=load_options).x.shape == (1, 3, 8, 8)
    except InfoganError as error:
        if "a.png cannot be read as an image" not in str(error):
            raise
    finally:
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert taken < 2**27


MEMORY = """
import resource, sys
from infogan.data import LoadOptions, load
from infogan.utils.errors import InfoganError
import numpy, PIL.PngImagePlugin
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(load(sys.argv[1], load_options=LoadOptions(shape=(3, 8, 8))).x.shape)
except InfoganError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize(("side", "kind"), [pytest.param(13_000, 2, marks=pytest.mark.night), (8_100, 6)])
def test_an_image_takes_at_most_1_gib(tmp_path: Path, side: int, kind: int) -> None:
    """One that is rejected, and the largest that is read in colour with alpha."""
    (tmp_path / "a.png").write_bytes(png(width=side, height=side, kind=kind))
    args = [sys.executable, "-c", MEMORY, f"folder:{tmp_path}"]
    said, taken = subprocess.run(args, check=True, capture_output=True, text=True).stdout.splitlines()
    assert ("too many pixels" in said) == (side == 13_000)
    assert int(taken) < GIB


def everything(folder: Path) -> set[str]:
    return {os.path.join(at, f) for at, folders, files in os.walk(folder) for f in [*files, *folders]}


def test_names_in_a_zip_are_not_used_as_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        "../../x.png",
        "/etc/x.png",
        "C:\\x.png",
        "a\nb.png",
        "a\x1b[2Jb.png",
        "a\0../b.png",
        "..\\..\\y.png",
    ]
    below = tmp_path / "one" / "two"
    below.mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(below)
    with zipfile.ZipFile(below / "a.zip", "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo("x")
            entry.filename = name  # as the class would cut it at a NUL
            archive.writestr(entry, image())
    before = everything(tmp_path) | {"/etc/x.png"} - everything(Path("/etc"))
    images = data.load("folder:a.zip", load_options=LoadOptions(shape=(3, 8, 8)))
    assert everything(tmp_path) | {"/etc/x.png"} - everything(Path("/etc")) == before
    # What begins with dots is hidden; a NUL ends a name, and the content of "a" is an image.
    assert sorted(images.names or ()) == sorted([*names[1:5], "a"])


@pytest.mark.parametrize(
    "config",
    [
        {"architecture": "vectors", "shape": (3, 4096, 4096), "codes": "cat:2"},
        {"architecture": "vectors", "shape": (4096, 4096, 4096), "codes": "cat:2"},
        {"architecture": "small", "shape": (3, 9, 4096), "codes": "cat:9000"},
    ],
)
def test_huge_networks_are_rejected(config: dict[str, Any]) -> None:
    whole = Config.from_options(images="x", **config)
    with pytest.raises(InfoganError, match=r"need [\d,.]+ GB, and [\d.]+ GB are available"):
        make_model(whole)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < 8 * GIB


def test_networks_larger_than_memory_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    make_model(CONFIG)
    monkeypatch.setattr("infogan.method.model.available_memory", lambda: 10**5)
    with pytest.raises(InfoganError, match=r"and 0\.0 GB are available"):
        make_model(CONFIG)


@pytest.mark.parametrize(
    "text", ["cat:10000 noise:1", "bern:5000 unif:5001", "bern:9999 " * 9999, "cat:9000 noise:1001"]
)
def test_huge_codes_are_rejected(text: str) -> None:
    with pytest.raises(InfoganError, match="10,000 is the most"):
        parse_spec(text)


def config_json(**changes: dict[str, Any]) -> str:
    tree = json.loads(CONFIG.to_json())
    return json.dumps({part: {**tree.get(part, {}), **changes.get(part, {})} for part in {**tree, **changes}})


CONFIGS = {
    "deep": "[" * 50_000,
    "deep within": '{"data": ' + "[" * 40_000,
    "a huge number": '{"run": {"seed": ' + "9" * 5000 + "}}",
    "a large number": config_json(run={"seed": 10**400}),
    "a large number for a float": config_json(optimisation={"lr_d": 10**400}),
    "NaN": config_json(optimisation={"lr_d": float("nan")}),
    "infinity": config_json(optimisation={"lr_d": float("inf")}),
    "100 MB": config_json(data={"images": "a" * 10**8}),
    "a lone surrogate": config_json(data={"images": "\ud800"}),
    "an unknown field": config_json(data={"a" * 90_000: 1}),
    "an unknown part": config_json(**{"a" * 90_000: {}}),
    "many codes": config_json(codes={"spec": "bern:9999 " * 9000}),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_malicious_configs(name: str) -> None:
    with pytest.raises(InfoganError) as error:
        Config.from_json(CONFIGS[name])
    assert len(str(error.value)) < 1000


def test_of_duplicate_names_in_a_config_the_last_counts() -> None:
    text = CONFIG.to_json().replace('"images": "digits"', '"images": "a", "images": "b"')
    assert Config.from_json(text).data.images == "b"


PACKAGE = Path(infogan.__file__).parent
PICKLERS = {"pickle", "_pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal", "yaml"}


def calls_of(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_the_package_calls_nothing_that_executes_a_file(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & PICKLERS
    for name, call in calls_of(tree):
        assert name not in ("eval", "exec", "torch.load", "loadmat", "scipy.io.loadmat", "yaml.load")
        if name in ("np.load", "numpy.load", "np.lib.format.read_array"):
            given = {k.arg: ast.unparse(k.value) for k in call.keywords}
            assert given.get("allow_pickle") == "False"
        if name == "Image.open":
            assert path.name == "image.py"


class Trap:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return open, (str(self.marker), "w")


def test_nothing_is_unpickled(
    tmp_path: Path, untrained_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # else faces drawn before are loaded
    marker = tmp_path / "marker"
    trap = pickle.dumps(Trap(marker))
    pickle.loads(trap).close()
    assert marker.exists()  # the trap works
    marker.unlink()

    objects = np.array([Trap(marker)], object)
    np.save(tmp_path / "object.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "object.npz", images=objects, labels=objects)
    for name in ("a.npy", "a.npz", "a.png", "a.parquet"):
        (tmp_path / name).write_bytes(trap)
    zipped(tmp_path / "b.npz", images=npy(head(), X.tobytes()), labels=trap)
    for name in ("object.npy", "object.npz", "a.npy", "a.npz", "b.npz", "a.parquet", "a.png"):
        with pytest.raises(InfoganError):
            data.load(str(tmp_path / name))

    root = tmp_path / "root"
    for file in (
        "svhn/test_32x32.mat",
        "mnist/train-images-idx3-ubyte.gz",
        "celeba/celeba_10k_32x32.npz",
        "dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
        "3dshapes/3dshapes.h5",
        "mpi3d/mpi3d_real.npy",
        "cars3d/car_001_mesh.mat",
        "smallnorb/smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat.gz",
        "smallnorb/smallnorb-5x46789x9x18x6x2x96x96-training-cat.mat.gz",
        "smallnorb/smallnorb-5x46789x9x18x6x2x96x96-training-info.mat.gz",
        "faces_makehuman/head_basis.npz",
        "chairs_modelnet10/chair_voxels_32.npz",
    ):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(trap)
        name = {"faces_makehuman": "faces3d", "chairs_modelnet10": "modelnet-chairs"}.get(file.split("/")[0])
        split = "test" if "svhn" in file else ""
        where = LoadOptions(root)
        with pytest.raises(InfoganError):
            data.load(name or file.split("/")[0], split, where).pixels.take(torch.arange(1))

    run = untrained_run(tmp_path / "run", CONFIG)
    (run.path / "inversion.safetensors").write_bytes(trap)
    for name in ("names.json", "run.json"):
        (run.path / name).write_bytes(trap)
    assert run.code_names() == {}
    run.model()
    weights = next((run.path / "checkpoints").glob("*.safetensors"))
    torch.save({"a": objects}, weights)
    with pytest.raises(InfoganError):
        Run.open(run.path).model()
    weights.write_bytes(trap)
    with pytest.raises(InfoganError):
        Run.open(run.path).model()
    (run.path / "config.json").write_bytes(trap)
    with pytest.raises(InfoganError):
        Run.open(run.path)

    fitted = InfoGAN("cat:2 noise:2", max_iter=1, batch_size=4).fit(np.random.default_rng(0).random((8, 3)))
    fitted.save(tmp_path / "fitted")
    for name in sorted(everything(tmp_path / "fitted")):
        whole = Path(name).read_bytes()
        Path(name).write_bytes(trap)
        with pytest.raises(InfoganError):
            InfoGAN.load(tmp_path / "fitted")
        Path(name).write_bytes(whole)
    assert not marker.exists()


def test_read_errors_become_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(InfoganError, match=r"^a\\nb cannot be read \(MemoryError\); fetch it again\.$"),
        wrap_read_errors(Path("a\nb")),
    ):
        raise MemoryError
