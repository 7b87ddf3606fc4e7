"""`infogan train folder:PATH` and its kin, as a new user types them."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from test_cli import call, succeed

from infogan.config import Config
from infogan.config.presets import DEFAULT_CODES, get_preset, own


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of pictures of mixed sizes: `shots` of 40 in colour, `scans` of 12 in gray."""
    place = tmp_path_factory.mktemp("own")
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
    succeed("train", "folder:shots", "--steps", "4", "--batch-size", "8", "--codes", "cat:3 unif:1 noise:4",
            "--device", "cpu", "--out", "run", cwd=place)  # fmt: skip
    return place


def dry(*args: str, cwd: Path) -> Config:
    return Config.from_json(succeed("train", *args, "--dry-run", cwd=cwd))


def test_number_and_colour_decide_what_is_not_named(place: Path) -> None:
    whole = f"folder:{(place / 'shots').resolve()}"
    assert dry("folder:shots", cwd=place) == own(whole, 40, (3, 32, 32), DEFAULT_CODES)
    gray = f"folder:{(place / 'scans').resolve()}"
    assert dry("folder:scans", "--size", "64", cwd=place) == own(gray, 12, (1, 64, 64), DEFAULT_CODES)


def test_what_is_named_stays(place: Path) -> None:
    expected = own(f"folder:{(place / 'shots').resolve()}", 40, (3, 32, 32), "cat:4 cat:4 unif:1")
    found = dry("folder:shots", "--codes", "cat:4 cat:4 unif:1", "--no-diffaug", "--steps", "5000",
                "--square", "pad", cwd=place)  # fmt: skip
    assert found == expected.replace(diffaug=False, steps=5000, square="pad")
    assert len(found.lam) == 3


def test_kinds_are_looked_for_where_a_motion_is_named(place: Path) -> None:
    best = get_preset("mnist-best")
    found = dry("folder:shots", "--transforms", "translate:0.1 hflip:0.5", cwd=place)
    assert (found.motion, found.warm_up) == ("translate:0.1 hflip:0.5", 1_000)
    for name in ("lam_real", "lr_decay", "ema", "ema_d"):
        assert getattr(found, name) == getattr(best, name), name
    plain = dry("folder:shots", cwd=place)
    assert (plain.warm_up, plain.lr_decay, plain.ema_d) == (0, 0, 0)
    short = dry("folder:shots", "--transforms", "translate:0.1", "--pretraining-steps", "50", cwd=place)
    assert (short.warm_up, short.lr_decay) == (50, best.lr_decay)
    for words in ("train folder:shots --codes unif:3", "train digits"):
        refused = call(*words.split(), "--transforms", "translate:0.1", cwd=place)
        assert refused.returncode == 2
        assert "motion is 'translate:0.1', but must be left out" in refused.stderr


def test_a_net_of_the_paper_brings_pictures_to_its_own_shape(place: Path) -> None:
    config = dry("folder:shots", "--architecture", "mnist-small", cwd=place)
    assert config.networks.shape is None
    assert config.networks.image_shape == (1, 28, 28)
    said = succeed("train", "folder:shots", "--architecture", "mnist-small", "--steps", "2", "--batch-size", "8",
                   "--device", "cpu", "--json", cwd=place)  # fmt: skip
    assert json.loads(said)["run"] == "runs/shots-0"


def test_a_run_on_a_folder_serves_from_any_folder(place: Path, tmp_path: Path) -> None:
    run = place / "run"
    config = json.loads((run / "config.json").read_text())
    assert config["images"] == f"folder:{(place / 'shots').resolve()}"
    assert config["shape"] == [3, 32, 32]
    scores = json.loads(succeed("evaluate", run, "--json", cwd=tmp_path))
    assert "stability_c1" in scores["train"]
    succeed("train", "--resume", run, "--steps", "6", cwd=tmp_path)


def test_encode_brings_other_pictures_to_the_shape_of_the_run(place: Path) -> None:
    succeed("encode", "run", "scans", "-o", "codes.parquet", cwd=place)
    table = pyarrow.parquet.read_table(place / "codes.parquet")
    assert sorted(table["image"].to_pylist()) == sorted(f"{i}.png" for i in range(12))
    assert np.isfinite(table["c2"].to_numpy()).all()


def test_a_sweep_over_a_folder(place: Path) -> None:
    said = succeed("sweep", "folder:scans", "--seeds", "2", "--steps", "2", "--device", "cpu",
                   "--out", "swept", "--json", cwd=place)  # fmt: skip
    assert [Path(run).name for run in json.loads(said)["runs"]] == ["scans-0", "scans-1"]


def test_info_of_a_folder(place: Path) -> None:
    facts = json.loads(succeed("data", "info", "folder:scans", "--json", cwd=place))
    whole = f"folder:{(place / 'scans').resolve()}"
    assert facts == {"name": whole, "channels": 1, "images": 12, "shorter side, median": 40}


def test_known_data_sets_that_are_no_preset(tmp_path: Path) -> None:
    config = dry("dsprites", cwd=tmp_path)
    assert (config.data.images, config.networks.shape) == ("dsprites", (1, 64, 64))


def test_quiet_says_nothing_but_the_result(place: Path) -> None:
    args = ("train", "folder:scans", "--steps", "2", "--device", "cpu")
    loud = call(*args, "--out", "loud", cwd=place)
    quiet = call(*args, "--out", "quiet", "--quiet", cwd=place)
    assert loud.returncode == quiet.returncode == 0
    assert "steps" in loud.stderr
    assert quiet.stderr == ""
    assert quiet.stdout.startswith("quiet: 2 updates")


def test_the_shell_can_complete(tmp_path: Path) -> None:
    said = succeed("--install-completion", "--help", cwd=tmp_path)
    assert "bash" in said


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["train"], "train what? Name a preset, folder:PATH, or a run by --resume RUN."),
        (["train", "mnits"], "did you mean 'mnist'?"),
        (["train", "folder:few"], "folder:few holds 3 images, too few"),
        (["train", "folder:nowhere"], "there is no nowhere."),
        (["train", "--resume", "run", "--lr-d", "1"], "only --steps, --devices and --nodes are taken"),
        (["train", "folder:shots", "--resume", "run"], "only --steps, --devices and --nodes are taken"),
        (["train", "folder:shots", "--architecture", "vectors"], "vectors"),
        (["sweep"], "sweep what?"),
    ],
)
def test_bad_input_gets_one_sentence(place: Path, args: list[str], sentence: str) -> None:
    done = call(*args, cwd=place)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
    assert done.stderr.count("\n") == 1


def test_a_run_of_another_version_says_which(place: Path) -> None:
    run = place / "newer"
    run.mkdir()
    config = json.loads((place / "run" / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"hyperdrive": True}))
    told = json.loads((place / "run" / "run.json").read_text())
    told["versions"]["infogan"] = "9.0.0"
    (run / "run.json").write_text(json.dumps(told))
    done = call("traverse", "newer", "--code", "c1", cwd=place)
    assert done.returncode == 2
    assert "newer was made by infogan 9.0.0" in done.stderr
    assert "install that version" in done.stderr
