"""An ablation of clustered training: scores with each of its parts left out, for several seeds.

    python benchmarks/ablation.py mnist-quick                         # all variants, seeds 0 to 2
    python benchmarks/ablation.py mnist --only whole --seeds 60 61 62 63 --name mnist-seeds
    python benchmarks/ablation.py fashion --only whole none           # with all parts, and with none
    python benchmarks/ablation.py sprites --only whole none --pretraining-steps 1000 --name sprites-cpu
    python benchmarks/ablation.py custom:digits --only whole none     # as your images, with transforms or not
    python benchmarks/ablation.py mnist-code --only none --seeds 10 11 12     # a preset without clustering
    python benchmarks/ablation.py mnist-quick --draw                  # the picture again, from the record

Scores are those of c1, the code that learns the clusters. Finished runs stay in runs/ablation and are not
trained again, so the command can be stopped and repeated. Labels are used for scores of finished runs only.
Writes records/ablation-NAME.json and docs/images/ablation_NAME.png.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from mnist_tables import ABLATED
from record import RECORDS, record, spread

from infogan.config import Config, options_of
from infogan.config.presets import custom_images, get_preset
from infogan.config.presets.recipes import SMALL_TRANSFORMS, clustered
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
GENERATED_SCORES = ("info_bound_c1", "recovery_c1")
ALL_SCORES = (*SCORES, *GENERATED_SCORES, "fid")
OUT = Path("runs/ablation")
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)  # percent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--steps", type=int, help="of adversarial training, if not the preset's")
    parser.add_argument("--pretraining-steps", type=int, help="of clustering, if not the preset's")
    parser.add_argument(
        "--stacked", action="store_true", help="train the seeds of a variant as one, for a GPU"
    )
    parser.add_argument("--name", help="of record, plot and runs, if not the preset's")
    parser.add_argument("--draw", action="store_true", help="only draw the record again")
    args = parser.parse_args()
    name = args.name or args.preset.replace(":", "-")
    if args.draw:
        draw(name, json.loads((RECORDS / f"ablation-{name}.json").read_text("utf-8"))["runs"])
        return
    configs = {variant: variant_config(args.preset, variant) for variant in args.only}
    for variant, config in configs.items():
        if args.steps:
            config = config.replace(steps=args.steps)
        if args.pretraining_steps and config.pretraining.steps:
            config = config.replace(pretraining_steps=args.pretraining_steps)
        configs[variant] = config
    runs = {
        seed: {variant: OUT / f"{name}-{variant.replace(' ', '-')}-{seed}" for variant in configs}
        for seed in args.seeds
    }
    seconds: dict[Path, float] = {}
    if args.stacked:
        for variant, config in configs.items():
            seconds |= train_stacked({seed: runs[seed][variant] for seed in runs}, config)
    rows = []
    for seed, paths in runs.items():
        for variant, path in paths.items():
            config = configs[variant].replace(seed=seed)
            rows.append({"variant": variant, "seed": seed} | measure(path, config, seconds.get(path)))
            print(json.dumps(rows[-1], ensure_ascii=False))
            write_results(name, args.preset, configs, rows)


def variant_config(name: str, variant: str) -> Config:
    """A preset with clustering, without the variant's parts.

    For custom:IMAGES the defaults of your own images, with or without transforms.
    """
    if name.startswith("custom:"):
        name = name.removeprefix("custom:")
        images, is_plain = load(name), variant == "none"
        transforms = "" if is_plain else SMALL_TRANSFORMS
        config = custom_images(
            name, len(images), images.shape, transforms=transforms, knobs="", factor_steps=0
        )
        return config if is_plain else config.replace(**VARIANTS[variant])
    config = get_preset(name)
    if config.pretraining.steps:
        return config.replace(**VARIANTS[variant])
    if variant == "none":
        return config
    return config.replace(**clustered(pretraining_steps=3000) | VARIANTS[variant])


def train_stacked(paths: dict[int, Path], config: Config) -> dict[Path, float]:
    """Trains the missing seeds as one; returns each one's share of the seconds."""
    new = {seed: path for seed, path in paths.items() if not (path / "config.json").is_file()}
    if not new:
        return {}
    outcome = launch.train_stacked(config, new, DEFAULT_OPTIONS, console())
    if not outcome.finished:
        raise SystemExit(130)
    return dict.fromkeys(new.values(), outcome.seconds / len(new))


def measure(path: Path, config: Config, seconds: float | None) -> dict[str, Any]:
    """The scores of a run and its seconds of training; trains it if it does not exist."""
    cache, exists = path / "measured.json", (path / "config.json").is_file()
    if exists and Run.open(path).config.replace(precision=config.run.precision) != config:
        raise InfoganError(f"{path} was trained with another config; move it away.")
    found: dict[str, Any] = json.loads(cache.read_text("utf-8")) if cache.is_file() else {}
    if set(ALL_SCORES) <= set(found):
        return found
    if not exists:
        outcome = launch.train(config, path, DEFAULT_OPTIONS, console())
        seconds = outcome.seconds
    elif Run.open(path).steps < config.optimisation.steps:
        outcome = launch.resume(path, {}, DEFAULT_OPTIONS, console())  # its seconds are those of a part
    if Run.open(path).steps < config.optimisation.steps:
        raise SystemExit(130)
    run = Run.open(path)
    evaluation = evaluate_run(
        run, DEFAULT_OPTIONS, groups=("bound", "consistency", "clustering", "image-quality")
    )
    test, generated = evaluation[list(evaluation)[-1]], evaluation["generated"]
    suffix = "_c1" if f"{SCORES[0]}_c1" in test else ""
    found |= {name: test[name + suffix]["value"] for name in SCORES}
    found |= {name: generated[name]["value"] for name in GENERATED_SCORES}
    fid = next(name for name in test if name.startswith("fid"))
    found |= {"fid": test[fid]["value"], "commit": run.environment().get("commit")}
    cache.write_text(json.dumps({"seconds": seconds} | found), "utf-8")
    return {"seconds": seconds} | found


def write_results(name: str, preset: str, configs: dict[str, Config], rows: list[dict[str, Any]]) -> None:
    """Writes the record and the plot, after each run."""
    variants = [variant for variant in VARIANTS if any(row["variant"] == variant for row in rows)]
    summary = {
        variant: {
            score: spread([row[score] for row in rows if row["variant"] == variant]) for score in ALL_SCORES
        }
        for variant in variants
    }
    config = json.loads(next(iter(configs.values())).to_json())  # of the first variant
    record(f"ablation-{name}", {"preset": preset, "config": config, "summary": summary, "runs": rows})
    draw(name, rows)


def draw(name: str, rows: list[dict[str, Any]]) -> None:
    """The errors of all runs, a row per variant."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    variants = list(dict.fromkeys(row["variant"] for row in rows))
    figure, axes = pyplot.subplots(figsize=(7, 0.6 + 0.42 * len(variants)), layout="constrained")
    for row_index, variant in enumerate(variants):
        errors = [100 * row["one_to_one_error"] for row in rows if row["variant"] == variant]
        axes.plot(errors, [row_index] * len(errors), "o", color="C0", alpha=0.6)
        axes.plot([statistics.median(errors)], [row_index], "|", color="black", markersize=16)
    labels = [ABLATED.get(variant, variant) for variant in variants]
    axes.set(yticks=range(len(variants)), yticklabels=labels, xscale="log", ylabel="left out")
    axes.set_xlim(0.4, 100)
    axes.set_xticks(TICKS, labels=[f"{tick:g}" for tick in TICKS], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("1-1 error on test images, %")
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
