"""infogan evaluate, compare and select."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from infogan.cli.options import Data, Json, flag, to_json
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

if TYPE_CHECKING:
    from rich.status import Status

    from infogan.evaluation import Evaluation
    from infogan.evaluation.across_runs import Comparison
    from infogan.evaluation.score import Score
    from infogan.evaluation.selection import Selection
    from infogan.runs.run import Run

RunOrSweep = Annotated[Path, Parameter(help="A run, a NAME-sweep.json, or a folder of runs.")]
Metrics = Annotated[
    tuple[str, ...] | None,
    Parameter(
        help="Default: bound, consistency, control, clustering, association. disentanglement and "
        "image-quality take minutes; all means all of them."
    ),
]
Features = Annotated[
    Path | None, Parameter(help="A TorchScript file from images to features, such as Inception's.")
]
Protocols = Annotated[bool, flag("Print every score with its interval and protocol.")]
By = Annotated[
    Literal["udr_and_recovery", "udr", "model_centrality", "bound", "recovery", "stability", "control"],
    Parameter(help="The score to rank by."),
]
VARIANTS = ("_batch_statistics", "_k_means")  # for comparison, and printed with --protocols only


def evaluate(
    run_or_sweep: RunOrSweep,
    /,
    *,
    metrics: Metrics = None,
    features: Features = None,
    protocols: Protocols = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Score runs: L_I per code, agreement of codes with labels and factors, image quality.

    All scores of a run are written to its evaluation.json; for several runs, medians are printed.
    """
    from infogan.data import LoadOptions
    from infogan.evaluation import (
        DEFAULT_METRIC_GROUPS,
        evaluate_run,
        median_over_runs,
        resolve_metric_groups,
        without_resamples,
    )
    from infogan.runs.find import find_runs

    groups = resolve_metric_groups(metrics or DEFAULT_METRIC_GROUPS)
    runs, load_options = find_runs(run_or_sweep), LoadOptions(data)
    if len({(run.config.data.images, run.config.codes.spec) for run in runs}) > 1:
        raise InfoganError(
            f"evaluate: the runs of {run_or_sweep} differ in images or codes; name one of them."
        )
    evaluations = []
    with console().status("") as status:
        for run in runs:
            evaluations.append(evaluate_run(run, load_options, _show(status, run), groups, features))
    found = evaluations[0] if len(runs) == 1 else median_over_runs(evaluations)
    if json:
        print(to_json(without_resamples(found)))
    elif protocols:
        _print_protocols(found)
    else:
        _print_table(found)
        print("(--protocols prints every score, its 95 % interval, and how it was measured)")


def _show(status: "Status", run: "Run") -> Callable[[str], None]:
    return lambda what: status.update(f"{run.path}: {what}")


def _named_scores(evaluation: "Evaluation") -> "Evaluation":
    """All scores, but of the associations with each factor only the strongest: there may be hundreds."""
    from infogan.evaluation import strongest_codes

    return {
        split: {name: s for name, s in scores.items() if not name.startswith("association_")}
        | {f"{s['code']} follows {factor}": s["score"] for factor, s in strongest_codes(scores).items()}
        for split, scores in evaluation.items()
    }


def _print_table(evaluation: "Evaluation") -> None:
    """One line per score, with its values on every split; the values of all codes are on one line."""
    lines: dict[str, dict[str, list[str]]] = {}
    for split, scores in _named_scores(evaluation).items():
        for name, s in scores.items():
            if name.endswith(VARIANTS):
                continue
            score, _, code = name.rpartition("_")
            if not re.fullmatch(r"c\d+", code):
                score, code = name, ""
            value = f"{code} {s['value']:.3f}" if code else f"{s['value']:.3f} {_interval(s)}"
            lines.setdefault(score, {}).setdefault(split, []).append(value)
    for score, splits in lines.items():
        print(f"{score:16} {'; '.join(f'{split} ' + ', '.join(of) for split, of in splits.items())}")


def _print_protocols(evaluation: "Evaluation") -> None:
    for split, scores in _named_scores(evaluation).items():
        print(split)
        for name, s in scores.items():
            print(f"  {name:36} {s['value']:7.4f}  {_interval(s, 4)}  {s['protocol']}")


