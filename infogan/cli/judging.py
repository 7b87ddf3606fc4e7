"""infogan evaluate, compare and select: how good runs are."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from infogan.cli.app import Data, Json, SkipBad, dumps
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

if TYPE_CHECKING:
    from rich.status import Status

    from infogan.evaluation.across_runs import Comparison
    from infogan.evaluation.score import Evaluation
    from infogan.evaluation.selection import Selection
    from infogan.runs.run import Run

RunOrSweep = Annotated[Path, Parameter(help="A run, a NAME-sweep.json, or a folder of runs.")]
Metrics = Annotated[
    tuple[str, ...] | None,
    Parameter(
        help="bound, consistency, clustering and association if not said; disentanglement and image-quality "
        "take minutes; or all."
    ),
]
Features = Annotated[
    Path | None, Parameter(help="A TorchScript file from images to features, such as Inception's.")
]
By = Annotated[
    Literal["udr_and_recovery", "udr", "model_centrality", "bound", "recovery", "stability"],
    Parameter(help="The score that ranks the runs."),
]


def register(app: App, *, show_all: bool) -> None:
    """Adds the verbs."""
    for verb in (evaluate, compare, select):
        app.command(verb)


def evaluate(
    run_or_sweep: RunOrSweep,
    /,
    *,
    metrics: Metrics = None,
    features: Features = None,
    data: Data = None,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Score runs: L_I of each code, how codes agree with labels and factors they never saw, image quality.

    Each run's scores go to its evaluation.json; of several runs the medians are printed.
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
    runs, load_options = find_runs(run_or_sweep), LoadOptions(data, skip_bad)
    if len({(run.config.data.images, run.config.codes.spec) for run in runs}) > 1:
        raise InfoganError(
            f"evaluate: the runs of {run_or_sweep} differ in images or codes; name one of them."
        )
    evaluations = []
    with console().status("") as status:
        for run in runs:
            evaluations.append(evaluate_run(run, load_options, _saying(status, run), groups, features))
    found = evaluations[0] if len(runs) == 1 else median_over_runs(evaluations)
    print(dumps(without_resamples(found))) if json else _print_evaluation(found)


def _saying(status: "Status", run: "Run") -> Callable[[str], None]:
    return lambda what: status.update(f"{run.path}: {what}")


def _print_evaluation(evaluation: "Evaluation") -> None:
    """Every score, but of the associations of each factor the strongest alone: there may be hundreds."""
    from infogan.evaluation import strongest_codes

    for split, scores in evaluation.items():
        print(split)
        of_factors = {
            f"{s['code']} goes with {factor}": s["score"] for factor, s in strongest_codes(scores).items()
        }
        rest = {name: s for name, s in scores.items() if not name.startswith("association_")}
        for name, s in (rest | of_factors).items():
            print(f"  {name:36} {s['value']:7.4f}  [{s['low']:.4f}, {s['high']:.4f}]  {s['protocol']}")


def compare(
    run: Path,
    /,
    *others: Path,
    data: Data = None,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Set runs side by side: every score, and whether it differs from the first run's on the same images."""
    from infogan.data import LoadOptions
    from infogan.evaluation import compare_evaluations, load_or_evaluate
    from infogan.runs.run import Run

    if not others:
        raise InfoganError("compare: name two runs at least.")
    runs = [Run.open(path) for path in (run, *others)]
    if len({r.config.data.images for r in runs}) > 1:
        raise InfoganError(
            "compare: the runs were trained on different images: "
            + ", ".join(f"{r.path} on {r.config.data.images}" for r in runs)
            + "."
        )
    with console().status("") as status:
        evaluations = {
            str(r.path): load_or_evaluate(r, LoadOptions(data, skip_bad), _saying(status, r)) for r in runs
        }
    comparison = compare_evaluations(evaluations)
    print(dumps(comparison)) if json else _print_comparison(comparison)


def _print_comparison(comparison: "Comparison") -> None:
    from infogan.evaluation import is_significant

    for split, scores in comparison.items():
        runs = list(next(iter(scores.values()))["values"])
        print(
            f"{split}: {', '.join(runs)}; difference from the first [95 % interval], * where it leaves out 0"
        )
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
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Rank the runs of a sweep without a label, the best first; then say how far labels agree with that.

    All of it goes to NAME-sweep-selection.json, or, for a folder, to its selection.json.
    """
    from infogan.data import LoadOptions, available_splits
    from infogan.evaluation.selection import select
    from infogan.runs.find import find_runs
    from infogan.runs.run import Run

    runs, load_options = find_runs(sweep), LoadOptions(data, skip_bad)
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
    print(dumps(found)) if json else _print_selection(found)


def _print_selection(found: "Selection") -> None:
    from infogan.evaluation.selection import LABEL_FREE

    width = max(map(len, found["runs"]))
    print(f"{'the best first, by ' + found['by']:{width}}  " + "  ".join(f"{s:>16}" for s in LABEL_FREE))
    for run, scores in found["runs"].items():
        print(f"{run:{width}}  " + "  ".join(f"{scores[s]:16.4f}" for s in LABEL_FREE))
    print(*(f"  {name}: {meaning}" for name, meaning in LABEL_FREE.items()), sep="\n")
    for truth, of in found["labelled"].items():
        print(f"\nWhat labels, which took no part in this, say: {truth}, in the same order: ")
        print("  " + "  ".join(f"{value:.4f}" for value in of.values()))
        print("Spearman's rank correlation of each label-free score with it:")
        print("  " + "  ".join(f"{s} {rho:+.2f}" for s, rho in found["rank_correlation"][truth].items()))
