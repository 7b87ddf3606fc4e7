"""The paper's figures, a function each; every one returns a matplotlib Figure and shows nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8

from infogan.data import Images
from infogan.evaluation.clustering import Table, match
from infogan.evaluation.disentanglement.association import associations
from infogan.evaluation.evaluate import tables
from infogan.figures.traversal import Traversal, tile, traverse
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.io import telling
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("tab:blue", "tab:green")  # this run and its baseline, as in Fig. 1
MOST = 10_000  # real images that are read
ROWS = 5  # random z and other codes, as in Fig. 2


def plot_bound(curves: Mapping[str, Sequence[Mapping[str, float]]], code: str, H_c: float) -> "Figure":
    """Fig. 1: L_I of one code over the updates, a curve a run, and the line of H(c)."""
    figure, axes = _subplots(6, 3.6)
    for (label, rows), colour in zip(curves.items(), COLOURS, strict=False):
        axes.plot([r["step"] for r in rows], [r[f"L_I_{code}"] for r in rows], colour, label=label)
    axes.axhline(H_c, color="0.4", linestyle="--", linewidth=1, label=f"H({code}) = {H_c:.2f}")
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    settled = [r[f"L_I_{code}"] for rows in curves.values() for r in rows[len(rows) // 10 :]]
    margin = 0.1 * max(H_c, *map(abs, settled))
    axes.set_ylim(min(0, *settled) - margin, max(H_c, *settled) + margin)
    axes.set(xlabel="steps", ylabel=f"$L_I$ of {code}, nats")
    axes.legend(loc="center right", frameon=False)
    return figure


def plot_categories(
    traversal: Traversal, order: Int[np.ndarray, "k"], titles: Sequence[str], code: str, title: str = ""
) -> "Figure":
    """Figs. 2a, 2b, 4a, 5b, 6: a column a category, in the given order; a row a random z and other codes."""
    figure, axes = _grid(traversal.images[:, order], code, title)
    _ticks(axes, traversal, titles)
    return figure


def plot_sweep(traversal: Traversal, code: str, title: str = "") -> "Figure":
    """Figs. 2c, 2d, 3, 4b and 5a: a continuous code moves from left to right."""
    figure, axes = _grid(traversal.images, code, title)
    _ticks(axes, traversal, [f"{v:.1f}" for v in traversal.values.tolist()])
    return figure


def plot_confusion(table: Table, code: str) -> "Figure":
    """How many images of each label fell into each category, categories ordered by their label."""
    order, titles = order_by_label(table)
    figure, axes = _subplots(6, 5.2)
    share = table[order] / np.maximum(table[order].sum(axis=0), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for r, c in np.ndindex(share.shape):
        colour = "white" if share[r, c] > 0.5 else "0.25"
        axes.text(c, r, f"{table[order][r, c]}", ha="center", va="center", fontsize=7, color=colour)
    axes.set(xlabel="label", ylabel=f"category of {code} → its label")
    axes.set_xticks(range(table.shape[1]))
    axes.set_yticks(range(len(order)), [f"{c} → {t}" for c, t in zip(order, titles, strict=True)])
    return figure


def plot_associations(
    strength: Float[np.ndarray, "L f"], codes: Sequence[str], factors: Sequence[str]
) -> "Figure":
    """How strongly each known factor goes along with each code, 0 to 1; see `metrics.association`."""
    figure, axes = _subplots(0.5 * len(codes) + 2, 0.28 * len(factors) + 0.8)
    axes.imshow(strength.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for c, r in np.ndindex(strength.shape):
        colour = "white" if strength[c, r] > 0.5 else "0.25"
        axes.text(c, r, f"{strength[c, r]:.2f}", ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(codes)), codes)
    axes.set_yticks(range(len(factors)), [factor.replace("_", " ") for factor in factors], fontsize=8)
    axes.tick_params(length=0)
    return figure


def plot_samples(real: UInt8[np.ndarray, "n ch h w"], fake: UInt8[np.ndarray, "n ch h w"]) -> "Figure":
    """Real images on the left, generated ones on the right; as many of each, a square number."""
    figure, axes = _subplots(9, 4.6)
    sheets = []
    side = int(len(real) ** 0.5)
    for images in (real, fake):
        sheets.append(tile(images[: side**2].reshape(side, side, *images.shape[1:])))
    gap = np.full((len(sheets[0]), sheets[0].shape[1] // side, sheets[0].shape[2]), 255, np.uint8)
    _show(axes, np.concatenate([sheets[0], gap, sheets[1]], axis=1))
    axes.set_title("real (left) and generated (right)")
    return figure


def order_by_label(table: Table) -> tuple[Int[np.ndarray, "k"], list[str]]:
    """The categories in the order of the labels they are matched with, one to one, and those labels.

    A category that no label is left for comes last and is titled with a dash.
    """
    categories, labels = match(table)
    by_label = categories[np.argsort(labels)]
    left_over = np.setdiff1d(np.arange(len(table)), categories)
    titles = [str(label) for label in np.sort(labels)] + ["–"] * len(left_over)
    return np.concatenate([by_label, left_over]), titles


def make_figures(run: Run, model: Model, images: Images, baseline: Run | None = None) -> dict[str, "Figure"]:
    """All figures of a run, by the name of their file.

    Args:
        images: real ones, of which at most 10,000 are read; their labels, where there are any, put the
            categories in order, and their factors say what each code follows.
        baseline: a run to draw beside this one in Fig. 1.

    Raises:
        InfoganError: where a run holds no metrics yet, or the baseline has other codes.
    """
    made: dict[str, Figure] = {}
    names, codes = model.latent.names, model.latent.codes
    curves = {r.path.name: r.metrics() for r in (run, baseline) if r is not None}
    for label, rows in curves.items():
        missing = [c for c in names if rows and f"L_I_{c}" not in rows[0]]
        if not rows or missing:
            raise InfoganError(f"{label} holds no L_I of {', '.join(missing) or 'any code'} to draw.")
    images = images.subsample(MOST)
    counts: dict[str, Table] = {}
    followed = dict.fromkeys(names, "")
    if images.labels is not None or images.factors is not None:
        values = model.encode(images.pixels).values.numpy()
        if images.labels is not None:
            counts = tables(values, codes, images.labels)
        if images.factors is not None:
            strength = associations(values, codes, images.factors)
            factors = [factor.name for factor in images.factors.columns]
            made["associations"] = plot_associations(strength, names, factors)
            for name, row in zip(names, strength, strict=True):
                followed[name] = (
                    f"{name} goes with {factors[row.argmax()].replace('_', ' ')} ({row.max():.2f})"
                )
    for i, (name, code) in enumerate(zip(names, codes, strict=True)):
        made[f"bound_{name}"] = plot_bound(curves, name, code.entropy())
        traversal = traverse(model, i, rows=ROWS)
        if code.categories is None:
            made[f"sweep_{name}"] = plot_sweep(traversal, name, followed[name])
            continue
        order, titles = np.arange(code.categories), [str(k) for k in range(code.categories)]
        if name in counts:
            order, titles = order_by_label(counts[name])
            made[f"confusion_{name}"] = plot_confusion(counts[name], name)
        made[f"categories_{name}"] = plot_categories(traversal, order, titles, name, followed[name])
    real = images.subsample(100).x
    made["samples"] = plot_samples(real, model.sample(len(real), make_rng(0, "samples")))
    return made


def save_figures(figures: Mapping[str, "Figure"], folder: Path) -> list[Path]:
    """Writes each figure as PNG and SVG; gives the PNGs."""
    from matplotlib import rc_context

    # Names within an SVG are of chance unless a salt is given, and equal runs are to have equal figures.
    with telling(folder), rc_context({"svg.hashsalt": "infogan"}):
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png", dpi=150)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    return [folder / f"{name}.png" for name in figures]


def _subplots(width: float, height: float) -> "tuple[Figure, Axes]":
    """A figure that no window knows of, so that nothing has to be closed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InfoganError("figures need matplotlib; pip install 'infogan[plots]'.") from error

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _grid(images: UInt8[np.ndarray, "rows m ch h w"], code: str, title: str) -> "tuple[Figure, Axes]":
    rows, columns = images.shape[:2]
    figure, axes = _subplots(0.6 * columns + 0.6, 0.6 * rows + 0.7)
    _show(axes, tile(images))
    axes.set_ylabel(f"{code} moves →", fontsize=9)
    axes.set_title(title, fontsize=9)
    return figure, axes


def _show(axes: "Axes", picture: UInt8[np.ndarray, "h w ch"]) -> None:
    axes.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _ticks(axes: "Axes", traversal: Traversal, titles: Sequence[str]) -> None:
    w = traversal.images.shape[-1] + 1
    axes.set_xticks([w * (i + 0.5) - 1 for i in range(len(titles))], titles)
    axes.tick_params(length=0)
