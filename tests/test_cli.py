"""The command line from end to end, what it says of bad input, and who may import whom."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from infogan.config.presets import PRESETS, digits

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "infogan"
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


def call(
    *args: str | Path, cwd: Path, preexec: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infogan", *map(str, args)],
        cwd=cwd,
        env=ENV,
        capture_output=True,
        text=True,
        timeout=90,
        preexec_fn=preexec,
        check=False,
    )


def succeed(*args: str | Path, cwd: Path) -> str:
    done = call(*args, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of 40 updates, named run."""
    folder = tmp_path_factory.mktemp("cli")
    said = succeed("train", "digits", "--steps", "40", "--save-every", "20", "--out", "run",
                   "--device", "cpu", cwd=folder)  # fmt: skip
    assert said.startswith("run: 40 updates in ")
    return folder


def checkpoints(run: Path) -> list[str]:
    return sorted(p.name for p in (run / "checkpoints").iterdir())


def steps(run: Path) -> list[int]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def test_run_folder(folder: Path) -> None:
    run = folder / "run"
    assert checkpoints(run) == ["0000020.safetensors", "0000040.safetensors"]
    assert steps(run) == [20, 40]
    config = json.loads((run / "config.json").read_text())
    changed = {"steps": 40, "save_every": 20, "device": "cpu"}
    assert config == json.loads(digits().to_json()) | changed
    assert json.loads((run / "run.json").read_text())["images"] == 1437
    assert not list(run.rglob("*.part"))


def test_evaluate(folder: Path) -> None:
    scores = json.loads(succeed("evaluate", "run", "--json", cwd=folder))
    assert set(scores) == {"generated", "train", "test"}
    assert {"info_bound_c1", "info_bound_c2", "info_bound_c3", "recovery_c1"} <= set(scores["generated"])
    for split in ("train", "test"):
        assert 0 <= scores[split]["one_to_one_error"]["value"] <= 1
        assert {"value", "low", "high", "protocol"} == set(scores[split]["nmi"])
    assert json.loads((folder / "run" / "evaluation.json").read_text()) == scores
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
    said = succeed("traverse", "run", "--code", "c2", "--steps", "7", "--rows", "3", cwd=folder)
    assert said == "run/figures/traverse_c2.png\n"
    with Image.open(folder / said.strip()) as picture:
        assert picture.size == (7 * (7 * 9 - 1), 7 * (3 * 9 - 1))  # each pixel seven wide


def test_encode(folder: Path) -> None:
    said = succeed("encode", "run", "digits:test", "-o", "codes.parquet", cwd=folder)
    assert said == "codes.parquet\n"
    table = pyarrow.parquet.read_table(folder / "codes.parquet")
    assert table.num_rows == 360
    codes = [name for c in ("c1", "c2", "c3") for name in (c, f"{c}_spread")]
    assert table.column_names == ["image", *codes]
    assert table["image"].to_pylist() == list(range(360))
    c1 = table["c1"].to_numpy()
    assert c1.dtype == np.int32
    assert c1.min() >= 0
    assert c1.max() <= 9
    assert np.isfinite(table["c2"].to_numpy()).all()


def test_data_verbs(tmp_path: Path) -> None:
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


