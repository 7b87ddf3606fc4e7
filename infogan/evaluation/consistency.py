"""Scores without labels: L_I, does Q recover the codes of G's images, do codes survive a small shift?"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8

from infogan.data import Factor, Factors, Images
from infogan.data.images import as_pixels
from infogan.evaluation.disentanglement.association import ASSOCIATION_NAMES, pairwise_association
from infogan.evaluation.score import Score, make_score, sample_halves
from infogan.method.codes import Kind
from infogan.method.model import Model, batch_statistics

N_IMAGES_FOR_BOUND, N_RESAMPLES_OF_BOUND = 12_800, 100
N_IMAGES, N_RESAMPLES = 5_000, 50
SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))  # one pixel right, left, down and up
Repeated = Float[np.ndarray, "repeats n L"]
SAME_CATEGORY = "share of images with the same category"


@torch.inference_mode()
def info_bounds(
    model: Model, batch_size: int, rng: torch.Generator, n_images: int | None = None
) -> dict[str, Score]:
    """`info_bound_c1` ...: L_I of each code, Eq. (5), in nats; the protocol names H(c).

    `batch_size` is that of training: batch norm of Q takes the statistics of each batch, as in training. If
    it exceeds `n_images`, 12,800 by default, one batch is generated.
    """
    latent = model.latent
    batches: list[torch.Tensor] = []
    for _ in range(
        max(1, (n_images or N_IMAGES_FOR_BOUND) // batch_size)
    ):  # whole batches: one image has no statistics
        c = [c_i.to(model.device) for c_i in latent.sample_c(batch_size, rng)]
        x = model.G(latent.sample_z(batch_size, rng).to(model.device), c)
        with batch_statistics(model.D):
            q = latent.given_parents(c, model.D(x).q)
        log_q = [code.log_q(c_i, q_i) for code, c_i, q_i in zip(latent.codes, c, q, strict=True)]
        batches.append(-torch.stack(log_q))
    H_c_given_x = torch.cat(batches, dim=1).double().cpu().numpy()
    halves = list(sample_halves(H_c_given_x.shape[1], N_RESAMPLES_OF_BOUND, np.random.default_rng(0)))
    return {
        f"info_bound_{name}": make_score(
            code.entropy() - samples.mean(),
            [code.entropy() - samples[half].mean() for half in halves],
            f"nats, of H({name}) = {code.entropy():.3f}; {len(samples):,} generated images; "
            f"Q with the statistics of batches of {batch_size}, G with its running ones",
            min_value=-math.inf,
            max_value=math.inf,
        )
        for name, code, samples in zip(latent.names, latent.codes, H_c_given_x, strict=True)
    }


class RecoveredCodes(NamedTuple):
    """Generated images, the codes that G made them from, and the codes that Q recovers from them."""

    images: Images  # with the sampled codes as their factors
    sampled: Float[np.ndarray, "n L"]
    recovered: Float[np.ndarray, "n L"]


def recover_codes(model: Model, rng: torch.Generator) -> RecoveredCodes:
    """5,000 images x = G(z, c) as uint8, their codes c, and what Q reads off x, as off real images."""
    latent = model.latent
    c = model.sample_values(N_IMAGES, rng)
    x = model.decode(c, latent.sample_z(N_IMAGES, rng))
    sampled = c.numpy().astype(float)
    known = tuple(Factor(name, code.kind) for name, code in zip(latent.names, latent.codes, strict=True))
    recovered = model.encode(as_pixels(x)).values.numpy().astype(float)
    return RecoveredCodes(Images.from_arrays(x, factors=Factors(known, sampled)), sampled, recovered)


def recovery_scores(model: Model, codes: RecoveredCodes) -> dict[str, Score]:
    """`recovery_c1` ...: the agreement of the sampled and the recovered codes of generated images."""
    conditions = "the code drawn and the code read off its generated image"
    return _agreement_scores(model, "recovery", codes.sampled[None], codes.recovered[None], conditions)


def stability_scores(model: Model, x: UInt8[np.ndarray, "n ch h w"]) -> dict[str, Score]:
    """`stability_c1` ...: the agreement of the codes of images before and after a shift by one pixel."""
    before = model.encode(as_pixels(x)).values.numpy()
    after = np.stack([model.encode(as_pixels(shift(x, *by))).values.numpy() for by in SHIFTS])
    conditions = "the code of a real image and of the same moved by a pixel"
    return _agreement_scores(model, "stability", np.broadcast_to(before, after.shape), after, conditions)


def shift(x: UInt8[np.ndarray, "n ch h w"], down: int, right: int) -> UInt8[np.ndarray, "n ch h w"]:
    """Images shifted by this many pixels; the edge is repeated."""
    h, w = x.shape[2:]
    rows = np.clip(np.arange(h) - down, 0, h - 1)
    columns = np.clip(np.arange(w) - right, 0, w - 1)
    shifted: UInt8[np.ndarray, "n ch h w"] = x[:, :, rows[:, None], columns]
    return shifted


def agreement(a: Float[np.ndarray, "n"], b: Float[np.ndarray, "n"], kind: Kind) -> float:
    """How far two sets of values of a code agree, in [0, 1]: share of equal categories, or association."""
    if kind == "category":
        return float((a == b).mean())
    return float(pairwise_association(a[:, None], [kind], b[:, None], [kind])[0, 0])


def _agreement_scores(model: Model, name: str, a: Repeated, b: Repeated, conditions: str) -> dict[str, Score]:
    """A score for every code, with an interval over the n images."""
    n = a.shape[1]
    samples = [np.arange(n), *sample_halves(n, N_RESAMPLES, np.random.default_rng(0))]
    scores: dict[str, Score] = {}
    for j, (code_name, code) in enumerate(zip(model.latent.names, model.latent.codes, strict=True)):
        value, *resamples = [agreement(a[:, s, j].ravel(), b[:, s, j].ravel(), code.kind) for s in samples]
        measure = SAME_CATEGORY if code.kind == "category" else ASSOCIATION_NAMES[frozenset({code.kind})]
        scores[f"{name}_{code_name}"] = make_score(
            value,
            resamples,
            f"{measure}: {conditions}, Q with running statistics of batch norm; {n:,} images",
        )
    return scores
