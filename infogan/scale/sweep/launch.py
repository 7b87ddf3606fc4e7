"""Trains the runs of a sweep, and writes what they found: JSON, a table, a page."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from infogan.config import Config
from infogan.data import LoadOptions
from infogan.runs.run import Run
from infogan.scale.ray import check_shared_folder, connect, count_slots
from infogan.scale.sweep.best import choose_best
from infogan.scale.sweep.job import Failure, Outcome, train_and_score
from infogan.scale.sweep.page import write_page
from infogan.scale.sweep.processes import train_in_processes
from infogan.scale.sweep.results import collect_results, write_table
from infogan.scale.sweep.settings import Setting
from infogan.scale.sweep.summary import Summary, summarise
from infogan.scale.sweep.trials import SweepOptions, Trial, make_trials
from infogan.training import launch
from infogan.utils.environment import cores
from infogan.utils.errors import InfoganError, NonFiniteError

DEFAULTS = SweepOptions()


class SweepResult(NamedTuple):
    summary: Summary  # as in NAME-sweep.json
    stopped: bool  # by Ctrl-C, before all runs had ended


def sweep(
    name: str,
    config: Config,
    n_seeds: int,
    folder: Path,
    load_options: LoadOptions,
    console: Console,
    settings: Sequence[Setting] = ({},),
    options: SweepOptions = DEFAULTS,
) -> SweepResult:
    """Trains and scores the runs `folder`/`name`-SEED, or `name`-FIELD=VALUE-SEED, of all seeds and settings.

    Finished runs are kept and the others are started or resumed, so repeating an interrupted sweep continues
    it. Writes `folder`/`name`-sweep.json (see `summarise`), `name`-sweep.parquet with one row per run, and
    the page `name`-sweep.html.

    Args:
        settings: from `parse_settings`.

    Raises:
        InfoganError: if there is no seed, options contradict each other, a folder holds a run of another
            config, or, once all other runs have ended, if a run failed.
    """
    n_parallel = options.n_parallel(config)
    trials = make_trials(name, config, n_seeds, settings, folder)
    varied = settings[0] != {}
    if options.ray is not None:
        outcome = _train_on_ray(options.ray, trials, options, folder, load_options, console)
    elif n_parallel > 1:
        n_threads = options.cpus or cores()
        outcome = train_in_processes(
            trials, n_parallel, n_threads, load_options, console, options.stop_collapsed
        )
    else:
        outcome = _train_in_turn(trials, options, load_options, console, varied)
    results = collect_results(trials, outcome.failures, options.stop_collapsed)
    summary = summarise(name, results, settings)
    if _is_first_process() and any(trial.begun for trial in trials):
        with console.status("") as status:
            best = choose_best(results, load_options, status.update, stopped=outcome.stopped)
        if varied:
            summary["chosen"] = best.run
        Run(folder, config).write_json(f"{name}-sweep.json", summary)
        write_table(folder / f"{name}-sweep.parquet", results, best)
        page = folder / f"{name}-sweep.html"
        write_page(page, name, results, best)
        console.print(f"comparison of all runs: {page}", highlight=False, soft_wrap=True)
    # With several settings, one that diverges is a finding.
    errors = {path: f.message for path, f in outcome.failures.items() if not (f.diverged and varied)}
    if errors:
        path, message = next(iter(errors.items()))
        raise InfoganError(
            f"{len(errors)} of {len(trials)} runs failed; the first, {path}: {message} Repeat the command to "
            "continue."
        )
    return SweepResult(summary, outcome.stopped)


def _train_in_turn(
    trials: Sequence[Trial], options: SweepOptions, load_options: LoadOptions, console: Console, varied: bool
) -> Outcome:
    """Trains in this process, with all its threads."""
    stopped = False
    if options.stacked:
        stopped = _train_stacked(trials, load_options, console)
        trials = [trial for trial in trials if trial.done]
    failures: dict[Path, Failure] = {}
    for i, trial in enumerate(trials, 1):
        seed = "" if varied else f"seed {trial.config.run.seed}, "
        console.print(f"{seed}{i} of {len(trials)}: {trial.path}", highlight=False)
        try:
            if not train_and_score(trial, load_options, console, options.stop_collapsed):
                return Outcome(failures, stopped=True)
        except NonFiniteError as error:
            if not varied:
                raise
            console.print(f"{trial.path}: {error}", highlight=False, soft_wrap=True)
            failures[trial.path] = Failure(str(error), diverged=True)
    return Outcome(failures, stopped)


def _train_stacked(trials: Sequence[Trial], load_options: LoadOptions, console: Console) -> bool:
    """Trains the seeds of each setting as one model, grouped by the steps they have done; True if stopped."""
    groups: dict[tuple[str, int], list[Trial]] = {}
    for trial in trials:
        if not trial.done:
            groups.setdefault((str(trial.setting), trial.steps), []).append(trial)
    for (_, steps), group in groups.items():
        paths = {trial.config.run.seed: trial.path for trial in group}
        seeds = ", ".join(map(str, paths))
        console.print(f"seeds {seeds}, stacked, from step {steps}", highlight=False)
        if not launch.train_stacked(group[0].config, paths, load_options, console).finished:
            return True
    return False


def _train_on_ray(
    address: str,
    trials: Sequence[Trial],
    options: SweepOptions,
    folder: Path,
    load_options: LoadOptions,
    console: Console,
) -> Outcome:
    cpus, gpus = options.cpus or 1, options.gpus or 0.0
    with connect(address):
        count_slots(cpus, gpus)
        check_shared_folder(folder)
        from infogan.scale.sweep.ray_tune import train_on_cluster  # imports Ray, which `connect` has checked

        return train_on_cluster(trials, cpus, gpus, folder, load_options, console, options.stop_collapsed)


def _is_first_process() -> bool:
    """Whether this process writes, of several that train every run together."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "GROUP_RANK", "NODE_RANK"))