def _interval(score: "Score", digits: int = 3) -> str:
    """The 95 % interval, and what chance rarely exceeds, if that is known."""
    found = f"[{score['low']:.{digits}f}, {score['high']:.{digits}f}]"
    return f"{found} (chance: {score['noise_level']:.2f})" if "noise_level" in score else found


def compare(
    run: Path,
    /,
    *others: Path,
    data: Data = None,
    json: Json = False,
) -> None:
    """Compare runs: every score, and whether it differs from the first run's on the same images."""
    from infogan.data import LoadOptions
    from infogan.evaluation import compare_evaluations, load_or_evaluate
    from infogan.runs.run import Run

    if not others:
        raise InfoganError("compare: name at least two runs.")
    runs = [Run.open(path) for path in (run, *others)]
    if len({r.config.data.images for r in runs}) > 1:
        images = ", ".join(f"{r.path} on {r.config.data.images}" for r in runs)
        raise InfoganError(f"compare: the runs were trained on different images: {images}.")
    load_options = LoadOptions(data)
    with console().status("") as status:
        evaluations = {str(r.path): load_or_evaluate(r, load_options, _show(status, r)) for r in runs}
    comparison = compare_evaluations(evaluations)
    print(to_json(comparison)) if json else _print_comparison(comparison)


def _print_comparison(comparison: "Comparison") -> None:
    from infogan.evaluation import is_significant

    for split, scores in comparison.items():
        runs = list(next(iter(scores.values()))["values"])
        print(f"{split}: {', '.join(runs)}; difference from the first [95 % interval], * if it excludes 0")
        for name, compared in scores.items():
            values = " ".join(f"{value:8.4f}" for value in compared["values"].values())
            differences = "  ".join(
                f"{d['value']:+.4f} [{d['low']:+.4f}, {d['high']:+.4f}]{'*' if is_significant(d) else ' '}"
                for d in compared["differences"].values()
            )
            print(f"  {name:36} {values}  {differences}")


def select(
    sweep: RunOrSweep,
    /,
    *,
    by: By = "udr_and_recovery",
    data: Data = None,
    json: Json = False,
) -> None:
    """Rank the runs of a sweep without labels, best first; then compare the ranking with labels, if any.

    The result is written to NAME-sweep-selection.json, or to selection.json in a folder of runs.
    """
    from infogan.data import LoadOptions, available_splits
    from infogan.evaluation.selection import select
    from infogan.runs.find import find_runs
    from infogan.runs.run import Run

    runs, load_options = find_runs(sweep), LoadOptions(data)
    name = runs[0].config.data.images
    if {run.config.data.images for run in runs} != {name}:
        raise InfoganError(f"select: the runs of {sweep} were trained on different images; name a sweep.")
    images = runs[0].images(available_splits(name, load_options)[0], load_options)
    with console().status("") as status:
        models = {str(run.path): run.model() for run in runs}
        found = select(models, runs[0].config.optimisation.batch_size, images, by, status.update)
    folder, file = (
        (sweep, "selection.json") if sweep.is_dir() else (sweep.parent, f"{sweep.stem}-selection.json")
    )
    Run(folder, runs[0].config).write_json(file, found)
    print(to_json(found)) if json else _print_selection(found)


def _print_selection(found: "Selection") -> None:
    from infogan.evaluation.selection import LABEL_FREE

    width = max(map(len, found["runs"]))
    print(f"{'best first, by ' + found['by']:{width}}  " + "  ".join(f"{s:>16}" for s in LABEL_FREE))
    for run, scores in found["runs"].items():
        print(f"{run:{width}}  " + "  ".join(f"{scores[s]:16.4f}" for s in LABEL_FREE))
    print(*(f"  {name}: {meaning}" for name, meaning in LABEL_FREE.items()), sep="\n")
    for score, values in found["labelled"].items():
        print(f"\nFor comparison, {score}, which uses labels, in the same order:")
        print("  " + "  ".join(f"{value:.4f}" for value in values.values()))
        print("Spearman's rank correlation of each label-free score with it:")
        print("  " + "  ".join(f"{s} {rho:+.2f}" for s, rho in found["rank_correlation"][score].items()))
