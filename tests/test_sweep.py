"""Sweeps: what --set means, processes side by side, stop and resume, collapse, the table and the page."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import torch
from rich.console import Console

import infogan.training.health
from infogan.config import Config
from infogan.config.presets import digits
from infogan.data import LoadOptions
from infogan.evaluation.selection import select
from infogan.runs.run import Run
from infogan.scale.sweep import Plan, parse_settings, sweep, tell
from infogan.scale.sweep import plan as plans
from infogan.scale.sweep.best import Choice, choose, label_free
from infogan.scale.sweep.page import write_page
from infogan.scale.sweep.plan import make_trials
from infogan.scale.sweep.results import as_rows
from infogan.scale.sweep.settings import folder_name, written
from infogan.utils.errors import InfoganError

ROOT = Path(__file__).parent.parent
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
QUICK = digits().replace(steps=30, log_every=10, save_every=10, batch_size=32, device="cpu")
DEFAULT_OPTIONS = LoadOptions()
SETTINGS = ["lr_g=1e-3,5e-4", "lam=1,0.5:1:0.1"]


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However many this machine has; with a thread each, so that bits can be compared."""
    monkeypatch.setattr(plans, "cores", lambda: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def quiet() -> Console:
    return Console(quiet=True)


def weights(run: Path) -> bytes:
    return max((run / "checkpoints").iterdir()).read_bytes()


def steps(run: Path) -> int:
    return max((int(p.stem) for p in run.glob("checkpoints/*.safetensors")), default=0)


# What --set means


def test_every_combination_the_last_field_fastest() -> None:
    found = parse_settings(["lr-g=1e-3,5e-4", "lam=0.5,1:0.1:2"])
    assert found == [
        {"lr_g": 0.001, "lam": (0.5,)},
        {"lr_g": 0.001, "lam": (1.0, 0.1, 2.0)},
        {"lr_g": 0.0005, "lam": (0.5,)},
        {"lr_g": 0.0005, "lam": (1.0, 0.1, 2.0)},
    ]
    assert parse_settings([]) == [{}]


VALUES: dict[str, Any] = {
    "images": "folder:a b/c", "net": "small", "shape": (3, 32, 32), "square": "pad", "augment": True,
    "codes": "cat:10 unif:2", "noise": "normal", "fixed_std": None, "lam": (1.0, 0.1), "steps": 7,
    "lr_g": 2e-5, "motion": "rotate:0.2 hflip:0.5", "precision": "64-true", "device": "cpu",
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_read_as_it_is_written(name: str) -> None:
    (found,) = parse_settings([f"{name}={written(VALUES[name])}"])
    assert found == {name: VALUES[name]}
    assert type(found[name]) is type(VALUES[name])


def test_every_field_of_the_config_can_be_set() -> None:
    for field in fields(Config):
        if field.name not in ("seed", "devices", "nodes"):
            value = VALUES.get(field.name, getattr(digits(), field.name))
            assert parse_settings([f"{field.name}={written(value)}"]) == [{field.name: value}]


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["lr=1"], "unknown field 'lr'; did you mean 'lr_g'?"),
        (["optim.lr_g=1"], "unknown field 'optim.lr_g'; known are images, net"),
        (["lr_g"], "write FIELD=VALUE,VALUE"),
        (["lr_g="], "a value is missing"),
        (["lr_g=1,,2"], "a value is missing"),
        (["lr_g=1", "lr_g=2"], "lr_g is set twice"),
        (["lr_g=1e-3,0.001"], "a value is there twice"),
        (["lr_g=fast"], "'fast' is not a number"),
        (["lam=1:b"], "'1:b' is not a number"),
        (["batch=1.5"], "'1.5' is not a whole number"),
        (["augment=maybe"], "'maybe' is not true or false"),
        (["shape=1:28"], "'1:28' is not as 1:28:28"),
        (["noise=loud"], "'loud' is none of uniform, normal"),
        (["lr_g=none"], "'none' is not a number"),
        (["seed=1,2"], "seed is not for --set; name the first seed by --seed"),
    ],
)
def test_settings_that_are_none(texts: list[str], why: str) -> None:
    with pytest.raises(InfoganError, match=re.escape(why)):
        parse_settings(texts)


def test_folders_tell_the_setting() -> None:
    assert folder_name("digits", {}, 3) == "digits-3"
    setting = {"lr_g": 0.001, "lam": (0.5, 1.0), "codes": "cat:3 unif:1"}
    assert folder_name("digits", setting, 3) == "digits-lr_g=0.001-lam=0.5_1-codes=cat_3_unif_1-3"
    clash = parse_settings(["codes=cat:10 unif:2 noise:8,cat:10:unif:2:noise:8"])
    with pytest.raises(InfoganError, match="would share the folder"):
        make_trials("digits", QUICK, 1, clash, Path("runs"))


