"""The command line: every verb, what it prints about wrong input, and its processes from end to end."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from html import unescape
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from commands import ENV, ROOT, Forked, fail, run, run_process, succeed
from PIL import Image
from safetensors.torch import load_file

from infogan.config.presets import PRESETS, get_preset

DIGITS = get_preset("digits-code")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of 40 steps, named run."""
    folder = tmp_path_factory.mktemp("cli")
    words = "train digits-code --steps 40 --save-every 20 --out run --device cpu"
    printed = succeed(*words.split(), cwd=folder).splitlines()
    assert printed[0].startswith("run: 40 steps in ")
    assert len(printed) <= 10
    assert [line.split()[0] for line in printed[2:5]] == ["c1", "c2", "c3"]
    assert re.search(r"c1 \(10 categories\): [a-z ]+, -?\d\.\d\d of at most 2\.30$", printed[2])
    assert printed[-1] == "next: infogan report run; infogan explore run"
    return folder


def checkpoints(run: Path) -> list[str]:
    return sorted(p.name for p in (run / "checkpoints").iterdir())


def logged_steps(run: Path) -> list[int]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def test_run_folder(folder: Path) -> None:
    run = folder / "run"
    assert checkpoints(run) == ["0000020.safetensors", "0000040.safetensors"]
    assert logged_steps(run) == [20, 40]
    expected = DIGITS.replace(steps=40, save_every=20, device="cpu", binary=False)
    assert (run / "config.json").read_text() == expected.to_json()
    assert json.loads((run / "run.json").read_text())["images"] == 1437
    assert not list(run.rglob("*.part"))


@pytest.mark.usefixtures("quick_scores")
def test_evaluate(folder: Path) -> None:
    scores = json.loads(succeed("evaluate", "run", "--json", cwd=folder))
    assert set(scores) == {"generated", "train", "test"}
    assert {"info_bound_c1", "info_bound_c2", "info_bound_c3", "recovery_c1"} <= set(scores["generated"])
    for split in ("train", "test"):
        assert 0 <= scores[split]["one_to_one_error"]["value"] <= 1
        assert {"value", "low", "high", "protocol"} == set(scores[split]["nmi"])
    assert json.loads((folder / "run" / "evaluation.json").read_text()) == scores
    error = scores["test"]["one_to_one_error"]["value"]
    table = succeed("evaluate", "run", cwd=folder).splitlines()
    assert len(table) <= 14
    assert any(line.startswith("one_to_one_error") and f"test {error:.3f} [" in line for line in table)
    assert any(re.match(r"info_bound +generated c1 [\d.-]+, c2 [\d.-]+, c3", line) for line in table)
    protocols = succeed("evaluate", "run", "--protocols", cwd=folder)
    assert protocols.count("\n") == 3 + sum(map(len, scores.values()))
    assert scores["test"]["nmi"]["protocol"] in protocols
    more = json.loads(succeed("evaluate", "run", "--metrics", "image-quality", "--json", cwd=folder))
    assert more["train"] == scores["train"]
    assert set(more["test"]) > set(scores["test"]) | {"fid[digits-classifier]"}
    assert json.loads((folder / "run" / "evaluation.json").read_text()) == more


