"""Tar shards: found, indexed and read as WebDataset reads them; damaged ones are reported."""

import http.server
import io
import json
import os
import pickle
import re
import subprocess
import sys
import tarfile
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import torch
import webdataset
from PIL import Image

from infogan.data import Images, LoadOptions, absolute_name, inspect_source, load, public_name
from infogan.data.registry import is_image_source
from infogan.data.shards.files import expand_braces, find_shards
from infogan.data.shards.images import ShardedPixels
from infogan.utils.errors import InfoganError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (23, 9, 9), np.uint8)
SHAPE = (1, 9, 9)
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def cache(own_folder: Path, user_cache: Path) -> Path:
    return user_cache / "shards"


def encoded(x: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(x).save(buffer, kind)
    return buffer.getvalue()


def by_webdataset(first: int = 0, last: int = 23, path: str = "own/a.tar", suffix: str = "png") -> None:
    """Written by the library whose convention this is."""
    with webdataset.TarWriter(path) as writer:
        for i in range(first, last):
            writer.write({"__key__": f"few/{i:04}", suffix: encoded(X[i]), "cls": i % 7})


def tar(path: str = "own/a.tar", mode: Any = "w", **how: Any) -> tarfile.TarFile:
    return tarfile.open(path, mode, **how)


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", **fields: Any) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(content))


def shaped(name: str = "shards:own") -> Images:
    return load(name, load_options=LoadOptions(shape=SHAPE))


def test_shards_of_webdataset() -> None:
    by_webdataset(0, 10, "own/000000.tar")
    by_webdataset(10, 23, "own/000001.tar")
    for name in ("shards:own", "wds:own", "shards:own/{000000..000001}.tar", "shards:own/00000{0,1}.tar"):
        for images in (shaped(name), load(name)):
            assert images.shape == SHAPE
            np.testing.assert_array_equal(images.x[:, 0], X)
            assert images.labels is not None
            assert images.labels.numbers.tolist() == [i % 7 for i in range(23)]
    for name in ("own/000001.tar", "shards:own/000001.tar"):
        np.testing.assert_array_equal(load(name).x[:, 0], X[10:])


def test_images_by_index() -> None:
    """In any order, also twice; and the same after a journey to another process."""
    by_webdataset(0, 10, "own/000000.tar")
    by_webdataset(10, 23, "own/000001.tar")
    pixels = shaped().pixels
    for index in ([22, 0, 10, 9, 9, 22], [], list(range(23))):
        chosen = torch.tensor(index, dtype=torch.long)
        np.testing.assert_array_equal(pixels.take(chosen).numpy()[:, 0], X[index])
        travelled = pickle.loads(pickle.dumps(pixels))
        np.testing.assert_array_equal(travelled.take(chosen).numpy()[:, 0], X[index])
    some = shaped().subsample(5)
    assert some.labels is not None
    assert len(some) == len(some.labels) == 5


def test_what_is_known_before_loading() -> None:
    by_webdataset()
    found = inspect_source("shards:own")
    assert (found.n, found.channels, found.width, found.height) == (23, 1, X.shape[2], X.shape[1])
    assert is_image_source("wds:nowhere")
    assert absolute_name("wds:own") == f"shards:{Path('own').resolve()}"
    assert absolute_name("shards:s3://bucket/{0..9}.tar") == "shards:s3://bucket/{0..9}.tar"
    assert public_name("shards:s3://bucket/few") == "shards:few"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", ["a"]),
        ("{08..11}", ["08", "09", "10", "11"]),
        ("{8..11}.tar", ["8.tar", "9.tar", "10.tar", "11.tar"]),
        ("{a,b}{0..1}", ["a0", "a1", "b0", "b1"]),
        ("{a}", ["a"]),
        ("{2..1}", []),
    ],
)
def test_braces_are_as_in_a_shell(text: str, names: list[str]) -> None:
    expected = names if text != "{a}" else ["{a}"]
    assert expand_braces(text) == expected
    if text != "{2..1}":  # which a shell counts down
        done = subprocess.run(["bash", "-c", f"echo {text}"], capture_output=True, text=True, check=True)
        assert done.stdout.split() == expected


