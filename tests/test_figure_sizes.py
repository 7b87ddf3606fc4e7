"""Figures of large, wide and tall images: in their aspect ratio, and with every pixel."""

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from infogan.figures.paper import DPI, plot_samples, plot_traversal
from infogan.pretraining.encoder import resized

SHAPES = [(1, 28, 28), (3, 96, 128), (3, 128, 96), (3, 200, 200)]


def drawn(figure: Figure) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI)
    return np.asarray(Image.open(buffer).convert("L")).astype(int)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_traversal_leaves_no_line_out_and_no_gap_around(shape: tuple[int, int, int]) -> None:
    """Black images: a white line between each two, and no more white than the labels need."""
    x = drawn(plot_traversal(np.zeros((3, 4, *shape), np.uint8), "c1", ["a", "b", "c", "d"]))
    dark = x < 128
    rows, columns = (np.flatnonzero(dark.mean(axis=axis) > 0.5) for axis in (1, 0))
    for of, n in ((rows, 3), (columns, 4)):
        assert (np.diff(of) > 1).sum() == n - 1
        assert of[-1] - of[0] + 1 >= n * min(shape[1:])
    assert rows[-1] - rows[0] > len(x) - 0.7 * DPI
    aspect = (rows[-1] - rows[0]) * 4 * shape[2] / ((columns[-1] - columns[0]) * 3 * shape[1])
    assert aspect == pytest.approx(1, abs=0.05)


def test_the_figure_of_samples_has_fewer_of_large_images() -> None:
    widths = []
    for side, n in ((32, 10), (256, 4)):
        figure = plot_samples(None, np.zeros((100, 3, side, side), np.uint8))
        (image,) = figure.axes[0].images
        assert image.get_array().shape[:2] == (n * (side + 1) - 1,) * 2
        widths.append(figure.get_figwidth() * DPI)
        dark = drawn(figure) < 128
        for axis in (0, 1):  # a line between each two
            assert (np.diff(np.flatnonzero(dark.mean(axis=axis) > 0.5)) > 1).sum() == n - 1
    assert widths[0] == 4.5 * DPI
    assert 4 * 257 - 1 <= widths[1] < 4 * 257 + DPI


def test_stages_squeeze_images_that_are_not_square() -> None:
    x = torch.zeros(1, 3, 64, 32)
    x[:, :, :32] = 1  # the upper half
    small = resized(x, 32)
    assert small.shape == (1, 3, 32, 32)
    assert torch.equal(small[0, 0, :, 0], (torch.arange(32) < 16).float())
