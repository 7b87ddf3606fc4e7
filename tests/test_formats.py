"""Image folders and zips, and published files: SVHN, rendered chairs, and images of known factors."""

import gzip
import itertools
import math
import struct
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from infogan.data import load
from infogan.data.datasets.cars3d import CARS3D
from infogan.data.datasets.factored import DSPRITES, MPI3D, SHAPES3D, read_dsprites, read_mpi3d, read_shapes3d
from infogan.data.datasets.rendered_chairs import RENDERED_CHAIRS
from infogan.data.datasets.smallnorb import SMALLNORB
from infogan.data.datasets.svhn import SVHN, read_svhn
from infogan.data.formats.numpy_images import load_numpy
from infogan.data.images import Factor, Images
from infogan.data.options import LoadOptions
from infogan.utils.errors import InfoganError

RNG = np.random.default_rng(0)


def load_folder(path: Path, skip_bad: bool = False) -> Images:
    return load(f"folder:{path}", load_options=LoadOptions(skip_bad=skip_bad))


def save_noise(folder: Path, n: int, suffix: str = ".jpg", size: int = 24) -> list[Path]:
    paths = [folder / f"{i:04d}{suffix}" for i in range(n)]
    for path in paths:
        Image.fromarray(RNG.integers(0, 256, (size, size, 3), np.uint8)).save(path)
    return paths


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def test_many_images_keep_their_order(tmp_path: Path) -> None:
    for i in range(200):
        Image.new("L", (3, 2), i).save(tmp_path / f"{i:03d}.png")
    images = load_folder(tmp_path)
    assert images.x[:, 0, 0, 0].tolist() == list(range(200))
    assert images.names == tuple(f"{i:03d}.png" for i in range(200))


def test_unreadable_images_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    paths = save_noise(tmp_path, 60)
    for path in paths[10:50:10]:
        truncate(path)
    paths[5].write_bytes(b"no image")
    with pytest.raises(InfoganError) as error:
        load_folder(tmp_path)
    message = str(error.value)
    assert message.startswith(f"5 of 60 images in {tmp_path} cannot be read: 0005.jpg (")
    assert "0010.jpg (image file is truncated" in message
    assert "0030.jpg" not in message
    assert message.endswith(", ...; repair them, or set skip_bad to leave them out.")


@pytest.mark.parametrize(("mode", "size"), [("RGB", (5, 4)), ("L", (4, 5))])
def test_two_images_that_differ_in_shape(tmp_path: Path, mode: str, size: tuple[int, int]) -> None:
    for name in "abc":
        Image.new("L", (5, 4)).save(tmp_path / f"{name}.png")
    Image.new(mode, size).save(tmp_path / "d.png")
    with pytest.raises(InfoganError, match=r"d\.png has .*, but .*a\.png has \(1, 4, 5\); bring them to one"):
        load_folder(tmp_path)


