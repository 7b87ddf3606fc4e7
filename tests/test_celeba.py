"""CelebA: the crop, the attributes, and the precedence of its files."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infogan.data.datasets import celeba
from infogan.data.datasets.celeba import ATTRIBUTES, CELEBA, crop_face, read_attributes, read_preprocessed
from infogan.data.formats.folder import find_image_files
from infogan.data.images import Images
from infogan.data.options import LoadOptions
from infogan.utils.errors import InfoganError

RNG = np.random.default_rng(0)


def ramp(width: int, height: int) -> Image.Image:
    """An image in which red is the column of a pixel and green its row."""
    row, column = np.indices((height, width))
    return Image.fromarray(np.stack([column, row, np.zeros_like(row)], axis=2).astype(np.uint8))


@pytest.mark.parametrize(("size", "left", "top", "side"), [((178, 218), 15, 35, 148), ((89, 109), 7, 17, 74)])
def test_crop_position(size: tuple[int, int], left: int, top: int, side: int) -> None:
    """A symmetric filter does not change a linear ramp, so each pixel shows where it comes from."""
    face = crop_face(ramp(*size)).astype(float)
    centre = (np.arange(32) + 0.5) * side / 32 - 0.5
    np.testing.assert_allclose(face[0], np.tile(left + centre, (32, 1)), atol=1)
    np.testing.assert_allclose(face[1], np.tile((top + centre)[:, None], (1, 32)), atol=1)
    assert (face[2] == 0).all()


def test_crop_of_gray_image() -> None:
    assert (crop_face(Image.new("L", (178, 218), 9)) == 9).all()


@pytest.fixture
def folder(tmp_path: Path, user_cache: Path) -> Path:
    """An empty data folder `celeba`, and an empty cache."""
    (tmp_path / "celeba").mkdir()
    return tmp_path / "celeba"


def load(folder: Path, skip_bad: bool = False) -> Images:
    return CELEBA.load(LoadOptions(folder.parent, skip_bad), "train")


def save_faces(folder: Path, values: list[int]) -> Path:
    place = folder / "img_align_celeba"
    place.mkdir(exist_ok=True)
    for i, value in enumerate(values, start=1):
        Image.new("RGB", (178, 218), (value, 0, 0)).save(place / f"{i:06d}.jpg", quality=95)
    return place


def save_preprocessed(path: Path, n: int, **other: np.ndarray) -> None:
    arrays = {
        "images": np.full((n, 32, 32, 3), 77, np.uint8),
        "ids": np.arange(1, n + 1, dtype=np.int32),
        "attributes": np.eye(n, 40, dtype=np.uint8),
        "attribute_names": np.array(ATTRIBUTES),
    }
    np.savez(path, **(arrays | other))  # type: ignore[arg-type]


def attribute_text(rows: dict[str, list[int]]) -> str:
    lines = [f"{name} " + " ".join(f"{v:2d}" for v in row) for name, row in rows.items()]
    return "\n".join([str(len(rows)), " ".join(ATTRIBUTES), *lines]) + "\n"


def test_folder_and_zip_are_equal(folder: Path) -> None:
    place = save_faces(folder, [10, 100, 200])
    images = load(folder)
    assert images.x.shape == (3, 3, 32, 32)
    np.testing.assert_allclose(images.x[:, 0].mean((1, 2)), [10, 100, 200], atol=2)
    assert images.names == ("000001.jpg", "000002.jpg", "000003.jpg")
    assert images.factors is None
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for file in sorted(place.iterdir(), reverse=True):
            archive.write(file, f"img_align_celeba/{file.name}")
            archive.writestr(f"__MACOSX/img_align_celeba/._{file.name}", b"no picture")
    zipped = load(folder)
    np.testing.assert_array_equal(zipped.x, images.x)
    assert zipped.names == tuple(f"img_align_celeba/{name}" for name in images.names)


def test_published_images_take_precedence(folder: Path) -> None:
    assert not CELEBA.is_available(LoadOptions(folder.parent), "train")
    save_preprocessed(folder / "celeba_10k_32x32.npz", 2)
    assert CELEBA.is_available(LoadOptions(folder.parent), "train")
    assert (load(folder).x == 77).all()
    save_faces(folder, [200])
    assert len(load(folder)) == 1


def test_attributes_are_matched_by_file_name(folder: Path) -> None:
    save_faces(folder, [10, 20, 30])
    signs = RNG.choice([-1, 1], (4, 40))
    rows = {f"{i:06d}.jpg": signs[i - 1].tolist() for i in (3, 4, 1, 2)}
    (folder / "list_attr_celeba.txt").write_text(attribute_text(rows))
    factors = load(folder).factors
    assert factors is not None
    np.testing.assert_array_equal(factors.values, signs[:3] > 0)
    assert factors.columns == CELEBA.factors
    assert {factor.kind for factor in factors.columns} == {"category"}


def test_skipped_images_keep_names_and_attributes_aligned(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = save_faces(folder, [10, 20, 30])
    bad = place / "000002.jpg"
    bad.write_bytes(bad.read_bytes()[:-400])
    rows = {f"{i:06d}.jpg": [-1] * i + [1] * (40 - i) for i in (1, 2, 3)}
    (folder / "list_attr_celeba.txt").write_text(attribute_text(rows))
    with pytest.raises(InfoganError, match=r"1 of 3 images in .* cannot be read: 000002\.jpg \(.*truncated"):
        load(folder)
    images = load(folder, skip_bad=True)
    assert "1 of 3 images" in capsys.readouterr().err
    assert images.names == ("000001.jpg", "000003.jpg")
    assert images.factors is not None
    assert images.factors.values.sum(axis=1).tolist() == [39, 37]


def test_faces_are_cached_until_a_file_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []

    def counted(picture: Image.Image, crop: Callable[[Image.Image], np.ndarray] = crop_face) -> np.ndarray:
        calls.append(picture.size)
        return crop(picture)

    monkeypatch.setattr(celeba, "crop_face", counted)
    place = save_faces(folder, [10, 20])
    first = load(folder)
    np.testing.assert_array_equal(load(folder).x, first.x)
    assert len(calls) == 2
    Image.new("RGB", (178, 218), (0, 90, 0)).save(place / "000002.jpg")
    assert load(folder).x[1, 1].mean() == pytest.approx(90, abs=2)
    assert len(calls) == 4


def test_images_that_are_not_aligned(folder: Path) -> None:
    place = folder / "img_align_celeba"
    place.mkdir()
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (400, 300)).save(place / name)
    with pytest.raises(InfoganError, match=r"none of the 2 .*400x300, but aligned pictures are 178x218"):
        load(folder)


ROW = " ".join(["1", "-1"] * 20)
NAMES = " ".join(ATTRIBUTES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names 0 attributes"),
        (f"1\nBald Young\na.jpg {ROW}\n", "names 2 attributes, Bald Young"),
        (f"1\n{NAMES} More\na.jpg {ROW}\n", "names 41 attributes"),
        (f"2\n{NAMES}\na.jpg {ROW}\n", "has 1 pictures, but its first line says '2'"),
        (f"many\n{NAMES}\na.jpg {ROW}\n", "says 'many'"),
        (f"1\n{NAMES}\nb.jpg {ROW}\n", r"lacks 1 of 1 pictures, the first is a\.jpg"),
        (f"1\n{NAMES}\na.jpg {ROW} 1\n", r"has 41 attributes for a\.jpg, not 40"),
        (f"1\n{NAMES}\na.jpg {ROW[:-3]} 0\n", "other than -1 and 1"),
        ("\udcff", "cannot be read"),
    ],
)
def test_invalid_attribute_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text(text, "utf-8", "surrogateescape")
    with pytest.raises(InfoganError, match=message) as error:
        read_attributes(path, ("a.jpg",))
    assert str(path) in str(error.value)


def test_preprocessed_file(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (3, 32, 32, 3), np.uint8)
    save_preprocessed(tmp_path / "a.npz", 3, images=x, ids=np.array([7, 202599, 1]))
    images = read_preprocessed(tmp_path / "a.npz")
    np.testing.assert_array_equal(images.x.transpose(0, 2, 3, 1), x)
    assert images.names == ("000007.jpg", "202599.jpg", "000001.jpg")
    assert images.factors is not None
    np.testing.assert_array_equal(images.factors.values, np.eye(3, 40))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"images": np.zeros((3, 32, 32, 3), np.uint8)}, r"\(3, 32, 32, 3\) for ids \(2,\)"),
        ({"images": np.zeros((2, 32, 32, 3), np.float32)}, "float32"),
        ({"images": np.zeros((2, 64, 64, 3), np.uint8)}, r"\(2, 64, 64, 3\)"),
        ({"attributes": np.zeros((2, 39), np.uint8)}, r"attributes \(2, 39\)"),
        ({"attributes": np.full((2, 40), -1)}, r"of \[-1\]; expected 0 and 1"),
        ({"attributes": np.zeros((0, 40), np.uint8)}, r"attributes \(0, 40\)"),
        ({"attribute_names": np.array(ATTRIBUTES[::-1])}, "names 40 attributes, Young"),
        ({"attribute_names": np.array("Bald")}, "names 1 attributes, Bald"),
    ],
)
def test_invalid_preprocessed_file(tmp_path: Path, other: dict[str, np.ndarray], message: str) -> None:
    save_preprocessed(tmp_path / "a.npz", 2, **other)
    with pytest.raises(InfoganError, match=message):
        read_preprocessed(tmp_path / "a.npz")


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InfoganError, match=r"CelebA is not in .*put celeba/img_align_celeba\.zip or"):
        CELEBA.load(LoadOptions(tmp_path), "train")


REAL = LoadOptions().data_folder
JPEGS = "celeba/celeba_10k_89x109_jpg.zip"


@pytest.mark.skipif(
    REAL is None or not (REAL / JPEGS).exists() or not (REAL / celeba.PREPROCESSED_FILE).exists(),
    reason=f"INFOGAN_DATA names no folder with {JPEGS} and {celeba.PREPROCESSED_FILE}",
)
def test_crop_reproduces_the_preprocessed_file() -> None:
    root = Path(os.environ["INFOGAN_DATA"])
    preprocessed, files = read_preprocessed(root / celeba.PREPROCESSED_FILE), find_image_files(root / JPEGS)
    assert preprocessed.names == files.names
    chosen = range(0, len(files.names), 200)
    sample = type(files)(files.root, tuple(files.names[i] for i in chosen))
    x, names = sample.read(crop_face)
    assert len(names) == 50
    np.testing.assert_allclose(x.astype(int), preprocessed.x[list(chosen)].astype(int), atol=1)
