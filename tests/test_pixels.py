"""How pictures become pixels: the same in every verb, alone as among others, in arrays as in files."""

import csv
import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import fail, run
from PIL import Image

from infogan.cli.data import pack, prepare, preview
from infogan.cli.encode import encode
from infogan.config import BYTES, Config, PixelScale
from infogan.config.presets import custom_images
from infogan.data import LoadOptions, load, load_options_for
from infogan.data.pixels import array_scale, array_to_pixels, pixels_to_array
from infogan.estimator import InfoGAN
from infogan.explore.upload import read_upload
from infogan.export.hub import save_pretrained
from infogan.method.model import Model, make_model
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

RNG = np.random.default_rng(0)
N = 12
GRAY = RNG.integers(0, 256, (N, 32, 32), np.uint8)
GRAY[0] //= 16  # so dark that it would tell another number of bits than all images do
GRAY[1, 0, 0] = 255
MASKS = GRAY > 127
MASKS[0, 0, 0] = True
Make = Callable[..., Run]


def as_is(x: np.ndarray) -> Image.Image:
    return Image.fromarray(x)


def palette(x: np.ndarray) -> Image.Image:
    picture = Image.fromarray(x, "L").convert("P")
    picture.putpalette([level for i in range(256) for level in (i, i, i)])
    return picture


def transparent(x: np.ndarray) -> Image.Image:
    """Black, where its opacity makes x of white."""
    return Image.merge("LA", [Image.new("L", (32, 32)), Image.fromarray(255 - x)])


# What is stored, per image, and the pixels that it stands for. Files are PNG or TIFF.
Stored = tuple[np.ndarray, Callable[[np.ndarray], Image.Image], str, np.ndarray]
FILES: dict[str, Stored] = {
    "8 bits": (GRAY, as_is, "png", GRAY),
    "10 bits in 16": (GRAY.astype(np.uint16) * 4 + 3, as_is, "png", GRAY),
    "12 bits in 16": (GRAY.astype(np.uint16) * 16 + 15, as_is, "png", GRAY),
    "12 bits in 16, TIFF": (GRAY.astype(np.uint16) * 16, as_is, "tif", GRAY),
    "14 bits in 16": (GRAY.astype(np.uint16) * 64, as_is, "png", GRAY),
    "all 16 bits": (GRAY.astype(np.uint16) * 257, as_is, "png", GRAY),
    "8 bits in 16": (GRAY.astype(np.uint16), as_is, "png", GRAY),
    "32 bits, whole": (GRAY.astype(np.int32), as_is, "tif", GRAY),
    "floats": ((GRAY / 255).astype(np.float32), as_is, "tif", GRAY),
    "floats with a rounding error": ((GRAY / 255 * 1.000001).astype(np.float32), as_is, "tif", GRAY),
    "masks of 0 and 1": (MASKS.astype(np.uint8), as_is, "png", MASKS * np.uint8(255)),
    "masks of 0 and 255": (MASKS * np.uint8(255), as_is, "png", MASKS * np.uint8(255)),
    "masks of 0 and 1 in 16 bits": (MASKS.astype(np.uint16), as_is, "png", MASKS * np.uint8(255)),
    "masks of 1 bit": (MASKS, as_is, "png", MASKS * np.uint8(255)),
    "a palette": (GRAY, palette, "png", GRAY),
    "transparent": (GRAY, transparent, "png", GRAY),
}


def untrained_config(scale: PixelScale) -> Config:
    config = custom_images("folder:own", N, (1, 32, 32), "cat:2 unif:2 noise:4")
    return config.replace(**asdict(scale))