def test_zip_with_damaged_images(tmp_path: Path) -> None:
    path = tmp_path / "own.zip"
    paths = save_noise(tmp_path, 3, ".png")
    with zipfile.ZipFile(path, "w") as archive:
        for file in paths:
            archive.write(file, file.name)
        start = archive.infolist()[1].header_offset + 100
    content = bytearray(path.read_bytes())
    content[start : start + 50] = bytes(255 - b for b in content[start : start + 50])
    path.write_bytes(content)
    with pytest.raises(InfoganError, match=r"1 of 3 images in .*own\.zip cannot be read: 0001\.png \("):
        load_folder(path)
    assert load_folder(path, skip_bad=True).names == ("0000.png", "0002.png")


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255, 256, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert load_folder(tmp_path).x[0, 0, 0].tolist() == [0, 0, 1, 255]
    Image.fromarray(np.full((1, 4), 300, np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(InfoganError, match=r"1 of 2 .*b\.tif \(float32 from 300 to 300; bring floats to"):
        load_folder(tmp_path)


X = RNG.integers(0, 256, (4, 8, 8), np.uint8)
VALUES = np.array([[0, 0.5, 1.5], [1, 0.25, 2.5], [2, 0, -1], [0, 1, 3]])
NAMES = np.array(["person", "light", "azimuth"])
KINDS = np.array(["category", "number", "angle"])


def test_npz_with_factors(tmp_path: Path) -> None:
    path = tmp_path / "faces.npz"
    np.savez(path, images=X, factors=VALUES, factor_names=NAMES, factor_kinds=KINDS)
    factors = load_numpy(path).factors
    assert factors is not None
    np.testing.assert_array_equal(factors.values, VALUES)
    assert factors.columns == (
        Factor("person", "category"),
        Factor("light", "number"),
        Factor("azimuth", "angle"),
    )
    np.savez(path, images=X, factors=VALUES.astype(np.float32))
    factors = load_numpy(path).factors
    assert factors is not None
    assert [(f.name, f.kind) for f in factors.columns] == [(f"factor{i}", "number") for i in (1, 2, 3)]
    np.savez(path, images=X, factor_names=NAMES)
    assert load_numpy(path).factors is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"factors": VALUES[:3]}, r"4 images but factors of shape \(3, 3\)"),
        ({"factors": VALUES[:, 0]}, r"4 images but factors of shape \(4,\)"),
        ({"factors": VALUES, "factor_names": NAMES[:2]}, r"factor_names of shape \(2,\)"),
        ({"factors": VALUES, "factor_names": np.array(["a", "b", "a"])}, "a unique name"),
        ({"factors": VALUES, "factor_kinds": KINDS[:2]}, r"factor_kinds of shape \(2,\)"),
        ({"factors": VALUES, "factor_kinds": np.array(["color"] * 3)}, "calls factor1 a 'color'"),
        ({"factors": VALUES, "factor_kinds": np.array(["category"] * 3)}, "factor2 other than 0, 1"),
        ({"factors": VALUES + np.array([0, 0, np.inf])}, "factor3 that are NaN or infinite"),
        ({"factors": NAMES}, "factors of type <U7; they must be numbers"),
    ],
)
def test_npz_with_invalid_factors(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "faces.npz"
    np.savez(path, images=X, **arrays)  # type: ignore[arg-type]
    with pytest.raises(InfoganError, match=message) as error:
        load_numpy(path)
    assert str(path) in str(error.value)


def test_svhn(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (3, 3, 32, 32), np.uint8)
    (tmp_path / "svhn").mkdir()
    path = tmp_path / "svhn" / "test_32x32.mat"
    savemat(path, {"X": x.transpose(2, 3, 1, 0), "y": np.array([[1], [10], [9]], np.uint8)})
    images = SVHN.load(LoadOptions(tmp_path), "test")
    np.testing.assert_array_equal(images.x, x)
    assert images.labels is not None
    assert images.labels.numbers.tolist() == [1, 0, 9]
    assert SVHN.is_available(LoadOptions(tmp_path), "test")
    assert not SVHN.is_available(LoadOptions(tmp_path), "train")
    with pytest.raises(InfoganError, match=r"SVHN \(train\) is not in"):
        SVHN.load(LoadOptions(tmp_path), "train")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.zeros((32, 32, 3, 2), np.uint8)}, "lacks X or y"),
        ({"X": np.zeros((32, 32, 3, 2)), "y": np.ones((2, 1))}, "X float64"),
        ({"X": np.zeros((2, 32, 32, 3), np.uint8), "y": np.ones((2, 1))}, r"\(2, 32, 32, 3\)"),
        ({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.ones((3, 1))}, r"y \(3, 1\)"),
        ({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[0], [1]])}, "labels from 0 to 1"),
        ({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[11], [1]])}, "labels from 1 to 11"),
        ({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array(["a", "b"])}, "y is not an array of real"),
        ({"X": np.zeros((32, 32, 3, 0), np.uint8), "y": np.ones((0, 1))}, "SVHN"),
    ],
)
def test_mat_that_is_not_svhn(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "bad.mat"
    savemat(path, arrays)
    with pytest.raises(InfoganError, match=message) as error:
        read_svhn(path)
    assert str(path) in str(error.value)


def test_mat_of_version_7_3(tmp_path: Path) -> None:
    path = tmp_path / "new.mat"
    with h5py.File(path, "w", userblock_size=512) as f:
        f["X"] = np.zeros((2, 3, 32, 32), np.uint8)
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    path.write_bytes(head + path.read_bytes()[len(head) :])
    with pytest.raises(InfoganError, match=r"new\.mat is a \.mat of version 7\.3; save it as version 7"):
        read_svhn(path)


@pytest.mark.parametrize("damage", ["empty", "text", "head", "cut", "flipped"])
def test_damaged_mat(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bad.mat"
    x = RNG.integers(0, 256, (32, 32, 3, 2), np.uint8)
    savemat(path, {"X": x, "y": np.ones((2, 1), np.uint8)}, do_compression=True)
    whole = path.read_bytes()
    damaged = {
        "empty": b"",
        "text": b"<html>not here</html>" * 20,
        "head": whole[:120],
        "cut": whole[: len(whole) // 2],
        "flipped": whole[:200] + bytes(255 - b for b in whole[200:260]) + whole[260:],
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(InfoganError, match=r"bad\.mat"):
        read_svhn(path)


@pytest.fixture
def tree(tmp_path: Path, user_cache: Path) -> Path:
    """Twelve shapes from three azimuths and two elevations, each one gray; and a cache of its own."""
    for shape in range(12):
        folder = tmp_path / "rendered_chairs" / f"{shape:02d}ab" / "renders"
        folder.mkdir(parents=True)
        for i, (p, t) in enumerate(itertools.product((20, 30), (0, 90, 348))):
            picture = Image.new("RGB", (200, 200), "white")
            picture.paste((10 * shape,) * 3, (50, 100, 150, 200))  # the lower half, between the quarters
            picture.save(folder / f"image_{i:03d}_p{p:03d}_t{t:03d}_r096.png")
    return tmp_path


def load_chairs(tree: Path, split: str) -> Images:
    return RENDERED_CHAIRS.load(LoadOptions(tree), split)


def test_rendered_chairs(tree: Path) -> None:
    train, test = load_chairs(tree, "train"), load_chairs(tree, "test")
    assert train.x.shape == (66, 1, 64, 64)
    assert test.x.shape == (6, 1, 64, 64)
    assert train.names is not None
    assert test.names is not None
    assert {Path(name).parts[0] for name in test.names} == {"09ab"}
    assert "09ab" not in {Path(name).parts[0] for name in train.names}
    assert (test.x[:, 0, 40:60, 20:44] == 90).all()  # the whole picture, so the quarters stay quarters
    assert (test.x[:, 0, :28] == 255).all()
    assert (test.x[:, 0, :, :12] == 255).all()
    assert test.factors is not None
    assert [(f.name, f.kind) for f in test.factors.columns] == [("azimuth", "angle"), ("elevation", "number")]
    degrees = [[t, p] for p in (20, 30) for t in (0, 90, 348)]
    np.testing.assert_allclose(test.factors.values, np.radians(degrees))
    assert train.factors is not None
    assert train.factors.values.shape == (66, 2)


def test_rendered_chairs_are_kept_until_they_change(tree: Path) -> None:
    first = load_chairs(tree, "test")
    made = {file: file.stat().st_mtime_ns for file in (tree / "cache").iterdir()}
    np.testing.assert_array_equal(load_chairs(tree, "test").x, first.x)
    assert {file: file.stat().st_mtime_ns for file in (tree / "cache").iterdir()} == made
    assert first.names is not None
    Image.new("RGB", (200, 200)).save(tree / "rendered_chairs" / first.names[0])
    assert load_chairs(tree, "test").x[0].max() == 0


def test_rendered_chairs_arranged_in_another_way(tree: Path) -> None:
    place = tree / "rendered_chairs"
    odd = place / "00ab" / "renders" / "chair.png"
    Image.new("RGB", (200, 200)).save(odd)
    with pytest.raises(
        InfoganError, match=r"holds .*chair\.png; arrange the files as published: SHAPE/renders/"
    ):
        load_chairs(tree, "train")
    odd.unlink()
    Image.new("RGB", (200, 100)).save(place / "00ab" / "renders" / "image_000_p020_t000_r096.png")
    with pytest.raises(InfoganError, match=r"1 of 66 images .*200x100, but views are square"):
        load_chairs(tree, "train")


def test_rendered_chairs_without_any_for_testing(tmp_path: Path) -> None:
    folder = tmp_path / "rendered_chairs" / "a" / "renders"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "image_000_p020_t000_r096.png")
    with pytest.raises(InfoganError, match="has 1 shapes, none for test"):
        load_chairs(tmp_path, "test")


def place_for(source_file: str, root: Path) -> Path:
    path = root / source_file
    path.parent.mkdir()
    return path


def test_dsprites(tmp_path: Path) -> None:
    path = place_for("dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz", tmp_path)
    imgs = RNG.integers(0, 2, (3, 64, 64), np.uint8)
    values = np.array([[1, 1, 0.5, 0, 0, 1], [1, 2, 0.75, math.pi, 0.5, 0], [1, 3, 1, 6, 1, 0.25]])
    # The published metadata is pickled; an object of this name shows that it is never opened.
    np.savez(path, imgs=imgs, latents_values=values, metadata=np.array({"title": "dSprites"}, dtype=object))
    images = DSPRITES.load(LoadOptions(tmp_path), "train")
    np.testing.assert_array_equal(images.x[:, 0], imgs * 255)
    assert images.factors is not None
    assert images.factors.columns == DSPRITES.factors
    np.testing.assert_array_equal(images.factors.values[:, 0], [0, 1, 2])
    np.testing.assert_array_equal(images.factors.values[:, 1:], values[:, 2:])


ZERO_LABELS = np.zeros((2, 6))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((2, 64, 64), np.uint8)}, "no array named 'imgs', but images"),
        ({"imgs": np.zeros((2, 32, 32), np.uint8), "latents_values": ZERO_LABELS}, r"\(2, 32, 32\)"),
        ({"imgs": np.zeros((2, 64, 64)), "latents_values": ZERO_LABELS}, "imgs float64"),
        ({"imgs": np.full((2, 64, 64), 255, np.uint8), "latents_values": ZERO_LABELS}, "up to 255"),
        ({"imgs": np.zeros((2, 64, 64), np.uint8), "latents_values": np.zeros((2, 5))}, r"\(2, 5\)"),
        (
            {"imgs": np.zeros((3, 64, 64), np.uint8), "latents_values": ZERO_LABELS},
            r"expected floats, \(3, 6\)",
        ),
    ],
)
def test_npz_that_is_not_dsprites(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(InfoganError, match=message) as error:
        read_dsprites(path)
    assert str(path) in str(error.value)


SHAPES_X = RNG.integers(0, 256, (3, 64, 64, 3), np.uint8)
SHAPES_LABELS = np.array([[0, 0.1, 0.9, 0.75, 0, -30], [0.5, 0, 0, 1.25, 3, 30], [0.25, 0, 0, 1, 2, 0]])


@pytest.mark.parametrize("kind", ["h5", "npz"])
def test_3d_shapes(tmp_path: Path, user_cache: Path, kind: str) -> None:
    path = place_for(f"3dshapes/3dshapes.{kind}", tmp_path)
    if kind == "h5":
        with h5py.File(path, "w") as f:
            f["images"], f["labels"] = SHAPES_X, SHAPES_LABELS
    else:
        np.savez(path, images=SHAPES_X, labels=SHAPES_LABELS)
    images = SHAPES3D.load(LoadOptions(tmp_path), "train")
    assert images.shape == SHAPES3D.shape
    np.testing.assert_array_equal(
        images.pixels.take(torch.tensor([2, 0])), SHAPES_X[[2, 0]].transpose(0, 3, 1, 2)
    )
    assert images.factors is not None
    floor, _, hue, scale, shape, orientation = images.factors.values.T
    np.testing.assert_allclose(floor, [0, math.pi, math.pi / 2])
    assert 1 - math.cos(hue[0]) < 0.2  # 0.9 of the way round is near to where it starts
    assert scale.tolist() == [0.75, 1.25, 1]
    assert shape.tolist() == [0, 3, 2]
    np.testing.assert_allclose(orientation, [-math.pi / 6, math.pi / 6, 0])
    assert [f.kind for f in images.factors.columns].count("angle") == 3


def test_3d_shapes_of_another_kind(tmp_path: Path, user_cache: Path) -> None:
    path = tmp_path / "3dshapes.h5"
    path.write_bytes(b"no numbers")
    with pytest.raises(InfoganError, match=r"3dshapes\.h5 cannot be read"):
        read_shapes3d(path)
    with h5py.File(path, "w") as f:
        f["images"] = SHAPES_X
    with pytest.raises(InfoganError, match="has no array labels"):
        read_shapes3d(path)
    with h5py.File(path, "w") as f:
        f["images"], f["labels"] = SHAPES_X, SHAPES_LABELS[:2]
    with pytest.raises(InfoganError, match=r"labels float64 \(2, 6\); expected floats, \(3, 6\)"):
        read_shapes3d(path)


def test_h5_without_h5py(tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "3dshapes.h5").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InfoganError, match=r"pip install 'infogan\[h5\]'"):
        read_shapes3d(tmp_path / "3dshapes.h5")


