"""What each ingredient of a recipe is worth, and how far its result hangs on the seed: every seed is a dot.

    python benchmarks/ablation.py mnist-quick                         # each ingredient left out, seeds 0 to 2
    python benchmarks/ablation.py mnist-best --only whole --seeds 60 61 62 63 --name mnist-best-seeds
    python benchmarks/ablation.py fashion-best --only whole none      # with the whole recipe, and without
    python benchmarks/ablation.py sprites --only whole none --pretraining-steps 1000 --name sprites-cpu
    python benchmarks/ablation.py own:digits --only whole none        # one's own, a motion named or not
    python benchmarks/ablation.py mnist-code --only none --seeds 10 11 12     # without it, as it is

Of several discrete codes the scores are c1's, which is the one that the recipe has hold still. Runs are kept
in runs/ablation and not trained twice, so that it may be stopped and started. Labels are read when a run is
done, for its scores alone. Writes benchmarks/records/ablation-NAME.json and a plot, of the runs that were
asked for: docs/images/ablation_NAME.png.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from record import record, spread

from infogan.config import Config, options_of
from infogan.config.presets import custom_images, get_preset
from infogan.config.presets.mnist import SMALL_TRANSFORMS, clustered
from infogan.data import DEFAULT_OPTIONS, load
from infogan.evaluation.evaluate import evaluate_run
from infogan.runs.run import Run
from infogan.training import launch
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "no clustering": {"transforms": "", "pretraining_steps": 0, "lr_d": 4e-4, "lr_decay_fraction": 0.5},
    "constant learning rates": {"lr_decay_fraction": 0.0},
    "no averages": {"ema_decay": 0.0, "ema_decay_d": 0.0},
    "D at half the rate": {"lr_d": 2e-4},
    "none": {name: options_of(Config)[name].default for name in clustered(pretraining_steps=0)},
}
SCORES = ("one_to_one_error", "purity", "nmi", "ari")
OF_G = ("info_bound_c1", "recovery_c1")
ALL = (*SCORES, *OF_G, "fid")  # by the features of a classifier of these images (`infogan evaluate`)
OUT = Path("runs/ablation")
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)  # percent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--steps", type=int, help="of the game, where they are not the preset's")
    parser.add_argument(
        "--pretraining-steps", type=int, help="updates before it, where they are not the recipe's"
    )
    parser.add_argument("--stacked", action="store_true", help="the seeds of each variant as one, for a GPU")
    parser.add_argument("--name", help="of record, plot and runs, where it is not the preset's")
    asked = parser.parse_args()
    configs = {variant: preset_of(asked.preset, variant) for variant in asked.only}
    for variant, config in configs.items():
        steps = asked.steps or config.optimisation.steps
        pretraining_steps = (
            asked.pretraining_steps
            if asked.pretraining_steps and config.pretraining.steps
            else config.pretraining.steps
        )
        configs[variant] = config.replace(steps=steps, pretraining_steps=pretraining_steps)
    name = asked.name or asked.preset.replace(":", "-")
    runs = {
        seed: {variant: OUT / f"{name}-{variant.replace(' ', '-')}-{seed}" for variant in configs}
        for seed in asked.seeds
    }
    shares: dict[Path, float] = {}
    if asked.stacked:
        for variant, config in configs.items():
            shares |= trained_as_one({seed: runs[seed][variant] for seed in runs}, config)
    rows = []
    for seed, paths in runs.items():
        for variant, path in paths.items():
            config = (configs[variant]).replace(seed=seed)
            rows.append({"variant": variant, "seed": seed} | measured(path, config, shares.get(path)))
            print(json.dumps(rows[-1], ensure_ascii=False))
            write(name, asked.preset, configs, rows)


def preset_of(name: str, variant: str) -> Config:
    """A preset, by the recipe, with the variant's parts left out.

    Of own:IMAGES what they would be trained by if they were somebody's own, who named the recipe's motion, or
    none.
    """
    if name.startswith("own:"):
        images, plain = load(name.removeprefix("own:")), variant == "none"
        transforms = "" if plain else SMALL_TRANSFORMS
        chosen = custom_images(name.removeprefix("own:"), len(images), images.shape, transforms=transforms)
        return chosen if plain else chosen.replace(**VARIANTS[variant])
    chosen = get_preset(name)
    if not chosen.pretraining.steps:
        return (
            chosen
            if variant == "none"
            else chosen.replace(**clustered(pretraining_steps=3000) | VARIANTS[variant])
        )
    return chosen.replace(**VARIANTS[variant])


def trained_as_one(paths: dict[int, Path], config: Config) -> dict[Path, float]:
    """Trains the seeds that are not there, stacked; gives each's share of the seconds."""
    new = {seed: path for seed, path in paths.items() if not (path / "config.json").is_file()}
    if not new:
        return {}
    outcome = launch.train_stacked(config, new, DEFAULT_OPTIONS, console())
    if not outcome.finished:
        raise SystemExit(130)
    return dict.fromkeys(new.values(), outcome.seconds / len(new))


def measured(path: Path, config: Config, seconds: float | None) -> dict[str, Any]:
    """The scores of a run, which is trained here unless it is there, and the seconds that it took."""
    kept, exists = path / "measured.json", (path / "config.json").is_file()
    if exists and (Run.open(path).config).replace(precision=config.run.precision) != config:
        raise InfoganError(f"{path} was trained with another config; move it away.")
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.is_file() else {}
    if set(ALL) <= set(found):
        return found
    if not exists:
        outcome = launch.train(config, path, DEFAULT_OPTIONS, console())
        seconds = outcome.seconds
    elif Run.open(path).steps < config.optimisation.steps:
        outcome = launch.resume(path, {}, DEFAULT_OPTIONS, console())  # whose seconds are of a part
    if Run.open(path).steps < config.optimisation.steps:
        raise SystemExit(130)
    run = Run.open(path)
    evaluation = evaluate_run(
        run, DEFAULT_OPTIONS, groups=("bound", "consistency", "clustering", "image-quality")
    )
    test, generated = evaluation[list(evaluation)[-1]], evaluation["generated"]
    of_c1 = "_c1" if f"{SCORES[0]}_c1" in test else ""
    found |= {name: test[name + of_c1]["value"] for name in SCORES}
    found |= {name: generated[name]["value"] for name in OF_G}
    fid = next(name for name in test if name.startswith("fid"))
    found |= {"fid": test[fid]["value"], "commit": run.environment().get("commit")}
    kept.write_text(json.dumps({"seconds": seconds} | found))
    return {"seconds": seconds} | found


def write(name: str, preset: str, configs: dict[str, Config], rows: list[dict[str, Any]]) -> None:
    """The record and the plot, anew after each run."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    variants = [variant for variant in VARIANTS if any(row["variant"] == variant for row in rows)]
    summary = {
        variant: {score: spread([row[score] for row in rows if row["variant"] == variant]) for score in ALL}
        for variant in variants
    }
    config = json.loads(next(iter(configs.values())).to_json())  # of what is asked for first, the seed apart
    record(f"ablation-{name}", {"preset": preset, "config": config, "summary": summary, "runs": rows})
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
