"""The summary of a sweep: as JSON, and as text."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from infogan.evaluation import Evaluation, median_over_runs, strongest_codes, without_resamples
from infogan.scale.sweep.results import RunResult
from infogan.scale.sweep.settings import Setting, format_setting

Summary = dict[str, Any]


def summarise(name: str, results: Sequence[RunResult], settings: Sequence[Setting]) -> Summary:
    """The content of NAME-sweep.json:

        preset     the name
        runs       the folders of the finished runs
        collapsed  the runs stopped at a mode collapse, if any
        scores     split -> score -> its median over the finished runs, with an interval
        best       factor -> the run, code and value of the strongest association on the last split, and the
                   median and lowest value of each run's strongest code

    and if settings vary, instead of the last two,

        settings   one entry per setting: its fields as `set`, and all of the above for its runs
        failed     run -> why it failed
    """
    summary: Summary = {"preset": name, **_run_lists(results)}
    if settings[0] == {}:
        return summary | summarise_evaluations(_evaluations(results))
    summary["settings"] = []
    for setting in settings:
        group = [result for result in results if result.trial.setting == setting]
        entry = {"set": setting, **_run_lists(group), **summarise_evaluations(_evaluations(group))}
        summary["settings"].append(entry)
    failed = {result.name: result.error for result in results if result.status == "failed"}
    return summary | {"failed": failed}


def summarise_evaluations(evaluations: Mapping[str, Evaluation]) -> Summary:
    """The median of every score over runs, and the strongest association of every factor."""
    best: dict[str, dict[str, Any]] = {}
    values: dict[str, list[float]] = {}  # factor -> of each run's strongest code
    for run, evaluation in evaluations.items():
        for factor, found in strongest_codes(evaluation[list(evaluation)[-1]]).items():
            value = found["score"]["value"]
            values.setdefault(factor, []).append(value)
            if value == max(values[factor]):
                best[factor] = {"run": run, "code": found["code"], "value": value}
    for factor, strongest in best.items():
        strongest |= {"median": median(values[factor]), "low": min(values[factor])}
    scores = without_resamples(median_over_runs(list(evaluations.values()))) if evaluations else {}
    return {"scores": scores, "best": best}


def format_summary(summary: Summary) -> str:
    """The summary as lines of text."""
    if "settings" not in summary:
        return _format_seeds(summary)
    lines = [f"{summary['preset']}: {len(summary['runs'])} runs are done"]
    for entry in summary["settings"]:
        collapsed = f", {len(entry['collapsed'])} collapsed" if "collapsed" in entry else ""
        generated = entry["scores"].get("generated", {})
        bounds = ", ".join(
            f"{name.removeprefix('info_bound_')} {s['value']:.3f}"
            for name, s in generated.items()
            if name.startswith("info_bound_")
        )
        lines.append(
            f"  {format_setting(entry['set'])}: {len(entry['runs'])} done{collapsed}; "
            f"L_I in nats: {bounds or '-'}"
        )
    lines += [f"  {run} failed: {why}" for run, why in summary["failed"].items()]
    if summary.get("chosen"):
        lines.append(f"best run, chosen without labels: {summary['chosen']}")
    return "\n".join(lines)


def _format_seeds(summary: Summary) -> str:
    collapsed = f", {len(summary['collapsed'])} more collapsed" if "collapsed" in summary else ""
    lines = [f"{summary['preset']}: {len(summary['runs'])} runs{collapsed}; median [95 % interval]"]
    for split, scores in summary["scores"].items():
        rows = [
            f"  {name:36} {s['value']:7.4f}  [{s['low']:.4f}, {s['high']:.4f}]"
            for name, s in scores.items()
            if not name.startswith("association_")
        ]
        lines += [split, *rows] if rows else []
    if summary["best"]:
        lines.append(
            "The code that follows each factor best in any run, picked with labels as in Figs. 3 and 4"
        )
    for factor, best in summary["best"].items():
        lines.append(
            f"  {factor:24} {best['value']:.3f}  {best['code']} of {best['run']}  "
            f"(best code per run: median {best['median']:.3f}, lowest {best['low']:.3f})"
        )
    return "\n".join(lines)


def _run_lists(results: Sequence[RunResult]) -> dict[str, list[str]]:
    collapsed = [result.name for result in results if result.status == "collapsed"]
    done = [result.name for result in results if result.evaluation is not None]
    return {"runs": done, **({"collapsed": collapsed} if collapsed else {})}


def _evaluations(results: Sequence[RunResult]) -> dict[str, Evaluation]:
    return {result.name: result.evaluation for result in results if result.evaluation is not None}
