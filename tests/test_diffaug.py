"""DiffAugment: what it does to an image, and that D sees no image without it."""

import numpy as np
import pytest
import torch
from torch import Tensor
from trainers import EVERYTHING, make_trainer

from infogan.config import Config
from infogan.data import Images
from infogan.method.diffaug import N_UNIFORMS, diffaug
from infogan.utils.errors import InfoganError


def uniforms(n: int) -> Tensor:
    return torch.rand(N_UNIFORMS, n, generator=torch.Generator().manual_seed(0))


def test_an_image_is_translated_and_covered_by_a_square() -> None:
    """Each pixel is its own number, so that what was done can be read off."""
    h, w = 16, 24
    numbered = torch.arange(1.0, h * w + 1).reshape(1, 1, h, w)
    shifts = set()
    for image in diffaug(numbered.expand(400, 2, h, w), uniforms(400)):
        assert torch.equal(image[0], image[1])  # all channels alike
        rows, columns = np.nonzero(image[0].numpy() == 0)
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)  # a whole rectangle
        assert np.ptp(rows) + 1 <= h // 2
        assert np.ptp(columns) + 1 <= w // 2
        number = image[0].long() - 1
        seen = image[0] > 0
        down = (torch.arange(h)[:, None] - number // w)[seen]
        right = (torch.arange(w)[None] - number % w)[seen]
        inner = (number // w > 0) & (number // w < h - 1) & (number % w > 0) & (number % w < w - 1)
        found = {(int(d), int(r)) for d, r in zip(down[inner[seen]], right[inner[seen]], strict=True)}
        assert len(found) == 1  # except for the edge, which is repeated, all pixels move alike
        shifts |= found
    assert {d for d, _ in shifts} == set(range(-2, 3))  # an eighth of 16
    assert {r for _, r in shifts} == set(range(-3, 4))


def test_every_pixel_that_is_seen_gets_its_gradient_back() -> None:
    x = torch.rand(4, 1, 8, 8, requires_grad=True)
    augmented = diffaug(x, uniforms(4))
    augmented.sum().backward()
    assert x.grad is not None
    assert x.grad.sum() == (augmented != 0).sum()


@pytest.mark.parametrize("diffaug", [True, False])
def test_d_sees_augmented_images_only(diffaug: bool) -> None:
    """Real and generated ones in either step, those of R1 and the transformed ones of the pseudo-labels."""
    config = EVERYTHING.replace(diffaug=diffaug, transforms="hflip:0.5", orthogonal_jacobian_weight=0.0)
    bright = np.random.default_rng(0).integers(50, 256, (64, 1, 8, 8), np.uint8)  # no pixel is 0
    trainer = make_trainer(config, Images.from_arrays(bright))
    covered: list[Tensor] = []

    def see(_: object, args: tuple[Tensor]) -> None:
        covered.append((args[0].detach() < 0.01).flatten(1).float().mean(dim=1))

    trainer.seeds.D.trunk.register_forward_pre_hook(see)
    trainer.step(*trainer.batches.real(0))
    assert len(covered) == 5  # real, fake, transformed, R1's, and fake for G
    assert all((share.min() > 0.05) == diffaug for share in covered)
    assert (trainer.model.sample(200, torch.Generator().manual_seed(0)) == 0).mean() < 0.05


def test_vectors_are_not_augmented() -> None:
    with pytest.raises(InfoganError, match="diffaug is True, but must be off for vectors"):
        Config.from_options(images="mine", architecture="vectors", shape=(1, 1, 3), diffaug=True)