def test_figures(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    paths = json.loads(succeed("figures", "run", "--json", cwd=folder))
    assert paths
    for path in paths:
        assert path.startswith("run/figures/")
        with Image.open(folder / path) as picture:
            picture.load()
            assert min(picture.size) > 50
    assert any(path.endswith(".png") for path in paths)


def test_traverse(folder: Path) -> None:
    printed = succeed("traverse", "run", "--code", "c2", "--steps", "7", "--rows", "3", cwd=folder)
    assert printed == "run/figures/traverse_c2.png\n"
    with Image.open(folder / printed.strip()) as picture:
        assert picture.size == (7 * (7 * 9 - 1), 7 * (3 * 9 - 1))  # each pixel seven wide


def test_a_model_that_ships_is_drawn_without_its_images(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = run("figures", "svhn", "--data", "nothing", "--json", cwd=tmp_path)
    assert done.status == 0
    assert "What needs real images is left out." in done.err
    drawn = {Path(path).name for path in json.loads(done.out)}
    assert {"bound_c1.png", "categories_c1.png", "sweep_c2.png", "samples.png"} <= drawn
    assert "confusion_c1.png" not in drawn
    assert {file.parent for file in tmp_path.rglob("*.png")} == {tmp_path / "runs/shipped-svhn/figures"}


def test_encode(folder: Path) -> None:
    assert succeed("encode", "run", "digits:test", "-o", "codes.parquet", cwd=folder) == "codes.parquet\n"
    table = pyarrow.parquet.read_table(folder / "codes.parquet")
    assert table.num_rows == 360
    codes = [name for c in ("c1", "c2", "c3") for name in (c, f"{c}_spread")]
    assert table.column_names == ["image", *codes]
    assert table["image"].to_pylist() == list(range(360))
    c1 = table["c1"].to_numpy()
    assert c1.dtype == np.int32
    assert 0 <= c1.min() <= c1.max() <= 9
    assert np.isfinite(table["c2"].to_numpy()).all()


def test_data(tmp_path: Path) -> None:
    here = json.loads(succeed("data", "list", "--json", cwd=tmp_path))
    assert here["digits"] == ["train", "test"]
    facts = json.loads(succeed("data", "info", "sprites", "--json", cwd=tmp_path))
    assert facts["images"] == {"train": 737_280}
    assert "orientation (angle)" in facts["factors"]
    counts = json.loads(succeed("data", "prepare", "digits", "--json", cwd=tmp_path))
    assert counts == {"train": 1437, "test": 360}
    assert succeed("data", "preview", "digits:test", "--n", "10", cwd=tmp_path) == "digits-test.png\n"
    with Image.open(tmp_path / "digits-test.png") as picture:
        assert picture.size == (7 * (4 * 9 - 1), 7 * (3 * 9 - 1))  # 4 columns, 3 rows, each pixel seven wide


@pytest.mark.usefixtures("quick_scores")
def test_a_sweep_is_continued_and_compared(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    factors = np.column_stack([rng.integers(0, 3, 120), rng.random(120)])
    x = (factors[:, 1, None, None] * rng.random((120, 8, 8)) * 255).astype(np.uint8)
    known = {"factor_names": ["kind", "gray"], "factor_kinds": ["category", "number"]}
    np.savez(tmp_path / "known.npz", images=x, labels=factors[:, 0].astype(int), factors=factors, **known)
    words = "sweep digits-code --images npz:known.npz --batch-size 16 --device cpu --out runs --json"
    first = json.loads(succeed(*words.split(), "--steps", "3", "--seeds", "1", cwd=tmp_path))
    assert first["runs"] == ["runs/digits-code-0"]
    config = (tmp_path / "runs" / "digits-code-0" / "config.json").stat().st_mtime_ns
    found = json.loads(succeed(*words.split(), "--steps", "3", "--seeds", "2", cwd=tmp_path))
    assert found["runs"] == ["runs/digits-code-0", "runs/digits-code-1"]
    assert (tmp_path / "runs" / "digits-code-0" / "config.json").stat().st_mtime_ns == config
    assert json.loads((tmp_path / "runs" / "digits-code-sweep.json").read_text()) == found
    single = [json.loads((tmp_path / run / "evaluation.json").read_text())["train"] for run in found["runs"]]
    assert set(found["best"]) == {"kind", "gray"}
    for factor, best in found["best"].items():
        values = [e[f"association_c{i}_{factor}"]["value"] for e in single for i in (1, 2, 3)]
        assert best["value"] == max(values)
        chosen = single[found["runs"].index(best["run"])]
        assert chosen[f"association_{best['code']}_{factor}"]["value"] == best["value"]
    nmi = sorted(e["nmi"]["value"] for e in single)
    over_runs = found["scores"]["train"]["nmi"]
    assert over_runs["value"] == pytest.approx(sum(nmi) / 2)
    assert over_runs["low"] <= nmi[0]
    assert over_runs["high"] >= nmi[1]
    check_comparison(tmp_path, found["runs"])
    if find_spec("matplotlib"):
        drawn = json.loads(succeed("figures", "runs/digits-code-0", "--json", cwd=tmp_path))
        assert "runs/digits-code-0/figures/associations.png" in drawn
    assert "runs/digits-code-0 holds a run of another config" in fail(
        *words.split(), "--steps", "4", cwd=tmp_path
    )


def check_comparison(cwd: Path, runs: list[str]) -> None:
    """evaluate, compare and select on two runs whose images have labels and factors."""
    sweep = "runs/digits-code-sweep.json"
    metrics = ("--metrics", "bound", "clustering", "disentanglement")
    over_runs = json.loads(succeed("evaluate", sweep, *metrics, "--json", cwd=cwd))["train"]
    single = [json.loads((cwd / run / "evaluation.json").read_text())["train"] for run in runs]
    for name in ("mig", "one_to_one_error"):
        values = [scores[name]["value"] for scores in single]
        assert over_runs[name]["value"] == pytest.approx(sum(values) / 2)
        assert over_runs[name]["protocol"].startswith("median of 2 runs")
    compared = json.loads(succeed("compare", *runs, "--json", cwd=cwd))["train"]["mig"]
    assert list(compared["values"]) == runs
    assert compared["differences"][runs[1]]["value"] == pytest.approx(
        single[1]["mig"]["value"] - single[0]["mig"]["value"]
    )
    assert "difference from the first" in succeed("compare", *runs, cwd=cwd)
    ranked = json.loads(succeed("select", sweep, "--by", "recovery", "--json", cwd=cwd))
    assert json.loads((cwd / "runs" / "digits-code-sweep-selection.json").read_text()) == ranked
    recovery = [scores["recovery"] for scores in ranked["runs"].values()]
    assert recovery == sorted(recovery, reverse=True)
    assert set(ranked["runs"]) == set(runs)
    assert set(ranked["rank_correlation"]) == {"one_to_one_accuracy", "mean_strongest_association"}
    assert "which uses labels" in succeed("select", "runs", cwd=cwd)
    assert (cwd / "runs" / "selection.json").is_file()


@pytest.mark.usefixtures("quick_scores")
def test_unreadable_images_are_skipped_only_on_request(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    for i, x in enumerate(pixels):
        Image.fromarray(x).save(tmp_path / "own" / f"{i:02}.png")
    (tmp_path / "own" / "07.png").write_bytes((tmp_path / "own" / "07.png").read_bytes()[:40])
    words = "train digits-code --images folder:own --batch-size 4 --steps 2 --out run"
    assert re.search(
        r"1 of 20 images in own cannot be read: 07\.png .*skip_bad", fail(*words.split(), cwd=tmp_path)
    )
    assert not (tmp_path / "run").exists()
    result = run(*words.split(), "--skip-bad", cwd=tmp_path)
    assert result.status == 0
    assert "1 of 20 images" in result.err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["images"] == 19
    # The run remembers it.
    result = run("evaluate", "run", "--metrics", "clustering", "image-quality", cwd=tmp_path)
    assert result.status == 2
    assert "clustering and image-quality need labels, factors or a feature network" in result.err
    findings = json.loads(succeed("report", "run", "--json", cwd=tmp_path))
    (left_out,) = findings["left_out"]
    assert left_out.startswith("1 of 20 images cannot be read: 07.png (")
    assert f"Not among these images: {left_out}." in unescape((tmp_path / "run" / "report.html").read_text())
    succeed("encode", "run", "folder:own", "--out", "codes.csv", cwd=tmp_path)
    assert "07.png" not in (tmp_path / "codes.csv").read_text()
    # A run of an older version does not know the setting, and skips nothing.
    path = tmp_path / "run" / "config.json"
    path.write_text(path.read_text().replace('"skip_bad": true,', ""))
    assert "set skip_bad" in fail("report", "run", cwd=tmp_path)


@pytest.mark.usefixtures("quick_scores")
def test_a_stacked_sweep_equals_a_sweep(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    words = "sweep digits-code --images npz:../x.npz --batch-size 16 --device cpu --precision 64-true --json"
    words = f"{words} --log-every 2 --save-every 4 --steps 8"
    np.savez(tmp_path / "x.npz", images=x)
    for folder in ("alone", "stacked"):
        (tmp_path / folder).mkdir()
    succeed(*words.split(), "--seeds", "2", cwd=tmp_path / "alone")
    succeed(*words.split(), "--seeds", "1", "--stacked", cwd=tmp_path / "stacked")
    succeed(*words.split(), "--seeds", "2", "--stacked", cwd=tmp_path / "stacked")  # one is left
    for seed in range(2):
        alone, stacked = (
            tmp_path / folder / "runs" / f"digits-code-{seed}" for folder in ("alone", "stacked")
        )
        assert (alone / "config.json").read_text() == (stacked / "config.json").read_text()
        rows = [
            [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
            for run in (alone, stacked)
        ]
        for a, b in zip(*rows, strict=True):
            del a["images_per_s"], b["images_per_s"]
            assert b == pytest.approx(a, rel=1e-6)
        states = [load_file(run / "checkpoints" / "0000008.safetensors") for run in (alone, stacked)]
        assert states[0].keys() == states[1].keys()
        for name, value in states[0].items():
            assert torch.allclose(states[1][name].double(), value.double(), atol=1e-7), name


def test_bench_trains_until_an_error_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.training.benchmark.RUNS", 2)
    monkeypatch.setattr(
        "infogan.cli.bench.get_preset",
        lambda name: get_preset(name).replace(steps=5),
    )
    found = json.loads(
        succeed("bench", "digits-code", "--device", "cpu", "--to-error", "99", "--json", cwd=tmp_path)
    )
    assert 0 < found["seconds_to_error"] <= found["error_curve"]["seconds"][-1]
    assert 0 < found["error_curve"]["errors"][-1] < 0.99
    for error in ("0", "100"):
        assert "between 0 and 100" in fail("bench", "digits-code", "--to-error", error, cwd=tmp_path)
    assert "labelled test images" in fail("bench", "sprites", "--to-error", "5", cwd=tmp_path)


def test_bench_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.training.benchmark.RUNS", 2)
    found = json.loads(succeed("bench", "digits-code", "--device", "cpu", "--json", cwd=tmp_path))
    assert found["omp_wait_policy"] == ENV.get("OMP_WAIT_POLICY", "PASSIVE")
    assert found["gomp_spincount"] == ENV.get("GOMP_SPINCOUNT", "10000")
    assert found["images_per_s"] == pytest.approx(1000 * found["batch_size"] / found["ms_per_step"])
    assert found["ms_d"] + found["ms_g"] == pytest.approx(found["ms_per_step"])
    assert found["whole_run_s"] == pytest.approx(DIGITS.optimisation.steps * found["ms_per_step"] / 1000)
    rate = found["gflop_per_step"] / found["ms_per_step"] * 1000
    assert found["share_of_peak"] == pytest.approx(rate / found["peak_gflop_per_s"])
    assert 0 < found["share_of_peak"] < 1
    assert found["ratio_beside_another"] > 0
    relative = found["ratio_to_reference_loop"]
    assert 0 < relative["low"] <= relative["median"] <= relative["high"]
    # By hand, for one image in multiply-adds. Weight and input gradients cost as much as a forward pass each;
    # no first layer of D's step or of G needs the latter, and Q has no loss on real images.
    conv_1, conv_2 = 16 * 16 * 32, 4 * 16 * 32 * 64
    trunk, heads, q = conv_1 + conv_2 + 256 * 256, 256, 256 * 64 + 64 * 14
    fc_1, G = 20 * 256, 20 * 256 + 256 * 256 + conv_1 + conv_2
    d_step = 2 * (3 * (trunk + heads + q) - conv_1) - 2 * q
    g_step = 2 * (trunk + heads + q) + 2 * G - fc_1
    assert found["gflop_per_step"] == pytest.approx(2 * 64 * (G + d_step + g_step) / 1e9)
    table = succeed("bench", "digits-code", "--device", "cpu", cwd=tmp_path)
    assert re.match(r"\d+ images/s in batches of 64, 32-true, cpu\n[\d.]+ ms per step: D", table)
    assert re.search(r"\n[\d.]+ times as fast as a usual loop \([\d.]+ to [\d.]+, by turns\)\n", table)


def test_resume(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    outcome = json.loads(succeed("train", "--resume", "run", "--steps", "60", "--json", cwd=tmp_path))
    assert outcome["steps"] == 60
    assert outcome["finished"]
    assert outcome["last"]["step"] == 60
    assert checkpoints(tmp_path / "run") == ["0000040.safetensors", "0000060.safetensors"]
    assert logged_steps(tmp_path / "run") == [20, 40, 60]
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["optimisation"]["steps"] == 60


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_prints_a_preset(name: str, tmp_path: Path) -> None:
    assert succeed("train", name, "--dry-run", cwd=tmp_path) == PRESETS[name]().to_json()
    assert list(tmp_path.iterdir()) == []


WRONG: dict[str, tuple[str, str]] = {
    "unknown preset": ("train digist", "did you mean 'digits'"),
    "no preset": ("train", "name a preset"),
    "unknown option": ("train digits --bacth 3", "--bacth"),
    "no number": ("train digits --batch-size many", "batch"),
    "unknown networks": ("train digits --architecture vgg", "vgg"),
    "batch of 1": ("train digits --batch-size 1 --out new", "batch_size is 1, but must be at least 2"),
    "batch too large": ("train digits-code --batch-size 5000 --out new", "holds 1437 images"),
    "wrong codes": ("train digits --codes cta:10 --out new", "did you mean 'cat'"),
    "unknown images": ("train digits --images digist --out new", "did you mean 'digits'"),
    "wrong shape": ("train digits --images sprites --out new", "(1, 64, 64)"),
    "folder in use": ("train digits --out run", "run"),
    "nothing to do": ("train --resume run", "has done its 40 steps"),
    "resume of no run": ("train --resume nowhere --steps 9", "nowhere is not a run"),
    "unknown code": ("traverse run --code c9", "unknown code 'c9'"),
    "wrong picture": ("traverse run --code c1 -o new.xyz", "new.xyz"),
    "no run": ("evaluate nowhere", "nowhere is not a run: it holds no config.json; there are run"),
    "target exists": ("encode run digits:test -o there.csv", "there.csv already exists"),
    "unknown format": ("encode run digits:test -o new.xlsx", "neither .parquet nor .csv"),
    "no folder": ("encode run digits:test -o nowhere/new.csv", "no folder nowhere"),
    "wide images": ("encode run sprites -o new.csv", "(1, 64, 64)"),
    "unknown data set": ("data info digist", "did you mean 'digits'"),
    "no source": ("data preview nothing -o new.png", "neither a data set nor a file"),
    "missing set": ("data prepare 3dshapes --data .", "put 3dshapes/3dshapes.h5"),
    "no image to show": ("data preview digits --n 0 -o new.png", "at least one image"),
    "sweep of nothing": ("sweep", "name a preset"),
    "sweep of unknown": ("sweep digist", "did you mean 'digits'"),
    "no seeds": ("sweep digits --seeds 0", "seeds is 0, but must be at least 1"),
    "wrong setting": ("sweep digits --set lr_g=fast", "lr_g=fast: lr_g is fast, but must be a finite number"),
    "compare of one": ("compare run", "name at least two runs"),
    "select of one": ("select run", "two"),
    "no sweep": ("select nothing-sweep.json", "nothing-sweep.json is not the NAME-sweep.json of a sweep"),
    "unknown ranking": ("select run --by luck", "luck"),
    "unknown scores": ("evaluate run --metrics bound disentangelment", "did you mean 'disentanglement'"),
    "no network": ("evaluate run --metrics image-quality --features no.pt", "there is no file no.pt"),
    "no images": ("encode run nothing.npz -o new.csv", "nothing.npz"),
    "export nowhere": ("export run", "name a folder with --onnx, --hub or --web"),
}


@pytest.fixture(scope="module")
def place(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    shutil.copytree(folder / "run", place / "run")
    (place / "there.csv").write_text("mine\n")
    return place


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize(("line", "why"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input(line: str, why: str, place: Path) -> None:
    """Exit status 2, one sentence on standard error, and all files as before."""
    before = contents(place)
    result = run(*line.split(), cwd=place)
    assert (result.status, result.out) == (2, ""), result.err
    assert why in result.err
    if "╭" not in result.err:  # the box of cyclopts' own errors
        assert result.err.startswith("infogan: ")
        assert result.err.count("\n") == 1
    assert contents(place) == before


def test_help_fits_a_terminal_and_says_how_to_see_more(tmp_path: Path) -> None:
    common = succeed("train", "digits", "--help", cwd=tmp_path)
    assert "--help-all lists every setting" in common
    assert "--batch-size" in common
    assert "--negative-slope" not in common
    of_own = " ".join(succeed("train", "--help", cwd=tmp_path).replace("│", " ").split())
    assert "Default: cat:10 unif:4 noise:62." in of_own
    assert "updated, one after the other. Default: by the images." in of_own
    everything = succeed("train", "digits", "--help-all", cwd=tmp_path)
    assert "--negative-slope" in everything
    assert max(map(len, everything.splitlines())) <= 80


# Processes from end to end


def test_a_process_exits_with_2(place: Path) -> None:
    done = run_process("train", "digist", cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "infogan: unknown preset 'digist'; did you mean 'digits'?\n"


def test_the_command_line_starts_without_torch() -> None:
    code = """
import sys
from infogan.cli import main
sys.argv = ["infogan", "--help"]
try:
    main()
finally:
    print({"torch", "numpy"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, text=True, timeout=60)
    assert "Usage: infogan COMMAND" in done.stdout
    assert done.stdout.endswith("set()\n")


def test_training_is_imported_without_fabric() -> None:
    """Which imports PyTorch's compiler, and that takes longer than the rest of this package."""
    code = "import sys, infogan.training; print({'lightning_fabric', 'torch._dynamo'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n"


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run_process("presets", cwd=tmp_path, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_in_ascii_shows_the_help(tmp_path: Path) -> None:
    done = run_process("train", "digits", "--help", cwd=tmp_path, env={**ENV, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u03bb, the weight of L_I" in done.stdout


def test_ctrl_c_saves(tmp_path: Path) -> None:
    words = "train digits-code --out run --steps 1000000 --save-every 1000000 --log-every 5"
    metrics = tmp_path / "run" / "metrics.jsonl"
    process = Forked(*words.split(), cwd=tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not metrics.is_file() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert metrics.is_file()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "continue with: infogan train --resume run" in err
    n = int(checkpoints(tmp_path / "run")[-1].removesuffix(".safetensors"))
    assert n >= 5
    outcome = json.loads(succeed("train", "--resume", "run", "--steps", str(n + 2), "--json", cwd=tmp_path))
    assert outcome["steps"] == n + 2
    assert logged_steps(tmp_path / "run") == sorted({*range(5, n + 3, 5), n + 2})


def test_no_torchvision() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not any("torchvision" in dependency for dependency in project["dependencies"])
    imports = [p for p in (ROOT / "infogan").rglob("*.py") if "import torchvision" in p.read_text()]
    assert imports == []