def test_a_value_out_of_range_is_found_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InfoganError, match="lr_g is -1"):
        sweep(
            "digits", QUICK, 1, tmp_path / "runs", DEFAULT_OPTIONS, quiet(), parse_settings(["lr_g=1e-3,-1"])
        )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("plan", "config", "why"),
    [
        (Plan(cpus=0), QUICK, "--cpus is 0"),
        (Plan(cpus=3), QUICK, "--cpus is 3, but this machine has 2"),
        (Plan(gpus=1.0), QUICK, "name the cluster by --ray"),
        (Plan(gpus=-1.0, ray="auto"), QUICK, "--gpus is -1"),
        (Plan(stacked=True, cpus=1), QUICK, "--stacked trains the seeds as one"),
        (Plan(stacked=True, ray="auto"), QUICK, "--stacked trains the seeds as one"),
        (Plan(stacked=True, stop_collapsed=True), QUICK, "--stacked trains the seeds as one"),
        (Plan(cpus=1), QUICK.replace(devices=2), "without --cpus and --ray"),
        (Plan(ray="auto"), QUICK.replace(device="cuda"), "takes --gpus"),
    ],
)
def test_plans_that_do_not_go_together(plan: Plan, config: Config, why: str) -> None:
    with pytest.raises(InfoganError, match=re.escape(why)):
        plan.at_a_time(config)


