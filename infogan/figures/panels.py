"""Several panels in one figure, as in Figs. 2 to 6, and curves of several seeds as bands, as in Fig. 1."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from infogan.figures.paper import COLOURS, make_axes, show
from infogan.figures.traversal import make_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 5.2  # of a panel, in inches
CHARACTERS = 68  # of a caption's line


class PanelPicture(NamedTuple):
    """Rows of images in which one code varies from left to right, what the columns are, and what to say."""

    images: UInt8[np.ndarray, "rows m ch h w"]
    ticks: Sequence[str]
    caption: str


class Curves(NamedTuple):
    """A quantity over the steps, one row per seed."""

    steps: Sequence[int]
    values: Float[np.ndarray, "seeds steps"]


def plot_panels(panels: Sequence[PanelPicture]) -> "Figure":
    """Two panels beside each other, captions below."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    shapes = [p.images.shape for p in panels]
    height = WIDTH * max(n * h / (m * w) for n, m, _, h, w in shapes) + 0.8
    figure, axes = make_axes(columns * WIDTH, rows * height, rows, columns)
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax, panel in zip(axes.flat, panels, strict=False):
        show(ax, make_grid(panel.images))
        ax.set_anchor("N")
        side = panel.images.shape[-1] + 1
        ax.set_xticks([side * (i + 0.5) - 1 for i in range(len(panel.ticks))], panel.ticks, fontsize=7)
        ax.tick_params(length=0)
        ax.set_xlabel(textwrap.fill(panel.caption, CHARACTERS), fontsize=8)
    return figure


def plot_bands(curves: Mapping[str, Curves], ylabel: str, entropy: float) -> "Figure":
    """The median over seeds as a line, from the lowest to the highest as a band, and H(c)."""
    figure, axes = make_axes(6, 3.6, 1, 1)
    ax = axes[0, 0]
    for (label, (steps, values)), colour in zip(curves.items(), COLOURS, strict=False):
        name = f"{label}, {len(values)} seed{'s' if len(values) > 1 else ''}"
        ax.plot(steps, np.median(values, axis=0), colour, label=name)
        ax.fill_between(steps, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.25, linewidth=0)
    ax.axhline(entropy, color="0.4", linestyle="--", linewidth=1, label=f"H(c) = {entropy:.2f}")
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    ax.set(xlabel="steps", ylabel=ylabel, ylim=(-0.1 * entropy, 1.1 * entropy))
    ax.legend(frameon=False)
    return figure
