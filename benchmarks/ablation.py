"""What each ingredient of a recipe is worth, and how far its result hangs on the seed: every seed is a dot.

    python benchmarks/ablation.py mnist-quick                         # each ingredient left out, seeds 0 to 2
    python benchmarks/ablation.py mnist-best --only whole --seeds 30 31 32 33 34 35 36 37 38 39
    python benchmarks/ablation.py svhn --only whole none              # the same on another preset's images
    python benchmarks/ablation.py svhn --only whole none --updates 1000 --warm-up 1000 --name svhn-short
    python benchmarks/ablation.py own:mnist --only whole none         # the defaults for images of one's own

Of several discrete codes the scores are c1's, which is the one that the recipe has hold still. Runs are kept
in runs/ablation and not trained twice, so that it may be stopped and started. Labels are read when a run is
done, for its scores alone. Writes benchmarks/records/ablation-NAME.json and a plot, of the runs that were
asked for: docs/images/ablation_NAME.png.
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from record import record, spread

from infogan import session
from infogan.config import Config
from infogan.data import HERE, load
from infogan.errors import InfoganError
from infogan.metrics.evaluation import evaluate_run
from infogan.presets import BEST, get_preset, own
from infogan.progress import console
from infogan.run import Run

NO_TERMS: dict[str, Any] = {"warm_up": 0, "lam_motion": 0.0, "inform_from": 0}
VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "no warm-up": {"warm_up": 0, "inform_from": 0},
    "no term in the game": {"lam_motion": 0.0},
    "λ at once": {"inform_from": 0},
    "rates stay": {"lr_decay": 0.0},
    "no averages": {"ema": 0.0, "ema_d": 0.0},
    "none": NO_TERMS,
}
SCORES = ("one_to_one_error", "purity", "nmi", "ari")
OUT = Path("runs/ablation")
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)  # percent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--updates", type=int, help="of the game, where they are not the preset's")
    parser.add_argument("--warm-up", type=int, help="updates before it, where they are not the recipe's")
    parser.add_argument("--name", help="of record, plot and runs, where it is not the preset's")
    asked = parser.parse_args()
    preset = preset_of(asked.preset)
    base = preset if preset.lam_motion else replace(preset, **BEST)
    shorter = {"updates": asked.updates, "warm_up": asked.warm_up}
    base = replace(base, **{name: value for name, value in shorter.items() if value})
    name = asked.name or asked.preset.replace(":", "-")
    rows = []
    for seed in asked.seeds:
        for variant in asked.only:
            config = replace(base, seed=seed, **VARIANTS[variant])
            path = OUT / f"{name}-{variant.replace(' ', '-')}-{seed}"
            rows.append({"variant": variant, "seed": seed} | measured(path, config))
            print(json.dumps(rows[-1], ensure_ascii=False))
            write(name, asked.preset, base, rows)


def preset_of(name: str) -> Config:
    """A preset, or the defaults that own:IMAGES would have if they were somebody's own."""
    if not name.startswith("own:"):
        return get_preset(name)
    images = load(name.removeprefix("own:"))
    return own(name.removeprefix("own:"), len(images), images.shape)


def measured(path: Path, config: Config) -> dict[str, Any]:
    """The scores of a run that is trained here unless it is there, and the seconds that it took."""
    kept = path / "measured.json"
    if (path / "config.json").is_file():
        then = Run.open(path).config
        if replace(then, precision=config.precision) != config:
            raise InfoganError(f"{path} was trained with another config; move it away.")
    if kept.is_file():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    if (path / "config.json").is_file():
        outcome = session.resume(path, {}, HERE, console())
        seconds = None  # of a part
    else:
        outcome = session.begin(config, path, HERE, console())
        seconds = outcome.seconds
    if not outcome.finished:
        raise SystemExit(130)
    run = Run.open(path)
    evaluation = evaluate_run(run, HERE, groups=("bound", "consistency", "clustering"))
    test = evaluation[list(evaluation)[-1]]
    of_c1 = "_c1" if f"{SCORES[0]}_c1" in test else ""
    found = {name: test[name + of_c1]["value"] for name in SCORES}
    found["info_bound_c1"] = evaluation["generated"]["info_bound_c1"]["value"]
    found["recovery_c1"] = evaluation["generated"]["recovery_c1"]["value"]
    found |= {"seconds": seconds, "commit": run.circumstances().get("commit")}
    kept.write_text(json.dumps(found))
    return found


def write(name: str, preset: str, base: Config, rows: list[dict[str, Any]]) -> None:
    """The record and the plot, anew after each run."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    variants = [variant for variant in VARIANTS if any(row["variant"] == variant for row in rows)]
    summary = {
        variant: {
            score: spread([row[score] for row in rows if row["variant"] == variant])
            for score in (*SCORES, "info_bound_c1", "recovery_c1")
        }
        for variant in variants
    }
    record(
        f"ablation-{name}",
        {"preset": preset, "config": json.loads(base.to_json()), "summary": summary, "runs": rows},
    )
    figure, axes = pyplot.subplots(figsize=(7, 0.6 + 0.42 * len(variants)), layout="constrained")
    for place, variant in enumerate(variants):
        errors = [100 * row["one_to_one_error"] for row in rows if row["variant"] == variant]
        axes.plot(errors, [place] * len(errors), "o", color="C0", alpha=0.6)
        axes.plot([statistics.median(errors)], [place], "|", color="black", markersize=16)
    axes.set(yticks=range(len(variants)), yticklabels=variants, xscale="log")
    axes.set_xlim(0.4, 100)
    axes.set_xticks(TICKS, labels=[f"{tick:g}" for tick in TICKS], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("one-to-one error, %, of the last split that is here; a dot a seed, a bar the median")
    axes.invert_yaxis()
    figure.savefig(
        Path(__file__).parent.parent / "docs" / "images" / f"ablation_{name.replace('-', '_')}.png",
        dpi=110,
    )
    pyplot.close(figure)


if __name__ == "__main__":
    try:
        main()
    except InfoganError as error:
        raise SystemExit(f"ablation: {error}") from error
