"""Tables about categories (a few labels, sizes, number, sub-categories), from benchmarks/records."""

import statistics
from typing import Any

from records import read, table


def few_labels() -> str:
    mnist, digits = read("few-labels-mnist")["seeds"]["0"], read("few-labels-digits")["seeds"].values()

    def percent(of: dict[str, Any], digits: int) -> str:
        return (
            f"{100 * of['median']:.{digits}f} ({100 * of['low']:.{digits}f} to {100 * of['high']:.{digits}f})"
        )

    rows = []
    for n in (10, 20, 50, 100):
        here = mnist[f"{n} labels"]
        one_to_one = ", ".join(
            f"{100 * here[f'one to one, {split}']['median']:.2f}" for split in ("test", "train")
        )
        medians = (
            ", ".join(f"{100 * seed[f'{n} labels'][how]['median']:.1f}" for seed in digits)
            for how in ("spread, test", "one to one, test")
        )
        rows.append(
            (
                str(n),
                percent(here["spread, test"], 2),
                percent(here["spread, train"], 2),
                one_to_one,
                *medians,
            )
        )
    columns = (
        *("labels", "MNIST test", "MNIST training images", "named one to one, test, training"),
        *("digits test, seeds 0, 1, 2 (medians)", "named one to one"),
    )
    return table(columns, rows)


def unequal_categories() -> str:
    rows = []
    for shares, seeds in read("unequal-categories")["found"].items():
        for seed, found in seeds.items():
            cells = [
                f"{found[prior][score]:.3f}"
                for score in ("nmi", "error", "distance")
                for prior in ("uniform", "learned")
            ]
            rows.append((f"{shares}, {seed}", *cells))
    columns = [
        f"{score} {prior}" for score in ("NMI", "1-1 error", "distance") for prior in ("uniform", "learned")
    ]
    return table(("shares, seed", *columns), rows)


def category_counts() -> str:
    names = {"digits": "digits", "mnist-quick": "MNIST, 600 pretraining steps", "sprites": "sprites"}
    rows = []
    for images, seeds in read("category-counts")["found"].items():
        for seed, found in seeds.items():
            gains = [f"{point['gain']:.2f}" for point in found["curve"] if point["k"] <= 13]
            rows.append((f"{names[images]}, {seed}", *gains, str(found["k"])))
    return table(("images, seed", *(str(k) for k in range(2, 14)), "found"), rows)


def subcategories() -> str:
    def cell(score: dict[str, float]) -> str:
        return f"{score['median']:.2f} ({score['low']:.2f} to {score['high']:.2f})"

    names = ("sub-clusters", "chance", "k-means of pixels")
    digits = read("subcategories")["digits"]
    rows = [
        (
            digit,
            *(cell(found[name]) for name in names),
            ", ".join(f"{100 * s:.0f}" for s in found["shares"][0]),
        )
        for digit, found in digits.items()
    ]
    means = (
        f"**{statistics.mean(found[name]['median'] for found in digits.values()):.2f}**" for name in names
    )
    rows.append(("**mean**", *means, ""))
    return table(("digit", *names, "shares of seed 0, %"), rows)


TABLES = (few_labels, unequal_categories, category_counts, subcategories)
