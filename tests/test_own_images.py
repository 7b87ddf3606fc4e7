"""Images of one's own: found, brought to a shape, kept in the cache, and refused in a sentence."""

import io
import json
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import ExifTags, Image

from infogan.config import Shape
from infogan.data import Images, LoadOptions
from infogan.data.formats.parquet import open_parquet
from infogan.data.registry import absolute_name, inspect_source, is_image_source, load
from infogan.utils.errors import InfoganError

RNG = np.random.default_rng(0)
GRAY8: Shape = (1, 8, 8)
RGB8: Shape = (3, 8, 8)


@pytest.fixture(autouse=True)
def cache(own_folder: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, which serves any number of pictures."""
    monkeypatch.setattr("infogan.data.custom.MAX_UNCACHED", 0)
    return user_cache / "pictures"


def shaped(name: str = "folder:own", shape: Shape = RGB8, **how: object) -> Images:
    return load(name, load_options=LoadOptions(shape=shape, **how))  # type: ignore[arg-type]


def one(picture: Image.Image, shape: Shape, file: str = "a.png", **saving: object) -> np.ndarray:
    """The one picture of a folder, (ch, h, w)."""
    picture.save(f"own/{file}", **saving)
    return shaped(shape=shape).x[0]


def encoded(picture: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def plain(value: int | tuple[int, ...], mode: str = "L", size: tuple[int, int] = (10, 12)) -> Image.Image:
    return Image.new(mode, size, value)


# A linear ramp is a fixed point of every symmetric filter that keeps means: resized pixel i shows the ramp at
# the place of the source where its middle lies, away from the borders.


@pytest.mark.parametrize(("square", "w", "h"), [("crop", 16, 16), ("crop", 32, 16), ("crop", 8, 32)])
@pytest.mark.parametrize("across", [True, False])
def test_crop_takes_the_middle(square: str, w: int, h: int, across: bool) -> None:
    width, height = 240, 160
    ramp = np.broadcast_to(np.arange(width)[None] if across else np.arange(height)[:, None], (height, width))
    x = one(Image.fromarray(ramp.astype(np.uint8)), (1, h, w))[0].astype(float)
    scale = min(width / w, height / h)
    side, n, start = (width, w, (width - w * scale) / 2) if across else (height, h, (height - h * scale) / 2)
    assert start >= 0
    assert side == (width if across else height)
    due = start + (np.arange(n) + 0.5) * scale - 0.5
    got = x[h // 2] if across else x[:, w // 2]
    np.testing.assert_allclose(got[1:-1], due[1:-1], atol=1)
    np.testing.assert_allclose(got, due, atol=scale)


def test_the_filter_looks_beyond_what_is_cut_out() -> None:
    """At the border of the square a ramp goes on, rather than bending as it does where a picture ends."""
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8), (64, 256))
    x = one(Image.fromarray(ramp), GRAY8)[0].astype(float)
    np.testing.assert_allclose(x[4], 96 + (np.arange(8) + 0.5) * 8 - 0.5, atol=0.6)


@pytest.mark.parametrize(("width", "height"), [(200, 100), (100, 200), (301, 100)])
def test_pad_keeps_all_of_a_picture(width: int, height: int) -> None:
    """White with a gray frame: the frame's own gray fills up, so that only the inside is white."""
    picture = plain(80, size=(width, height))
    picture.paste(255, (20, 20, width - 20, height - 20))
    x = one_padded(picture, 50)
    long = max(width, height)
    inside = (width - 40) * (height - 40) * (50 / long) ** 2
    assert abs((x.astype(float) - 80).sum() / 175 - inside) < 0.03 * inside
    assert x[0, 0] == x[-1, -1] == 80
    rows, columns = np.nonzero(x > 170)
    assert abs(rows.mean() - 24.5) <= 0.5  # in the middle
    assert abs(columns.mean() - 24.5) <= 0.5


def one_padded(picture: Image.Image, side: int) -> np.ndarray:
    picture.save("own/a.png")
    return shaped(shape=(1, side, side), square="pad").x[0, 0]


def test_pad_takes_the_mean_colour_of_the_border() -> None:
    picture = plain((200, 0, 0), "RGB", (40, 20))
    picture.paste((0, 0, 100), (0, 10, 40, 20))
    picture.save("own/a.png")
    x = shaped(shape=(3, 40, 40), square="pad").x[0]
    np.testing.assert_array_equal(x[:, 10:20, 5:35].transpose(1, 2, 0)[:8], np.full((8, 30, 3), (200, 0, 0)))
    np.testing.assert_array_equal(x[:, 0, 0], (100, 0, 50))
    sides = plain(0, size=(40, 20))
    sides.paste(255, (0, 0, 1, 20))
    sides.paste(255, (39, 0, 40, 20))
    assert one_padded(sides, 40)[0, 0] == round(255 * 2 * 20 / (2 * 40 + 2 * 18))


def test_pad_and_crop_are_kept_apart() -> None:
    picture = plain(0, size=(40, 20))
    picture.paste(255, (10, 0, 30, 20))
    picture.save("own/a.png")
    assert shaped(shape=GRAY8).x[0, 0, 0, 4] > 250
    assert shaped(shape=GRAY8, square="pad").x[0, 0, 0, 4] < 150


def test_a_large_jpeg_comes_out_as_the_whole_picture() -> None:
    """A JPEG that is decoded smaller, against the same picture as a PNG, which is not."""
    waves = np.add.outer(np.sin(np.arange(800) / 90), np.cos(np.arange(1200) / 70))
    waves += 0.4 * np.sin(np.arange(1200) * 2 * np.pi / 20)
    picture = Image.fromarray(np.rint(127.5 + 50 * waves).astype(np.uint8)).convert("RGB")
    for file in ("a.jpg", "a.png"):
        picture.save(f"own/{file}", quality=95, compress_level=1)
    for square in ("crop", "pad"):
        for shape in ((1, 8, 8), (3, 40, 40), (3, 16, 32), (3, 200, 200)):
            jpeg, png = (
                shaped(f"own/{file}", shape, square=square).x[0].astype(int) for file in ("a.jpg", "a.png")
            )
            assert np.ptp(jpeg) > 100
            assert np.abs(jpeg - png).max() <= 6
            assert np.abs(jpeg - png).mean() < 1.5


# The picture as it should be seen, and what the camera stored for each value of EXIF's tag 0x0112: from the
# specification's wording of where row 0 and column 0 of the stored picture lie.
SEEN = np.array([[10, 60, 110], [160, 200, 240]], np.uint8).repeat(20, 0).repeat(20, 1)
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,  # top, left
    2: lambda a: a[:, ::-1],  # top, right
    3: lambda a: a[::-1, ::-1],  # bottom, right
    4: lambda a: a[::-1],  # bottom, left
    5: lambda a: a.T,  # left, top
    6: lambda a: a[:, ::-1].T,  # right, top
    7: lambda a: a[::-1, ::-1].T,  # right, bottom
    8: lambda a: a[::-1].T,  # left, bottom
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("file", ["a.jpg", "a.png", "a.tif", "large.jpg"])
def test_the_right_way_up(orientation: int, file: str) -> None:
    stored = STORED[orientation](SEEN)
    if file == "large.jpg":  # so that it is decoded smaller
        stored = stored.repeat(10, 0).repeat(10, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    x = one(Image.fromarray(np.ascontiguousarray(stored)), (1, 8, 12), file, exif=exif)[0]
    np.testing.assert_allclose(x[2::4, 2::4], [[10, 60, 110], [160, 200, 240]], atol=8)


def test_a_picture_with_broken_exif_is_read() -> None:
    x = one(plain(90), GRAY8, "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7fnothing")
    assert abs(int(x.mean()) - 90) <= 1


def palette() -> Image.Image:
    picture = Image.new("P", (10, 10), 1)
    picture.putpalette([9, 9, 9, 200, 100, 50])
    return picture


@pytest.mark.parametrize(
    ("picture", "file", "rgb"),
    [
        (plain(77), "a.png", (77, 77, 77)),
        (plain((200, 100, 50), "RGB"), "a.png", (200, 100, 50)),
        (plain((200, 100, 50), "RGB"), "a.webp", (200, 100, 50)),
        (plain((200, 100, 50), "RGB"), "a.bmp", (200, 100, 50)),
        (plain(1, "1"), "a.png", (255, 255, 255)),
        (plain(0, "1"), "a.tiff", (0, 0, 0)),
        (palette(), "a.png", (200, 100, 50)),
        (palette(), "a.gif", (200, 100, 50)),
        (plain((200, 100, 50, 51), "RGBA"), "a.png", (244, 224, 214)),  # a fifth of it over white
        (plain((100, 0), "LA"), "a.png", (255, 255, 255)),
        (plain((100, 51), "LA"), "a.png", (224, 224, 224)),
        (plain((0, 255, 255, 0), "CMYK"), "a.jpg", (255, 0, 0)),
        (plain((0, 255, 255, 0), "CMYK"), "a.tif", (255, 0, 0)),
    ],
)
def test_modes(picture: Image.Image, file: str, rgb: tuple[int, int, int]) -> None:
    lossy = {"quality": 100} if file.endswith(("jpg", "webp")) else {}
    x = one(picture, RGB8, file, **lossy)
    np.testing.assert_allclose(x.transpose(1, 2, 0), np.broadcast_to(rgb, (8, 8, 3)), atol=3 if lossy else 1)
    gray = shaped(shape=GRAY8).x[0]
    luma = np.dot([0.299, 0.587, 0.114], rgb)  # ITU-R BT.601
    np.testing.assert_allclose(gray, luma, atol=4 if lossy else 1)


@pytest.mark.parametrize("file", ["a.png", "a.tif"])
def test_transparent_colours_do_not_bleed(file: str) -> None:
    """What is wholly transparent is white, whatever colour it hides, also where it borders on something."""
    array = np.zeros((80, 80, 4), np.uint8)
    array[:, :40] = (0, 0, 0, 0)
    array[:, 40:] = (255, 255, 255, 255)
    assert one(Image.fromarray(array, "RGBA"), RGB8, file).min() == 255


@pytest.mark.parametrize(
    ("top", "shift"), [(65535, 8), (60000, 8), (16383, 6), (4095, 4), (3000, 4), (900, 2), (255, 0)]
)
@pytest.mark.parametrize("file", ["png", "tif"])
def test_16_bits(top: int, shift: int, file: str) -> None:
    """One number of bits serves the pile: that of cameras, 8 to 16, that holds its brightest pixel."""
    for name, value in (("a", top // 5), ("b", top)):
        Image.fromarray(np.full((9, 9), value, np.uint16)).save(f"own/{name}.{file}")
    x = shaped(shape=GRAY8).x
    assert x[0].max() == x[0].min() == (top // 5) >> shift
    assert x[1].max() == x[1].min() == top >> shift


@pytest.mark.parametrize(
    ("value", "pixel"),
    [(np.int32(255), 255), (np.int32(70), 70), (np.float32(0.5), 128), (np.float32(1), 255)],
)
def test_32_bits_in_a_range_that_is_known(value: np.generic, pixel: int) -> None:
    picture = np.full((9, 9), value)
    picture[0] = 255 if value.dtype.kind == "i" else 1
    assert (one(Image.fromarray(picture), GRAY8, "a.tif")[0, 4:] == pixel).all()


@pytest.mark.parametrize("value", [np.int32(-1), np.int32(65536), np.float32(2), np.float32(np.nan)])
def test_32_bits_in_another_range_are_refused(value: np.generic) -> None:
    with pytest.raises(InfoganError, match=r"a\.tif.*(int32|float32) (from|with NaN).*(uint8|floats)"):
        one(Image.fromarray(np.full((9, 9), value)), GRAY8, "a.tif")


@pytest.mark.parametrize("file", ["a.gif", "a.tif", "a.webp"])
def test_the_first_of_several_frames(file: str) -> None:
    frames = [plain(value, "L", (20, 20)).convert("RGB") for value in (200, 100, 0)]
    x = one(frames[0], GRAY8, file, save_all=True, append_images=frames[1:])
    assert np.abs(x.astype(int) - 200).max() <= 3


def test_a_picture_of_one_pixel_and_one_of_one_row() -> None:
    assert (one(plain(7, size=(1, 1)), GRAY8) == 7).all()
    assert (one(plain(7, size=(500, 1)), GRAY8) == 7).all()
    assert (shaped(shape=GRAY8, square="pad").x == 7).all()


def save_some(n: int = 5, folder: str = "own") -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for i in range(n):
        plain(10 * i, size=(10 + i, 9)).save(f"{folder}/{i}.png")


def values(images: Images) -> list[int]:
    """The gray of each, which for these is the same everywhere."""
    return [int(x[0, 0, 0]) for x in images.x]


def test_pictures_are_brought_to_a_shape_once(cache: Path) -> None:
    save_some()
    images = shaped(shape=GRAY8)
    assert images.shape == GRAY8
    assert values(images) == [0, 10, 20, 30, 40]
    assert images.names == ("0.png", "1.png", "2.png", "3.png", "4.png")
    (made,) = cache.iterdir()
    pixels = np.load(made / "pixels.npy")
    pixels[:] = 99
    np.save(made / "pixels.npy", pixels)
    assert values(shaped(f"folder:{Path('own').resolve()}", GRAY8)) == [99] * 5  # so it was not read again
    assert values(shaped("own", GRAY8)) == [99] * 5
    assert values(shaped(shape=(1, 9, 9))) == [0, 10, 20, 30, 40]
    assert shaped().shape == RGB8
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("change", ["written", "touched", "added", "removed", "renamed"])
def test_pictures_are_read_again_where_one_changes(cache: Path, change: str) -> None:
    save_some()
    shaped(shape=GRAY8)
    if change == "written":
        plain(77).save("own/2.png")
    elif change == "touched":  # a picture of the same size, written at another time
        content = encoded(plain(30, size=(12, 9)))
        assert len(content) == Path("own/2.png").stat().st_size
        Path("own/2.png").write_bytes(content)
        os.utime("own/2.png", (1, 1))
    elif change == "added":
        plain(50).save("own/5.png")
    elif change == "removed":
        Path("own/2.png").unlink()
    else:
        Path("own/2.png").rename("own/9.png")
    due = {
        "written": [0, 10, 77, 30, 40],
        "touched": [0, 10, 30, 30, 40],
        "added": [0, 10, 20, 30, 40, 50],
        "removed": [0, 10, 30, 40],
        "renamed": [0, 10, 30, 40, 20],
    }
    assert values(shaped(shape=GRAY8)) == due[change]
    assert len(list(cache.iterdir())) == 1  # in place of what was there


@pytest.mark.parametrize("file", ["pixels.npy", "about.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_cache_is_made_anew(cache: Path, file: str, damage: str) -> None:
    save_some()
    shaped(shape=GRAY8)
    (made,) = cache.iterdir()
    if damage == "cut":
        (made / file).write_bytes((made / file).read_bytes()[:-40])
    else:
        (made / file).unlink()
    assert values(shaped(shape=GRAY8)) == [0, 10, 20, 30, 40]
    assert [p.name for p in cache.iterdir()] == [made.name]


def test_what_is_kept_is_mapped_and_never_written(cache: Path) -> None:
    save_some()
    images = shaped(shape=GRAY8)
    (made,) = cache.iterdir()
    before = (made / "pixels.npy").read_bytes()
    taken = images.pixels.take(torch.tensor([4, 0]))
    assert taken[:, 0, 0, 0].tolist() == [40, 0]
    taken += 1
    images.x[:] = 0
    assert (made / "pixels.npy").read_bytes() == before


def test_an_interrupted_reading_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_some(60)
    before = np.lib.format.write_array_header_1_0
    calls: list[int] = []

    def interrupted(*args: object) -> None:
        calls.append(1)
        if len(calls) == 2:  # all pixels are there
            raise KeyboardInterrupt
        before(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", interrupted)
    with pytest.raises(KeyboardInterrupt):
        shaped(shape=GRAY8)
    assert list(cache.iterdir()) == []
    assert len(shaped(shape=GRAY8)) == 60


def test_few_pictures_are_not_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.data.custom.MAX_UNCACHED", 5)
    save_some()
    assert values(shaped(shape=GRAY8)) == [0, 10, 20, 30, 40]
    assert not cache.exists()
    save_some(6)
    assert len(shaped(shape=GRAY8)) == 6
    assert cache.exists()


def test_a_cache_that_cannot_be_made(cache: Path) -> None:
    save_some()
    cache.parent.write_bytes(b"a file where the folder would be")
    with pytest.raises(InfoganError, match=r"cannot be written \(.*\); resized images are cached there"):
        shaped()


def test_a_disk_without_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_some()

    def nearly_full(_: object) -> object:
        return type("usage", (), {"free": 100})()

    monkeypatch.setattr("infogan.data.loading.resized_cache.shutil.disk_usage", nearly_full)
    with pytest.raises(InfoganError, match=r"need 0\.0 GB in .*, but 0\.0 GB are free"):
        shaped()
    assert list(cache.iterdir()) == []


def test_bad_pictures_are_counted_once_and_known_the_second_time(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_some()
    Path("own/1.png").write_bytes(b"no picture")
    Path("own/3.png").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(InfoganError, match=r"2 of 5 images in own cannot be read: 1\.png \(unknown form"):
            shaped(shape=GRAY8)
    (made,) = cache.iterdir()
    kept = (made / "pixels.npy").stat().st_mtime_ns
    images = shaped(shape=GRAY8, skip_bad=True)
    assert values(images) == [0, 20, 40]
    assert images.names == ("0.png", "2.png", "4.png")
    assert "2 of 5 images in own cannot be read" in capsys.readouterr().err
    assert (made / "pixels.npy").stat().st_mtime_ns == kept
    plain(10).save("own/1.png")
    plain(30).save("own/3.png")
    assert values(shaped(shape=GRAY8)) == [0, 10, 20, 30, 40]


def test_no_picture_can_be_read(cache: Path) -> None:
    for i in range(3):
        Path(f"own/{i}.jpg").write_bytes(b"text")
    for skip_bad in (False, True):
        with pytest.raises(
            InfoganError, match=r"none of the 3 images in own can be read: 0\.jpg \(unknown f"
        ):
            shaped(skip_bad=skip_bad)
    with pytest.raises(InfoganError, match="none of the 3 images"):
        inspect_source("folder:own")
    assert list(cache.iterdir()) == []


def test_a_folder_without_pictures_says_what_it_holds() -> None:
    with pytest.raises(InfoganError, match=r"own contains no image \(\.png, .*\); it is empty\."):
        shaped()
    for name in ("a.PSD", "b.psd", "c.txt"):
        Path("own", name).touch()
    with pytest.raises(InfoganError, match=r"of its 3 files 2 end in \.psd\."):
        inspect_source("folder:own")
    with zipfile.ZipFile("own.zip", "w") as archive:
        archive.writestr("notes.txt", "no image")
    with pytest.raises(InfoganError, match=r"own\.zip contains no image .*; of its 1 files 1 end in \.txt"):
        shaped("own.zip")
    for content in (b"", b"PK\x03\x04 cut"):
        Path("own.zip").write_bytes(content)
        with pytest.raises(InfoganError, match=r"own\.zip cannot be read as a zip"):
            shaped("own.zip")


def bomb(side: int, rows: int) -> bytes:
    """A PNG of that many bilevel pixels a side, black, of which only some rows are written."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + checked

    head = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    packed = zlib.compress(bytes((side + 7) // 8 + 1) * rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_and_a_large_picture_is_read() -> None:
    Path("own/a.png").write_bytes(bomb(10_001, 10_001))
    assert shaped(shape=GRAY8).x.max() == 0  # and no warning
    Path("own/b.png").write_bytes(bomb(50_000, 1))
    with pytest.raises(InfoganError, match=r"1 of 2 images .*b\.png \(too many pixels; shrink it\)"):
        shaped(shape=GRAY8)
    assert inspect_source("folder:own").channels == 1


MEMORY = """
import resource, sys
from infogan.data import LoadOptions
from infogan.data.registry import inspect_source, load
from infogan.data.pixels import ToPixels
from PIL import Image
ToPixels((3, 32, 32))(Image.new("RGB", (64, 64)))
for name in sys.argv[1:]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    inspect_source(name)
    images = load(name, load_options=LoadOptions(skip_bad=True, shape=(3, 256, 256)))
    print(len(images), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs")
def test_memory_does_not_grow_with_the_number_of_pictures() -> None:
    """500 of (3, 256, 256) are 98 MB; the bomb among them would be 2.5 GB."""
    content = encoded(Image.fromarray(RNG.integers(0, 256, (16, 16, 3), np.uint8)))
    for i in range(500):
        Path(f"own/{i}.png").write_bytes(content)
    Path("own/bomb.png").write_bytes(bomb(50_000, 1))
    pq.write_table(pa.table({"image": [content] * 500}), "own.parquet", row_group_size=100)
    environment = os.environ | {"XDG_CACHE_HOME": str(Path("elsewhere").resolve())}
    line = [sys.executable, "-c", MEMORY, "folder:own", "parquet:own.parquet"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for said in done.stdout.splitlines():
        n, grown = said.split()
        assert n == "500"
        assert float(grown) < 60


def test_links(capsys: pytest.CaptureFixture[str]) -> None:
    save_some(3)
    save_some(2, "own/in/side")
    save_some(2, "elsewhere")
    save_some(1)
    Path("own/in/up").symlink_to("..")  # a circle
    Path("own/parent").symlink_to(Path().resolve())  # which holds own itself
    Path("own/again").symlink_to("in")
    Path("own/zz").symlink_to("../elsewhere")
    Path("own/self").symlink_to("self")
    images = shaped(shape=GRAY8)
    due = ("0.png", "1.png", "2.png", "in/side/0.png", "in/side/1.png", "zz/0.png", "zz/1.png")
    assert images.names == due
    Path("own/broken.png").symlink_to("nowhere.png")
    Path("own/circle.png").symlink_to("circle.png")
    with pytest.raises(
        InfoganError, match=r"2 of 9 .*broken\.png \(missing, or a broken link.*circle\.png \("
    ):
        shaped(shape=GRAY8)
    assert shaped(shape=GRAY8, skip_bad=True).names == due


def test_what_begins_with_a_dot_and_what_is_no_file() -> None:
    save_some(2)
    save_some(2, "own/.thumbnails")
    plain(0).save("own/._a.png")
    Path("own/folder.png").mkdir()
    os.mkfifo("own/pipe.png")  # reading it would wait for ever
    assert shaped().names == ("0.png", "1.png")


def test_odd_names() -> None:
    for name in (b"a\nb.png", b"\xff\xfe.png", "größe.png".encode()):
        with open(os.path.join(b"own", name), "wb") as file:
            file.write(encoded(plain(len(name))))
    images = shaped()
    assert images.names is not None
    assert set(images.names) == {"a\nb.png", r"\udcff\udcfe.png", "größe.png"}
    assert "\n".join(images.names).encode()
    assert shaped().names == images.names  # from the cache
    assert len(load("folder:own")) == 3
    with open(b"own/a\nb.png", "wb"), open(b"own/\xff\xfe.png", "wb"):
        pass
    with pytest.raises(InfoganError, match=r"2 of 3") as error:
        shaped()
    assert r"a\nb.png (unknown format" in str(error.value)
    assert r"\udcff\udcfe.png (unknown format" in str(error.value)
    assert str(error.value).encode()
    assert "\n" not in str(error.value)


def test_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the operating system, which lets root read everything."""
    save_some(3)
    really = Image.open

    def denied(file: object, **kwargs: object) -> Image.Image:
        if str(file).endswith("1.png"):
            raise PermissionError(13, "Permission denied", str(file))
        return really(file, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("infogan.data.formats.image.Image.open", denied)
    with pytest.raises(InfoganError, match=r"1 of 3 .*: 1\.png \(Permission denied\); repair"):
        shaped()

    def no_entry(folder: object) -> object:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr("infogan.data.formats.folder.os.scandir", no_entry)
    with pytest.raises(InfoganError, match=r"own.* cannot be listed \(Permission denied\)"):
        shaped()


def test_zip_and_folder_agree(cache: Path) -> None:
    save_some(4)
    save_some(2, "own/in")
    with zipfile.ZipFile("own.ZIP", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(Path("own").rglob("*.png"), reverse=True):
            archive.write(file, file.relative_to("own"))
        archive.writestr("__MACOSX/._0.png", b"junk")
        archive.writestr(".hidden/0.png", b"junk")
    packed, loose = shaped("own.ZIP"), shaped()
    assert packed.names == loose.names
    np.testing.assert_array_equal(packed.x, loose.x)
    assert len(list(cache.iterdir())) == 2
    assert len(shaped("folder:own.ZIP")) == 6
    assert len(list(cache.iterdir())) == 2


# npz, parquet, hf

PICTURES = [plain((20 * i, 0, 100), "RGB", (9 + i, 9)) for i in range(7)]
REDS = [20 * i for i in range(7)]


def reds(images: Images) -> list[int]:
    return [int(x[0, 4, 4]) for x in images.x]


def test_npz_in_a_shape(cache: Path) -> None:
    x = np.array(REDS, np.uint8)[:, None, None].repeat(12, 1).repeat(16, 2)
    np.savez("own.npz", images=x, labels=np.arange(7), factors=np.arange(14.0).reshape(7, 2))
    images = shaped("npz:own.npz")
    assert images.shape == RGB8
    assert reds(images) == REDS
    assert images.labels is not None
    assert images.labels.numbers.tolist() == list(range(7))
    assert images.factors is not None
    assert images.factors.values[6, 1] == 13
    assert images.names is None
    as_it_is = load("npz:own.npz")
    assert as_it_is.shape == (1, 12, 16)
    assert len(list(cache.iterdir())) == 1
    np.testing.assert_array_equal(shaped("own.npz", (1, 12, 16)).x, as_it_is.x)
    assert len(list(cache.iterdir())) == 1  # where nothing is to be done nothing is kept


def write_parquet(path: str, pictures: list[Image.Image], kind: str, **more: object) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    content = [encoded(picture) for picture in pictures]
    column: list[object] = list(content)
    if kind == "struct":
        column = [{"bytes": c, "path": f"p{i}.png"} for i, c in enumerate(content)]
    name = "data" if kind == "only" else "image"
    pq.write_table(
        pa.table({"text": list("abcdefg"[: len(content)]), name: column, **more}), path, row_group_size=3
    )


@pytest.mark.parametrize("kind", ["bytes", "struct", "only"])
def test_parquet(kind: str, cache: Path) -> None:
    write_parquet("own.parquet", PICTURES, kind, label=list(range(7)))
    images = shaped("parquet:own.parquet")
    assert reds(images) == REDS
    assert images.labels is not None
    assert images.labels.numbers.tolist() == list(range(7))
    assert images.names == (tuple(f"p{i}.png" for i in range(7)) if kind == "struct" else None)
    assert reds(shaped("own.parquet")) == REDS
    assert len(list(cache.iterdir())) == 1
    found = inspect_source("parquet:own.parquet")
    assert (found.n, found.channels, found.width, found.height, found.shape) == (7, 3, 12, 9, None)


def test_a_folder_of_parquet() -> None:
    write_parquet("many/b.parquet", PICTURES[4:], "bytes", label=[4, 5, 6])
    write_parquet("many/a.parquet", PICTURES[:4], "bytes", label=[0, 1, 2, 3])
    images = shaped("parquet:many")
    assert reds(images) == REDS
    assert images.labels is not None
    assert images.labels.numbers.tolist() == list(range(7))
    assert shaped("parquet:many/b.parquet").labels is not None
    write_parquet("many/c.parquet", PICTURES[:1], "bytes")
    more = shaped("parquet:many")
    assert reds(more) == [*REDS, 0]
    assert more.labels is None  # as one file has none


def test_parquet_as_it_is_and_with_bad_rows(capsys: pytest.CaptureFixture[str]) -> None:
    content: list[bytes | None] = [encoded(plain(10 * i)) for i in range(7)]
    content[2], content[5] = b"no picture", None
    table = {"image": pa.array(content, pa.binary()), "label": pa.array(range(7), pa.int8())}
    pq.write_table(pa.table(table), "own.parquet", row_group_size=2)
    said = r"2 of 7 images in own\.parquet cannot be read: row 2 \(unknown format.*row 5 \(empty\)"
    for shape in (None, GRAY8):
        with pytest.raises(InfoganError, match=said):
            load("own.parquet", load_options=LoadOptions(shape=shape))
        images = load("own.parquet", load_options=LoadOptions(shape=shape, skip_bad=True))
        assert values(images) == [0, 10, 30, 40, 60]
        assert images.labels is not None
        assert images.labels.numbers.tolist() == [0, 1, 3, 4, 6]
        assert "they are left out" in capsys.readouterr().err


def test_rows_by_index_are_those_rows() -> None:
    """As `probe` asks for: some of each file, and no row of some row groups."""
    write_parquet("many/a.parquet", PICTURES, "bytes")
    write_parquet("many/b.parquet", PICTURES, "bytes")
    collection = open_parquet(Path("many"))
    for index in ([0, 5, 6], [6, 7], [13], [4, 8, 12], []):
        with collection.items(index) as items:
            found = [(item.name, item.open().getpixel((4, 4))) for item in items]
        assert found == [(f"row {i}", (REDS[i % 7], 0, 100)) for i in index]
    with collection.items(None) as items:
        assert [item.name for item in items] == [f"row {i}" for i in range(14)]


def test_a_sample_comes_from_all_over_a_pile() -> None:
    write_parquet("many/a.parquet", PICTURES, "bytes")
    rows = open_parquet(Path("many"))
    assert rows.spread_indices(7) == list(range(7))
    single = replace(rows, n=1000, n_adjacent=1).spread_indices(200)
    assert (single[0], single[-1], len(single)) == (0, 999, 200)
    assert set(np.diff(single)) == {5, 6}
    runs = replace(rows, n=1000, n_adjacent=25).spread_indices(200)
    assert (runs[0], runs[-1], len(runs)) == (0, 999, 200)
    assert sorted(np.diff(runs))[:-7] == [1] * 192


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"a": [1], "b": ["x"]}, r"own\.parquet has no column of images, which are bytes, but a, b"),
        ({"a": [b"1"], "b": [b"x"]}, "several columns of bytes, a, b; rename the one with the images"),
        ({"image": pa.array([], pa.binary())}, "has no rows"),
        (b"", r"own\.parquet cannot be read as Parquet"),
        (b"no parquet at all", r"own\.parquet cannot be read as Parquet"),
    ],
)
def test_parquet_of_another_kind(table: dict[str, object] | bytes, said: str) -> None:
    if isinstance(table, bytes):
        Path("own.parquet").write_bytes(table)
    else:
        pq.write_table(pa.table(table), "own.parquet")
    for name, error in (("own.parquet", said), ("own", "own contains no .parquet"), ("no", "there is no no")):
        with pytest.raises(InfoganError, match=error):
            shaped(f"parquet:{name}")


HF = """
import json, sys
import numpy as np
from infogan.data import LoadOptions
from infogan.data.registry import inspect_source, load
from infogan.utils.errors import InfoganError
said = []
for name in json.loads(sys.argv[1]):
    try:
        images = load(name, load_options=LoadOptions(shape=(3, 8, 8)))
        labels = None if images.labels is None else images.labels.numbers.tolist()
        found = inspect_source(name)
        said.append([images.x[:, 0, 4, 4].tolist(), labels, images.names, found.n, found.channels])
    except InfoganError as error:
        said.append(str(error))
print(json.dumps(said))
"""


def offline(*names: str) -> list[object]:
    """What `hf:` gives in a process of its own that may not ask the hub, with caches of its own."""
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(Path("hf").resolve()),
        "XDG_CACHE_HOME": str(Path("xdg").resolve()),
    }
    line = [sys.executable, "-W", "ignore", "-c", HF, json.dumps(names)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    said: list[object] = json.loads(done.stdout)
    return said


def test_hf_of_this_machine() -> None:
    pytest.importorskip("datasets")
    for i, picture in enumerate(PICTURES[:4]):
        folder = Path("tree/train") / ("cat", "dog")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{i}.png")
    write_parquet("rows/train-0.parquet", PICTURES, "struct")
    write_parquet("rows/test-0.parquet", PICTURES[:2], "struct")
    Path("texts").mkdir()
    Path("texts/a.csv").write_text("a,b\n1,2\n")
    tree, rows, test, tset, texts, nowhere = offline(
        "hf:tree", "hf:rows", "hf:rows:test", "hf:rows:tset", "hf:texts", "hf:nobody/nothing"
    )
    assert isinstance(tree, list)
    assert tree[:2] == [[0, 40, 20, 60], [0, 0, 1, 1]]
    assert [Path(name).name for name in tree[2]] == ["0.png", "2.png", "1.png", "3.png"]
    assert tree[3:] == [4, 3]
    assert rows == [REDS, None, [f"p{i}.png" for i in range(7)], 7, 3]
    assert isinstance(test, list)
    assert test[0] == [0, 20]
    assert tset == "hf:rows has no split 'tset'; did you mean 'test'?"
    assert texts == "hf:texts:train has no column of images, which are bytes, but a, b."
    assert isinstance(nowhere, str)
    assert nowhere.startswith("hf:nobody/nothing cannot be loaded (")


def test_hf_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InfoganError, match=r"pip install 'infogan\[data\]'"):
        shaped("hf:own")


# probe and names


@pytest.mark.parametrize(
    ("pictures", "channels"),
    [
        ([plain(5), plain((7, 7, 7), "RGB"), plain(1, "1")], 1),
        ([plain(5), plain((7, 7, 90), "RGB")], 3),
        ([plain(5), palette()], 3),
        ([Image.fromarray(np.full((9, 9), 900, np.uint16))], 1),
        ([plain((9, 9, 9, 128), "RGBA")], 1),
    ],
)
def test_probe_tells_gray_from_colour(pictures: list[Image.Image], channels: int) -> None:
    for i, picture in enumerate(pictures):
        picture.save(f"own/{i}.png")
    assert inspect_source("folder:own").channels == channels


def test_probe_counts_and_measures(cache: Path) -> None:
    for i in range(700):
        plain(5, size=(30, 20 if i % 2 else 21 + i // 100)).save(f"own/{i:03d}.png")
    plain((255, 0, 0), "RGB", (30, 30)).save("own/699.png")  # the last, which a spread-out sample takes
    found = inspect_source("folder:own")
    assert (found.n, found.channels) == (700, 3)
    assert (found.width, 20 <= found.height <= 24) == (30, True)
    assert not cache.exists()


def test_probe_measures_images_as_they_are_upright() -> None:
    sideways = Image.Exif()
    sideways[ExifTags.Base.Orientation] = 6
    for i in range(3):
        plain(5, size=(30, 20)).save(f"own/{i}.jpg", exif=sideways)
        plain(5, size=(30, 20)).save(f"own/{i}.png", exif=sideways)
    found = inspect_source("folder:own")
    assert (found.width, found.height) == (20, 30)
    assert found.training_shape((48, 64)) == (1, 64, 48)


def test_probe_of_a_data_set() -> None:
    found = inspect_source("digits:test")
    assert (found.n, found.channels, found.shape) == (360, 1, (1, 8, 8))
    with pytest.raises(InfoganError, match="no split"):
        inspect_source("digits:tset")
    with pytest.raises(InfoganError, match="did you mean 'digits'"):
        inspect_source("digit")


def test_names_that_serve_in_any_folder(tmp_path: Path) -> None:
    np.save("own.npy", np.zeros((3, 8, 8), np.uint8))
    assert absolute_name("folder:own") == absolute_name("own") == f"folder:{tmp_path}/own"
    assert absolute_name("own.npy") == f"npz:{tmp_path}/own.npy"
    assert absolute_name("parquet:a.parquet") == f"parquet:{tmp_path}/a.parquet"
    assert absolute_name("hf:own:test") == f"hf:{tmp_path}/own:test"
    assert absolute_name("hf:nobody/nothing:test") == "hf:nobody/nothing:test"
    assert absolute_name("mnist:test") == "mnist:test"
    assert [
        is_image_source(n) for n in ("digits", "mnist:test", "own", "own.npy", "hf:x", "folder:nowhere")
    ] == [True] * 6
    assert not is_image_source("nowhere")
    assert not is_image_source("mnits")


@pytest.mark.skipif("INFOGAN_DATA" not in os.environ, reason="INFOGAN_DATA names no CelebA")
def test_real_faces(tmp_path: Path) -> None:
    """300 JPEGs as published, against the ones that were made of the same pictures by CelebA's own recipe."""
    root = Path(os.environ["INFOGAN_DATA"]) / "celeba"
    zipped = root / "celeba_10k_89x109_jpg.zip"
    if not zipped.exists():
        pytest.skip("INFOGAN_DATA names no CelebA")
    with zipfile.ZipFile(zipped) as archive:
        names = sorted(archive.namelist())[:300]
        archive.extractall("own", names)
    found = inspect_source("folder:own")
    assert (found.n, found.channels, found.width, found.height) == (300, 3, 89, 109)
    images = shaped(shape=(3, 32, 32))
    assert images.names == tuple(names)
    for i in (0, 150, 299):
        whole = np.asarray(Image.open(f"own/{names[i]}")).astype(float)[10:99]
        due = torch.nn.functional.interpolate(  # another implementation of reduction with a wide filter
            torch.from_numpy(whole.transpose(2, 0, 1).copy())[None], (32, 32), mode="bicubic", antialias=True
        )
        assert np.abs(images.x[i] - due[0].numpy()).mean() < 4
