"""Traversals (one code varies, z and the other codes are fixed; Fig. 2), and grids of images as files."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps

from infogan.data.false_colour import false_colour
from infogan.method.model import Model
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

LOW, HIGH = -2.0, 2.0  # twice the range of training, as in Fig. 2
MAX_ROWS = 20  # of a code under a category, if nobody says how many
MIN_WIDTH = 56  # pixels of an image in a picture file: smaller images are enlarged


class Traversal(NamedTuple):
    """One row per random image, one column per value of the varying code."""

    images: UInt8[np.ndarray, "rows m ch h w"]
    values: Float[torch.Tensor, "m"]


def traverse(
    model: Model,
    code: int,
    *,
    rows: int = 5,
    steps: int = 10,
    low: float = LOW,
    high: float = HIGH,
    seed: int = 0,
) -> Traversal:
    """Varies one code, by its index, of each of `rows` random images.

    A continuous code takes `steps` values from `low` to `high`; a discrete code takes all its values. If the
    code is under a category, the rows are of category 0, 1, ... in turn.

    Raises:
        InfoganError: if there is no row or no step, or the range is not finite.
    """
    if rows < 1 or steps < 1 or not (math.isfinite(low) and math.isfinite(high)):
        raise InfoganError("traverse: rows and steps must be at least 1, and both ends of the range finite.")
    z, values = sample_rows(model, rows, seed)
    if code in model.latent.parents:
        k = model.latent.n_blocks[code]
        values[:, model.latent.parents[code]] = (torch.arange(rows) % k).float()
    varying = model.latent.codes[code].sweep(steps, low, high)
    m = len(varying)
    values = values.repeat_interleave(m, dim=0)
    values[:, code] = varying.repeat(rows)
    images = model.decode(values, z.repeat_interleave(m, dim=0))
    return Traversal(images.reshape(rows, m, *images.shape[1:]), varying)


def rows_of_traversal(model: Model, code: int, rows: int) -> int:
    """So many rows, or one for each category that a code is under, at most `MAX_ROWS`."""
    return min(MAX_ROWS, model.latent.n_blocks[code]) if code in model.latent.parents else rows


def sample_rows(
    model: Model, rows: int, seed: int
) -> tuple[Float[torch.Tensor, "rows n_z"], Float[torch.Tensor, "rows L"]]:
    """z and the codes of each row; the same for a seed on the command line and in the explorer."""
    rng = make_rng(seed, "traverse")
    return model.latent.sample_z(rows, rng), model.sample_values(rows, rng)


def code_index(model: Model, name: str) -> int:
    """The index of a code, from 0, by its name: c1, or 1.

    Raises:
        InfoganError: if there is no such code.
    """
    names = model.latent.names
    full_name = name if name.startswith("c") else f"c{name}"
    if full_name not in names:
        raise InfoganError(f"unknown code {name!r}; this run has {', '.join(names)}.")
    return names.index(full_name)


def make_grid(images: UInt8[np.ndarray, "rows cols ch h w"]) -> UInt8[np.ndarray, "H W ch2"]:
    """One picture of images in rows and columns, in `false_colour`, separated by white lines of one pixel."""
    images = false_colour(images)
    rows, cols, ch, h, w = images.shape
    lines = ((0, 0), (0, 0), (0, 0), (0, 1), (0, 1))  # below and to the right of each image
    padded = np.pad(images, lines, constant_values=255).transpose(0, 3, 1, 4, 2)
    return padded.reshape(rows * (h + 1), cols * (w + 1), ch)[:-1, :-1]


def save_grid(images: UInt8[np.ndarray, "rows cols ch h w"], path: Path) -> None:
    """Writes images in rows and columns as one picture; small images are enlarged.

    Raises:
        InfoganError: if the picture cannot be written, or its name has no suffix of a picture format.
    """
    grid = make_grid(images)
    picture = Image.fromarray(grid.squeeze(axis=2) if grid.shape[2] == 1 else grid)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ImageOps.scale(picture, max(1, MIN_WIDTH // images.shape[-1]), Image.Resampling.NEAREST).save(path)
    except (OSError, ValueError) as error:
        raise InfoganError(f"{path} cannot be written ({error}); choose another file.") from error


def save_contact_sheet(images: UInt8[np.ndarray, "n ch h w"], path: Path) -> None:
    """Writes images as one picture with about as many rows as columns.

    Raises:
        InfoganError: if there is no image, and as `save_grid` does.
    """
    if not len(images):
        raise InfoganError("contact sheet: there must be at least one image.")
    images = false_colour(images)
    columns = math.ceil(math.sqrt(len(images)))
    blank = np.full((-len(images) % columns, *images.shape[1:]), 255, np.uint8)
    save_grid(np.concatenate([images, blank]).reshape(-1, columns, *images.shape[1:]), path)
