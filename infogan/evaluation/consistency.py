"""Whether codes hold still, which asks for no label: G's own come back, and a nudge does not change them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8

from infogan.data import Factor, Factors, Images
from infogan.evaluation.disentanglement.association import strengths
from infogan.evaluation.score import Score, halves, score
from infogan.method.codes import Kind
from infogan.method.model import Model

N_IMAGES = 5_000
RESAMPLES = 50
NUDGES = ((0, 1), (0, -1), (1, 0), (-1, 0))  # by a pixel, right, left, down and up
MEASURES: dict[Kind, str] = {
    "category": "share of images with the same category",
    "number": "|Spearman|",
    "angle": "Jupp and Mardia's circular correlation",
}


def agreement(a: Float[np.ndarray, "n"], b: Float[np.ndarray, "n"], kind: Kind) -> float:
    """How far two readings of one code agree, in [0, 1]; MEASURES says by what."""
    if kind == "category":
        return float((a == b).mean())
    return float(strengths(a[:, None], [kind], b[:, None], [kind])[0, 0])


class ReadBack(NamedTuple):
    """Images of a model's G with the codes that made them as their factors, and what its Q reads off them."""

    made: Images
    drawn: Float[np.ndarray, "n L"]
    read: Float[np.ndarray, "n L"]


def read_back(model: Model, rng: torch.Generator) -> ReadBack:
    """5,000 images of this model's G, read as real ones are.

    Args:
        rng: draws z and c, on the CPU.
    """
    values = model.sample_values(N_IMAGES, rng)
    x = model.decode(values, model.latent.sample_z(N_IMAGES, rng))
    drawn = values.numpy().astype(float)
    known = tuple(Factor(n, c.kind) for n, c in zip(model.latent.names, model.latent.codes, strict=True))
    read = model.encode(x).values.numpy().astype(float)
    return ReadBack(Images.from_arrays(x, factors=Factors(known, drawn)), drawn, read)


def recovery_scores(model: Model, back: ReadBack) -> dict[str, Score]:
    """`recovery_c1` ...: how well Q reads off G(z, c) the very c that made it, 5,000 times."""
    how = "the code drawn and the code read off its generated image, Q with running statistics of batch norm"
    n = len(back.read)
    return _scores(model, "recovery", lambda rows, j: (back.drawn[rows, j], back.read[rows, j]), n, how)


def stability_scores(model: Model, x: UInt8[np.ndarray, "n ch h w"]) -> dict[str, Score]:
    """`stability_c1` ...: how far the codes of images stay when these are moved by a pixel, four ways."""
    still = model.encode(x).values.numpy()
    moved = np.stack([model.encode(nudge(x, *by)).values.numpy() for by in NUDGES])

    def both(rows: np.ndarray, j: int) -> tuple[np.ndarray, np.ndarray]:
        return np.tile(still[rows, j], len(NUDGES)), moved[:, rows, j].ravel()

    how = "the code of a real image and of the same moved by a pixel, Q with running statistics of batch norm"
    return _scores(model, "stability", both, len(x), how)


def nudge(x: UInt8[np.ndarray, "n ch h w"], down: int, right: int) -> UInt8[np.ndarray, "n ch h w"]:
    """Images moved by so many pixels; the row or column that comes in repeats the one at the edge."""
    h, w = x.shape[2:]
    rows = np.clip(np.arange(h) - down, 0, h - 1)
    columns = np.clip(np.arange(w) - right, 0, w - 1)
    moved: UInt8[np.ndarray, "n ch h w"] = x[:, :, rows[:, None], columns]
    return moved


def _scores(
    model: Model,
    name: str,
    both: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]],
    n: int,
    how: str,
) -> dict[str, Score]:
    """A score for every code; `both` gives the two readings of these images and this code."""
    chosen = [np.arange(n), *halves(n, RESAMPLES, np.random.default_rng(0))]
    scores: dict[str, Score] = {}
    for j, (code_name, code) in enumerate(zip(model.latent.names, model.latent.codes, strict=True)):
        value, *draws = [agreement(*both(rows, j), code.kind) for rows in chosen]
        scores[f"{name}_{code_name}"] = score(value, draws, f"{MEASURES[code.kind]}: {how}; {n:,} images")
    return scores