GRID = (2, 1, 2, 1, 1, 2, 3)


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_mpi3d(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mpi3d_real.{kind}"
    x = RNG.integers(0, 256, (24, 64, 64, 3), np.uint8)
    if kind == "npz":
        np.savez(path, images=x)
    else:
        np.save(path, x)
    images = read_mpi3d(path, GRID)
    np.testing.assert_array_equal(images.pixels.take(torch.tensor([23, 5])), x[[23, 5]].transpose(0, 3, 1, 2))
    assert images.factors is not None
    points = list(itertools.product(*map(range, GRID)))  # the last fastest
    np.testing.assert_array_equal(images.factors.values, points)
    with pytest.raises(InfoganError, match="holds 24 images, but the grid has 1,036,800 points"):
        read_mpi3d(path)
    with pytest.raises(InfoganError, match="MPI3D is not in"):
        MPI3D.load(LoadOptions(tmp_path), "train")


def test_compressed_arrays_are_unpacked_once(
    tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "3dshapes.npz"
    np.savez_compressed(path, images=SHAPES_X, labels=SHAPES_LABELS)
    for _ in range(2):
        np.testing.assert_array_equal(read_shapes3d(path).x, SHAPES_X.transpose(0, 3, 1, 2))
        monkeypatch.setattr("infogan.data.formats.mapped._unpack", None)  # not called again
    assert len(list((user_cache / "arrays").iterdir())) == 2
    monkeypatch.undo()
    monkeypatch.setattr("infogan.data.cache.platformdirs.user_cache_dir", lambda *_: str(user_cache))
    np.savez_compressed(path, images=SHAPES_X[::-1], labels=SHAPES_LABELS)  # another file, of another time
    np.testing.assert_array_equal(read_shapes3d(path).x, SHAPES_X[::-1].transpose(0, 3, 1, 2))


def test_no_room_to_unpack(tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "3dshapes.npz"
    np.savez_compressed(path, images=SHAPES_X, labels=SHAPES_LABELS)
    monkeypatch.setattr("infogan.data.formats.mapped.shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(InfoganError, match=r"needs 0\.0 GB in .*; make room there"):
        read_shapes3d(path)
    assert not list((user_cache / "arrays").iterdir())


@pytest.mark.parametrize("compressed", [True, False])
def test_truncated_arrays(tmp_path: Path, user_cache: Path, compressed: bool) -> None:
    path = tmp_path / "3dshapes.npz"
    (np.savez_compressed if compressed else np.savez)(path, images=SHAPES_X, labels=SHAPES_LABELS)
    truncate(path)
    with pytest.raises(InfoganError, match=r"3dshapes\.npz cannot be read"):
        read_shapes3d(path)
    if compressed:
        np.savez_compressed(path, images=SHAPES_X, labels=SHAPES_LABELS)
        content = bytearray(path.read_bytes())
        content[5000:5100] = bytes(100)
        path.write_bytes(content)
        with pytest.raises(InfoganError, match=r"3dshapes\.npz cannot be read"):
            read_shapes3d(path)


def save_car(path: Path, im: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"im": im}, do_compression=True)


def test_cars3d(tmp_path: Path, user_cache: Path) -> None:
    levels = np.arange(2 * 24 * 4, dtype=np.uint8).reshape(2, 24, 4)  # of each picture of two cars
    for car, level in enumerate(levels):
        im = np.broadcast_to(level, (128, 128, 3, 24, 4)).copy()
        im[:64, :, 0] = 255  # the upper half is red
        save_car(tmp_path / "cars3d" / f"car_{car}_mesh.mat", im)
    for _ in range(2):  # from the files and from the cache
        images = CARS3D.load(LoadOptions(tmp_path), "train")
        assert images.shape == CARS3D.shape
        np.testing.assert_array_equal(images.x[:, 1, 5, 5], levels.ravel())
        assert (images.x[:, 0, :28] == 255).all()
        assert images.factors is not None
        elevation, azimuth, car = images.factors.values.T
        np.testing.assert_array_equal(car, np.repeat([0, 1], 96))
        np.testing.assert_allclose(azimuth[:96], np.repeat(np.arange(24) * math.pi / 12, 4))
        np.testing.assert_array_equal(elevation[:8], [0, 1, 2, 3] * 2)


def test_cars3d_of_another_kind(tmp_path: Path, user_cache: Path) -> None:
    with pytest.raises(InfoganError, match="put cars3d/data/cars or cars3d there"):
        CARS3D.load(LoadOptions(tmp_path), "train")
    path = tmp_path / "cars3d" / "car_1_mesh.mat"
    path.parent.mkdir()
    with pytest.raises(InfoganError, match=r"has no \.mat file"):
        CARS3D.load(LoadOptions(tmp_path), "train")
    save_car(path, np.zeros((64, 64, 3, 24, 4), np.uint8))
    with pytest.raises(InfoganError, match=r"holds im uint8 \(64, 64, 3, 24, 4\)"):
        CARS3D.load(LoadOptions(tmp_path), "train")
    savemat(path, {"other": np.zeros(3)})
    with pytest.raises(InfoganError, match="lacks im"):
        CARS3D.load(LoadOptions(tmp_path), "train")
    truncate(path)
    with pytest.raises(InfoganError, match=r"car_1_mesh\.mat cannot be read"):
        CARS3D.load(LoadOptions(tmp_path), "train")


NORB = "smallnorb/smallnorb-5x01235x9x18x6x2x96x96-testing"
NORB_INFO = [[0, 8, 34, 5], [9, 0, 0, 0], [3, 4, 18, 2]]


def save_norb(root: Path, dat: np.ndarray, cat: list[int], info: list[list[int]], suffix: str = "") -> None:
    """The three files of the test split, as published, gzipped with the suffix .gz."""
    (root / "smallnorb").mkdir(exist_ok=True)
    parts = {"dat": dat, "cat": np.array(cat, "<i4"), "info": np.array(info, "<i4")}
    for part, array in parts.items():
        magic = 0x1E3D4C55 if part == "dat" else 0x1E3D4C54
        sides = [*array.shape, 1, 1][: max(3, array.ndim)]  # at least three are stored
        content = struct.pack(f"<{2 + len(sides)}I", magic, array.ndim, *sides) + array.tobytes()
        path = root / f"{NORB}-{part}.mat{suffix}"
        path.write_bytes(gzip.compress(content) if suffix else content)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_smallnorb(tmp_path: Path, user_cache: Path, suffix: str) -> None:
    dat = np.zeros((3, 2, 96, 96), np.uint8)
    dat[:, 0] = np.array([50, 100, 200])[:, None, None]
    dat[:, 0, :48] = 0  # the left camera; that of the right is all black
    save_norb(tmp_path, dat, [4, 0, 2], NORB_INFO, suffix)
    for _ in range(2):  # from the files and from the cache
        images = SMALLNORB.load(LoadOptions(tmp_path), "test")
        assert images.shape == SMALLNORB.shape
        np.testing.assert_array_equal(images.x[:, 0, 60, 9], [50, 100, 200])
        assert not images.x[:, 0, :28].any()
        assert images.labels is not None
        assert images.labels.numbers.tolist() == [4, 0, 2]
        assert images.factors is not None
        category, instance, elevation, azimuth, lighting = images.factors.values.T
        assert (category.tolist(), instance.tolist(), lighting.tolist()) == ([4, 0, 2], [0, 9, 3], [5, 0, 2])
        np.testing.assert_allclose(np.degrees(elevation), [70, 30, 50])
        np.testing.assert_allclose(np.degrees(azimuth), [340, 0, 180])
    assert not SMALLNORB.is_available(LoadOptions(tmp_path), "train")
    with pytest.raises(InfoganError, match=r"SmallNORB \(train\) is not in"):
        SMALLNORB.load(LoadOptions(tmp_path), "train")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_smallnorb(tmp_path: Path, user_cache: Path, suffix: str) -> None:
    dat = RNG.integers(0, 256, (3, 2, 96, 96), np.uint8)

    def load_test() -> Images:
        return SMALLNORB.load(LoadOptions(tmp_path), "test")

    save_norb(tmp_path, dat, [4, 0], NORB_INFO, suffix)
    with pytest.raises(InfoganError, match=r"-cat\.mat.* holds int32 \(2,\); expected int32 \(3,\)"):
        load_test()
    save_norb(tmp_path, dat[:, :, ::2], [4, 0, 2], NORB_INFO, suffix)
    with pytest.raises(InfoganError, match=r"uint8 \(3, 2, 48, 96\); expected uint8 \(3, 2, 96, 96\)"):
        load_test()
    save_norb(tmp_path, dat, [4, 0, 5], NORB_INFO, suffix)
    with pytest.raises(InfoganError, match="factors that SmallNORB lacks"):
        load_test()
    save_norb(tmp_path, dat, [4, 0, 2], NORB_INFO, suffix)
    path = tmp_path / f"{NORB}-dat.mat{suffix}"
    whole = path.read_bytes()
    for content in (whole[:-10], whole + b"\0", whole[:12], b"", b"\x1f\x8b", b"no numbers, no matrix"):
        path.write_bytes(content)
        with pytest.raises(InfoganError, match=r"-dat\.mat.* cannot be read \(.*\); fetch it again"):
            load_test()
