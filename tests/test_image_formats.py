"""What can be read as an image, through every source; what is not, is said."""

import base64
import gzip
import io
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import fail, succeed
from PIL import Image, PngImagePlugin

from infogan.config import BYTES
from infogan.data import LoadOptions, absolute_name, inspect_source, load, open_collection, short_name
from infogan.data.formats.image import N_PREFIX, format_of, open_image
from infogan.data.shards.pack import pack
from infogan.data.shards.reader import open_shards
from infogan.data.shards.writer import ShardLimit
from infogan.explore.upload import read_upload
from infogan.utils.errors import InfoganError

GRAY8 = (1, 8, 8)

pytestmark = pytest.mark.usefixtures("own_folder", "user_cache")


def encoded(value: int, kind: str = "PNG", mode: str = "L", **how: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (10, 10), value if mode == "L" else (value,) * 3).save(buffer, kind, **how)
    return buffer.getvalue()


def values(name: str, **how: Any) -> list[int]:
    """The gray of each image, which is the same everywhere."""
    return [int(x[0, 4, 4]) for x in load(name, load_options=LoadOptions(shape=GRAY8, **how)).x]


def write(files: dict[str, bytes], root: str = "own") -> None:
    for name, content in files.items():
        (Path(root) / name).parent.mkdir(parents=True, exist_ok=True)
        (Path(root) / name).write_bytes(content)