def test_sweep_goes_on_and_picks_the_best(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    factors = np.column_stack([rng.integers(0, 3, 200), rng.random(200)])
    x = (factors[:, 1, None, None] * rng.random((200, 8, 8)) * 255).astype(np.uint8)
    known = {"factor_names": ["kind", "gray"], "factor_kinds": ["category", "number"]}
    np.savez(tmp_path / "known.npz", images=x, labels=factors[:, 0].astype(int), factors=factors, **known)
    line = ("sweep", "digits", "--images", "npz:known.npz", "--batch-size", "16", "--device", "cpu", "--json")
    first = json.loads(succeed(*line, "--steps", "3", "--seeds", "1", cwd=tmp_path))
    assert first["runs"] == ["runs/digits-0"]
    config = (tmp_path / "runs" / "digits-0" / "config.json").stat().st_mtime_ns
    found = json.loads(succeed(*line, "--steps", "3", "--seeds", "2", cwd=tmp_path))
    assert found["runs"] == ["runs/digits-0", "runs/digits-1"]
    assert (tmp_path / "runs" / "digits-0" / "config.json").stat().st_mtime_ns == config
    assert json.loads((tmp_path / "runs" / "digits-sweep.json").read_text()) == found
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
    judge_a_sweep(tmp_path, found["runs"])
    if find_spec("matplotlib"):
        drawn = json.loads(succeed("figures", "runs/digits-0", "--json", cwd=tmp_path))
        assert "runs/digits-0/figures/associations.png" in drawn
    other = call(*line, "--steps", "4", cwd=tmp_path)
    assert other.returncode == 2
    assert "runs/digits-0 holds a run of another config" in other.stderr


def judge_a_sweep(cwd: Path, runs: list[str]) -> None:
    """What evaluate, compare and select say of two runs whose images have labels and factors."""
    sweep = "runs/digits-sweep.json"
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
    assert json.loads((cwd / "runs" / "digits-sweep-selection.json").read_text()) == ranked
    recovery = [scores["recovery"] for scores in ranked["runs"].values()]
    assert recovery == sorted(recovery, reverse=True)
    assert set(ranked["runs"]) == set(runs)
    assert set(ranked["rank_correlation"]) == {"one_to_one_accuracy", "mean_strongest_association"}
    assert "took no part" in succeed("select", "runs", cwd=cwd)
    assert (cwd / "runs" / "selection.json").is_file()


def test_broken_pictures_are_left_out_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    for i, x in enumerate(pixels):
        Image.fromarray(x).save(tmp_path / "own" / f"{i:02}.png")
    (tmp_path / "own" / "07.png").write_bytes((tmp_path / "own" / "07.png").read_bytes()[:40])
    line = ("train", "digits", "--images", "folder:own", "--batch-size", "4", "--steps", "2", "--out", "run")
    done = call(*line, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(r"1 of 20 pictures in own cannot be read: 07\.png .*--skip-bad", done.stderr)
    assert not (tmp_path / "run").exists()
    done = call(*line, "--skip-bad", cwd=tmp_path)
    assert done.returncode == 0
    assert "1 of 20 pictures" in done.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["images"] == 19
    done = call("evaluate", "run", "--skip-bad", "--metrics", "clustering", "image-quality", cwd=tmp_path)
    assert done.returncode == 2
    assert "clustering and image-quality take labels, factors or a network" in done.stderr


def test_stacked_sweep_is_the_sweep(tmp_path: Path) -> None:
    line = ("sweep", "digits", "--batch-size", "16", "--device", "cpu", "--precision", "64-true", "--json")
    line = (*line, "--log-every", "5", "--save-every", "10")
    for folder in ("alone", "stacked"):
        (tmp_path / folder).mkdir()
    succeed(*line, "--steps", "20", "--seeds", "3", cwd=tmp_path / "alone")
    succeed(*line, "--steps", "20", "--seeds", "1", "--stacked", cwd=tmp_path / "stacked")
    succeed(*line, "--steps", "20", "--seeds", "3", "--stacked", cwd=tmp_path / "stacked")  # two are left
    for seed in range(3):
        alone, stacked = (tmp_path / folder / "runs" / f"digits-{seed}" for folder in ("alone", "stacked"))
        assert (alone / "config.json").read_text() == (stacked / "config.json").read_text()
        rows = [
            [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
            for run in (alone, stacked)
        ]
        for a, b in zip(*rows, strict=True):
            del a["images_per_s"], b["images_per_s"]
            assert b == pytest.approx(a, rel=1e-6)
        states = [load_file(run / "checkpoints" / "0000020.safetensors") for run in (alone, stacked)]
        assert states[0].keys() == states[1].keys()
        for name, value in states[0].items():
            assert torch.allclose(states[1][name].double(), value.double(), atol=1e-7), name


def test_bench_adds_up(tmp_path: Path) -> None:
    found = json.loads(succeed("bench", "digits", "--device", "cpu", "--json", cwd=tmp_path))
    assert found["omp_wait_policy"] == ENV.get("OMP_WAIT_POLICY", "PASSIVE")
    assert found["gomp_spincount"] == ENV.get("GOMP_SPINCOUNT", "10000")
    assert found["images_per_s"] == pytest.approx(1000 * found["batch"] / found["ms_per_update"])
    assert found["ms_d"] + found["ms_g"] == pytest.approx(found["ms_per_update"])
    assert found["whole_run_s"] == pytest.approx(digits().steps * found["ms_per_update"] / 1000)
    rate = found["gflop_per_update"] / found["ms_per_update"] * 1000
    assert found["share_of_peak"] == pytest.approx(rate / found["peak_gflop_per_s"])
    assert 0 < found["share_of_peak"] < 1
    # By hand, for one image in multiply-adds. Weight and input gradients cost as much as a forward pass each;
    # no first layer of D's step or of G needs the latter, and Q has no loss on real images.
    conv_1, conv_2 = 16 * 16 * 32, 4 * 16 * 32 * 64
    trunk, heads, q = conv_1 + conv_2 + 256 * 256, 256, 256 * 64 + 64 * 14
    fc_1, G = 20 * 256, 20 * 256 + 256 * 256 + conv_1 + conv_2
    d_step = 2 * (3 * (trunk + heads + q) - conv_1) - 2 * q
    g_step = 2 * (trunk + heads + q) + 2 * G - fc_1
    assert found["gflop_per_update"] == pytest.approx(2 * 64 * (G + d_step + g_step) / 1e9)


def test_resume(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    outcome = json.loads(succeed("train", "--resume", "run", "--steps", "60", "--json", cwd=tmp_path))
    assert outcome["steps"] == 60
    assert outcome["finished"]
    assert outcome["last"]["step"] == 60
    assert checkpoints(tmp_path / "run") == ["0000040.safetensors", "0000060.safetensors"]
    assert steps(tmp_path / "run") == [20, 40, 60]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["steps"] == 60


def test_ctrl_c_saves(tmp_path: Path) -> None:
    command = ["train", "digits", "--out", "run", "--steps", "1000000", "--save-every", "1000000"]
    metrics = tmp_path / "run" / "metrics.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "infogan", *command, "--log-every", "5"],
        cwd=tmp_path,
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until = time.monotonic() + 60
            while not metrics.is_file() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            assert metrics.is_file()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "go on by: infogan train --resume run" in said
    n = int(checkpoints(tmp_path / "run")[-1].removesuffix(".safetensors"))
    assert n >= 5
    outcome = json.loads(succeed("train", "--resume", "run", "--steps", str(n + 2), "--json", cwd=tmp_path))
    assert outcome["steps"] == n + 2
    assert steps(tmp_path / "run") == sorted({*range(5, n + 3, 5), n + 2})


def test_disk_full(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = call("train", "digits", "--out", "run", "--steps", "5", cwd=tmp_path, preexec=limit)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"infogan: run cannot be written \(.*\); make room .*\n", done.stderr)
    assert not list((tmp_path / "run").rglob("*.part"))
    assert not list((tmp_path / "run").rglob("*.safetensors"))


def test_dry_run_in_a_process(tmp_path: Path) -> None:
    said = succeed("train", "digits", "--seed", "3", "--dry-run", cwd=tmp_path)
    assert json.loads(said) == json.loads(digits().to_json()) | {"seed": 3}


BAD: dict[str, tuple[str, str]] = {
    "unknown preset": ("train digist", "did you mean 'digits'"),
    "no preset": ("train", "Name a preset"),
    "unknown field": ("train digits --bacth 3", "--bacth"),
    "no number": ("train digits --batch-size many", "batch"),
    "unknown net": ("train digits --architecture vgg", "vgg"),
    "batch of 1": ("train digits --batch-size 1 --out new", "batch is 1, but must be at least 2"),
    "batch too large": ("train digits --batch-size 5000 --out new", "holds 1437 images"),
    "bad codes": ("train digits --codes cta:10 --out new", "did you mean 'cat'"),
    "unknown images": ("train digits --images digist --out new", "did you mean 'digits'"),
    "wrong shape": ("train digits --images sprites --out new", "(1, 64, 64)"),
    "folder in use": ("train digits --out run", "run is there already and not empty"),
    "nothing to do": ("train --resume run", "has done its 40 updates"),
    "resume of no run": ("train --resume nowhere --steps 9", "nowhere is not a run"),
    "unknown code": ("traverse run --code c9", "unknown code 'c9'"),
    "bad picture": ("traverse run --code c1 -o new.xyz", "new.xyz"),
    "no run": ("evaluate nowhere", "nowhere is not a run: it holds no config.json; there are run"),
    "target there": ("encode run digits:test -o there.csv", "there.csv is there already"),
    "unknown format": ("encode run digits:test -o new.xlsx", "neither .parquet nor .csv"),
    "no folder": ("encode run digits:test -o nowhere/new.csv", "no folder nowhere"),
    "wide images": ("encode run sprites -o new.csv", "(1, 64, 64)"),
    "unknown data set": ("data info digist", "did you mean 'digits'"),
    "no source": ("data preview nothing -o new.png", "neither a data set nor a file"),
    "missing set": ("data prepare 3dshapes --data .", "put 3dshapes/3dshapes.h5"),
    "no image to show": ("data preview digits --n 0 -o new.png", "--n must be at least 1"),
    "sweep of nothing": ("sweep", "Name a preset"),
    "sweep of unknown": ("sweep digist", "did you mean 'digits'"),
    "no seeds": ("sweep digits --seeds 0", "--seeds is 0, but must be at least 1"),
    "compare of one": ("compare run", "name two runs at least"),
    "select of one": ("select run", "at least two runs are needed"),
    "no sweep": ("select nothing-sweep.json", "nothing-sweep.json is not the NAME-sweep.json of a sweep"),
    "unknown ranking": ("select run --by luck", "luck"),
    "unknown scores": ("evaluate run --metrics bound disentangelment", "did you mean 'disentanglement'"),
    "no network": ("evaluate run --metrics image-quality --features no.pt", "there is no file no.pt"),
    "no images": ("encode run nothing.npz -o new.csv", "nothing.npz"),
}


# Many command lines in one process, as each would wait for torch to load; and not in this one, as
# cyclopts cannot read functions that jaxtyping has wrapped.
DRIVER = """
import contextlib, io, json, sys, traceback
from pathlib import Path
from infogan.cli import main

def contents():
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in Path().rglob("*")}

def outcome(line):
    before, code = contents(), None
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["infogan", *line.split()]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code
        except BaseException:
            traceback.print_exc()
    changed = sorted(k for k, v in (contents().items() ^ before.items()))
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "changed": changed}

print(json.dumps({line: outcome(line) for line in json.load(sys.stdin)}))
"""


class Said(TypedDict):
    """What a command line came to."""

    code: int | None
    out: str
    err: str
    changed: list[str]  # the files that are other than before


@pytest.fixture(scope="module")
def place(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    shutil.copytree(folder / "run", place / "run")
    (place / "there.csv").write_text("mine\n")
    return place


@pytest.fixture(scope="module")
def outcomes(place: Path) -> dict[str, Said]:
    lines = [line for line, _ in BAD.values()] + [f"train {name} --dry-run" for name in PRESETS]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=place,
        env=ENV,
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Said] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_prints_preset(name: str, outcomes: dict[str, Said]) -> None:
    said = outcomes[f"train {name} --dry-run"]
    assert said["code"] in (0, None)
    assert said["err"] == ""
    assert said["changed"] == []
    assert said["out"] == PRESETS[name]().to_json()


@pytest.mark.parametrize(("line", "why"), BAD.values(), ids=BAD.keys())
def test_bad_input(line: str, why: str, outcomes: dict[str, Said]) -> None:
    """Exit 2, one sentence on standard error, and every file as it was before."""
    said = outcomes[line]
    assert "Traceback" not in said["err"], said["err"]
    assert said["code"] == 2, said["err"]
    assert said["out"] == ""
    assert why in said["err"]
    if "╭" not in said["err"]:  # the box in which cyclopts puts its own
        assert said["err"].startswith("infogan: ")
        assert said["err"].count("\n") == 1
    assert said["changed"] == []


def test_bad_input_in_a_process(place: Path) -> None:
    done = call("train", "digist", cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "infogan: unknown preset 'digist'; did you mean 'digits'?\n"


def test_command_line_starts_without_torch() -> None:
    code = "import sys, infogan, infogan.cli; print('torch' in sys.modules, 'numpy' in sys.modules)"
    assert python(code) == "False False"


def test_no_torchvision() -> None:
    code = "import sys, infogan.training.launch; print(*({'torch', 'torchvision'} & set(sys.modules)))"
    assert python(code) == "torch"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not any("torchvision" in dependency for dependency in project["dependencies"])
