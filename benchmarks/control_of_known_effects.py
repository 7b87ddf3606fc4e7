"""Alignment and uniqueness of codes that change real digits exactly: what the scores can reach. No training.

    python benchmarks/control_of_known_effects.py

G takes z to one of 400 test digits of MNIST, and two codes to a known change of it. `shear 0.8` slants digits
to the other side for a fifth of the z. Then the codes of untrained networks, for what chance reaches.
Writes records/control-known-effects.json.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from record import record
from torch import Tensor, nn
from torch.nn import functional as F

from infogan.config.presets import get_preset
from infogan.data import load
from infogan.evaluation.control.effects import N_CONTEXTS, FeatureSpaces, measure_effects
from infogan.evaluation.control.scores import N_REAL, alignment, control_scores, uniqueness
from infogan.method.latent import Latent
from infogan.method.model import Model, make_model
from infogan.method.networks.blocks import DiscriminatorQ, Generator
from infogan.utils.rng import make_rng

SHAPE = (1, 28, 28)
Change = Callable[[Tensor, Tensor], Tensor]  # (digits, a code) -> digits


def warp(x: Tensor, a: Tensor) -> Tensor:
    matrices = torch.cat([a, torch.zeros(len(a), 2, 1)], dim=2)
    grid = F.affine_grid(matrices, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def matrix(a: Tensor | float, b: Tensor | float, c: Tensor | float, d: Tensor | float, n: int) -> Tensor:
    return torch.stack([torch.as_tensor(v).expand(n) for v in (a, b, c, d)], dim=1).reshape(n, 2, 2)


def shear(x: Tensor, t: Tensor) -> Tensor:
    return warp(x, matrix(1.0, 0.4 * t, 0.0, 1.0, len(x)))


def rotate(x: Tensor, t: Tensor) -> Tensor:
    return warp(x, matrix((0.4 * t).cos(), -(0.4 * t).sin(), (0.4 * t).sin(), (0.4 * t).cos(), len(x)))


def widen(x: Tensor, t: Tensor) -> Tensor:
    return warp(x, matrix((-0.25 * t).exp(), 0.0, 0.0, 1.0, len(x)))


def embolden(x: Tensor, t: Tensor) -> Tensor:
    t = 0.8 * t[:, None, None, None]
    thick, thin = F.max_pool2d(x, 3, 1, 1), -F.max_pool2d(-x, 3, 1, 1)
    return x + (thick - x) * t.clamp(min=0) + (thin - x) * (-t).clamp(min=0)


class KnownEffects(nn.Module):
    """z_1 chooses a digit, z_2 the direction of the first change: the usual one for `share` of its values."""

    def __init__(self, digits: Tensor, first: Change, second: Change, share: float) -> None:
        super().__init__()
        self.digits = nn.Parameter(digits)
        self.first, self.second, self.share = first, second, share

    def forward(self, packed: Tensor) -> Tensor:
        chosen, z, a, b = packed.unbind(dim=1)
        x = self.digits[((chosen + 1) / 2 * len(self.digits)).long().clamp(max=len(self.digits) - 1)]
        direction = torch.where((z + 1) / 2 < self.share, 1.0, -1.0)
        return self.second(self.first(x, direction * a), b).clamp(0, 1)


def known_effects(digits: Tensor, first: Change, second: Change, share: float, spaces: FeatureSpaces) -> Any:
    latent = Latent.parse("unif:2 noise:2")
    G = Generator(latent, nn.Sequential(KnownEffects(digits, first, second, share)), SHAPE)
    pixels = math.prod(SHAPE)
    D = DiscriminatorQ(latent, nn.Sequential(nn.Flatten()), nn.Linear(pixels, 1), nn.Linear(pixels, 4))
    effects = measure_effects(Model(latent, G, D), spaces, make_rng(0, "control"))
    everywhere = np.arange(N_CONTEXTS)
    return {
        "alignment": [alignment(effect)(everywhere) for effect in effects.of_code.values()],
        "uniqueness": [uniqueness(i, effects)(everywhere) for i in effects.of_code],
    }


def main() -> None:
    images = load("mnist", "test")
    digits = torch.from_numpy(images.x[:400]).float() / 255
    real = images.subsample(N_REAL).x
    spaces = FeatureSpaces.of_images(real)
    cases: dict[str, tuple[Change, Change, float]] = {
        "shear, embolden": (shear, embolden, 1.0),
        "shear, widen": (shear, widen, 1.0),
        "shear, rotate": (shear, rotate, 1.0),
        "shear, shear": (shear, shear, 1.0),
        "shear 0.95, widen": (shear, widen, 0.95),
        "shear 0.8, widen": (shear, widen, 0.8),
        "shear 0.6, widen": (shear, widen, 0.6),
        "shear 0.5, widen": (shear, widen, 0.5),
    }
    known = {name: known_effects(digits, *case, spaces) for name, case in cases.items()}
    untrained = {}
    for name in ("mnist", "sprites", "faces-paper"):
        model = make_model(get_preset(name))
        x = real if model.G.shape == SHAPE else model.sample(N_REAL, make_rng(0, "real"))
        scores = control_scores(model, x, make_rng(0, "control"))
        untrained[name] = {score: s["value"] for score, s in scores.items()}
    record("control-known-effects", {"known": known, "untrained": untrained})


if __name__ == "__main__":
    main()
