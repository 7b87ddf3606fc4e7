"""What a sweep found, as JSON and for a person at a terminal."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from infogan.evaluation import Evaluation, median_over_runs, strongest_codes, without_resamples
from infogan.scale.sweep.results import Row
from infogan.scale.sweep.settings import Setting, say_setting

Found = dict[str, Any]


def found_of(name: str, rows: Sequence[Row], settings: Sequence[Setting]) -> Found:
    """What NAME-sweep.json holds:

        preset     the name
        runs       the folders of the runs that are done
        collapsed  those that were ended as the images of G were one; left out where there are none
        scores     split -> score -> its median over the runs that are done, with an interval
        best       factor -> run, code and value of the strongest association on the last split, and the
                   median and the lowest of what each run's own strongest code has

    and where settings vary, in place of the last two,

        settings   for each: its fields as `set`, and all of the above of its runs
        failed     run -> why, of the runs that could not be trained
    """
    found: Found = {"preset": name, **_runs(rows)}
    if settings[0] == {}:
        return found | summarise(_evaluations(rows))
    found["settings"] = []
    for setting in settings:
        of = [row for row in rows if row.trial.setting == setting]
        found["settings"].append({"set": setting, **_runs(of), **summarise(_evaluations(of))})
    return found | {"failed": {row.name: row.said for row in rows if row.status == "failed"}}


def summarise(evaluations: Mapping[str, Evaluation]) -> Found:
    """The spread of every score over runs, and the strongest association of every factor."""
    best: dict[str, dict[str, Any]] = {}
    values: dict[str, list[float]] = {}  # of each run's strongest code
    for run, evaluation in evaluations.items():
        for factor, found in strongest_codes(evaluation[list(evaluation)[-1]]).items():
            value = found["score"]["value"]
            values.setdefault(factor, []).append(value)
            if value == max(values[factor]):
                best[factor] = {"run": run, "code": found["code"], "value": value}
    for factor, chosen in best.items():
        chosen |= {"median": median(values[factor]), "low": min(values[factor])}
    scores = without_resamples(median_over_runs(list(evaluations.values()))) if evaluations else {}
    return {"scores": scores, "best": best}


def tell(found: Found) -> str:
    """What `sweep` gave, for a person."""
    if "settings" not in found:
        return _tell_seeds(found)
    lines = [f"{found['preset']}: {len(found['runs'])} runs are done"]
    for of in found["settings"]:
        beside = "".join(f", {len(of[how])} {how}" for how in ("collapsed",) if how in of)
        bounds = {
            name.removeprefix("info_bound_"): s["value"]
            for name, s in of["scores"].get("generated", {}).items()
            if name.startswith("info_bound_")
        }
        told = ", ".join(f"{code} {value:.3f}" for code, value in bounds.items())
        lines.append(
            f"  {say_setting(of['set'])}: {len(of['runs'])} done{beside}; L_I in nats: {told or '-'}"
        )
    lines += [f"  {run} failed: {why}" for run, why in found["failed"].items()]
    if found.get("chosen"):
        lines.append(f"the best without a label: {found['chosen']}")
    return "\n".join(lines)


def _tell_seeds(found: Found) -> str:
    without = f", {len(found['collapsed'])} more collapsed" if "collapsed" in found else ""
    lines = [f"{found['preset']}: {len(found['runs'])} runs{without}; median [95 % interval]"]
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


def _runs(rows: Sequence[Row]) -> dict[str, list[str]]:
    collapsed = [row.name for row in rows if row.status == "collapsed"]
    done = [row.name for row in rows if row.evaluation is not None]
    return {"runs": done, **({"collapsed": collapsed} if collapsed else {})}


def _evaluations(rows: Sequence[Row]) -> dict[str, Evaluation]:
    return {row.name: row.evaluation for row in rows if row.evaluation is not None}