# Processes side by side


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of four settings and one seed, two runs at a time, whose folder this is."""
    folder = tmp_path_factory.mktemp("swept")
    done = call("digits", *QUICK_LINE, "--set", *SETTINGS, "--seeds", "1", "--cpus", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("digits: 4 runs are done\n  lr_g=0.001 lam=1: 1 done; L_I in nats: c1 ")
    ends = re.findall(r"^(\d) of 4: runs/(.*): done$", done.stderr, re.MULTILINE)
    assert [n for n, _ in ends] == ["1", "2", "3", "4"]
    return folder / "runs"


QUICK_LINE = (
    "--steps",
    "30",
    "--log-every",
    "10",
    "--save-every",
    "10",
    "--batch-size",
    "32",
    "--device",
    "cpu",
)


def call(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    driver = f"import sys, infogan.cli, {CORES}; infogan.cli.main()"
    return subprocess.run([sys.executable, "-c", driver, "sweep", *args],
                          cwd=cwd, env=ENV, capture_output=True, text=True, timeout=180)  # fmt: skip


CORES = "infogan.scale.sweep.plan as p, infogan.scale.sweep.main as s; p.cores = s.cores = lambda: 2"


def test_processes_come_to_the_same_bits_as_one_after_the_other(swept: Path, tmp_path: Path) -> None:
    settings = parse_settings(SETTINGS)
    found, stopped = sweep("digits", QUICK, 1, tmp_path, DEFAULT_OPTIONS, quiet(), settings)
    assert not stopped
    there = json.loads((swept / "digits-sweep.json").read_text())
    assert [Path(run).name for run in found["runs"]] == [Path(run).name for run in there["runs"]]
    for run in found["runs"]:
        other = swept / Path(run).name
        assert weights(Path(run)) == weights(other)
        assert (Path(run) / "evaluation.json").read_bytes() == (other / "evaluation.json").read_bytes()
    for here, of in zip(found["settings"], there["settings"], strict=True):
        assert here["scores"] == of["scores"]
    assert Path(found["chosen"]).name == Path(there["chosen"]).name
    assert "the best without a label: " in tell(found)


def test_what_is_done_is_taken_as_it_is(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("infogan.scale.sweep.pool.Worker", train)
    monkeypatch.setattr("infogan.training.launch.resume", train)
    for plan in (Plan(cpus=1), Plan()):
        found, _ = sweep("digits", QUICK, 1, swept, DEFAULT_OPTIONS, quiet(), parse_settings(SETTINGS), plan)
        assert len(found["runs"]) == 4
    other = QUICK.replace(batch_size=16)
    with pytest.raises(InfoganError, match="holds a run of another config"):
        sweep("digits", other, 1, swept, DEFAULT_OPTIONS, quiet(), parse_settings(SETTINGS), Plan(cpus=1))


def test_the_table_has_a_row_a_run(swept: Path) -> None:
    table = pyarrow.parquet.read_table(swept / "digits-sweep.parquet").to_pylist()
    assert [(row["lr_g"], row["lam"], row["seed"]) for row in table] == [
        (0.001, [1.0], 0), (0.001, [0.5, 1.0, 0.1], 0), (0.0005, [1.0], 0), (0.0005, [0.5, 1.0, 0.1], 0)
    ]  # fmt: skip
    for row in table:
        run = swept / Path(row["run"]).name
        scores = json.loads((run / "evaluation.json").read_text())
        flat = {f"{split}/{name}": s["value"] for split, of in scores.items() for name, s in of.items()}
        assert {name: value for name, value in row.items() if name in flat} == flat
        assert (row["status"], row["steps"], row["said"], row["collapsed"]) == ("done", 30, None, None)
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert row["seconds"] == pytest.approx(sum(10 * 32 / r["images_per_s"] for r in rows))
    by = [row["label_free/udr_and_recovery"] for row in table]
    chosen = json.loads((swept / "digits-sweep.json").read_text())["chosen"]
    assert table[by.index(max(by))]["run"] == chosen


def test_the_choice_is_that_of_select(swept: Path) -> None:
    runs = [Run.open(path.parent) for path in sorted(swept.glob("*/config.json"))]
    models = {str(run.path): run.model() for run in runs}
    images = runs[0].images("train", DEFAULT_OPTIONS)
    ours = label_free(models, images, lambda _: None)
    theirs = select(models, QUICK.optimisation.batch_size, images, "udr_and_recovery", lambda _: None)["runs"]
    for name, scores in ours.items():
        assert scores == pytest.approx({score: theirs[name][score] for score in scores})
    rows = as_rows(make_trials("digits", QUICK, 1, parse_settings(SETTINGS), swept), {}, False)
    assert choose(rows, DEFAULT_OPTIONS, lambda _: None, stopped=False).run == next(iter(theirs))
    assert choose(rows, DEFAULT_OPTIONS, lambda _: None, stopped=True).run is None
    assert choose(rows[:1], DEFAULT_OPTIONS, lambda _: None, stopped=False).why_not.startswith(
        "a choice takes two"
    )


def test_the_page_shows_every_run_and_asks_for_nothing(swept: Path) -> None:
    page = (swept / "digits-sweep.html").read_text()
    assert not re.search(r"<script|https?://|@import|url\(", page)
    chosen = json.loads((swept / "digits-sweep.json").read_text())["chosen"]
    assert f"infogan train --resume {chosen} --steps 60" in page
    assert f'alt="48 images that {chosen} makes, drawn at random"' in page
    strips = re.findall(r'<section class="score">\s*<h3>(.*?)</h3>.*?</section>', page, re.DOTALL)
    assert {"udr and recovery", "generated: recovery c1", "test: one to one error"} <= set(strips)
    assert page.count("<circle ") == 4 * len(strips)
    without, with_labels = page.split('id="labels"')
    assert "test: one to one error" not in without
    assert "generated: recovery" not in with_labels
    for run in swept.glob("digits-*/evaluation.json"):
        value = json.loads(run.read_text())["test"]["nmi"]["value"]
        assert f"/{run.parent.name}: {value:.4f}</title>" in with_labels


def test_no_name_breaks_out_of_the_page(swept: Path, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    rows = as_rows(make_trials("digits", QUICK, 1, parse_settings(SETTINGS), swept), {}, False)
    write_page(tmp_path / "page.html", evil, rows, Choice(why_not=evil))
    assert "<script" not in (tmp_path / "page.html").read_text()


# What goes wrong


@pytest.mark.night
def test_stop_and_go_on(tmp_path: Path) -> None:
    """The processes save what they train when their parent is killed, and when it is asked to stop."""
    line = ["digits", "--steps", "1500", "--save-every", "1500", "--log-every", "10", "--batch-size", "16",
            "--device", "cpu", "--seeds", "1", "--set", "lr_g=1e-3,5e-4", "--cpus", "1"]  # fmt: skip
    driver = f"import sys, infogan.cli, {CORES}; infogan.cli.main()"
    runs = [tmp_path / "runs" / f"digits-lr_g={lr}-0" for lr in ("0.001", "0.0005")]
    came = [0, 0]
    for how in (signal.SIGKILL, signal.SIGINT):
        with subprocess.Popen([sys.executable, "-c", driver, "sweep", *line], cwd=tmp_path, env=ENV,
                              stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
            try:
                wait_for(
                    lambda process=process, came=came: (
                        process.poll() is not None or all(map(further, runs, came))
                    )
                )
                process.send_signal(how)
                _, said = process.communicate(timeout=60)
            finally:
                process.kill()
        if how == signal.SIGINT:
            assert process.returncode == 130, said
            assert said.endswith("infogan: stopped, all saved; the same command goes on.\n")
            assert "Traceback" not in said
        wait_for(lambda came=came: all(steps(run) > n for run, n in zip(runs, came, strict=True)))
        came = [steps(run) for run in runs]
    assert all(0 < n < 1500 for n in came)
    table = pyarrow.parquet.read_table(tmp_path / "runs" / "digits-sweep.parquet")
    assert table["status"].to_pylist() == ["stopped", "stopped"]
    assert table["steps"].to_pylist() == came
    assert "the sweep was stopped" in (tmp_path / "runs" / "digits-sweep.html").read_text()
    before = [
        (run / "metrics.jsonl").read_text().splitlines()[: n // 10] for run, n in zip(runs, came, strict=True)
    ]
    done = call(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for run, lines in zip(runs, before, strict=True):
        assert (run / "metrics.jsonl").read_text().splitlines()[: len(lines)] == lines
        assert steps(run) == 1500


def further(run: Path, n: int) -> bool:
    """Whether a run has come a little further than update n."""
    file = run / "metrics.jsonl"
    lines = file.read_text().splitlines() if file.is_file() else []
    return len(lines) > n // 10 + 2


def wait_for(what: Any) -> None:
    until = time.monotonic() + 90
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("plan", [Plan(stop_collapsed=True), Plan(stop_collapsed=True, cpus=1)])
def test_a_run_that_collapses_is_ended_and_kept(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here all do, as no image is as diverse as the watch is made to ask for."""
    config = QUICK.replace(steps=60)
    (tmp_path / "sitecustomize.py").write_text(
        "import infogan.training.health as health\nhealth.COLLAPSED, health.EARLY = 1e9, 10\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(infogan.training.health, "COLLAPSED", 1e9)
    monkeypatch.setattr(infogan.training.health, "EARLY", 10)
    console = Console(record=True, width=1000, file=io.StringIO())
    folder = tmp_path / "runs"
    settings = parse_settings(["lr_g=1e-3,5e-4"])
    found, stopped = sweep("digits", config, 1, folder, DEFAULT_OPTIONS, console, settings, plan)
    assert not stopped
    assert found["runs"] == []
    assert [len(of["collapsed"]) for of in found["settings"]] == [1, 1]
    assert "0 done, 1 collapsed" in tell(found)
    said = console.export_text()
    assert said.count("G's images are nearly one") == 2
    (row, _) = pyarrow.parquet.read_table(folder / "digits-sweep.parquet").to_pylist()
    assert (row["status"], row["collapsed"], row["steps"]) == ("collapsed", 20, 20)
    page = (folder / "digits-sweep.html").read_text()
    assert "0 done, 2 collapsed" in page
    assert "nearly one at update 20" in page
    run = Path(row["run"])
    assert not (run / "evaluation.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    sweep("digits", config, 1, folder, DEFAULT_OPTIONS, console, settings, plan)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == kept
    if plan.cpus is None:  # who does not ask for that gets the whole run
        found, _ = sweep("digits", config, 1, folder, DEFAULT_OPTIONS, quiet(), settings)
        assert len(found["runs"]) == 2
        assert (steps(run), found.get("collapsed")) == (60, None)


@pytest.mark.parametrize("cpus", [None, 1])
def test_a_setting_that_diverges_is_a_finding(cpus: int | None, tmp_path: Path) -> None:
    settings = parse_settings(["lr_d=1e30,1e-4"])
    found, stopped = sweep("digits", QUICK, 1, tmp_path, DEFAULT_OPTIONS, quiet(), settings, Plan(cpus=cpus))
    assert not stopped
    assert [Path(run).name for run in found["runs"]] == ["digits-lr_d=0.0001-0"]
    ((run, why),) = found["failed"].items()
    assert Path(run).name == "digits-lr_d=1e+30-0"
    assert "the update was not applied" in why
    rows = pyarrow.parquet.read_table(tmp_path / "digits-sweep.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["failed", "done"]
    assert rows[0]["said"] == why
    assert rows[0]["test/nmi"] is None


def test_a_process_that_breaks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho boom >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(InfoganError, match=r"2 of 2 runs failed.*ended by exit status 3 \(boom\)"):
        sweep("digits", QUICK, 2, tmp_path / "runs", DEFAULT_OPTIONS, quiet(), plan=Plan(cpus=1))


@pytest.mark.night
def test_seeds_alone_side_by_side_are_the_sweep_as_ever(tmp_path: Path) -> None:
    found, _ = sweep("digits", QUICK, 2, tmp_path, DEFAULT_OPTIONS, quiet(), plan=Plan(cpus=1))
    assert list(found) == ["preset", "runs", "scores", "best"]
    assert [Path(run).name for run in found["runs"]] == ["digits-0", "digits-1"]
    assert found["scores"]["test"]["nmi"]["protocol"].startswith("median of 2 runs")
    assert (tmp_path / "digits-sweep.html").is_file()
    with pytest.raises(InfoganError, match="lower --lr-d"):
        sweep("bad", QUICK.replace(lr_d=1e30), 2, tmp_path, DEFAULT_OPTIONS, quiet(), plan=Plan(cpus=1))


def test_the_command_line_says_what_is_wrong(tmp_path: Path) -> None:
    done = call("digits", "--set", "lr_g=fast", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "infogan: --set lr_g=fast: 'fast' is not a number.\n"
    assert list(tmp_path.iterdir()) == []