# The name of a file, and the format of its content.
FORMATS = {
    "a.pgm": "PPM",
    "a.PPM": "PPM",
    "a.pnm": "PPM",
    "a.jfif": "JPEG",
    "a.jpe": "JPEG",
    "a.avif": "AVIF",
    "a.jp2": "JPEG2000",
    "a.j2k": "JPEG2000",
    "a.dib": "BMP",
    "0001": "PNG",
    "photo": "TIFF",
    "subject01.happy": "GIF",
    "frame.0017": "TIFF",
    "a.jpg": "WEBP",  # of another format than its ending says
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("source", ["folder", "zip", "pack", "upload"])
def test_a_format_is_read_from_every_source(name: str, source: str) -> None:
    content = encoded(90, FORMATS[name])
    assert format_of(content[:N_PREFIX]) == FORMATS[name]
    write({name: content, f"more/{name}": content})
    if source == "upload":
        found = [int(read_upload(content, GRAY8, "crop", BYTES)[0, 4, 4])] * 2
    elif source == "zip":
        with zipfile.ZipFile("own.zip", "w") as archive:
            for path in (name, f"more/{name}"):
                archive.writestr(path, content)
        found = values("own.zip")
    elif source == "pack":
        pack(open_collection("folder:own"), Path("out"), ShardLimit(1, None), None, skip_bad=False)
        found = values("shards:out")
    else:
        found = values("own")
        assert inspect_source("own").n == 2
    np.testing.assert_allclose(found, [90, 90], atol=2)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README", b"BM is no bitmap here, and P5 is no picture"),
        ("notes.txt", encoded(1)),
        ("table.csv", b"P2 1 1"),
        ("a.png.part", encoded(1)[:50]),
        ("a.png~", encoded(1)),
        (".hidden", encoded(1)),
        ("empty", b""),
        ("run/figures/a.png", encoded(1)),
    ],
)
def test_what_accompanies_images_is_no_image(
    name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    write({"a.png": encoded(7), name: content})
    if name.startswith("run/"):
        write({"run/config.json": b"{}", "run/checkpoints/1.safetensors": b""})
    assert values("own") == [7]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("others", "message"),
    [
        (["b.psd", "c.psd"], "2 of 3 files are left out, as they are no images that can be read: 2 .psd"),
        (["b.CR2"], "1 of 2 files are left out, as they are no images that can be read: 1 .cr2"),
        (["b.svg", "c.svg", "d.mp4", "e.exr", "f.dcm"], "2 .svg, 1 .dcm, 1 .exr, ..."),
    ],
)
@pytest.mark.parametrize("source", ["own", "own.zip"])
def test_files_that_are_left_out_are_counted(
    others: list[str], message: str, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"a.png": encoded(7)} | {name: b"II*\0other" for name in others}
    write(files)
    with zipfile.ZipFile("own.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert values(source) == [7]
    assert message in capsys.readouterr().err
    assert message in inspect_source(source).left_out


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


@pytest.mark.parametrize("name", ["b.heic", "b.HEIF", "b", "b.jpg"])
def test_heic_without_its_package(name: str, monkeypatch: pytest.MonkeyPatch, heif_cache: None) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    write({"a.png": encoded(7), name: HEIC})
    with pytest.raises(InfoganError, match=r"1 of 2 images in own .*pip install 'infogan\[heic\]'\)"):
        values("own")
    assert values("own", skip_bad=True) == [7]
    with pytest.raises(InfoganError, match="pillow-heif"):
        read_upload(HEIC, GRAY8, "crop", BYTES)


def test_heic_with_its_package(monkeypatch: pytest.MonkeyPatch, heif_cache: None) -> None:
    """A stand-in for the package, which registers an opener with Pillow."""
    fake = ModuleType("pillow_heif")

    def opener(file: Any, name: str) -> Image.Image:
        file.close()
        image = PngImagePlugin.PngImageFile(io.BytesIO(encoded(60)))
        image.format = "HEIF"
        return image

    fake.register_heif_opener = (
        lambda **_: Image.register_open(  # type: ignore[attr-defined]
            "HEIF", opener, lambda prefix: prefix[4:12] == b"ftypheic"
        )
    )
    monkeypatch.setitem(sys.modules, "pillow_heif", fake)
    write({"a.heic": HEIC})
    assert values("own") == [60]


@pytest.fixture
def heif_cache() -> Any:
    from infogan.data.formats import image

    image._register_heif.cache_clear()
    yield
    image._register_heif.cache_clear()
    Image.OPEN.pop("HEIF", None)
    if "HEIF" in Image.ID:
        Image.ID.remove("HEIF")


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "PPM"])
def test_damaged_files_of_a_known_format(kind: str) -> None:
    content = encoded(7, kind)
    for damaged in (content[: len(content) // 2], content[:16] + bytes(40)):
        write({"a.png": encoded(9), "b.png": damaged})
        with pytest.raises(InfoganError, match=r"1 of 2 images in own cannot be read: b\.png \("):
            values("own")


@pytest.mark.parametrize("kind", ["JPEG2000", "PPM"])
def test_bombs_of_the_new_formats(kind: str) -> None:
    huge = {
        "PPM": b"P5 100000 100000 255\n" + bytes(100),
        "JPEG2000": encoded(7, "JPEG2000"),
    }[kind]
    if kind == "JPEG2000":
        side = (100_000).to_bytes(4, "big")
        at = huge.index(b"ihdr") + 4
        huge = huge[:at] + side + side + huge[at + 8 :]
        at = huge.index(b"\xff\x51") + 6
        huge = huge[:at] + side + side + huge[at + 8 :]
    with pytest.raises(Image.DecompressionBombError):
        open_image(huge)


def stack(*grays: int, kind: str = "TIFF", mode: str = "L", side: int = 10) -> bytes:
    """Pages or frames; all but the first are squares of `side`."""
    first, *rest = [
        Image.new("L", (side, side) if i else (10, 10), gray).convert(mode) for i, gray in enumerate(grays)
    ]
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=rest)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tif", stack(10, 200, 90)),
        ("a.gif", stack(10, 200, 90, kind="GIF")),
        ("a.png", stack(10, 200, 90, kind="PNG")),
        ("a.webp", stack(10, 200, 90, kind="WEBP", mode="RGB")),
        ("a.avif", stack(10, 200, 90, kind="AVIF", mode="RGB")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("source", ["own", "own.zip"])
def test_pages_and_frames(name: str, content: bytes, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = {name: content, "b.png": encoded(50)}
    write(files)
    with zipfile.ZipFile("own.zip", "w") as archive:
        for file, each in files.items():
            archive.writestr(file, each)
    np.testing.assert_allclose(values(source), [10, 50], atol=3)
    said = capsys.readouterr().err
    assert "1 of the files have more than one page or frame; the first is taken" in said
    assert inspect_source(source).paged == 1
    np.testing.assert_allclose(values(source, pages=True), [10, 200, 90, 50], atol=3)
    assert capsys.readouterr().err == ""
    options = LoadOptions(shape=GRAY8, pages=True)
    assert load(source, load_options=options).names == (*(f"{name}[{i}]" for i in range(3)), "b.png")
    assert inspect_source(source, LoadOptions(pages=True)).n == 4


def test_pages_of_another_size_go_through_the_same_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    write({"a.tif": stack(10, 20)})
    monkeypatch.setattr("infogan.data.formats.image.max_unpacked_bytes", lambda _: 10 * 10 * 8)
    assert values("own", pages=True) == [10, 20]
    write({"a.tif": stack(10, 20, side=30)})
    with pytest.raises(InfoganError, match=r"1 of 2 images in own .*a\.tif\[1\] \(too many pixels"):
        values("own", pages=True)


def test_pages_are_packed_and_kept_by_a_run(small_stacks: None) -> None:
    cwd = Path.cwd()
    succeed("data", "pack", "folder:own", "out", "--pages", cwd=cwd)
    assert values("shards:out") == list(range(0, 120, 10))
    options = ["--pages", "--steps", "2", "--batch-size", "4", "--codes"]
    succeed("train", "folder:own", *options, "cat:2 noise:4", "--out", "run", cwd=cwd)
    succeed("encode", "run", "folder:own", "-o", "codes.csv", cwd=cwd)
    assert len(Path("codes.csv").read_text().splitlines()) == 13


@pytest.fixture
def small_stacks(own_folder: Path) -> None:
    write({f"{i}.tif": stack(*range(30 * i, 30 * i + 30, 10)) for i in range(4)})


def column(kind: str, pictures: list[bytes]) -> pa.Array:
    texts = [base64.b64encode(picture).decode() for picture in pictures]
    pixels = [np.asarray(Image.open(io.BytesIO(picture))).tolist() for picture in pictures]
    return {
        "binary": lambda: pa.array(pictures),
        "large binary": lambda: pa.array(pictures, pa.large_binary()),
        "binary view": lambda: pa.array(pictures, pa.binary_view()),
        "dictionary": lambda: pa.array(pictures).dictionary_encode(),
        "list of one": lambda: pa.array([[picture] for picture in pictures]),
        "structs": lambda: pa.array([{"bytes": picture, "path": None} for picture in pictures]),
        "list of structs": lambda: pa.array([[{"bytes": picture, "path": "a"}] for picture in pictures]),
        "bytes as numbers": lambda: pa.array(list(map(list, pictures)), pa.list_(pa.uint8())),
        "pixels": lambda: pa.array(pixels, pa.list_(pa.list_(pa.uint8()))),
        "colour pixels": lambda: pa.array([np.stack([np.array(p)] * 3, 2).tolist() for p in pixels]),
        "base64": lambda: pa.array(texts),
        "base64 views": lambda: pa.array(texts, pa.string_view()),
        "data URI": lambda: pa.array([f"data:image/png;base64,{text}" for text in texts]),
        "base64 in lines": lambda: pa.array([f"{text[:20]}\n{text[20:]}" for text in texts]),
    }[kind]()


COLUMNS = (
    *("binary", "large binary", "binary view", "dictionary", "list of one", "structs", "list of structs"),
    *("bytes as numbers", "pixels", "colour pixels", "base64", "base64 views", "data URI", "base64 in lines"),
)


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_of_parquet(kind: str) -> None:
    pictures = [encoded(gray) for gray in (10, 90, 200)]
    captions = pa.array(["a", "b", "c"])
    pq.write_table(pa.table({"caption": captions, "Image": column(kind, pictures)}), "own/x.parquet")
    assert values("own/x.parquet") == [10, 90, 200]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([["a/1.png"], "a/1.png is a text, but no image in base64"], None),
        ([[["/etc/passwd"]], "/etc/passwd is a text, but no image"], None),
        ([[[encoded(1), encoded(2)]], "a list of 2 images; give each a row of its own"], None),
        ([[[[0.5, 0.25]]], "numbers other than whole ones from 0 to 255"], None),
        ([[[[0, 256]]], "numbers other than whole ones from 0 to 255"], None),
        ([[[1, 2, 3]], "unknown format"], None),
        ([[[[[1] * 5] * 4] * 3], r"pixels of shape \(4, 5, 3\)"], "read"),
        ([[[[[1] * 5] * 4] * 2], r"pixels of shape \(2, 4, 5\)"], None),
    ],
)
def test_columns_that_are_refused(cells: list[Any], message: str | None) -> None:
    rows, said = cells
    pq.write_table(pa.table({"image": pa.array(rows)}), "own/x.parquet")
    if message == "read":
        assert load("own/x.parquet").shape == (3, 4, 5)
        return
    with pytest.raises(InfoganError, match=said):
        load("own/x.parquet")


def test_a_list_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many equal numbers take next to nothing in the file."""
    rows = pa.array([np.zeros(10**6, np.uint8)] * 2, pa.list_(pa.uint8()))
    pq.write_table(pa.table({"image": rows}), "own/x.parquet")
    assert Path("own/x.parquet").stat().st_size < 10**4
    monkeypatch.setattr("infogan.utils.limits.MAX_UNPACKED_BYTES", 2**20)
    monkeypatch.setattr("infogan.utils.limits.MIN_CHECKED_BYTES", 2**20)
    with pytest.raises(InfoganError, match=r"a row group of .* claims to unpack"):
        load("own/x.parquet")


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


TEN, NINETY = encoded(10), encoded(90)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"0.png": TEN, "1.png": NINETY}, ""),
        ({"0.jpg": TEN, "0.mask.png": b"m", "1.jpg": NINETY, "1.mask.png": b"m"}, "mask.png is left out"),
        ({"0.image.png": TEN, "0.mask.png": b"m", "1.image.png": NINETY, "1.mask.png": b"m"}, "mask.png"),
        ({"0.pgm": TEN, "1.avif": NINETY}, ""),
        ({"0.png": TEN, "0.txt": b"ten", "1.png": NINETY, "1.txt": b"ninety"}, ""),
    ],
)
@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz"])
def test_shards_of_others(
    files: dict[str, bytes], said: str, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = tar(files)
    write({f"x.{ending}": content if ending == "tar" else gzip.compress(content)})
    for source in ("shards:own", f"own/x.{ending}"):
        assert values(source) == [10, 90]
        assert said in capsys.readouterr().err
    names = load("shards:own", load_options=LoadOptions(shape=GRAY8)).names
    assert list(names or ()) == [name for name, each in files.items() if each in (TEN, NINETY)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"0.png": TEN, "0.jpg": TEN}, "0 has several images, but png, jpg"),
        ({"0.a.png": TEN, "0.b.png": TEN}, r"0 has several images, but a\.png, b\.png"),
        ({"0.json": b"{}"}, "contains no image"),
    ],
)
def test_shards_that_are_refused(files: dict[str, bytes], message: str) -> None:
    write({"x.tar": tar(files)})
    with pytest.raises(InfoganError, match=message):
        values("shards:own")


def test_samples_without_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    write({"x.tar": tar({"0.png": TEN, "1.json": b"{}", "2.png": NINETY, "3.cls": b"1"})})
    for _ in range(2):  # scanned, and from the index
        with pytest.raises(InfoganError, match=r"2 of 4 samples in own have no image, the first of them 1"):
            values("shards:own")
        assert values("shards:own", skip_bad=True) == [10, 90]
        assert "2 of 4 samples in own have no image" in capsys.readouterr().err
    cwd = Path.cwd()
    assert "set skip_bad" in fail("data", "pack", "shards:own", "out", cwd=cwd)
    assert "2 images" in succeed("data", "pack", "shards:own", "out", "--skip-bad", cwd=cwd)
    assert values("shards:out") == [10, 90]


def test_a_packed_shard_is_no_bomb(monkeypatch: pytest.MonkeyPatch, user_cache: Path) -> None:
    write({"x.tar.gz": gzip.compress(tar({"0.png": bytes(10**7)}))})
    monkeypatch.setattr("infogan.utils.limits.MAX_UNPACKED_BYTES", 2**20)
    monkeypatch.setattr("infogan.utils.limits.MIN_CHECKED_BYTES", 2**20)
    with pytest.raises(InfoganError, match=r"x\.tar\.gz claims to unpack to"):
        values("shards:own")
    write({"x.tar.gz": gzip.compress(tar({"0.png": TEN}))[:-20]})
    with pytest.raises(InfoganError, match=r"x\.tar\.gz cannot be unpacked \(.*\); replace it"):
        values("shards:own")
    assert not [path for path in user_cache.rglob("*") if path.is_file()]


FILE_NAMES = ["a.png", "b c.png", "sub/a.png", "x.y.z.png", "ü.png", "__x__.png", "line\nbreak.png"]


@pytest.mark.parametrize("per_shard", [1, 3, 100])
def test_a_pack_keeps_the_names_of_files(per_shard: int) -> None:
    write({name: encoded(30 * i) for i, name in enumerate(FILE_NAMES)})
    before = load("own", load_options=LoadOptions(shape=GRAY8))
    pack(open_collection("own"), Path("out"), ShardLimit(per_shard, None), None, skip_bad=False)
    after = load("shards:out", load_options=LoadOptions(shape=GRAY8))
    np.testing.assert_array_equal(after.x, before.x)
    expected = [name.replace("\n", "\\n") for name in before.names or ()]
    assert list(after.names or ()) == expected
    assert list(after.subsample(3).names or ()) == [
        expected[i] for i in _indices(before.subsample(3).names, before.names)
    ]
    pack(open_collection("shards:out"), Path("again"), ShardLimit(100, None), None, skip_bad=False)
    again = load("shards:again", load_options=LoadOptions(shape=GRAY8))
    assert list(again.names or ()) == expected


def _indices(some: Any, names: Any) -> list[int]:
    return [list(names).index(name) for name in some]


def test_names_of_some_shards_in_another_order() -> None:
    write({f"{i}.png": encoded(10 * i) for i in range(9)})
    pack(open_collection("own"), Path("out"), ShardLimit(3, None), None, skip_bad=False)
    images = load("shards:out/{000002,000000}.tar", load_options=LoadOptions(shape=GRAY8))
    assert list(images.names or ()) == [f"{i}.png" for i in (6, 7, 8, 0, 1, 2)]


@pytest.mark.parametrize("damage", [b"", b"a\nb\n", b"no end"])
def test_names_that_are_damaged(damage: bytes) -> None:
    write({f"{i}.png": encoded(10 * i) for i in range(3)})
    pack(open_collection("own"), Path("out"), ShardLimit(3, None), None, skip_bad=False)
    (file,) = Path("out").glob("index-*.txt")
    file.write_bytes(damage)
    with pytest.raises(InfoganError, match=r"index-.*\.txt cannot be read"):
        _ = open_shards("out").names[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("folder:.", "stands"),
        (".", "stands"),
        ("./", "stands"),
        ("folder:v1.0", "v1.0"),
        ("folder:v1.1/", "v1.1"),
        ("v1.1/..", "stands"),
        ("npz:v1.0/a.b.npz", "a.b"),
        ("v1.0/x.tar.gz", "x"),
        ("hf:nobody/nothing.v2:test", "nothing.v2-test"),
        ("digits:test", "digits-test"),
    ],
)
def test_short_names(name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("stands/v1.0", "stands/v1.1"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "stands")
    for file in ("v1.0/a.b.npz", "v1.0/x.tar.gz"):
        Path(file).touch()
    assert short_name(name) == expected


@pytest.mark.parametrize("source", [".", "folder:.", "./"])
def test_training_on_the_folder_one_stands_in(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write({f"{i}.png": encoded(10 * i) for i in range(12)})
    options = ["--steps", "1", "--batch-size", "4", "--codes", "cat:2 noise:4"]
    cwd = Path("own").resolve()
    succeed("train", source, *options, cwd=cwd)
    assert Path("own/runs/own-0/config.json").is_file()
    Image.new("L", (9, 9)).save("own/runs/own-0/figure.png")
    assert inspect_source("own").n == 12  # the figures of runs are no images


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hf:own/a", "hf:{}/own/a"),
        ("hf:own/a:train", "hf:{}/own/a:train"),
        ("hf:nobody/nothing/a", "hf:nobody/nothing/a"),
    ],
)
def test_absolute_names_of_configurations(name: str, expected: str) -> None:
    assert absolute_name(name) == expected.format(Path.cwd())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own/a", None),
        ("own/b:train", None),
        ("own", "hf:own has 2 configurations; choose one: hf:own/a, hf:own/b."),
        ("own/c", "hf:own has 2 configurations; choose one: hf:own/a, hf:own/b."),
    ],
)
def test_configurations_of_hugging_face(
    name: str, message: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    configs = "".join(f"- config_name: {c}\n  data_files: data/{c}.parquet\n" for c in "ab")
    write({"README.md": f"---\nconfigs:\n{configs}---\n".encode()})
    Path("own/data").mkdir()
    for config, gray in (("a", 10), ("b", 90)):
        pq.write_table(pa.table({"image": [encoded(gray)] * 3}), f"own/data/{config}.parquet")
    if message is None:
        assert values(f"hf:{name}") == [{"a": 10, "b": 90}[name[4]]] * 3
        return
    with pytest.raises(InfoganError) as error:
        values(f"hf:{name}")
    assert str(error.value) == message
