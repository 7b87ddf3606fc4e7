"""Images of 2 to 8 channels: how arrays are read, drawn, and taken from training to the explorer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.csv
import pytest
from commands import fail, succeed
from PIL import Image
from starlette.testclient import TestClient

from infogan import InfoGAN
from infogan.data import Images, LoadOptions, inspect_source, load
from infogan.data.false_colour import false_colour
from infogan.data.formats.numpy_images import channels_first
from infogan.evaluation.image_quality.features import INCEPTION, find_feature_extractor
from infogan.explore.explorer import Explorer
from infogan.explore.server import make_app
from infogan.figures.traversal import make_grid, save_contact_sheet
from infogan.report.inline_images import thumbnails
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

RNG = np.random.default_rng(0)
FIVE = RNG.integers(0, 256, (40, 5, 12, 10), np.uint8)


@pytest.mark.parametrize(
    ("shape", "moved"),
    [
        ((4, 12, 10), (4, 1, 12, 10)),
        ((4, 5, 12, 10), (4, 5, 12, 10)),
        ((4, 12, 10, 5), (4, 5, 12, 10)),
        ((4, 12, 10, 8), (4, 8, 12, 10)),
        ((4, 64, 6, 3), (4, 3, 64, 6)),  # 3 and 1 are channels
        ((4, 3, 64, 2), (4, 3, 64, 2)),
        ((4, 5, 64, 3), (4, 3, 5, 64)),
        ((4, 3, 64, 1), (4, 3, 64, 1)),  # the first of two that could be
        ((4, 6, 6, 5), (4, 5, 6, 6)),  # the smaller end
        ((4, 5, 6, 6), (4, 5, 6, 6)),
        ((4, 6, 6, 6), (4, 6, 6, 6)),
    ],
)
def test_which_end_is_channels(shape: tuple[int, ...], moved: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    found = channels_first(x)
    assert found is not None
    assert found.shape == moved
    if len(shape) == 3 or moved == shape:
        np.testing.assert_array_equal(found.ravel(), x.ravel())
    else:
        assert found[1, 0, 2, 3] == x[1, 2, 3, 0]


@pytest.mark.parametrize("shape", [(4, 12, 10, 9), (4, 9, 12, 10), (4, 12, 10, 0), (4, 12), (2, 2, 2, 8, 8)])
def test_other_arrays_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    with pytest.raises(
        InfoganError, match=r"an array of shape .* with at most 8 channels, so leave out some"
    ):
        load(str(tmp_path / "a.npy"))


def test_all_channels_have_one_scale(own_folder: Path) -> None:
    """White is 4095 in each channel, as one needs 12 bits."""
    x = np.zeros((20, 12, 10, 2), np.uint16)
    x[..., 0], x[:, 0, 0, 1] = 160, 4095
    np.save("a.npy", x)
    images = load("a.npy")
    assert images.pixel_scale.bit_depth == 12
    assert (images.x[:, 0] == 10).all()
    assert (images.x[:, 1, 0, 0] == 255).all()
    np.save("b.npy", FIVE / 255)
    np.testing.assert_array_equal(load("b.npy").x, FIVE)


@pytest.mark.parametrize("n", [20, 40])  # 100 and 200 planes, of which the latter are kept in the cache
@pytest.mark.parametrize("square", ["crop", "pad"])
def test_each_channel_is_resized_as_a_gray_image(
    square: Literal["crop", "pad"], n: int, own_folder: Path, user_cache: Path
) -> None:
    np.savez("five.npz", images=FIVE[:n].transpose(0, 2, 3, 1), labels=np.arange(n) % 3)
    assert inspect_source("five.npz").training_shape((8, 8)) == (5, 8, 8)
    resized = load("five.npz", load_options=LoadOptions(shape=(5, 8, 8), square=square))
    assert user_cache.exists() == (n > 20)
    assert resized.labels is not None
    assert resized.labels.numbers.tolist() == [i % 3 for i in range(n)]
    np.save("gray.npy", FIVE[:n, 3])
    alone = load("gray.npy", load_options=LoadOptions(shape=(1, 8, 8), square=square))
    np.testing.assert_array_equal(resized.x[:, 3:4], alone.x)


def test_images_of_other_channels_are_refused(own_folder: Path) -> None:
    Image.new("RGB", (12, 12)).save("own/a.png")
    np.save("five.npy", FIVE)
    five, rgb = LoadOptions(shape=(5, 8, 8)), LoadOptions(shape=(3, 8, 8))
    with pytest.raises(InfoganError, match=r"own holds pictures, gray or RGB, .* have 5 channels"):
        load("folder:own", load_options=five)
    with pytest.raises(InfoganError, match=r"holds images of 5 channels, but the model's have 3"):
        load("five.npy", load_options=rgb)
    np.save("rgb.npy", FIVE[:, :3])
    with pytest.raises(InfoganError, match=r"holds images of 3 channels, but the model's have 5"):
        load("rgb.npy", load_options=five)
    assert "shards hold pictures" in fail("data", "pack", "five.npy", "out", cwd=Path())


def test_false_colour() -> None:
    a, b, c, d = (np.full((1, 1), value, np.uint8) for value in (10, 20, 30, 40))
    assert false_colour(np.stack([a])).ravel().tolist() == [10]
    assert false_colour(np.stack([a, b])).ravel().tolist() == [10, 20, 0]  # red and green
    assert false_colour(np.stack([a, b, c])).ravel().tolist() == [10, 20, 30]
    assert false_colour(np.stack([a, b, c, d])).ravel().tolist() == [10, 20, 30]
    many = np.stack([np.stack([a, b]), np.stack([c, d])])[:, None]  # of any axes before the channels
    assert false_colour(many).squeeze().tolist() == [[10, 20, 0], [30, 40, 0]]


def test_pictures_are_in_false_colour(tmp_path: Path) -> None:
    x = np.full((3, 2, 4, 4), [[[10]], [[20]]], np.uint8)
    grid = make_grid(x[None])
    assert grid[0, 0].tolist() == [10, 20, 0]
    assert grid[0, 4].tolist() == [255, 255, 255]  # lines are white
    assert thumbnails(x)[0, :, 0, 0].tolist() == [10, 20, 0]
    save_contact_sheet(x, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.getpixel((0, 0)) == (10, 20, 0)
        assert picture.getpixel((picture.width - 1, picture.height - 1)) == (255, 255, 255)  # no fourth image


def test_inception_reads_no_other_channels(tmp_path: Path) -> None:
    (tmp_path / INCEPTION).parent.mkdir()
    (tmp_path / INCEPTION).write_bytes(b"would be refused")
    assert find_feature_extractor("five", Images.from_arrays(FIVE), LoadOptions(tmp_path)) is None


def test_the_estimator_takes_the_channels_last() -> None:
    X = FIVE.transpose(0, 2, 3, 1)
    fitted = InfoGAN("cat:2 noise:4", max_iter=2, random_state=0, device="cpu").fit(X)
    assert fitted.transform(X).shape == (40, 1)
    assert fitted.inverse_transform([[1]]).shape == (1, 12, 10, 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five.npz and a run of a few steps on it."""
    folder = tmp_path_factory.mktemp("channels")
    np.savez(folder / "five.npz", images=FIVE.transpose(0, 2, 3, 1), labels=np.arange(40) % 2)
    words = "train npz:five.npz --size 8 --steps 4 --batch-size 8 --diffaug --device cpu --out run"
    succeed(*words.split(), "--codes", "cat:2 unif:1 noise:4", cwd=folder)
    return folder


