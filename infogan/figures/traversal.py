"""Traversals: z and the other codes stay, one code moves (Fig. 2). Figures and command line share it."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from infogan.method.model import Model
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

RANGE = (-2.0, 2.0)  # twice what G was trained on, as in Fig. 2


class Traversal(NamedTuple):
    """A row a random z and other codes, a column a value of the moving code."""

    images: UInt8[np.ndarray, "rows m ch h w"]
    values: Float[torch.Tensor, "m"]


def traverse(
    model: Model,
    code: int,
    *,
    rows: int = 5,
    steps: int = 10,
    low: float = RANGE[0],
    high: float = RANGE[1],
    seed: int = 0,
) -> Traversal:
    """Moves one code, counted from 0, through its values, for each of `rows` random images.

    Args:
        steps, low, high: for a continuous code; a discrete one takes all its values.

    Raises:
        InfoganError: for fewer than one row or step, or a range that is not finite.
    """
    if rows < 1 or steps < 1 or not (math.isfinite(low) and math.isfinite(high)):
        raise InfoganError("traverse: --rows and --steps must be at least 1, --from and --to finite.")
    z, values = draw_rows(model, rows, seed)
    moving = model.latent.codes[code].sweep(steps, low, high)
    m = len(moving)
    values = values.repeat_interleave(m, dim=0)
    values[:, code] = moving.repeat(rows)
    images = model.decode(values, z.repeat_interleave(m, dim=0))
    return Traversal(images.reshape(rows, m, *images.shape[1:]), moving)


def draw_rows(
    model: Model, rows: int, seed: int
) -> tuple[Float[torch.Tensor, "rows n_z"], Float[torch.Tensor, "rows L"]]:
    """z and the codes of each row: what a seed shows, on the command line and in the explorer alike."""
    rng = make_rng(seed, "traverse")
    return model.latent.sample_z(rows, rng), model.sample_values(rows, rng)


def find_code(model: Model, name: str) -> int:
    """The index of a code from its name: c1, or 1.

    Raises:
        InfoganError: where there is no such code.
    """
    names = model.latent.names
    wanted = name if name.startswith("c") else f"c{name}"
    if wanted not in names:
        raise InfoganError(f"unknown code {name!r}; this run has {', '.join(names)}.")
    return names.index(wanted)


def tile(images: UInt8[np.ndarray, "rows cols ch h w"], gap: int = 1) -> UInt8[np.ndarray, "H W ch"]:
    """One picture of a grid of images, white lines of `gap` pixels between them."""
    rows, cols, ch, h, w = images.shape
    sheet = np.full((rows * (h + gap) - gap, cols * (w + gap) - gap, ch), 255, np.uint8)
    for r, c in np.ndindex(rows, cols):
        top, left = r * (h + gap), c * (w + gap)
        sheet[top : top + h, left : left + w] = images[r, c].transpose(1, 2, 0)
    return sheet


def save_tiles(traversal: Traversal, path: Path) -> None:
    """Writes a traversal as a picture, each pixel as a square so that it can be looked at.

    Raises:
        InfoganError: where the picture cannot be written, or its name ends in no picture format.
    """
    _save(tile(traversal.images), max(1, 56 // traversal.images.shape[-1]), path)


def save_sheet(images: UInt8[np.ndarray, "n ch h w"], path: Path) -> None:
    """Writes a contact sheet of images as a picture, about as wide as it is high.

    Raises:
        InfoganError: where there is no image, or the picture cannot be written.
    """
    if not len(images):
        raise InfoganError("preview: --n must be at least 1.")
    columns = math.ceil(math.sqrt(len(images)))
    blank = np.full((-len(images) % columns, *images.shape[1:]), 255, np.uint8)
    grid = np.concatenate([images, blank]).reshape(-1, columns, *images.shape[1:])
    _save(tile(grid), max(1, 56 // images.shape[-1]), path)


def _save(sheet: UInt8[np.ndarray, "H W ch"], scale: int, path: Path) -> None:
    picture = Image.fromarray(sheet.squeeze(axis=2) if sheet.shape[2] == 1 else sheet)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST).save(path)
    except (OSError, ValueError) as error:
        raise InfoganError(f"{path} cannot be written ({error}); name another file by -o.") from error
