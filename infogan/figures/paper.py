"""The paper's figures: each `plot_` function returns a matplotlib Figure without showing it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8

from infogan.data import Images
from infogan.evaluation.clustering import (
    ContingencyTable,
    contingency_table,
    discrete_codes,
    match_labels,
    why_not_scored,
)
from infogan.evaluation.disentanglement.association import code_factor_association
from infogan.figures.traversal import make_grid, rows_of_traversal, traverse
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_write_errors
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("tab:blue", "tab:green")  # this run and its baseline, as in Fig. 1
MAX_IMAGES = 10_000  # real images that are encoded
MAX_CLASSES = 100  # in a figure of the confusion; it is left out for more
DPI = 150
MARGIN = 0.3  # inches around the samples, for the title
MAX_WIDTH, MIN_COLUMNS = 1200, 4  # pixels side by side in the figure of samples; images at least
N_ROWS = 5  # random z and other codes, as in Fig. 2


def plot_bound(curves: Mapping[str, Sequence[Mapping[str, float | int]]], code: str, H_c: float) -> "Figure":
    """Fig. 1: L_I of one code over the steps, one curve per run, and H(c) as a line."""
    figure, axes = _subplots(6, 3.6)
    for (label, rows), colour in zip(curves.items(), COLOURS, strict=False):
        axes.plot([r["step"] for r in rows], [r[f"L_I_{code}"] for r in rows], colour, label=label)
    axes.axhline(H_c, color="0.4", linestyle="--", linewidth=1, label=f"H({code}) = {H_c:.2f}")
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    later = [r[f"L_I_{code}"] for rows in curves.values() for r in rows[len(rows) // 10 :]]
    margin = 0.1 * max(H_c, *map(abs, later))
    axes.set_ylim(min(0, *later) - margin, max(H_c, *later) + margin)
    axes.set(xlabel="steps", ylabel=f"$L_I$ of {code}, nats")
    axes.legend(loc="center right", frameon=False)
    return figure


def plot_traversal(
    images: UInt8[np.ndarray, "rows m ch h w"], code: str, values: Sequence[str], title: str = ""
) -> "Figure":
    """Figs. 2 to 6: one row per random image, one column per value of the varying code."""
    rows, m, _, h, w = images.shape
    width = max(0.6, (w + 1) / DPI)  # of an image, in inches: no pixel is left out
    figure, axes = _subplots(width * m + 0.6, width * h / w * rows + 0.7)
    show(axes, make_grid(images))
    axes.set_ylabel(f"{code} moves →", fontsize=9)
    axes.set_title(title, fontsize=9)
    axes.set_xticks([(w + 1) * (i + 0.5) - 1 for i in range(m)], values)
    axes.tick_params(length=0)
    return figure


def plot_confusion(table: ContingencyTable, code: str, names: Sequence[str]) -> "Figure":
    """How many images of each label fell into each category; categories are ordered by their label.

    `names` are those of the labels, the columns of the table.
    """
    order, labels = order_by_label(table, names)
    figure, axes = _subplots(6, 5.2)
    table = table[order]
    _heat_map(axes, table / np.maximum(table.sum(axis=0), 1), table.astype(str))
    axes.set(xlabel="label", ylabel=f"category of {code} → its label")
    axes.set_xticks(range(table.shape[1]), names)
    axes.set_yticks(range(len(order)), [f"{c} → {t}" for c, t in zip(order, labels, strict=True)])
    return figure


def plot_associations(
    association: Float[np.ndarray, "L f"], codes: Sequence[str], factors: Sequence[str]
) -> "Figure":
    """The association of each known factor with each code, from 0 to 1."""
    figure, axes = _subplots(0.5 * len(codes) + 2, 0.28 * len(factors) + 0.8)
    _heat_map(axes, association.T, np.char.mod("%.2f", association.T))
    axes.set_xticks(range(len(codes)), codes)
    axes.set_yticks(range(len(factors)), [factor.replace("_", " ") for factor in factors], fontsize=8)
    axes.tick_params(length=0)
    return figure


def plot_samples(real: UInt8[np.ndarray, "n ch h w"] | None, fake: UInt8[np.ndarray, "n ch h w"]) -> "Figure":
    """As many rows as columns of generated images, and on their left real images if there are any."""
    side = min(int(len(fake) ** 0.5), max(MIN_COLUMNS, MAX_WIDTH // fake.shape[3]))
    shown = [make_grid(x[: side**2].reshape(side, side, *x.shape[1:])) for x in (real, fake) if x is not None]
    gap = np.full((len(shown[0]), shown[0].shape[1] // side, shown[0].shape[2]), 255, np.uint8)
    picture = np.concatenate([shown[0], *(part for grid in shown[1:] for part in (gap, grid))], axis=1)
    height, width = picture.shape[:2]
    inches = max(4.5 * len(shown), width / DPI + MARGIN)
    figure, axes = _subplots(inches, inches * height / width + MARGIN)
    show(axes, picture)
    axes.set_title("generated" if real is None else "real (left) and generated (right)")
    return figure


def order_by_label(table: ContingencyTable, names: Sequence[str]) -> tuple[Int[np.ndarray, "k"], list[str]]:
    """The categories in the order of their labels, matched one to one, and those labels; a dash if none."""
    categories, labels = match_labels(table)
    unmatched = np.setdiff1d(np.arange(len(table)), categories)
    titles = [names[label] for label in np.sort(labels)] + ["–"] * len(unmatched)
    return np.concatenate([categories[np.argsort(labels)], unmatched]), titles


def make_figures(
    run: Run, model: Model, images: Images | None, baseline: Run | None = None
) -> dict[str, "Figure"]:
    """All figures of a run, by the name of their file.

    At most 10,000 of the real images are encoded. Their labels order the categories, their factors are named
    above the codes that they are associated with. Without images, what needs them is left out. A baseline is
    plotted beside the run in Fig. 1.

    Raises:
        InfoganError: if a run has no metrics yet, or the baseline has other codes.
    """
    figures: dict[str, Figure] = {}
    names, codes = model.latent.names, model.latent.codes
    curves = {r.path.name: r.metrics() for r in (run, baseline) if r is not None}
    for label, rows in curves.items():
        missing = [c for c in names if rows and f"L_I_{c}" not in rows[0]]
        if not rows or missing:
            what = ", ".join(missing) or "any code"
            raise InfoganError(f"figures: {label} has recorded no L_I of {what}; train it further.")
    images = images and images.subsample(MAX_IMAGES)
    categories: dict[str, Int[np.ndarray, n]] = {}
    titles = dict.fromkeys(names, "")
    labels, factors = (images.labels, images.factors) if images else (None, None)
    if labels is not None and (
        why_not_scored(labels.numbers) or len(np.unique(labels.numbers)) > MAX_CLASSES
    ):
        labels = None
    if images and (labels is not None or factors is not None):
        values = model.encode(images.pixels).values.numpy()
        categories = discrete_codes(values, model.latent)
        if factors is not None:
            association = code_factor_association(values, codes, factors)
            known_as = [factor.name for factor in factors.columns]
            figures["associations"] = plot_associations(association, names, known_as)
            for name, row in zip(names, association, strict=True):
                titles[name] = (
                    f"{name} goes with {known_as[row.argmax()].replace('_', ' ')} ({row.max():.2f})"
                )
    for i, (name, code) in enumerate(zip(names, codes, strict=True)):
        figures[f"bound_{name}"] = plot_bound(curves, name, code.entropy())
        traversal = traverse(model, i, rows=rows_of_traversal(model, i, N_ROWS))
        x, kind, ticks = traversal.images, "sweep", [f"{v:.1f}" for v in traversal.values.tolist()]
        if code.categories is not None:
            kind, ticks = "categories", [str(k) for k in range(code.categories)]
            if labels is not None and name in categories:
                is_known = labels.is_known
                known = labels.numbers[is_known]
                table = contingency_table(known, categories[name][is_known], code.categories)
                classes = [labels.name(number) for number in np.unique(known).tolist()]
                figures[f"confusion_{name}"] = plot_confusion(table, name, classes)
                order, ticks = order_by_label(table, classes)
                x = x[:, order]
        figures[f"{kind}_{name}"] = plot_traversal(x, name, ticks, titles[name])
    real = images.subsample(100).x if images else None
    fake = model.sample(100 if real is None else len(real), make_rng(0, "samples"))
    figures["samples"] = plot_samples(real, fake)
    return figures


def save_figures(figures: Mapping[str, "Figure"], folder: Path) -> list[Path]:
    """Writes each figure as PNG and SVG, and returns the paths of the PNGs."""
    from matplotlib import rc_context

    # The fixed salt makes the ids in the SVG, and so the files of equal runs, the same.
    with wrap_write_errors(folder), rc_context({"svg.hashsalt": "infogan"}):
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png", dpi=DPI)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    return [folder / f"{name}.png" for name in figures]


def make_axes(
    width: float | int, height: float | int, rows: int, columns: int
) -> "tuple[Figure, np.ndarray]":
    """A figure outside pyplot, which need not be closed, and its axes in rows and columns."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InfoganError("figures need matplotlib; install it by pip install 'infogan[plots]'.") from error

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _subplots(width: float | int, height: float | int) -> "tuple[Figure, Axes]":
    figure, axes = make_axes(width, height, 1, 1)
    return figure, axes[0, 0]


def _heat_map(axes: "Axes", values: Float[np.ndarray, "rows m"], texts: np.ndarray) -> None:
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (r, c), text in np.ndenumerate(texts):
        colour = "white" if values[r, c] > 0.5 else "0.25"
        axes.text(c, r, text, ha="center", va="center", fontsize=7, color=colour)


def show(axes: "Axes", picture: UInt8[np.ndarray, "h w ch"]) -> None:
    """Shows a picture without axes around it."""
    axes.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