@pytest.mark.parametrize("stored", FILES.values(), ids=FILES)
def test_every_verb_sees_the_same_pixels(
    stored: Stored, own_folder: Path, untrained_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays, to_picture, suffix, expected = stored
    tolerance = 1 if to_picture is transparent else 0
    here = own_folder.parent
    (here / "alone").mkdir()
    for i, array in enumerate(arrays):
        to_picture(array).save(own_folder / f"{i:02d}.{suffix}")
    to_picture(arrays[0]).save(here / f"alone/0.{suffix}")
    found = load("folder:own", load_options=LoadOptions(shape=(1, 32, 32)))
    np.testing.assert_allclose(found.x[:, 0].astype(int), expected, atol=tolerance)

    seen: list[np.ndarray] = []
    monkeypatch.setattr("infogan.figures.traversal.save_contact_sheet", lambda x, _: seen.append(x))
    preview("folder:own", out=Path("p.png"))
    prepare("folder:own")
    pack("folder:own", Path("packed"))
    pack("folder:own", Path("packed32"), size="32")
    config = untrained_config(found.pixel_scale)
    opened = untrained_run(here / "run", config, gain=3)
    how = load_options_for(config, LoadOptions())
    content = (here / f"alone/0.{suffix}").read_bytes()
    upload = read_upload(content, (1, 32, 32), "crop", config.data.pixel_scale)
    for name, x in {
        "preview": seen[0],
        "train": load("folder:own", load_options=how).x,
        "shards": load("shards:packed", load_options=how).x,
        "resized shards": load("shards:packed32", load_options=how).x,
        "alone": load("folder:alone", load_options=how).x,
        "upload": upload[None],
    }.items():
        np.testing.assert_array_equal(x, found.x[: len(x)], name)

    codes = opened.model().encode(found.x).values.numpy()
    for name in ("own", "alone"):
        encode(Path("run"), f"folder:{name}", out=f"{name}.csv")
        with (here / f"{name}.csv").open() as file:
            rows = [[float(row[f"c{i}"]) for i in (1, 2, 3)] for row in csv.DictReader(file)]
        np.testing.assert_allclose(rows, codes[: len(rows)], atol=1e-5)
    if to_picture is as_is:
        estimator = InfoGAN.from_pretrained(here / "run")
        np.testing.assert_allclose(estimator.transform(arrays), codes, atol=1e-5)
        np.testing.assert_allclose(estimator.transform(arrays[:1]), codes[:1], atol=1e-5)


@pytest.mark.parametrize(
    ("stored", "scale", "says"),
    [
        (GRAY, {"binary": False, "bit_depth": None}, ""),
        (GRAY.astype(np.uint16) * 16, {"binary": False, "bit_depth": 12}, ""),
        (
            MASKS.astype(np.uint8),
            {"binary": True, "bit_depth": None},
            "only 0 and 1, which are read as black and",
        ),
    ],
    ids=["8 bits", "12 bits", "masks"],
)
@pytest.mark.parametrize("source", ["folder:own", "npz:own.npz"])
def test_a_training_records_what_it_found(
    source: str, stored: np.ndarray, scale: dict[str, Any], says: str, own_folder: Path
) -> None:
    for i, array in enumerate(stored):
        Image.fromarray(array).save(own_folder / f"{i:02d}.png")
    np.savez(own_folder.parent / "own.npz", images=stored)
    words = "--codes cat:2 --steps 1 --batch-size 2 --device cpu --out run"
    result = run("train", source, *words.split(), cwd=own_folder.parent)
    assert result.status == 0
    assert result.err.count("only 0 and 1") == (1 if says else 0)
    assert says in result.err
    recorded = json.loads((own_folder.parent / "run/config.json").read_text())["data"]["pixel_scale"]
    assert recorded == scale


@pytest.mark.parametrize(
    ("trained", "stored", "says"),
    [
        (BYTES, MASKS.astype(np.uint8), "only 0 and 1, but white is 255"),
        (BYTES, GRAY.astype(np.uint16) * 16, "16-bit images that use 12 bits, but .* 8 bits"),
        (
            PixelScale(binary=False, bit_depth=12),
            GRAY.astype(np.uint16) * 257,
            "uses 16 bits, but .* 12; all above 4095",
        ),
        (PixelScale(binary=False, bit_depth=12), GRAY.astype(np.uint16), ""),
        (PixelScale(binary=False, bit_depth=12), GRAY, ""),
        (PixelScale(binary=True), MASKS * np.uint8(255), ""),
        (PixelScale(binary=True), MASKS.astype(np.uint8), ""),
        (BYTES, GRAY.astype(np.uint16) * 257, ""),
        (BYTES, GRAY * np.uint8(0), ""),
    ],
)
def test_images_that_do_not_fit_the_scale_of_a_run_are_said(
    trained: PixelScale, stored: np.ndarray, says: str, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, array in enumerate(stored):
        Image.fromarray(array).save(own_folder / f"{i:02d}.png")
    load("folder:own", load_options=LoadOptions(shape=(1, 32, 32), pixel_scale=trained))
    err = capsys.readouterr().err
    assert re.search(says, err) if says else not err


# Arrays: what a caller may pass, all of them the same images.
ARRAYS: dict[str, np.ndarray] = {
    "uint8": GRAY,
    "float32": (GRAY / 255).astype(np.float32),
    "float64": GRAY / 255,
    "float16": (GRAY / 255).astype(np.float16),
    "a rounding above 1": GRAY / 255 * (1 + 1e-7),
    "a rounding below 0": GRAY / 255 - 1e-9,
    "big-endian floats": (GRAY / 255).astype(">f8"),
    "uint16, 12 bits": GRAY.astype(np.uint16) * 16,
    "uint16, 16 bits": GRAY.astype(np.uint16) * 257,
    "big-endian uint16": (GRAY.astype(np.uint16) * 257).astype(">u2"),
    "int64, 0 to 255": GRAY.astype(np.int64),
    "read-only": np.frombuffer(GRAY.tobytes(), np.uint8).reshape(GRAY.shape),
    "negative strides": GRAY[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    "Fortran order": np.asfortranarray(GRAY),
    "a slice": np.repeat(GRAY, 2, axis=2)[:, :, ::2],
    "reversed floats": (GRAY / 255)[::-1].copy()[::-1],
}


@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_arrays_of_any_type_and_layout(x: np.ndarray, tmp_path: Path) -> None:
    """Through the function itself, `Model.encode`, a file and the estimator."""
    scale = array_scale(x)
    pixels = array_to_pixels(x, scale)
    np.testing.assert_array_equal(pixels, GRAY)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    model = make_model(untrained_config(scale))
    expected = model.encode(GRAY[:, None]).values.numpy()
    np.testing.assert_array_equal(model.encode(x[:, None]).values.numpy(), expected)
    np.save(tmp_path / "a.npy", x)
    np.testing.assert_array_equal(load(f"npz:{tmp_path / 'a.npy'}").x[:, 0], GRAY)
    again = array_to_pixels(pixels_to_array(GRAY, x.dtype, scale), scale)
    np.testing.assert_array_equal(again, GRAY)


@pytest.mark.parametrize("kind", ["?", "u1", "u2", "i8", "f4"])
def test_masks_in_arrays(kind: str, tmp_path: Path) -> None:
    x = MASKS.astype(kind)
    scale = array_scale(x)
    np.testing.assert_array_equal(array_to_pixels(x, scale), MASKS * 255)
    np.testing.assert_array_equal(array_to_pixels(x[:1], scale), MASKS[:1] * 255)
    np.testing.assert_array_equal(pixels_to_array(MASKS * np.uint8(255), x.dtype, scale), x)
    np.save(tmp_path / "a.npy", x)
    np.testing.assert_array_equal(load(f"npz:{tmp_path / 'a.npy'}").x[:, 0], MASKS * 255)


def test_a_model_of_masks_takes_levels_between_as_they_are() -> None:
    """Resized masks have gray edges, which are no ones."""
    edges = np.where(MASKS, np.uint8(255), np.uint8(1))
    edges[:, 5] = 100
    np.testing.assert_array_equal(array_to_pixels(edges, PixelScale(binary=True)), edges)


REFUSED: dict[str, tuple[np.ndarray, str]] = {
    "NaN": (np.full((2, 1, 8, 8), np.nan), "float64 with NaN"),
    "infinite": (np.full((2, 1, 8, 8), np.inf), "float64 with NaN or infinite"),
    "-1 to 1": (np.linspace(-1, 1, 128).reshape(2, 1, 8, 8), "from -1 to 1; bring floats to"),
    "0 to 255 in floats": (np.linspace(0, 255, 128).reshape(2, 1, 8, 8), "from 0 to 255; bring floats to"),
    "well above 1": (np.full((2, 1, 8, 8), 1.01), r"from 1\.01 to 1\.01"),
    "negative": (np.full((2, 1, 8, 8), -1), "int64 from -1 to -1; convert them"),
    "beyond 16 bits": (np.full((2, 1, 8, 8), 70_000), "from 70000 to 70000; convert them"),
    "complex": (np.full((2, 1, 8, 8), 1j), "complex128, not numbers"),
    "text": (np.full((2, 1, 8, 8), "a"), "not numbers"),
    "uint8 of 0 and 1": (np.ones((2, 1, 8, 8), np.uint8), "only 0 and 1, but white is 255"),
    "one image": (np.zeros((1, 8, 8), np.uint8), r"shape \(1, 8, 8\), but must be \(n, channels"),
    "gray without an axis": (np.zeros((2, 8, 8)), r"shape \(2, 8, 8\), but must be"),
    "channels last": (np.zeros((2, 8, 8, 1)), r"\(8, 8, 1\), but the networks take \(1, 8, 8\)"),
}


@pytest.mark.parametrize(("x", "says"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("method", [Model.encode, Model.features])
def test_a_model_refuses_other_arrays(method: Callable[..., Any], x: np.ndarray, says: str) -> None:
    model = make_model(Config.from_options(images="digits", architecture="digits", codes="cat:2"))
    with pytest.raises(InfoganError, match=says):
        method(model, x)


@pytest.mark.parametrize(
    "x", [np.full((2, 1, 1, 5), np.nan), np.full((2, 1, 1, 5), np.inf), np.full((2, 1, 1, 5), "a")]
)
def test_a_model_of_vectors_refuses_what_is_no_finite_number(x: np.ndarray) -> None:
    config = Config.from_options(images="X", architecture="vectors", shape=(1, 1, 5), codes="cat:2")
    with pytest.raises(InfoganError, match="NaN, infinite values or no numbers"):
        make_model(config).encode(x)


@pytest.mark.parametrize("kind", ["f8", "f2", ">f4", "i8", "?"])
def test_a_model_of_vectors_takes_any_numbers(kind: str) -> None:
    config = Config.from_options(images="X", architecture="vectors", shape=(1, 1, 5), codes="cat:2 unif:1")
    model, x = make_model(config), RNG.integers(0, 2, (6, 1, 1, 5))
    expected = model.encode(x.astype(np.float32)).values.numpy()
    found = model.encode(x[..., ::-1].astype(kind)[..., ::-1]).values.numpy()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n", [-1, 2.0, "2", None])
def test_a_sample_of_no_number_of_images_is_refused(n: Any) -> None:
    estimator = InfoGAN("cat:2", max_iter=1, random_state=0).fit(RNG.normal(size=(20, 3)))
    assert estimator.sample(np.int64(2)).shape == (2, 3)
    assert estimator.sample(0).shape == (0, 3)
    with pytest.raises(InfoganError, match="n_samples is"):
        estimator.sample(n)


ALIKE = [
    *(np.full((40, 8, 8), v, np.uint8) for v in (0, 7, 100, 255)),
    np.full((40, 8, 8), 0.1),
    np.full((40, 3), 0.1),
]


@pytest.mark.parametrize("X", ALIKE, ids=["0", "7", "100", "255", "floats", "vectors"])
def test_the_score_of_rows_that_are_all_alike_is_0(X: np.ndarray) -> None:
    assert InfoGAN("cat:3", max_iter=1, random_state=0).fit(X).score(X) == 0.0


@pytest.mark.parametrize(
    ("seed", "kept"),
    [
        (5, 5),
        (np.int64(5), 5),
        (np.uint8(5), 5),
        (np.arange(9)[5], 5),
        (None, None),
        (np.random.RandomState(5), None),
    ],
)
def test_save_keeps_whole_numbers_of_any_type_as_random_state(seed: Any, kept: Any, tmp_path: Path) -> None:
    InfoGAN("cat:2", max_iter=1, random_state=seed).fit(RNG.normal(size=(20, 3))).save(tmp_path / "s")
    assert InfoGAN.load(tmp_path / "s").random_state == kept


@pytest.mark.parametrize("kind", ["?", "u1", "u2"])
def test_an_estimator_of_masks_gives_masks(kind: str, tmp_path: Path) -> None:
    X = MASKS[:, ::2, ::2].astype(kind)
    fitted = InfoGAN("cat:2 unif:1", max_iter=2, random_state=0).fit(X)
    assert fitted.config_.data.pixel_scale.binary == (kind != "?")
    samples = fitted.sample(3)
    assert samples.dtype == X.dtype
    assert set(np.unique(samples)) <= {0, 1}
    fitted.save(tmp_path / "s")
    loaded = InfoGAN.load(tmp_path / "s")
    for x in (X, X * np.uint8(255), X.astype(bool), X.astype(float)):
        np.testing.assert_allclose(loaded.transform(x[:1]), fitted.transform(X)[:1], atol=1e-5)


def test_a_number_of_bits_that_is_set_is_kept(own_folder: Path) -> None:
    for i, array in enumerate(GRAY.astype(np.uint16)):
        Image.fromarray(array).save(own_folder / f"{i:02d}.png")
    known = LoadOptions(pixel_scale=PixelScale(bit_depth=12))
    np.testing.assert_array_equal(load("folder:own", load_options=known).x[:, 0], GRAY >> 4)
    words = "train folder:own --bit-depth 11 --steps 1 --out run"
    assert "bit_depth is 11, but must be one of 8, 10" in fail(*words.split(), cwd=own_folder.parent)


def test_a_bright_image_beyond_the_first_ones_that_are_inspected_counts(own_folder: Path) -> None:
    """Of 120 images 50 are inspected at first; the second one is not among them."""
    for i in range(120):
        value = 60_000 if i == 1 else 900
        Image.fromarray(np.full((4, 4), value, np.uint16)).save(own_folder / f"{i:03d}.png")
    assert load("folder:own").pixel_scale == PixelScale(binary=False, bit_depth=16)


def test_onnx_says_which_numbers_images_are_and_agrees(own_folder: Path, untrained_run: Make) -> None:
    """For floats between two levels, and a rounding above 1, against `from_pretrained` of the same run."""
    import onnx
    import onnxruntime

    from infogan.export.onnx import export_onnx

    config = untrained_config(PixelScale(binary=False, bit_depth=12)).replace(shape=(1, 8, 8))
    opened = untrained_run(own_folder.parent / "run", config, gain=3)
    folder = own_folder.parent / "onnx"
    export_onnx(opened, folder)
    about = json.loads((folder / "model.json").read_text())["pixels"]
    assert about["range"] == [0, 1]
    assert (about["bit_depth"], about["binary"], about["square"]) == (12, False, "crop")
    for name in ("encoder", "generator"):
        properties = {p.key: p.value for p in onnx.load(folder / f"{name}.onnx").metadata_props}
        assert json.loads(properties["images"]) == about
    x = RNG.uniform(0, 1, (5, 8, 8)).astype(np.float32)
    x[0, 0, 0] = 1.0000001
    session = onnxruntime.InferenceSession(folder / "encoder.onnx", providers=["CPUExecutionProvider"])
    (values, *_) = session.run(None, {"images": x[:, None]})
    np.testing.assert_allclose(values, InfoGAN.from_pretrained(opened.path).transform(x), atol=1e-4)
    np.testing.assert_allclose(values, opened.model().encode(x[:, None]).values, atol=1e-4)


def test_an_upright_picture_on_white_at_its_own_size(own_folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture = Image.new("LA", (6, 4), (0, 0))
    picture.paste((50, 255), (0, 0, 6, 2))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", exif=exif)
    (own_folder / "a.png").write_bytes(buffer.getvalue())
    x = load("folder:own").x
    assert x.shape == (1, 1, 6, 4)
    np.testing.assert_array_equal(x[0, 0], np.broadcast_to([255, 255, 50, 50], (6, 4)))


@pytest.mark.parametrize(
    ("scale", "says"),
    [
        (BYTES, "X has shape (n, 8, 8): uint8, 0 to 255, or floats, 0 to 1."),
        (PixelScale(binary=True), "floats, 0 to 1, or masks of 0 and 1."),
        (PixelScale(binary=False, bit_depth=12), "floats, 0 to 1, or uint16, 0 to 4095."),
    ],
    ids=["8 bits", "masks", "12 bits"],
)
def test_a_hub_folder_says_which_numbers_images_are(
    scale: PixelScale, says: str, tmp_path: Path, untrained_run: Make
) -> None:
    config = untrained_config(scale).replace(shape=(1, 8, 8))
    save_pretrained(untrained_run(tmp_path / "run", config), tmp_path / "hub")
    assert says in (tmp_path / "hub/README.md").read_text("utf-8")
    assert InfoGAN.from_pretrained(tmp_path / "hub").preprocessor_.pixel_scale == scale


def png_of_16_bit_colour(x: np.ndarray) -> bytes:
    """RGB uint16 (h, w, 3); Pillow cannot write it."""
    h, w, _ = x.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in x)
    header = struct.pack(">IIBBBBB", w, h, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.parametrize(
    ("bits", "says"), [(10, "use 10 bits"), (12, "use 12 bits"), (14, "use 14"), (16, "")]
)
def test_dark_16_bit_colour_is_said(
    bits: int, says: str, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = RNG.integers(0, 2**bits, (3, 8, 8, 3))
    for i, array in enumerate(x):
        (own_folder / f"{i}.png").write_bytes(png_of_16_bit_colour(array))
    found = load("folder:own")
    np.testing.assert_array_equal(found.x, (x >> 8).transpose(0, 3, 1, 2))
    assert found.pixel_scale == BYTES
    err = capsys.readouterr().err
    assert says in err
    assert bool(err) == bool(says)
