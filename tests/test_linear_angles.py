"""Angles read off images linearly: pairs of independent components that lie on a circle."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from infogan.config import Config
from infogan.data import Images
from infogan.data.images import InMemoryPixels
from infogan.method.model import make_model
from infogan.pretraining import Outcome, Targets, make_stage
from infogan.pretraining.autoencoding import autoencoding
from infogan.pretraining.autoencoding.circles import agreement, find_circles
from infogan.pretraining.autoencoding.vae import VAE, beta_tcvae_loss
from infogan.training.components.device import make_fabric

N = 3000
TURN = 2 * math.pi


def images_of(parts: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Sums of parts, each of which spans its own random directions of 40 pixels; with noise."""
    x = rng.normal(size=(len(parts[0]), 40)) / 20
    for i, part in enumerate(parts):
        x += part @ rng.normal(size=(part.shape[1], 40)) / (1 + i)
    return x


def circle(angle: np.ndarray) -> np.ndarray:
    return np.column_stack([np.cos(angle), np.sin(angle)])


def test_two_angles_are_told_apart_from_each_other_and_from_a_number() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, TURN, (2, N))
    number = rng.uniform(-1, 1, (N, 1))
    x = images_of([circle(a), circle(b), number], rng)
    circles = find_circles(x, 2, rng)
    assert circles is not None
    found = agreement(circles.read(x), np.column_stack([a, b, a + b, a - b]))
    assert found[:, :2].max(axis=1).min() > 0.97
    assert sorted(found[:, :2].argmax(axis=1)) == [0, 1]
    assert found[:, 2:].max() < 0.15


def test_numbers_are_no_angles() -> None:
    rng = np.random.default_rng(0)
    x = images_of([rng.uniform(-1, 1, (N, 5))], rng)
    assert find_circles(x, 2, rng) is None


def test_one_circle_is_not_two() -> None:
    rng = np.random.default_rng(0)
    x = images_of([circle(rng.uniform(0, TURN, N)), rng.uniform(-1, 1, (N, 2))], rng)
    assert find_circles(x, 2, rng) is None
    assert find_circles(x, 1, rng) is not None


def test_agreement_knows_neither_direction_nor_offset() -> None:
    a = np.random.default_rng(0).uniform(0, TURN, (N, 1))
    assert agreement(a, 1 - a) > 1 - 1e-9
    assert agreement(a, 2 * a) < 0.1


def hues(n: int) -> tuple[torch.Tensor, np.ndarray]:
    """Pictures whose left and right half have colours of their own, uint8, and both hues."""
    hue = torch.rand(2, n, generator=torch.Generator().manual_seed(0)) * TURN
    shift = torch.tensor([0.0, TURN / 3, 2 * TURN / 3])
    colour = 0.5 + 0.4 * (hue[:, :, None] - shift).cos()
    x = torch.cat([c[:, :, None, None].expand(n, 3, 16, 8) for c in colour], dim=3)
    return (255 * x).round().byte(), hue.T.double().numpy()


def run(codes: str, x: torch.Tensor, factor_steps: int = 6) -> Outcome:
    config = Config.from_options(
        images="rooms3d",
        architecture="small",
        shape=(3, 16, 16),
        codes=codes,
        factor_steps=factor_steps,
        device="cpu",
        precision="32-true",
    )
    images = Images(InMemoryPixels(x))
    stage = make_stage(make_model(config), images.pixels, config, make_fabric(config))
    assert max(stage.run(Targets())) == factor_steps
    return stage.outcome


def test_hues_become_targets_of_circular_codes_and_the_autoencoder_looks_for_numbers() -> None:
    x, hue = hues(400)
    outcome = run("circ:2 unif:1 noise:4", x)
    assert "linear angles: read off principal components for c1, c2\nfactors: " in outcome.message
    cos, sin = (torch.stack([outcome.targets.by_code[i][:, j] for i in (0, 1)], dim=1) for j in (0, 1))
    angles = np.arctan2(sin.double().numpy(), cos.double().numpy())
    assert sorted(agreement(angles, hue).argmax(axis=1)) == [0, 1]
    assert agreement(angles, hue).max(axis=1).min() > 0.95
    assert all(abs(t.float().mean()) < 0.1 for t in outcome.targets.by_code.values())


def test_where_no_circles_are_found_the_autoencoder_looks_for_angles() -> None:
    x = torch.randint(0, 256, (64, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
    outcome = run("circ:2 noise:4", x)
    assert outcome.message.startswith("linear angles: none found for c1, c2\nfactors: ")
    assert f"of {2 + autoencoding.N_LATENTS} latents unused" in outcome.message


def test_one_angle_is_left_to_the_autoencoder() -> None:
    assert "linear" not in run("circ:1 noise:4", hues(64)[0]).message


def test_the_decoder_multiplies_what_a_latent_says_by_the_angle() -> None:
    vae, plain = (VAE(3, 0, 2, torch.Generator().manual_seed(0), 3, angles) for angles in ([1, 2], []))
    z, earlier = torch.randn(4, 2), torch.tensor([[0.5, 1.0, 0.0]]).repeat(4, 1)
    weights = plain.state_dict()
    assert all(torch.equal(w, weights[name]) for name, w in vae.state_dict().items() if name in weights)
    assert vae.gain is not None
    torch.nn.init.zeros_(vae.gain.weight)
    torch.testing.assert_close(vae.decode(z, earlier), plain.decode(z, earlier))
    vae.gain.weight.data[:, 0] = -1  # where the cosine is 1, nothing is left of the first layer
    assert vae.decode(z, earlier).std(dim=0).max() == 0
    other = earlier * torch.tensor([1.0, -1.0, 0.0])
    assert vae.decode(z, other).std(dim=0).max() > 0


def test_numbers_wait_until_the_decoder_has_learned_the_angles(monkeypatch: pytest.MonkeyPatch) -> None:
    n_open = []

    def loss(*args: Any) -> torch.Tensor:
        n_open.append(args[-1])
        return beta_tcvae_loss(*args)

    monkeypatch.setattr(autoencoding, "beta_tcvae_loss", loss)
    monkeypatch.setattr(autoencoding, "BATCH_SIZE", 8)
    run("circ:2 unif:1 noise:4", hues(300)[0], factor_steps=75)
    assert n_open == 3 * (2 * [0] + 23 * [autoencoding.N_LATENTS])