@pytest.mark.usefixtures("quick_scores")
def test_a_run_is_scored_and_drawn(folder: Path) -> None:
    assert json.loads((folder / "run" / "config.json").read_text())["networks"]["shape"] == [5, 8, 8]
    scores = json.loads(succeed("evaluate", "run", "--json", cwd=folder))
    assert 0 <= scores["train"]["nmi"]["value"] <= 1
    succeed("report", "run", cwd=folder)
    drawn = "5 channels, of which the first three are drawn as red, green and blue"
    assert (folder / "run" / "report.html").read_text().count(drawn) == 2
    succeed("traverse", "run", "--code", "2", "--out", "c2.png", cwd=folder)
    with Image.open(folder / "c2.png") as picture:
        assert picture.mode == "RGB"
    succeed("figures", "run", cwd=folder)
    assert succeed("data", "preview", "five.npz", cwd=folder) == "five.png\n"


def test_either_layout_is_encoded_alike(folder: Path) -> None:
    np.save(folder / "first.npy", FIVE)
    tables = []
    for name in ("five.npz", "first.npy"):
        succeed("encode", "run", name, "--out", f"{name}.csv", cwd=folder)
        tables.append(pyarrow.csv.read_csv(folder / f"{name}.csv"))
    assert tables[0].num_rows == 40
    assert tables[0] == tables[1]


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    explorer = Explorer(Run.open(folder / "run"))
    yield TestClient(make_app(explorer), base_url="http://127.0.0.1:8000")
    explorer.close()


def test_the_explorer_sends_all_channels(folder: Path, client: TestClient) -> None:
    info = client.get("/model.json").json()
    assert info["shape"] == [5, 8, 8]
    assert info["about"].endswith("drawn as red, green and blue")
    rows = np.array([[1, 0.5, *[0.1] * info["n_z"]]], "<f4")
    sent = client.post("/decode", content=rows.tobytes(), headers={"origin": "http://127.0.0.1:8000"})
    assert len(sent.content) == 5 * 8 * 8
    refused = client.post("/encode", content=b"", headers={"origin": "http://127.0.0.1:8000"})
    assert "have 5 channels" in refused.json()["error"]


def test_the_model_card_says_what_the_model_takes(folder: Path) -> None:
    succeed("export", "run", "--hub", "hub", cwd=folder)
    card = (folder / "hub" / "README.md").read_text()
    assert "X has shape (n, 8, 8, 5): uint8, 0 to 255" in card
    assert "codes of a .npy or .npz of images" in card
