"""`infogan train folder:PATH` and the other verbs on your own images."""

import json
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from commands import fail, run, succeed
from PIL import Image

from infogan.config import Config
from infogan.config.presets import custom_images, get_preset


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of images of mixed sizes: `shots` of 40 in colour, `scans` of 12 in gray."""
    place = tmp_path_factory.mktemp("custom")
    rng = np.random.default_rng(0)
    for i in range(40):
        folder = place / "shots" / f"day {i % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        h, w = rng.integers(30, 90, 2)
        noise = rng.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(noise).resize((w, h)).save(folder / f"{i}.{('png', 'jpg', 'webp')[i % 3]}")
    (place / "few").mkdir()
    for i in range(3):
        Image.new("RGB", (8, 8)).save(place / "few" / f"{i}.png")
    (place / "scans").mkdir()
    for i in range(12):
        noise = rng.integers(0, 256, (4, 4), np.uint8)
        Image.fromarray(noise).resize((40, 50)).save(place / "scans" / f"{i}.png")
    words = "train folder:shots --steps 4 --batch-size 8 --device cpu --out run"
    succeed(*words.split(), "--codes", "cat:3 unif:1 noise:4", cwd=place)
    return place


def dry_run(*words: str, cwd: Path) -> Config:
    return Config.from_json(succeed("train", *words, "--dry-run", cwd=cwd))


def test_number_and_colour_decide_the_config(place: Path) -> None:
    shots, scans = (f"folder:{(place / name).resolve()}" for name in ("shots", "scans"))
    assert dry_run("folder:shots", cwd=place) == custom_images(shots, 40, (3, 32, 32))
    assert dry_run("folder:scans", "--size", "64", cwd=place) == custom_images(scans, 12, (1, 64, 64))


def test_a_size_is_a_square_or_width_and_height(place: Path) -> None:
    for size, (h, w) in {"128": (128, 128), "8": (8, 8), "512": (512, 512), "48x64": (64, 48)}.items():
        found = dry_run("folder:shots", "--size", size, cwd=place)
        assert found.networks.shape == (3, h, w)


@pytest.mark.parametrize("size", ["0", "7", "513", "128x", "x96", "abc", "9999", "128X96", "64x9999", "٣٢"])
@pytest.mark.parametrize(
    "command",
    [
        "train folder:scans",
        "sweep folder:scans",
        "data preview mnist",
        "data prepare digits",
        "data pack a b",
    ],
)
def test_another_size_is_refused(place: Path, command: str, size: str) -> None:
    due = (
        f"infogan: --size is {size}, but must be a whole number from 8 to 512, or WIDTHxHEIGHT of two of them"
    )
    assert fail(*command.split(), "--size", size, cwd=place).startswith(due)


def test_the_images_of_a_preset_have_no_other_size(place: Path) -> None:
    refused = run("train", "mnist", "--size", "64", cwd=place)
    assert (refused.status, "Unknown option: --size" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("width", "height", "words", "said"),
    [
        (178, 218, "", "at 32x32; --size 64 keeps more detail, --size 32x39 keeps the whole picture."),
        (178, 218, "--square pad", "at 32x32; --size 64 keeps more detail, --size 32x39 needs no border."),
        (178, 218, "--size 43x53", "at 43x53."),
        (50, 52, "", "at 32x32."),
        (20, 16, "", "at 32x32; --size 20 is enough, and faster."),
        (40, 2000, "", "at 32x32."),
    ],
)
def test_training_says_what_becomes_of_the_size_of_images(
    tmp_path: Path, width: int, height: int, words: str, said: str
) -> None:
    (tmp_path / "photos").mkdir()
    for i in range(10):
        Image.new("RGB", (width, height), (25 * i, 0, 9)).save(tmp_path / "photos" / f"{i}.png")
    told = run("train", "folder:photos", "--dry-run", *words.split(), cwd=tmp_path).err
    assert told == f"folder:photos: images of {width}x{height} pixels (median) are trained {said}\n"


def test_an_image_of_another_aspect_ratio_is_cut_or_padded(tmp_path: Path) -> None:
    """A white square within gray, in twice the width: cut, it fills the height; whole, there is more gray."""
    (tmp_path / "own").mkdir()
    for i in range(10):
        square = Image.new("L", (100, 100), 80)
        square.paste(255, (20, 20, 80, 80))
        square.save(tmp_path / "own" / f"{i}.png")
    shares = []
    for square in ("crop", "pad"):
        words = f"data preview folder:own --n 1 --size 64x32 --square {square} -o {square}.png"
        succeed(*words.split(), cwd=tmp_path)
        x = np.asarray(Image.open(tmp_path / f"{square}.png"))
        assert x.shape == (32, 64)
        shares.append(float((x > 167).mean()))
    assert shares == pytest.approx([0.6, 0.6**2 / 2], abs=0.03)


def test_options_that_are_set_are_kept(place: Path) -> None:
    shots = f"folder:{(place / 'shots').resolve()}"
    expected = custom_images(shots, 40, (3, 32, 32), "cat:4 cat:4 unif:1")
    words = "folder:shots --no-diffaug --steps 5000 --square pad"
    found = dry_run(*words.split(), "--codes", "cat:4 cat:4 unif:1", cwd=place)
    assert found == expected.replace(diffaug=False, steps=5000, square="pad")
    assert len(found.terms.info.lam) == 3


def test_transforms_turn_on_clustering(place: Path) -> None:
    fashion = get_preset("fashion").options()  # the recipe of mnist without knobs
    found = dry_run("folder:shots", "--transforms", "translate:0.1 hflip:0.5", cwd=place).options()
    assert (found["transforms"], found["pretraining_steps"]) == ("translate:0.1 hflip:0.5", 1_000)
    for name in ("pseudo_label_weight", "lr_decay_fraction", "ema_decay", "ema_decay_d"):
        assert found[name] == fashion[name], name
    plain = dry_run("folder:shots", cwd=place).options()
    assert (plain["pretraining_steps"], plain["ema_decay_d"]) == (0, 0)
    words = "folder:shots --transforms translate:0.1 --pretraining-steps 50"
    assert dry_run(*words.split(), cwd=place).pretraining.steps == 50
    for words in ("folder:shots --codes unif:3", "digits-code"):
        error = fail("train", *words.split(), "--transforms", "translate:0.1", cwd=place)
        assert "transforms is 'translate:0.1', but must be empty" in error


def test_knobs_bring_the_codes_that_they_need(place: Path) -> None:
    found = dry_run("folder:shots", "--knobs", "translate rotate", cwd=place)
    assert found.codes.spec == "cat:10 unif:4 circ:1 noise:62"
    assert found.terms.pseudo_label.q_learns_from == "real"
    error = fail("train", "folder:shots", "--knobs", "rotate", "--codes", "unif:2", cwd=place)
    assert "knobs: rotate needs circ:1" in error


def test_an_architecture_of_the_paper_resizes_images_to_its_own_shape(place: Path) -> None:
    config = dry_run("folder:shots", "--architecture", "mnist-small", cwd=place)
    assert config.networks.shape is None
    assert config.networks.image_shape == (1, 28, 28)
    words = "train folder:shots --architecture mnist-small --steps 2 --batch-size 8 --device cpu --json"
    assert json.loads(succeed(*words.split(), cwd=place))["run"] == "runs/shots-0"


@pytest.mark.usefixtures("quick_scores")
def test_a_run_on_a_folder_works_from_any_folder(place: Path, tmp_path: Path) -> None:
    run = place / "run"
    config = json.loads((run / "config.json").read_text())
    assert config["data"]["images"] == f"folder:{(place / 'shots').resolve()}"
    assert config["networks"]["shape"] == [3, 32, 32]
    scores = json.loads(succeed("evaluate", run, "--json", cwd=tmp_path))
    assert "stability_c1" in scores["train"]
    succeed("train", "--resume", run, "--steps", "6", cwd=tmp_path)


def test_encode_resizes_images_to_the_shape_of_the_run(place: Path) -> None:
    succeed("encode", "run", "scans", "-o", "codes.parquet", cwd=place)
    table = pyarrow.parquet.read_table(place / "codes.parquet")
    assert sorted(table["image"].to_pylist()) == sorted(f"{i}.png" for i in range(12))
    assert np.isfinite(table["c2"].to_numpy()).all()


@pytest.mark.usefixtures("quick_scores")
def test_a_sweep_over_a_folder(place: Path) -> None:
    words = "sweep folder:scans --seeds 2 --steps 2 --device cpu --out swept --json"
    runs = json.loads(succeed(*words.split(), cwd=place))["runs"]
    assert [Path(run).name for run in runs] == ["scans-0", "scans-1"]


def test_info_of_a_folder(place: Path) -> None:
    facts = json.loads(succeed("data", "info", "folder:scans", "--json", cwd=place))
    absolute = f"folder:{(place / 'scans').resolve()}"
    known = {"name": absolute, "channels": 1, "images": 12, "width, median": 40, "height, median": 50}
    assert facts == known | {"cannot be read": 0, "have further pages": 0, "left out": ""}


def test_a_known_data_set_without_a_preset(tmp_path: Path) -> None:
    config = dry_run("dsprites", cwd=tmp_path)
    assert (config.data.images, config.networks.shape) == ("dsprites", (1, 64, 64))


def test_quiet_prints_only_the_result(place: Path) -> None:
    words = "train folder:scans --steps 2 --device cpu --out"
    loud = run(*words.split(), "loud", cwd=place)
    quiet = run(*words.split(), "quiet", "--quiet", cwd=place)
    assert loud.status == quiet.status == 0
    assert "steps" in loud.err
    assert quiet.err == ""
    assert quiet.out.startswith("quiet: 2 steps")


def test_ten_codes_take_ten_lines(place: Path) -> None:
    words = "train folder:scans --steps 2 --device cpu --out many"
    lines = succeed(*words.split(), "--codes", "cat:3 bern:2 unif:6 circ:1", cwd=place).splitlines()
    assert len(lines) == 10
    assert lines[8].startswith("  and 4 more codes: ")


def test_shell_completion(tmp_path: Path) -> None:
    assert "bash" in succeed("--install-completion", "--help", cwd=tmp_path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("train", "train: name a preset, folder:PATH, or a run to --resume."),
        ("train mnits", "did you mean 'mnist'?"),
        ("train folder:few", "folder:few holds 3 images, too few"),
        ("train folder:nowhere", "there is no nowhere."),
        ("train --resume run --lr-d 1", "only --steps, --devices and --nodes can change"),
        ("train folder:shots --resume run", "only --steps, --devices and --nodes can change"),
        ("train folder:shots --architecture vectors", "vectors"),
        ("sweep", "sweep: name a preset"),
    ],
)
def test_wrong_input_gets_one_sentence(place: Path, words: str, sentence: str) -> None:
    assert sentence in fail(*words.split(), cwd=place)


def test_a_run_of_another_version_says_which(place: Path) -> None:
    run = place / "newer"
    run.mkdir()
    config = json.loads((place / "run" / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"hyperdrive": True}))
    environment = json.loads((place / "run" / "run.json").read_text())
    environment["versions"]["infogan"] = "9.0.0"
    (run / "run.json").write_text(json.dumps(environment))
    error = fail("traverse", "newer", "--code", "c1", cwd=place)
    assert "newer was made by infogan 9.0.0" in error
    assert "install that version" in error


def test_files_are_sorted_into_a_folder_per_category(place: Path) -> None:
    succeed("encode", "run", "folder:shots", "--out", "codes.csv", cwd=place)
    names = {"c1": ["../../stop", "yield"]}
    (place / "run" / "categories.json").write_text(json.dumps(names))
    assert succeed("encode", "run", "folder:shots", "--sort-into", "sorted", cwd=place) == "sorted\n"
    (place / "run" / "categories.json").unlink()
    folders = ["c1=0 ______stop", "c1=1 yield", "c1=2"]
    rows = pyarrow.csv.read_csv(place / "codes.csv").to_pylist()
    assert len(rows) == 40
    for row in rows:
        file = place / "sorted" / folders[row["c1"]] / row["image"]
        assert file.samefile(place / "shots" / row["image"])
    assert sum(path.is_file() for path in (place / "sorted").rglob("*")) == 40
    for wrong, sentence in {
        ("folder:shots", "sorted"): "already exists",
        ("folder:shots", "shots/sorted"): "lies among the images",
        ("digits", "new"): "only a folder of image files can be sorted",
    }.items():
        assert sentence in fail("encode", "run", wrong[0], "--sort-into", wrong[1], cwd=place)
    for both in ((), ("--out", "more.csv", "--sort-into", "more")):
        assert "name either a table with --out" in fail("encode", "run", "folder:shots", *both, cwd=place)
    words = ("encode", "run", "folder:shots", "--sort-into", "more", "--ray", "auto")
    assert "leave out --ray" in fail(*words, cwd=place)
