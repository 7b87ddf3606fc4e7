"""The same preset with several seeds: what came out over them, and, as the paper did, the best of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from infogan import session
from infogan.config import Config
from infogan.data import Reading
from infogan.errors import InfoganError
from infogan.machine import settle
from infogan.metrics import Evaluation, evaluated, over_seeds, strongest, without_draws
from infogan.run import Run

Found = dict[str, Any]


def sweep(
    name: str,
    config: Config,
    seeds: int,
    folder: Path,
    reading: Reading,
    console: Console,
    *,
    stacked: bool = False,
) -> Found:
    """Trains and scores the runs `folder`/`name`-SEED for so many seeds, from the config's on.

    Runs that are done are taken as they are, others are begun or gone on with, so that a sweep that was
    stopped goes on where it was. Gives, and writes to `folder`/`name`-sweep.json,

        preset   the name
        runs     the folders of the runs that are done
        scores   split -> score -> its median over the runs with an interval, as in evaluation.json
        best     factor -> run, code and value of the strongest association on the last split, and the
                 median and the lowest of what each run's own strongest code has

    Args:
        stacked: trains the seeds as one, which leaves no large GPU idle; each comes out as alone, up to
            rounding.

    Raises:
        InfoganError: for no seed at all, or a folder that holds a run of another config.
    """
    if seeds < 1:
        raise InfoganError(f"sweep: --seeds is {seeds}, but must be at least 1.")
    evaluations: dict[str, Evaluation] = {}
    config = settle(config)
    paths = {seed: folder / f"{name}-{seed}" for seed in range(config.seed, config.seed + seeds)}
    if stacked:
        _train_together(paths, config, reading, console)
    for seed, path in paths.items():
        if stacked and _updates(path, replace(config, seed=seed)) < config.updates:
            break
        console.print(f"seed {seed}, {seed - config.seed + 1} of {seeds}: {path}", highlight=False)
        run = _trained(path, replace(config, seed=seed), reading, console)
        if run is None:
            break
        with console.status("") as status:
            evaluations[str(path)] = evaluated(run, reading, status.update)
    found = {"preset": name, "runs": list(evaluations), **summarise(evaluations)}
    if evaluations:
        Run(folder, config).write_json(f"{name}-sweep.json", found)
    return found


def summarise(evaluations: Mapping[str, Evaluation]) -> Found:
    """The spread of every score over runs, and the strongest association of every factor."""
    best: dict[str, dict[str, Any]] = {}
    values: dict[str, list[float]] = {}  # of each run's strongest code
    for run, evaluation in evaluations.items():
        for factor, found in strongest(evaluation[list(evaluation)[-1]]).items():
            value = found["score"]["value"]
            values.setdefault(factor, []).append(value)
            if value == max(values[factor]):
                best[factor] = {"run": run, "code": found["code"], "value": value}
    for factor, chosen in best.items():
        chosen |= {"median": median(values[factor]), "low": min(values[factor])}
    scores = without_draws(over_seeds(list(evaluations.values()))) if evaluations else {}
    return {"scores": scores, "best": best}


def tell(found: Found) -> str:
    """What `sweep` gave, for a person."""
    lines = [f"{found['preset']}: {len(found['runs'])} runs; median [95 % interval]"]
    for split, scores in found["scores"].items():
        rows = [
            f"  {name:36} {s['value']:7.4f}  [{s['low']:.4f}, {s['high']:.4f}]"
            for name, s in scores.items()
            if not name.startswith("association_")
        ]
        lines += [split, *rows] if rows else []
    if found["best"]:
        lines.append(
            "The code that follows each factor best in any run, picked after the fact as in Figs. 3 and 4"
        )
        lines += [
            f"  {factor:24} {best['value']:.3f}  {best['code']} of {best['run']}  "
            f"(median of the runs' best {best['median']:.3f}, lowest {best['low']:.3f})"
            for factor, best in found["best"].items()
        ]
    return "\n".join(lines)


def _trained(path: Path, config: Config, reading: Reading, console: Console) -> Run | None:
    """The run, done; None where somebody asked to stop."""
    done = _updates(path, config)
    if done == config.updates:
        return Run.open(path)
    if (path / "config.json").is_file():
        outcome = session.resume(path, {}, reading, console)
    else:
        outcome = session.begin(config, path, reading, console)
    return outcome.run if outcome.finished else None


def _train_together(paths: Mapping[int, Path], config: Config, reading: Reading, console: Console) -> None:
    """Trains the seeds that are not done; those that have come equally far together."""
    waiting: dict[int, dict[int, Path]] = {}
    for seed, path in paths.items():
        done = _updates(path, replace(config, seed=seed))
        if done < config.updates:
            waiting.setdefault(done, {})[seed] = path
    for done, group in waiting.items():
        console.print(f"seeds {', '.join(map(str, group))} as one, from update {done}", highlight=False)
        if not session.train_stacked(config, group, reading, console).finished:
            return


def _updates(path: Path, config: Config) -> int:
    """How many updates the run there has done; 0 where there is none.

    Raises:
        InfoganError: where it is a run of another config.
    """
    if not (path / "config.json").is_file():
        return 0
    run = Run.open(path)
    if run.config != config:
        raise InfoganError(f"{path} holds a run of another config; name another folder by --out.")
    return run.updates
