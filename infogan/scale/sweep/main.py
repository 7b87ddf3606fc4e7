"""The same preset with several seeds, and settings: what came out over them, and the best of them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from infogan.config import Config
from infogan.data import LoadOptions
from infogan.runs.run import Run
from infogan.scale.ray import connect, places, require_shared
from infogan.scale.sweep.best import choose
from infogan.scale.sweep.page import write_page
from infogan.scale.sweep.parquet import write_table
from infogan.scale.sweep.plan import Plan, Trial, make_trials
from infogan.scale.sweep.pool import in_processes
from infogan.scale.sweep.results import as_rows
from infogan.scale.sweep.settings import Setting
from infogan.scale.sweep.summary import Found, found_of
from infogan.scale.sweep.trial import Ended, Failure, train_and_score
from infogan.training import launch
from infogan.utils.environment import cores
from infogan.utils.errors import InfoganError, NonFiniteError

ALONE = Plan()


class Swept(NamedTuple):
    """What a sweep came to."""

    found: Found  # as NAME-sweep.json has it
    stopped: bool  # somebody asked to, before all runs had ended


def sweep(
    name: str,
    config: Config,
    seeds: int,
    folder: Path,
    load_options: LoadOptions,
    console: Console,
    settings: Sequence[Setting] = ({},),
    plan: Plan = ALONE,
) -> Swept:
    """Trains and scores the runs `folder`/`name`-SEED, or -FIELD=VALUE-SEED, for so many seeds and settings.

    Runs that are done are taken as they are, others are begun or gone on with, so that a sweep that was
    stopped goes on where it was. `found_of` says what it gives, and writes to `folder`/`name`-sweep.json.
    Beside that lie `name`-sweep.parquet, a row a run, and `name`-sweep.html, to be looked at.

    Args:
        settings: what `parse_settings` gave.
        plan: how the runs are trained.

    Raises:
        InfoganError: for no seed at all, a plan that does not go together, a folder that holds a run of
            another config, and, after all others have ended, where a run could not be trained.
    """
    at_a_time = plan.at_a_time(config)
    trials = make_trials(name, config, seeds, settings, folder)
    varied = settings[0] != {}
    if plan.ray is not None:
        ended = _on_cluster(plan.ray, trials, plan, folder, load_options, console)
    elif at_a_time > 1:
        threads = plan.cpus or cores()
        ended = in_processes(trials, at_a_time, threads, load_options, console, plan.stop_collapsed)
    else:
        ended = _one_by_one(trials, plan, load_options, console, varied)
    rows = as_rows(trials, ended.failures, plan.stop_collapsed)
    found = found_of(name, rows, settings)
    if _leads() and any(trial.begun for trial in trials):
        with console.status("") as status:
            choice = choose(rows, load_options, status.update, stopped=ended.stopped)
        if varied:
            found["chosen"] = choice.run
        Run(folder, config).write_json(f"{name}-sweep.json", found)
        write_table(folder / f"{name}-sweep.parquet", rows, choice)
        write_page(folder / f"{name}-sweep.html", name, rows, choice)
        console.print(f"to be looked at: {folder / f'{name}-sweep.html'}", highlight=False, soft_wrap=True)
    wrong = {path: f.said for path, f in ended.failures.items() if not (f.diverged and varied)}
    if wrong:
        path, said = next(iter(wrong.items()))
        raise InfoganError(
            f"{len(wrong)} of {len(trials)} runs failed, {path} first: {said} The same command goes on."
        )
    return Swept(found, ended.stopped)


def _one_by_one(
    trials: Sequence[Trial], plan: Plan, load_options: LoadOptions, console: Console, varied: bool
) -> Ended:
    """In this process, with all its threads. Where settings vary, one that diverges is no reason to stop."""
    if plan.stacked:
        stopped = _train_stacked(trials, load_options, console)
        trials = [trial for trial in trials if trial.done]
        if stopped and not trials:
            return Ended({}, stopped=True)
    failures: dict[Path, Failure] = {}
    for i, trial in enumerate(trials, 1):
        which = f"{i} of {len(trials)}" if varied else f"seed {trial.config.run.seed}, {i} of {len(trials)}"
        console.print(f"{which}: {trial.path}", highlight=False)
        try:
            if not train_and_score(trial, load_options, console, plan.stop_collapsed):
                return Ended(failures, stopped=True)
        except NonFiniteError as error:
            if not varied:
                raise
            console.print(f"{trial.path}: {error}", highlight=False, soft_wrap=True)
            failures[trial.path] = Failure(str(error), diverged=True)
    return Ended(failures, stopped=plan.stacked and stopped)


def _train_stacked(trials: Sequence[Trial], load_options: LoadOptions, console: Console) -> bool:
    """Trains the seeds of each setting as one, those that have come equally far together.

    Gives whether somebody asked to stop. Each comes out as alone, up to rounding; no large GPU is left idle.
    """
    together: dict[tuple[str, int], list[Trial]] = {}
    for trial in trials:
        if not trial.done:
            together.setdefault((str(trial.setting), trial.steps), []).append(trial)
    for (_, done), group in together.items():
        paths = {trial.config.run.seed: trial.path for trial in group}
        console.print(f"seeds {', '.join(map(str, paths))} as one, from update {done}", highlight=False)
        if not launch.train_stacked(group[0].config, paths, load_options, console).finished:
            return True
    return False


def _on_cluster(
    address: str,
    trials: Sequence[Trial],
    plan: Plan,
    folder: Path,
    load_options: LoadOptions,
    console: Console,
) -> Ended:
    cpus, gpus = plan.cpus or 1, plan.gpus or 0.0
    with connect(address):
        places(cpus, gpus)
        require_shared(folder)
        from infogan.scale.sweep.tune import on_cluster  # which loads Ray, and so takes that it is there

        return on_cluster(trials, cpus, gpus, folder, load_options, console, plan.stop_collapsed)


def _leads() -> bool:
    """Of several processes that train every run together, the one that writes."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "GROUP_RANK", "NODE_RANK"))