def test_pictures_of_any_kind_and_other_members() -> None:
    with tar() as archive:
        add(archive, "folder", type=tarfile.DIRTYPE)
        for i, (kind, suffix) in enumerate((("PNG", "png"), ("BMP", "BMP"), ("WEBP", "webp"))):
            add(archive, f"some/{i}.json", b"{}")
            content = io.BytesIO()
            Image.fromarray(X[i]).convert("RGB").save(content, kind, lossless=True)
            add(archive, f"some/{i}.{suffix}", content.getvalue())
        add(archive, "._0.png", b"what a Mac leaves")
        add(archive, "__index__.png", b"of the library's own")
        add(archive, "README", b"without a suffix")
    np.testing.assert_array_equal(load("shards:own").x[:, 0], X[:3])
    assert load("shards:own").labels is None


def test_the_index_is_made_once_and_anew_for_what_has_changed(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_webdataset(0, 10, "own/000000.tar")
    by_webdataset(10, 20, "own/000001.tar")
    scanned: list[str] = []
    from infogan.data.shards import index as shard_index

    before = shard_index.scan_shard

    def counted(shard: Any, class_numbers: Any) -> Any:
        scanned.append(shard.name)
        return before(shard, class_numbers)

    monkeypatch.setattr(shard_index, "scan_shard", counted)
    for _ in range(2):
        assert len(shaped()) == 20
    assert scanned == ["000000.tar", "000001.tar"]
    by_webdataset(10, 23, "own/000001.tar")
    np.testing.assert_array_equal(shaped().x[:, 0], X)
    assert scanned[2:] == ["000001.tar"]
    by_webdataset(0, 3, "own/000002.tar")
    assert len(shaped()) == 26
    assert scanned[3:] == ["000002.tar"]
    by_webdataset(0, 10, "own/000001.tar")
    assert len(shaped()) == 23
    assert scanned[4:] == ["000001.tar"]
    os.utime("own/000001.tar", ns=(1, 1))  # as of other pictures, as many bytes
    assert len(shaped()) == 23
    assert scanned[5:] == ["000001.tar"]
    (made,) = cache.iterdir()
    assert len(list(made.glob("index-*.npy"))) == 1
    for damage in (b"{", b'{"rows": 3, "shards": []}', b"", b"\xff", b"[" * 10**5):
        (made / "index.json").write_bytes(damage)
        assert len(shaped()) == 23
    (rows,) = made.glob("index-*.npy")
    rows.write_bytes(rows.read_bytes()[:-8])
    assert len(shaped()) == 23


def test_object_storage(cache: Path) -> None:
    """fsspec's own, in memory; an index beside the shards spares reading them through."""
    files = fsspec.filesystem("memory")
    files.makedirs("/bucket", exist_ok=True)
    try:
        for i, (first, last) in enumerate(((0, 10), (10, 23))):
            by_webdataset(first, last, "one.tar")
            files.pipe_file(f"/bucket/{i}.tar", Path("one.tar").read_bytes())
        for name in ("shards:memory://bucket", "shards:memory://bucket/{0..1}.tar"):
            np.testing.assert_array_equal(shaped(name).x[:, 0], X)
        with pytest.raises(InfoganError, match=r"there is no .*bucket/2\.tar"):
            shaped("shards:memory://bucket/{0..2}.tar")
        with pytest.raises(InfoganError, match=r"there is no .*nowhere"):
            shaped("shards:memory://nowhere")
    finally:
        files.rm("/bucket", recursive=True)


def test_an_index_beside_shards_in_object_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    from infogan.data.registry import open_collection
    from infogan.data.shards.pack import pack
    from infogan.data.shards.writer import ShardLimit

    by_webdataset()
    pack(open_collection("shards:own"), Path("packed"), ShardLimit(10, None), None, skip_bad=False)
    files = fsspec.filesystem("memory")
    files.put("packed", "/packed", recursive=True)

    def refused(_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("infogan.data.shards.index.scan_shard", refused)
    try:
        for _ in range(2):
            np.testing.assert_array_equal(shaped("shards:memory://packed").x[:, 0], X)
        np.testing.assert_array_equal(shaped("shards:memory://packed/{000001..000002}.tar").x[:, 0], X[10:])
    finally:
        files.rm("/packed", recursive=True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shards:s3://bucket/a.tar", "s3fs"),
        ("shards:gs://bucket", "gcsfs"),
        ("shards:nothing://bucket", "nothing"),
        ("shards:nowhere", "there is no .*nowhere"),
        ("shards:nowhere/{0..3}.tar", r"there is no .*nowhere/0\.tar"),
        ("shards:nowhere/{0..9999999}.tar", "more than 1,000,000 shards"),
        ("shards:x{0..9999}{0..9999}", "more than 1,000,000 shards"),
        ("shards:own/{3..2}.tar", "contains no .tar"),
        ("shards:own", "contains no .tar; infogan data pack IMAGES FOLDER makes shards"),
        ("shards:", "the name is empty"),
        ("shards:http://127.0.0.1:9/a.tar", "cannot be listed|there is no"),
    ],
)
def test_no_shards(name: str, said: str) -> None:
    with pytest.raises(InfoganError, match=said):
        load(name)


def png(i: int = 0) -> bytes:
    return encoded(X[i])


def members(*named: tuple[str, bytes], path: str = "own/a.tar", mode: str = "w") -> Callable[[], None]:
    def write() -> None:
        with tar(path, mode) as archive:
            for name, content in named:
                add(archive, name, content)

    return write


def member(**fields: Any) -> Callable[[], None]:
    def write() -> None:
        with tar(format=tarfile.PAX_FORMAT) as archive:
            add(archive, "0.png", png(), **fields)

    return write


def changed(change: Callable[[bytes], bytes]) -> Callable[[], None]:
    """A good shard whose bytes are changed."""

    def write() -> None:
        by_webdataset()
        Path("own/a.tar").write_bytes(change(Path("own/a.tar").read_bytes()))

    return write


def beside(*named: tuple[str, bytes]) -> Callable[[], None]:
    """A good shard, and another one."""

    def write() -> None:
        by_webdataset()
        members(*named, path="own/b.tar")()

    return write


def announced(size: bytes, kind: bytes = b"0") -> Callable[[], None]:
    """A member whose header announces a size, octal or in base 256."""

    def write() -> None:
        info = tarfile.TarInfo("0.png")
        info.type = kind
        head = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
        head[124:136] = size
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        Path("own/a.tar").write_bytes(bytes(head) + bytes(4096))

    return write


def pax(body: bytes) -> Callable[[], None]:
    def write() -> None:
        with tar() as archive:
            add(archive, "head", body, type=tarfile.XHDTYPE)
            add(archive, "0.png", png())

    return write


PNG = ("0.png", png())
SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
NO_SHARD = r"own/a\.tar cannot be read as a shard \("
DAMAGED: dict[str, tuple[Callable[[], None], str]] = {
    "empty": (members(), r"own/a\.tar is empty: it contains no image \(png, "),
    "no images": (members(("notes", b"nothing")), r"own/a\.tar is empty"),
    "not a tar": (changed(lambda _: b"something else" * 100), NO_SHARD + "damaged at byte 0"),
    "no bytes": (changed(lambda _: b""), NO_SHARD + "truncated"),
    "truncated": (changed(lambda raw: raw[:8000]), NO_SHARD + "truncated"),
    "truncated between members": (changed(lambda raw: raw[:4096]), NO_SHARD + "truncated"),
    "gzipped": (members(PNG, mode="w:gz"), NO_SHARD),
    "a flipped bit": (
        changed(lambda raw: raw[:5123] + bytes([raw[5123] ^ 1]) + raw[5124:]),
        NO_SHARD + "damaged at byte 5,120",
    ),
    "two images": (members(PNG, ("0.jpg", png())), r"0 has several images, but png, jpg"),
    "twice": (members(PNG, ("0.PNG", png())), r"0\.PNG is there twice"),
    "no image": (
        members(PNG, ("1.cls", b"1")),
        r"1 of 2 samples in own have no image, the first of them 1 in a\.tar; repair them, or set skip_bad",
    ),
    "a long label": (members(PNG, ("0.cls", b"1" + b" " * 10**6 + b"2")), r"0\.cls has 1,000,002 bytes"),
    "another layout": (beside(PNG), r"own/b\.tar has samples of picture, but .*own/a\.tar has cls picture"),
    "other members": (
        beside(PNG, ("0.cls", b"1"), ("0.json", b"1")),
        r"own/b\.tar has samples of cls json picture, but ",
    ),
    "sparse": (member(type=tarfile.GNUTYPE_SPARSE), r"0\.png is a sparse file"),
    "sparse by pax": (member(pax_headers=SPARSE), r"0\.png is a sparse file"),
    "8 GB": (announced(b"77777777777\0"), r"truncated: 0\.png goes beyond its end"),
    "exabytes": (announced(b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7), r"truncated: 0\.png goes beyond"),
    "negative": (announced(b"\xff" * 12), r"damaged: '-1' instead of a size"),
    "a name of 8 GB": (announced(b"77777777777\0", tarfile.GNUTYPE_LONGNAME), "truncated"),
    "not octal": (announced(b"9" * 12), r"damaged at byte 0"),
    "a long pax header": (pax(b"200000 path=" + b"a" * 200_000), r"damaged: a name of 200,012 bytes"),
    "pax without numbers": (pax(b"many path=a\n"), r"damaged: 'many' instead of a size"),
    "pax that announces more": (pax(b"900 path=a\n"), r"damaged: a malformed pax header"),
    "pax of length 0": (pax(b"0 path=a\n"), r"damaged: a malformed pax header"),
    "pax with a negative size": (pax(b"12 size=-99\n"), r"damaged: '-99' instead of a size"),
    "pax with a huge size": (pax(b"25 size=9999999999999999\n\0"), r"truncated: 0\.png goes beyond its end"),
}


@pytest.mark.parametrize(("write", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_shard_is_reported(write: Callable[[], None], message: str, cache: Path) -> None:
    """And takes little memory, whatever a header announces."""
    write()
    tracemalloc.start()
    try:
        with pytest.raises(InfoganError, match=message):
            shaped()
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
    assert not list(cache.rglob("*.part"))


def test_hostile_names_are_names(tmp_path: Path) -> None:
    """Nothing is written anywhere, and no link is followed."""
    names = ["/etc/passwd.png", "../../outside.png", f"{tmp_path / 'target'}.png", "a\nb.png", "\x1b[31m.png"]
    names.append("é" * 90 + ".png")
    with tar(format=tarfile.GNU_FORMAT) as archive:
        for i, name in enumerate(names):
            add(archive, name, png(i))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            add(archive, "link.png", type=kind, linkname="/etc/passwd")
    before = sorted(tmp_path.rglob("*"))
    images = shaped()
    np.testing.assert_array_equal(images.x[:, 0], X[:6])
    after = set(tmp_path.rglob("*")) - set(before)
    assert all((tmp_path / "cache") in (path, *path.parents) for path in after)
    with tar(format=tarfile.PAX_FORMAT) as archive:
        add(archive, "x" * 300 + ".png", png(3))
        add(archive, "g", b"20 path=all.png\n\0\0\0\0", type=tarfile.XGLTYPE)
        add(archive, "1.png", png(4), pax_headers={"comment": "hello"})
    np.testing.assert_array_equal(shaped().x[:, 0], X[3:5])


def bomb() -> bytes:
    head = encoded(np.zeros((1, 1), np.uint8))
    wide = head[:16] + (60_000).to_bytes(4, "big") * 2 + head[24:29]
    import zlib

    return wide + zlib.crc32(wide[12:29]).to_bytes(4, "big") + head[33:]


@pytest.mark.parametrize(
    "content", [b"no picture", b"", bomb(), png()[:60]], ids=["text", "empty", "bomb", "cut"]
)
def test_a_broken_picture_is_named(content: bytes) -> None:
    with tar() as archive:
        add(archive, "0.png", png())
        add(archive, "1.png", content)
    with pytest.raises(InfoganError, match=r"a\.tar/1\.png .*; infogan data pack shards:own OUT --skip-bad"):
        _ = shaped().x
    with tar("own/a.tar") as archive:
        add(archive, "0.png", content)
    with pytest.raises(InfoganError, match=r"a\.tar/0\.png cannot be read as an image"):
        load("shards:own")


def test_pictures_of_two_sizes_without_a_shape() -> None:
    with tar() as archive:
        add(archive, "0.png", png())
        add(archive, "1.png", encoded(X[1][:5]))
    with pytest.raises(
        InfoganError, match=r"1\.png \(\(channels, height, width\) \(1, 5, 9\), but the first"
    ):
        _ = load("shards:own").x
    assert shaped().x.shape == (2, 1, 9, 9)


def test_a_shard_that_has_changed_since() -> None:
    by_webdataset()
    images = shaped()
    raw = Path("own/a.tar").read_bytes()
    for content in (bytes(len(raw)), raw[512:] + bytes(512)):
        Path("own/a.tar").write_bytes(content)
        with pytest.raises(InfoganError, match=r"own/a\.tar has changed since it was indexed; delete .*json"):
            _ = images.x
    Path("own/a.tar").write_bytes(raw[:3000])
    with pytest.raises(InfoganError, match=r"own/a\.tar returned [0-9,]+ bytes instead of "):
        _ = images.x
    Path("own/a.tar").unlink()
    with pytest.raises(InfoganError, match=r"own/a\.tar cannot be read"):
        _ = images.x


@pytest.mark.parametrize("row", [(-5, 10), (100, 10), (512, 2**40), (2**62, 2**62), (512, -3)])
def test_an_index_is_not_believed(row: tuple[int, int], cache: Path) -> None:
    """One that lies beside shards of a stranger."""
    by_webdataset()
    shaped()
    (made,) = cache.iterdir()
    about = json.loads((made / "index.json").read_bytes())
    rows = np.load(made / about["rows"])
    rows[0, :2] = row
    np.save(Path("own") / about["rows"], rows)
    names = Path(about["rows"]).with_suffix(".txt")
    (Path("own") / names).write_bytes((made / names).read_bytes())
    about["shards"][0][2] = ""
    Path("own/index.json").write_text(json.dumps(about))
    tracemalloc.start()
    with pytest.raises(InfoganError, match="has changed since it was indexed"):
        shaped().pixels.take(torch.tensor([0]))
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    by_webdataset()
    cache.parent.mkdir()
    cache.write_bytes(b"a file where the folder would be")
    with pytest.raises(InfoganError, match=r"cannot be written \(.*\); the index of own is kept there"):
        shaped()


def test_neighbours_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    by_webdataset()
    pixels = shaped().pixels
    assert isinstance(pixels, ShardedPixels)
    from infogan.data.shards.files import Shard

    before, asked = Shard.read_range, list[int]()

    def counted(self: Shard, start: int, end: int) -> bytes:
        asked.append(end - start)
        return before(self, start, end)

    monkeypatch.setattr(Shard, "read_range", counted)
    list(pixels.shards.read(np.arange(23)))
    assert len(asked) == 1
    monkeypatch.setattr("infogan.data.shards.reader.MAX_READ_BYTES", 3000)
    del asked[:]
    list(pixels.shards.read(np.arange(23)))
    assert len(asked) > 10
    assert max(asked) <= 3000 + 512


def test_the_library_is_not_needed() -> None:
    by_webdataset()
    code = (
        "import sys; sys.modules['webdataset'] = None; import infogan.data; infogan.data.load('shards:own')"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


def test_shards_are_found_in_order() -> None:
    for name in ("b", "a", "c"):
        by_webdataset(path=f"own/{name}.tar")
    Path("own/notes.txt").write_text("")
    names: Sequence[str] = [shard.name for shard in find_shards("own")]
    assert names == ["a.tar", "b.tar", "c.tar"]
    assert [shard.name for shard in find_shards("own/{c,a}.tar")] == ["c.tar", "a.tar"]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files, and parts of them unless `whole` says that it knows none."""

    whole = False

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        part = asked is not None and not self.whole
        if part and asked is not None:
            content = content[int(asked[1]) : int(asked[2]) + 1]
        self.send_response(206 if part else 200)
        self.send_header("Content-Length", str(len(content)))
        if not self.whole:
            self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


HTTP = """
import sys
import numpy as np
from infogan.data import LoadOptions, load
from infogan.utils.errors import InfoganError
try:
    print(int(load("shards:" + sys.argv[1], load_options=LoadOptions(shape=(1, 9, 9))).x.sum()))
except InfoganError as error:
    print(error)
"""


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.night)])
def test_over_http(tmp_path: Path, whole: bool) -> None:
    by_webdataset(0, 10, "own/0.tar")
    by_webdataset(10, 23, "own/1.tar")

    class Served(Handler):
        pass

    Served.whole = whole
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/own/{{0..1}}.tar"
        done = subprocess.run(
            [sys.executable, "-c", HTTP, url],
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "c")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        server.shutdown()
    if whole:
        assert re.search("does not support range requests|cannot be read", done.stdout), (
            done.stdout,
            done.stderr,
        )
    else:
        assert done.stdout.split() == [str(int(X.sum()))], (done.stdout, done.stderr)
