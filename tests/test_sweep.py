"""Sweeps: the settings, processes side by side, stop and resume, collapse, the table and the page."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import quick_scores
import torch
from commands import ENV, ROOT
from commands import run as run_command
from rich.console import Console

import infogan.training.health
from infogan.config import Config, options_of, to_text
from infogan.config.presets import get_preset
from infogan.data import LoadOptions
from infogan.evaluation.selection import select
from infogan.runs.run import Run
from infogan.scale.sweep import SweepOptions, format_summary, launch, parse_settings, sweep, trials
from infogan.scale.sweep.best import BestRun, choose_best, label_free_scores
from infogan.scale.sweep.page import write_page
from infogan.scale.sweep.results import RunResult, collect_results
from infogan.scale.sweep.settings import folder_name
from infogan.scale.sweep.trials import make_trials
from infogan.utils.errors import InfoganError

DIGITS = get_preset("digits-code")
QUICK = DIGITS.replace(steps=12, log_every=4, save_every=4, batch_size=32, device="cpu")
QUICK_LINE = "digits-code --steps 12 --log-every 4 --save-every 4 --batch-size 32 --device cpu"
DEFAULT_OPTIONS = LoadOptions()
SETTINGS = ["lr_g=1e-3,5e-4", "lam=0.5:1:0.1"]
TWO_CORES = "infogan.scale.sweep.trials as t, infogan.scale.sweep.launch as l; t.cores = l.cores = lambda: 2"
PROGRAM = f"import sys, infogan.cli, {TWO_CORES}; infogan.cli.main()"


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However many this machine has; with one thread each, so that bits can be compared."""
    for module in (trials, launch):
        monkeypatch.setattr(module, "cores", lambda: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A few labelled images, so that scores take little time."""
    path = tmp_path_factory.mktemp("images") / "images.npz"
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 3
    x = (rng.random((80, 8, 8)) * (80 + 80 * labels[:, None, None])).astype(np.uint8)
    np.savez(path, images=x, labels=labels)
    return f"npz:{path}"


@pytest.fixture(scope="module")
def quick(images: str) -> Config:
    return QUICK.replace(images=images)


def quiet() -> Console:
    return Console(quiet=True)


def weights(run: Path) -> bytes:
    return max((run / "checkpoints").iterdir()).read_bytes()


def steps(run: Path) -> int:
    return max((int(p.stem) for p in run.glob("checkpoints/*.safetensors")), default=0)


def sweep_process(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`infogan sweep` in a process that sees two cores."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "sweep", *words],
        cwd=cwd,
        env=ENV,
        capture_output=True,
        text=True,
        timeout=400,
    )


# Settings


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
    "images": "folder:a b/c", "architecture": "small", "shape": (3, 32, 32), "square": "pad",
    "diffaug": True, "codes": "cat:10 unif:2", "noise": "normal", "fixed_std": None, "lam": (1.0, 0.1),
    "steps": 7, "lr_g": 2e-5, "transforms": "rotate:0.2 hflip:0.5", "precision": "64-true", "device": "cpu",
    "knobs": "shear", "labels": "some labels.csv",
}  # fmt: skip


def test_every_field_of_the_config_can_be_set() -> None:
    for name in options_of(Config):
        if name not in ("seed", "devices", "nodes"):
            value = VALUES.get(name, DIGITS.options()[name])
            (found,) = parse_settings([f"{name}={to_text(value)}"])
            assert found == {name: value}
            assert type(found[name]) is type(value)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["lr=1"], "unknown field 'lr'; did you mean 'lr_g'?"),
        (["optim.lr_g=1"], "unknown field 'optim.lr_g'"),
        (["lr_g"], "write FIELD=VALUE,VALUE"),
        (["lr_g="], "a value is missing"),
        (["lr_g=1,,2"], "a value is missing"),
        (["lr_g=1", "lr_g=2"], "lr_g is set twice"),
        (["lr_g=1e-3,0.001"], "a value appears twice"),
        (["lr_g=fast"], "lr_g is fast, but must be a finite number"),
        (["lam=1:b"], "lam is"),
        (["batch_size=1.5"], "batch_size is 1.5, but must be a whole number"),
        (["diffaug=maybe"], "diffaug is maybe, but must be true or false"),
        (["shape=1:28"], "shape is [1, 28], but must be a list of 3 whole numbers"),
        (["noise=loud"], "noise is loud, but must be one of uniform, normal"),
        (["lr_g=none"], "lr_g is none, but must be a finite number"),
        (["seed=1,2"], "seed cannot be varied; choose the first seed"),
    ],
)
def test_wrong_settings(texts: list[str], why: str) -> None:
    with pytest.raises(InfoganError, match=re.escape(why)):
        parse_settings(texts)


def test_folders_are_named_after_their_setting() -> None:
    assert folder_name("digits", {}, 3) == "digits-3"
    setting = {"lr_g": 0.001, "lam": (0.5, 1.0), "codes": "cat:3 unif:1"}
    assert folder_name("digits", setting, 3) == "digits-lr_g=0.001-lam=0.5_1-codes=cat_3_unif_1-3"
    clash = parse_settings(["codes=cat:10 unif:2 noise:8,cat:10:unif:2:noise:8"])
    with pytest.raises(InfoganError, match="would share the folder"):
        make_trials("digits", QUICK, 1, clash, Path("runs"))


def test_a_value_out_of_range_is_found_before_training(tmp_path: Path) -> None:
    with pytest.raises(InfoganError, match="lr_g is -1"):
        sweep(
            "digits", QUICK, 1, tmp_path / "runs", DEFAULT_OPTIONS, quiet(), parse_settings(["lr_g=1e-3,-1"])
        )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "config", "why"),
    [
        (SweepOptions(cpus=0), QUICK, "cpus is 0"),
        (SweepOptions(cpus=3), QUICK, "cpus is 3, but this machine has 2"),
        (SweepOptions(gpus=1.0), QUICK, "set ray to the address of a cluster"),
        (SweepOptions(gpus=-1.0, ray="auto"), QUICK, "gpus is -1"),
        (SweepOptions(stacked=True, cpus=1), QUICK, "stacked does not go with"),
        (SweepOptions(stacked=True, ray="auto"), QUICK, "stacked does not go with"),
        (SweepOptions(stacked=True, stop_collapsed=True), QUICK, "stacked does not go with"),
        (SweepOptions(cpus=1), QUICK.replace(devices=2), "do not go with cpus or ray"),
        (SweepOptions(ray="auto"), QUICK.replace(device="cuda"), "needs gpus"),
    ],
)
def test_options_that_contradict_each_other(options: SweepOptions, config: Config, why: str) -> None:
    with pytest.raises(InfoganError, match=re.escape(why)):
        options.n_parallel(config)


# Processes side by side


@pytest.fixture(scope="module")
def module_patch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """Quick scores, here and in all processes that are started."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text("import quick_scores\n\nquick_scores.use()\n")
    with pytest.MonkeyPatch.context() as patch:
        quick_scores.use(patch.setattr)
        for environment in (ENV, os.environ):
            paths = [str(folder), str(Path(__file__).parent), str(ROOT)]
            patch.setitem(environment, "PYTHONPATH", os.pathsep.join(paths))
        yield patch


@pytest.fixture(scope="module")
def swept(module_patch: pytest.MonkeyPatch, images: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of two settings and one seed, two runs at a time."""
    folder = tmp_path_factory.mktemp("swept")
    words = f"{QUICK_LINE} --images {images} --seeds 1 --cpus 1 --set {' '.join(SETTINGS)}"
    for module in (trials, launch):
        module_patch.setattr(module, "cores", lambda: 2)
    done = run_command("sweep", *words.split(), cwd=folder)
    assert done.status == 0, done.err
    start = "digits-code: 2 runs are done\n  lr_g=0.001 lam=0.5:1:0.1: 1 done; L_I in nats: c1 "
    assert done.out.startswith(start)
    ends = re.findall(r"^(\d) of 2: runs/(.*): done$", done.err, re.MULTILINE)
    assert [n for n, _ in ends] == ["1", "2"]
    return folder / "runs"


def results_of(swept: Path, config: Config) -> list[RunResult]:
    trials = make_trials("digits-code", config, 1, parse_settings(SETTINGS), swept)
    return collect_results(trials, {}, stop_collapsed=False)


def test_processes_give_the_same_bits_as_runs_in_turn(swept: Path, quick: Config, tmp_path: Path) -> None:
    settings = parse_settings(SETTINGS)
    summary, stopped = sweep("digits-code", quick, 1, tmp_path, DEFAULT_OPTIONS, quiet(), settings)
    assert not stopped
    there = json.loads((swept / "digits-code-sweep.json").read_text())
    assert [Path(run).name for run in summary["runs"]] == [Path(run).name for run in there["runs"]]
    for run in summary["runs"]:
        other = swept / Path(run).name
        assert weights(Path(run)) == weights(other)
        assert (Path(run) / "evaluation.json").read_bytes() == (other / "evaluation.json").read_bytes()
    for here, of in zip(summary["settings"], there["settings"], strict=True):
        assert here["scores"] == of["scores"]
    assert Path(summary["chosen"]).name == Path(there["chosen"]).name
    assert "best run, chosen without labels: " in format_summary(summary)


def test_finished_runs_are_kept(swept: Path, quick: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("infogan.scale.sweep.processes.Worker", train)
    monkeypatch.setattr("infogan.training.launch.resume", train)
    settings = parse_settings(SETTINGS)
    for options in (SweepOptions(cpus=1), SweepOptions()):
        summary, _ = sweep("digits-code", quick, 1, swept, DEFAULT_OPTIONS, quiet(), settings, options)
        assert len(summary["runs"]) == 2
    other = quick.replace(batch_size=16)
    with pytest.raises(InfoganError, match="holds a run of another config"):
        sweep("digits-code", other, 1, swept, DEFAULT_OPTIONS, quiet(), settings)


def test_the_table_has_one_row_per_run(swept: Path) -> None:
    table = pyarrow.parquet.read_table(swept / "digits-code-sweep.parquet").to_pylist()
    assert [(row["lr_g"], row["lam"], row["seed"]) for row in table] == [
        (lr_g, [0.5, 1.0, 0.1], 0) for lr_g in (0.001, 0.0005)
    ]  # fmt: skip
    for row in table:
        run = swept / Path(row["run"]).name
        scores = json.loads((run / "evaluation.json").read_text())
        flat = {f"{split}/{name}": s["value"] for split, of in scores.items() for name, s in of.items()}
        assert {name: value for name, value in row.items() if name in flat} == flat
        assert (row["status"], row["steps"], row["error"], row["collapsed"]) == ("done", 12, None, None)
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert row["seconds"] == pytest.approx(sum(4 * 32 / r["images_per_s"] for r in rows))
    ranks = [row["label_free/udr_and_recovery"] for row in table]
    chosen = json.loads((swept / "digits-code-sweep.json").read_text())["chosen"]
    assert table[ranks.index(max(ranks))]["run"] == chosen


def test_the_best_run_is_that_of_select(swept: Path, quick: Config) -> None:
    results = results_of(swept, quick)
    runs = [Run.open(result.trial.path) for result in results]
    models = {str(run.path): run.model() for run in runs}
    images = runs[0].images("", DEFAULT_OPTIONS)
    ours = label_free_scores(models, images, lambda _: None)
    selection = select(models, 32, images, "udr_and_recovery", lambda _: None)["runs"]
    for name, scores in ours.items():
        assert scores == pytest.approx({score: selection[name][score] for score in scores})
    assert choose_best(results, DEFAULT_OPTIONS, lambda _: None, stopped=False).run == next(iter(selection))
    assert choose_best(results, DEFAULT_OPTIONS, lambda _: None, stopped=True).run is None
    alone = choose_best(results[:1], DEFAULT_OPTIONS, lambda _: None, stopped=False)
    assert alone.why_none == "it takes at least two finished runs"


def test_the_page_shows_every_run_and_needs_no_network(swept: Path) -> None:
    page = (swept / "digits-code-sweep.html").read_text()
    assert not re.search(r"<script|https?://|@import|url\(", page)
    chosen = json.loads((swept / "digits-code-sweep.json").read_text())["chosen"]
    assert f"infogan train --resume {chosen} --steps 24" in page
    assert f'alt="48 random samples of {chosen}"' in page
    plots = re.findall(r'<section class="score">\s*<h3>(.*?)</h3>.*?</section>', page, re.DOTALL)
    assert {"udr and recovery", "generated: recovery c1", "train: one to one error"} <= set(plots)
    assert page.count("<circle ") == 2 * len(plots)
    label_free, labelled = page.split('id="labels"')
    assert "train: one to one error" not in label_free
    assert "generated: recovery" not in labelled
    for run in swept.glob("digits-code-*/evaluation.json"):
        value = json.loads(run.read_text())["train"]["nmi"]["value"]
        assert f"/{run.parent.name}: {value:.4f}</title>" in labelled


def test_no_name_breaks_out_of_the_page(swept: Path, quick: Config, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    write_page(tmp_path / "page.html", evil, results_of(swept, quick), BestRun(why_none=evil))
    assert "<script" not in (tmp_path / "page.html").read_text()


# What goes wrong


@pytest.mark.night
def test_stop_and_continue(tmp_path: Path) -> None:
    """The processes save what they train when their parent is killed, and when it is stopped."""
    words = "digits-code --steps 1500 --save-every 1500 --log-every 10 --batch-size 16 --device cpu --seeds 1"
    line = f"{words} --set lr_g=1e-3,5e-4 --cpus 1".split()
    runs = [tmp_path / "runs" / f"digits-code-lr_g={lr}-0" for lr in ("0.001", "0.0005")]
    done_steps = [0, 0]
    for how in (signal.SIGKILL, signal.SIGINT):
        with subprocess.Popen([sys.executable, "-c", PROGRAM, "sweep", *line], cwd=tmp_path, env=ENV,
                              stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
            try:
                wait_for(
                    lambda process=process, n=done_steps: (
                        process.poll() is not None or all(map(is_further, runs, n))
                    )
                )
                process.send_signal(how)
                _, err = process.communicate(timeout=60)
            finally:
                process.kill()
        if how == signal.SIGINT:
            assert process.returncode == 130, err
            assert err.endswith("infogan: stopped, all saved; repeat the command to continue.\n")
            assert "Traceback" not in err
        wait_for(lambda n=done_steps: all(steps(run) > k for run, k in zip(runs, n, strict=True)))
        done_steps = [steps(run) for run in runs]
    assert all(0 < n < 1500 for n in done_steps)
    table = pyarrow.parquet.read_table(tmp_path / "runs" / "digits-code-sweep.parquet")
    assert table["status"].to_pylist() == ["stopped", "stopped"]
    assert table["steps"].to_pylist() == done_steps
    assert "the sweep was stopped" in (tmp_path / "runs" / "digits-code-sweep.html").read_text()
    before = [
        (run / "metrics.jsonl").read_text().splitlines()[: n // 10]
        for run, n in zip(runs, done_steps, strict=True)
    ]
    done = sweep_process(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for run, lines in zip(runs, before, strict=True):
        assert (run / "metrics.jsonl").read_text().splitlines()[: len(lines)] == lines
        assert steps(run) == 1500


def is_further(run: Path, n: int) -> bool:
    """Whether a run is a little further than step n."""
    file = run / "metrics.jsonl"
    lines = file.read_text().splitlines() if file.is_file() else []
    return len(lines) > n // 10 + 2


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("cpus", [None, pytest.param(1, marks=pytest.mark.night)])
def test_a_run_that_collapses_is_stopped_and_kept(
    cpus: int | None,
    module_patch: pytest.MonkeyPatch,
    quick: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here all do, because no images are diverse enough for the monitor."""
    config = quick.replace(steps=30, log_every=10, save_every=10)
    health = {"MIN_DIVERSITY": 1e9, "PATIENCE_AT_START": 10}
    (tmp_path / "sitecustomize.py").write_text(
        "import infogan.training.health as health\n"
        + "".join(f"health.{name} = {value}\n" for name, value in health.items())
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name, value in health.items():
        monkeypatch.setattr(infogan.training.health, name, value)
    console = Console(record=True, width=1000, file=io.StringIO())
    folder, options = tmp_path / "runs", SweepOptions(stop_collapsed=True, cpus=cpus)
    settings = parse_settings(["lr_g=1e-3,5e-4"])
    summary, stopped = sweep("digits-code", config, 1, folder, DEFAULT_OPTIONS, console, settings, options)
    assert not stopped
    assert summary["runs"] == []
    assert [len(of["collapsed"]) for of in summary["settings"]] == [1, 1]
    assert "0 done, 1 collapsed" in format_summary(summary)
    assert console.export_text().count("mode collapse") == 2
    (row, _) = pyarrow.parquet.read_table(folder / "digits-code-sweep.parquet").to_pylist()
    assert (row["status"], row["collapsed"], row["steps"]) == ("collapsed", 20, 20)
    page = (folder / "digits-code-sweep.html").read_text()
    assert "0 done, 2 collapsed" in page
    assert "mode collapse at step 20" in page
    run = Path(row["run"])
    assert not (run / "evaluation.json").exists()
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    sweep("digits-code", config, 1, folder, DEFAULT_OPTIONS, console, settings, options)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == before
    if cpus is None:  # without stop_collapsed the runs are finished
        summary, _ = sweep("digits-code", config, 1, folder, DEFAULT_OPTIONS, quiet(), settings)
        assert len(summary["runs"]) == 2
        assert (steps(run), summary.get("collapsed")) == (30, None)


@pytest.mark.parametrize("cpus", [None, pytest.param(1, marks=pytest.mark.night)])
def test_a_setting_that_diverges_is_a_finding(
    cpus: int | None, module_patch: pytest.MonkeyPatch, quick: Config, tmp_path: Path
) -> None:
    settings, options = parse_settings(["lr_d=1e30,1e-4"]), SweepOptions(cpus=cpus)
    summary, stopped = sweep("digits-code", quick, 1, tmp_path, DEFAULT_OPTIONS, quiet(), settings, options)
    assert not stopped
    assert [Path(run).name for run in summary["runs"]] == ["digits-code-lr_d=0.0001-0"]
    ((run, why),) = summary["failed"].items()
    assert Path(run).name == "digits-code-lr_d=1e+30-0"
    assert "keeps the state after step" in why
    rows = pyarrow.parquet.read_table(tmp_path / "digits-code-sweep.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["failed", "done"]
    assert rows[0]["error"] == why
    assert rows[0]["train/nmi"] is None


def test_a_process_that_dies_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho boom >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    options = SweepOptions(cpus=1)
    with pytest.raises(InfoganError, match=r"2 of 2 runs failed.*ended with exit status 3 \(boom\)"):
        sweep("digits-code", QUICK, 2, tmp_path / "runs", DEFAULT_OPTIONS, quiet(), options=options)


@pytest.mark.night
def test_seeds_in_processes_give_the_summary_of_a_sweep(tmp_path: Path) -> None:
    options = SweepOptions(cpus=1)
    summary, _ = sweep("digits", QUICK, 2, tmp_path, DEFAULT_OPTIONS, quiet(), options=options)
    assert list(summary) == ["preset", "runs", "scores", "best"]
    assert [Path(run).name for run in summary["runs"]] == ["digits-0", "digits-1"]
    assert summary["scores"]["test"]["nmi"]["protocol"].startswith("median of 2 runs")
    assert (tmp_path / "digits-sweep.html").is_file()
    with pytest.raises(InfoganError, match="2 of 2 runs failed"):
        sweep("bad", QUICK.replace(lr_d=1e30), 2, tmp_path, DEFAULT_OPTIONS, quiet(), options=options)
