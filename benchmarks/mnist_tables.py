"""The tables of docs/results/mnist.md, from benchmarks/records."""

import statistics
from collections.abc import Sequence

from records import ablation, each, middle, read, table

ABLATED = {  # the names of variants in the record
    "whole": "nothing",
    "no kinds": "clustering and pseudo-labels",
    "rates stay": "falling learning rates",
    "no averages": "averages of G and D",
    "D at half the rate": "D's higher rate: 2e-4 instead of 4e-4",
    "none": "all of these",
}


def knobs_mnist() -> str:
    """The preset as it is."""
    return knobs("knobs-mnist")


def knobs_mnist_weight_5() -> str:
    return knobs("knobs-mnist-weight-5")


def knobs(name: str) -> str:
    runs = read(name)["runs"]
    fids = [run["fid"] for run in runs.values() if "fid" in run]
    columns = (
        *("seed", "error, %", "G: c2 moves the slant", "G: c3 moves the width"),
        *("c2 against slant, test images", "c3 against width, test images"),
        *(["FID [mnist-classifier]"] if fids else []),
    )
    moved = (("c2", "slant"), ("c3", "width"))
    numbers = [
        (
            100 * run["error"],
            *(run["changes"][code][moment][key] for code, moment in moved for key in ("median", "same_sign")),
            *(run["read"][code][moment][key] for code, moment in moved for key in ("all", "within_digits")),
            *([run["fid"]] if fids else []),
        )
        for run in runs.values()
    ]

    def row(name: str, v: Sequence[float], bold: str = "") -> list[str]:
        cells = [
            f"{v[0]:.{3 if bold else 2}f}",
            *(f"{v[i]:.2f}, {100 * v[i + 1]:.0f} %" for i in (1, 3)),
            *(f"{v[i]:.3f} ({v[i + 1]:.3f})" for i in (5, 7)),
        ]
        cells += [f"{fid:.3f}" for fid in v[9:]]
        return [f"{bold}{cell}{bold}" for cell in (name, *cells)]

    best = next(iter(runs.values()))["best_independent_of_digit"]
    rows = [row(name.rpartition("-")[2], v) for name, v in zip(runs, numbers, strict=True)]
    rows.append(row("median", [statistics.median(column) for column in zip(*numbers, strict=True)], "**"))
    last = [
        "at best, if a code is independent of the digit",
        "",
        "",
        "",
        f"{best['slant']:.3f}",
        f"{best['width']:.3f}",
        *([""] if fids else []),
    ]
    return table(columns, [*rows, last])


SEED_COLUMNS: dict[str, tuple[str, int]] = {
    "1-1 error, test": ("one_to_one_error", 4),
    "purity": ("purity", 4),
    "NMI": ("nmi", 3),
    "ARI": ("ari", 3),
    "L_I(c1)": ("info_bound_c1", 3),
    "recovery of c1": ("recovery_c1", 4),
    "FID [mnist-classifier]": ("fid", 3),
    "seconds": ("seconds", 0),
}


def seed_by_seed(name: str) -> str:
    runs = ablation(name)
    rows = [[str(run["seed"]), *(f"{run[key]:.{n}f}" for key, n in SEED_COLUMNS.values())] for run in runs]
    medians = [f"{statistics.median(run[key] for run in runs):.{n}f}" for key, n in SEED_COLUMNS.values()]
    return table(("seed", *SEED_COLUMNS), [*rows, ["**median**", f"**{medians[0]}**", *medians[1:]]])


def mnist_4500_steps() -> str:
    return seed_by_seed("mnist-4500-h200")


def mnist_3000_steps() -> str:
    return seed_by_seed("mnist-best-seeds")


def mnist_presets() -> str:
    """Presets for MNIST against each other."""
    named = (
        ("mnist", "mnist-best-seeds", "whole"),
        ("mnist, stacked", "mnist-best-stacked", "whole"),
        ("mnist-quick", "mnist-quick", "whole"),
        ("mnist-code", "mnist-code-seeds", "none"),
        ("mnist-text", "mnist-seeds", "none"),
    )
    rows = []
    for preset, name, variant in named:
        runs = ablation(name, variant)
        seeds = f"{runs[0]['seed']} to {runs[-1]['seed']}"
        digits = (4, 3, 3, 3, 2, 3, 2)
        scores = [key for key, _ in SEED_COLUMNS.values()][:-1]
        rows.append(
            [
                preset,
                seeds,
                *(middle([r[key] for r in runs], n) for key, n in zip(scores, digits, strict=True)),
            ]
        )
    return table(("preset", "seeds", *list(SEED_COLUMNS)[:-2], "FID"), rows)


def mnist_parts() -> str:
    rows = []
    for variant, what in ABLATED.items():
        recovery = [run["recovery_c1"] for run in ablation("mnist-quick", variant)]
        rows.append(
            (
                what,
                each("mnist-quick", variant, "one_to_one_error", 2, 100),
                each("mnist-quick", variant, "fid", 2),
                f"{min(recovery):.3f} to {max(recovery):.3f}",
                each("mnist-quick", variant, "seconds", 0),
            )
        )
    return table(("left out", "error, seeds 0, 1, 2", "FID", "recovery of c1", "seconds"), rows)


def mnist_time_to_error() -> str:
    rows = [
        (
            str(run["seed"]),
            f"{run['seconds_to_goal']:.1f}",
            f"{run['curve'][-1][0]:.0f}",
            f"{run['curve'][-1][1]:.4f}",
        )
        for run in read("time_to_error-mnist-quick")["runs"]
    ]
    return table(("seed", "seconds to 5 % error", "seconds of the whole run", "error at its end"), rows)


def mnist_moments() -> str:
    best = read("moments-mnist-best")["best"]
    rows = [
        (name.rpartition("-")[2], *(f"{value:.2f}" for value in of.values())) for name, of in best.items()
    ]
    return table(("seed", *next(iter(best.values()))), rows)


TABLES = (
    *(knobs_mnist, knobs_mnist_weight_5, mnist_4500_steps, mnist_3000_steps, mnist_presets, mnist_parts),
    *(mnist_time_to_error, mnist_moments),
)
