"""Scores without labels: does Q recover the codes of G's images, and do codes survive a small shift?"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8

from infogan.data import Factor, Factors, Images
from infogan.evaluation.disentanglement.association import pairwise_association
from infogan.evaluation.score import Score, make_score, sample_halves
from infogan.method.codes import Kind
from infogan.method.model import Model

N_IMAGES = 5_000
N_RESAMPLES = 50
SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))  # one pixel right, left, down and up
AGREEMENT_NAMES: dict[Kind, str] = {
    "category": "share of images with the same category",
    "number": "|Spearman|",
    "angle": "Jupp and Mardia's circular correlation",
}


def agreement(a: Float[np.ndarray, "n"], b: Float[np.ndarray, "n"], kind: Kind) -> float:
    """How far two sets of values of one code agree, in [0, 1], as AGREEMENT_NAMES says for each kind."""
    if kind == "category":
        return float((a == b).mean())
    return float(pairwise_association(a[:, None], [kind], b[:, None], [kind])[0, 0])


class RecoveredCodes(NamedTuple):
    """Generated images, the codes that G made them from, and the codes that Q recovers from them."""

    images: Images  # with the sampled codes as their factors
    sampled: Float[np.ndarray, "n L"]
    recovered: Float[np.ndarray, "n L"]


def recover_codes(model: Model, rng: torch.Generator) -> RecoveredCodes:
    """5,000 images x = G(z, c) in whole gray levels, c itself, and what Q reads off x as off a real image.

    Args:
        rng: draws z and c, on the CPU.
    """
    latent = model.latent
    c = model.sample_values(N_IMAGES, rng)
    x = model.decode(c, latent.sample_z(N_IMAGES, rng))
    sampled = c.numpy().astype(float)
    known = tuple(Factor(name, code.kind) for name, code in zip(latent.names, latent.codes, strict=True))
    recovered = model.encode(x).values.numpy().astype(float)
    return RecoveredCodes(Images.from_arrays(x, factors=Factors(known, sampled)), sampled, recovered)


def recovery_scores(model: Model, codes: RecoveredCodes) -> dict[str, Score]:
    """`recovery_c1` ...: the agreement of the sampled and the recovered codes of generated images."""
    conditions = (
        "the code drawn and the code read off its generated image, Q with running statistics of batch norm"
    )
    return _agreement_scores(model, "recovery", codes.sampled[None], codes.recovered[None], conditions)


def stability_scores(model: Model, x: UInt8[np.ndarray, "n ch h w"]) -> dict[str, Score]:
    """`stability_c1` ...: the agreement of the codes of images before and after a shift by one pixel."""
    before = model.encode(x).values.numpy()
    after = np.stack([model.encode(shift(x, *by)).values.numpy() for by in SHIFTS])
    conditions = (
        "the code of a real image and of the same moved by a pixel, Q with running statistics of batch norm"
    )
    return _agreement_scores(model, "stability", np.broadcast_to(before, after.shape), after, conditions)


def shift(x: UInt8[np.ndarray, "n ch h w"], down: int, right: int) -> UInt8[np.ndarray, "n ch h w"]:
    """Images shifted by this many pixels; the edge is repeated."""
    h, w = x.shape[2:]
    rows = np.clip(np.arange(h) - down, 0, h - 1)
    columns = np.clip(np.arange(w) - right, 0, w - 1)
    shifted: UInt8[np.ndarray, "n ch h w"] = x[:, :, rows[:, None], columns]
    return shifted


def _agreement_scores(
    model: Model,
    name: str,
    a: Float[np.ndarray, "repeats n L"],
    b: Float[np.ndarray, "repeats n L"],
    conditions: str,
) -> dict[str, Score]:
    """A score for every code, with an interval over the n images."""
    n = a.shape[1]
    samples = [np.arange(n), *sample_halves(n, N_RESAMPLES, np.random.default_rng(0))]
    scores: dict[str, Score] = {}
    for j, (code_name, code) in enumerate(zip(model.latent.names, model.latent.codes, strict=True)):
        value, *resamples = [agreement(a[:, s, j].ravel(), b[:, s, j].ravel(), code.kind) for s in samples]
        protocol = f"{AGREEMENT_NAMES[code.kind]}: {conditions}; {n:,} images"
        scores[f"{name}_{code_name}"] = make_score(value, resamples, protocol)
    return scores
