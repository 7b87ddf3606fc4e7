"""What each continuous code changes in G's images and in Q's readings, in the same contexts for all codes.

n = contexts, m = steps of a code, L = codes, d = features. A context is z and a value of every code; while a
code is varied, they are fixed.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from infogan.data.images import as_pixels
from infogan.evaluation.control.moments import LENGTHS, image_moments
from infogan.evaluation.control.motion import Motion, motion
from infogan.method.codes import Code
from infogan.method.latent import Latent
from infogan.method.model import Model, Pictures

N_CONTEXTS, N_STEPS = 100, 8
MIDDLE = 0.95  # of the prior, which a code is varied over
N_PRIOR = 20_000  # draws from the prior that find its middle
CHUNK = 128  # images at once, as numbers of 8 bytes
SIDE = 8  # of the images that are compared pixel by pixel
Changes = Float[np.ndarray, "n p _"]  # p = 1 of a number, m of an angle


class Effect(NamedTuple):
    """What happens as one code is varied."""

    values: Float[np.ndarray, "n m"]  # of the code
    read: Float[np.ndarray, "n m L"]  # by Q, off each image
    changes: tuple[Changes, ...]  # of the images in each feature space, of length 1 in every context
    groups: Int[np.ndarray, "n"]  # contexts in which the code means the same: the category that it is under
    motion: Motion | None = None  # of length 1 in every context; vectors have none


class Effects(NamedTuple):
    """The effect of each continuous code, and what happens if only z is drawn again."""

    of_code: dict[int, Effect]  # by the index of the code
    read: Float[np.ndarray, "n m L"]  # by Q, off images of fixed codes, with m draws of z
    unrelated: tuple[Float[np.ndarray, "n _"], ...]  # differences of two random images, of length 1


@final
@dataclass(frozen=True)
class FeatureSpaces:
    """Fixed descriptions of images: by moments and by 8 x 8 pixels; of vectors, by their numbers alone."""

    units: Float[np.ndarray, "d"]  # standard deviations over real images, of the first description

    @staticmethod
    def of_images(x: Pictures) -> "FeatureSpaces":
        std = _describe(x)[0].std(axis=0)
        if x.dtype == np.uint8:
            std[: len(LENGTHS)] = np.maximum(std[: len(LENGTHS)], 1.0)
        return FeatureSpaces(np.where(std > 1e-6, std, np.inf))  # leaves out what is constant

    def __call__(self, x: Pictures) -> tuple[Float[np.ndarray, "_ _"], ...]:
        first, *others = _describe(x)
        return (first / self.units, *others)


def _describe(x: Pictures) -> list[Float[np.ndarray, "_ _"]]:
    if x.dtype != np.uint8:
        return [x.reshape(len(x), -1).astype(float)]
    size = (min(SIDE, x.shape[2]), min(SIDE, x.shape[3]))
    chunks = np.array_split(x, math.ceil(len(x) / CHUNK))
    small = [F.adaptive_avg_pool2d(torch.from_numpy(part).float(), size).flatten(1) for part in chunks]
    moments = np.concatenate([image_moments(part) for part in chunks])
    return [moments, torch.cat(small).numpy().astype(float)]


def measure_effects(model: Model, spaces: FeatureSpaces, rng: torch.Generator) -> Effects:
    """Varies each continuous code over the middle of its prior in 100 contexts; angles over the circle."""
    latent = model.latent
    values, z = sample_contexts(latent, rng), latent.sample_z(N_CONTEXTS, rng)
    of_code = {}
    for i, code in enumerate(latent.codes):
        if code.categories is not None:
            continue
        varied = values[:, None].repeat(1, N_STEPS, 1)
        varied[:, :, i] = varying = steps(code, rng)
        x = model.decode(varied.flatten(0, 1), z.repeat_interleave(N_STEPS, dim=0))
        contrast = _contrast(code, varying.numpy().astype(float))
        changes = (contrast @ features.reshape(N_CONTEXTS, N_STEPS, -1) for features in spaces(x))
        drawn = varied[:, :, i].numpy().astype(float)
        parent = values[:, latent.parents[i]] if i in latent.parents else torch.zeros(N_CONTEXTS)
        groups = parent.int().numpy()
        of_code[i] = Effect(drawn, _read(model, x), tuple(map(_unit, changes)), groups, _motion(x, code))
    x = model.decode(values.repeat_interleave(N_STEPS, dim=0), latent.sample_z(N_CONTEXTS * N_STEPS, rng))
    differences = (features[::N_STEPS] - np.roll(features[::N_STEPS], 1, axis=0) for features in spaces(x))
    return Effects(of_code, _read(model, x), tuple(map(_unit, differences)))


def sample_contexts(latent: Latent, rng: torch.Generator) -> Float[Tensor, "n L"]:
    """Values of all codes, with every category of a discrete code equally often, as far as 100 allow."""
    columns = [
        code.sample_value(N_CONTEXTS, rng)
        if code.categories is None
        else (torch.randperm(N_CONTEXTS, generator=rng) % code.categories).float()
        for code in latent.codes
    ]
    return torch.stack(columns, dim=1)


def steps(code: Code, rng: torch.Generator) -> Float[Tensor, "m"]:
    """Equally spaced values over the middle of the prior, or over the whole circle."""
    ends = torch.tensor([(1 - MIDDLE) / 2, (1 + MIDDLE) / 2])
    low, high = code.sample_value(N_PRIOR, rng).quantile(ends).tolist()
    return code.sweep(N_STEPS, low, high)


def _read(model: Model, x: Pictures) -> Float[np.ndarray, "contexts steps L"]:
    read: Float[np.ndarray, "contexts steps L"] = (
        model.encode(as_pixels(x)).values.numpy().astype(float).reshape(N_CONTEXTS, N_STEPS, -1)
    )
    return read


def _motion(x: Pictures, code: Code) -> Motion | None:
    """The whole motion from the first value of a number to the last; each step of an angle once around."""
    if x.dtype != np.uint8:
        return None
    sequences = x.reshape(N_CONTEXTS, N_STEPS, *x.shape[1:])
    if code.kind == "angle":
        steps, share = motion(np.concatenate([sequences, sequences[:, :1]], axis=1))
        return Motion(_unit(steps), share)
    steps, share = motion(sequences)
    return Motion(_unit(steps.sum(axis=1, keepdims=True)), share)


def _contrast(code: Code, values: Float[np.ndarray, "m"]) -> Float[np.ndarray, "p m"]:
    """What turns features at these values into their change: the slope, or deviations from their mean."""
    centred: Float[np.ndarray, "p m"] = (
        np.eye(len(values)) - 1 / len(values) if code.kind == "angle" else (values - values.mean())[None]
    )
    return centred


def _unit(a: Float[np.ndarray, "n *d"]) -> Float[np.ndarray, "n *d"]:
    """The same, scaled to a Frobenius norm of 1 in every context; 0 stays 0."""
    norm = np.sqrt(np.square(a).sum(axis=tuple(range(1, a.ndim)), keepdims=True))
    unit: np.ndarray = np.divide(a, norm, out=np.zeros_like(a), where=norm > 1e-9)
    return unit
