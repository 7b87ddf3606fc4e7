"""Writes the tables of README.md and docs that come from benchmarks/records.

    python benchmarks/results_pages.py

A table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; NAME is a function of this file or of
`mnist_tables.py`, `category_tables.py`, `other_tables.py` or `speed_tables.py`, with hyphens for underscores.
`tests/test_results_pages.py` compares pages and records.
"""

import re
import statistics
from collections.abc import Callable
from pathlib import Path

import category_tables
import mnist_tables
import other_tables
import speed_tables
from records import ablation, middle, read, table

ROOT = Path(__file__).parent.parent


def headline() -> str:
    """The four rows of README."""
    mnist = [100 * run["error"] for run in read("knobs-mnist")["runs"].values()]
    sprites = read("knobs-sprites")["runs"].values()
    mig, factorvae = (
        [run["angle_as_cosine_and_sine"][score] for run in sprites] for score in ("mig", "factorvae")
    )
    vectors = read("vectors")["rows"]
    accuracy = {name: [run["1-1 accuracy"] for run in runs] for name, runs in vectors.items()}
    ours = next(name for name in vectors if name.startswith("InfoGAN"))
    best = max((name for name in vectors if name != ours), key=lambda name: statistics.median(accuracy[name]))
    fashion, plain = (
        [100 * run["one_to_one_error"] for run in ablation("fashion-best-gpu", variant)]
        for variant in ("whole", "none")
    )
    mixture = "Gaussian mixture on principal components" if best.startswith("PCA") else f"`{best}`"
    return table(
        ("task", "the paper", "here: median (range)", "compared with", "command"),
        (
            (
                "MNIST's digits without labels, 1-1 error on test images, %",
                "5",
                f"{middle(mnist, 3)}, {len(mnist)} seeds",
                "0.8: IIC, its best head",
                "`infogan train mnist`",
            ),
            (
                "kinds of clothes (Fashion-MNIST) without labels, 1-1 error on test images, %",
                "-",
                f"{middle(fashion, 1)}, {len(fashion)} seeds",
                f"{middle(plain, 1)}: the same GAN without clustering",
                "`infogan train fashion --pretraining-steps 3000`",
            ),
            (
                "shape, place, size and angle of sprites, transforms known: MIG; FactorVAE",
                "-",
                f"{middle(mig, 3)}; {middle(factorvae, 3)}, {len(mig)} seeds",
                "0.45; 0.92: InfoGAN-CR, on dSprites at 64x64, told no transforms",
                "`infogan train sprites`",
            ),
            (
                "8x8 digits as rows of numbers, 1-1 accuracy",
                "-",
                f"{middle(accuracy[ours], 3)}, {len(accuracy[ours])} seeds",
                f"{middle(accuracy[best], 3)}: {mixture}",
                "`python benchmarks/vectors.py`",
            ),
        ),
    )


def tables() -> dict[str, Callable[[], str]]:
    """Every table, by the name that the pages call it."""
    functions = [
        headline,
        *mnist_tables.TABLES,
        *category_tables.TABLES,
        *other_tables.TABLES,
        *speed_tables.TABLES,
    ]
    return {function.__name__.replace("_", "-"): function for function in functions}


def pages() -> list[Path]:
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if "<!-- begin " in page.read_text("utf-8")]


def fill(text: str) -> str:
    """A page with its tables written anew.

    Raises:
        KeyError: if a table is unknown.
    """
    known = tables()
    return re.sub(
        r"(?ms)^( *)<!-- begin ([\w-]+) -->\n.*?^ *<!-- end \2 -->",
        lambda m: f"{m[1]}<!-- begin {m[2]} -->\n{known[m[2]]()}\n{m[1]}<!-- end {m[2]} -->",
        text,
    )


def main() -> None:
    for page in pages():
        text = page.read_text("utf-8")
        if (filled := fill(text)) != text:
            page.write_text(filled, "utf-8")
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
