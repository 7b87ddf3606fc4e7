"""Small data sets: differentiable augmentation, and the moving average of G's weights."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from infogan import data
from infogan.config import Config
from infogan.config.presets import digits
from infogan.method.diffaug import augment
from infogan.method.model import make_model
from infogan.runs.weights import load_weights, part
from infogan.training.seeds import StackedTrainer
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

CONFIG = digits().replace(batch_size=16, steps=6, device="cpu", ema_decay=0.6)
IMAGES = data.load("digits")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_an_image_is_shifted_and_covered_by_a_square() -> None:
    """Each pixel tells where it came from, so that what was done can be read off."""
    h, w = 16, 24
    place = torch.arange(1.0, h * w + 1).reshape(1, 1, h, w)
    changed = augment(place.expand(400, 2, h, w), torch.rand(4, 400, 1, generator=rng()))
    shifts = set()
    for image in changed:
        assert torch.equal(image[0], image[1])  # all channels alike
        rows, columns = np.nonzero(image[0].numpy() == 0)
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)  # a rectangle, whole
        assert np.ptp(rows) + 1 <= h // 2
        assert np.ptp(columns) + 1 <= w // 2
        at = image[0].long() - 1
        seen = image[0] > 0
        down = (torch.arange(h)[:, None] - at // w)[seen]
        right = (torch.arange(w)[None] - at % w)[seen]
        inner = (at // w > 0) & (at // w < h - 1) & (at % w > 0) & (at % w < w - 1)
        moved = {(int(d), int(r)) for d, r in zip(down[inner[seen]], right[inner[seen]], strict=True)}
        assert len(moved) == 1  # but for the edge, which is repeated, all moves alike
        shifts |= moved
    assert {d for d, _ in shifts} == set(range(-2, 3))  # an eighth of 16
    assert {r for _, r in shifts} == set(range(-3, 4))


def test_augmented_images_lead_gradients_back() -> None:
    x = torch.rand(4, 1, 8, 8, requires_grad=True)
    changed = augment(x, torch.rand(4, len(x), 1, generator=rng()))
    changed.sum().backward()
    assert x.grad is not None
    assert x.grad.sum() == (changed != 0).sum()  # every pixel that is seen, as often as it is seen


def test_augmentation_is_what_d_sees_and_not_what_g_makes() -> None:
    config = CONFIG.replace(diffaug=True)
    trainer = Trainer(config, make_model(config), IMAGES)
    seen: list[Tensor] = []
    trainer.model.D.trunk.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().clone()))
    list(trainer.fit())
    assert len(seen) == 3 * config.optimisation.steps  # real, fake, and fake for G
    blank = [float((x == 0).flatten(1).float().mean(dim=1).min()) for x in seen]
    assert min(blank) > 0.05  # of each image a part is covered
    made = trainer.model.sample(200, rng())
    assert (made.reshape(200, -1) == 0).mean() < 0.05


def test_vectors_are_not_augmented() -> None:
    with pytest.raises(InfoganError, match="augment is True, but must be off for vectors"):
        Config.from_options(images="own", architecture="vectors", shape=(1, 1, 3), diffaug=True)


def averaged_by_hand(config: Config) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The mean of G's weights written out, and what the trainer has."""
    trainer = Trainer(config, make_model(config), IMAGES)
    mean = {k: v.clone().double() for k, v in trainer.model.G.state_dict().items()}
    for update in trainer.fit():
        decay = min(config.optimisation.ema_decay, (1 + update.n) / (10 + update.n))
        for name, value in trainer.model.G.state_dict().items():
            mean[name] = decay * mean[name] + (1 - decay) * value.double()
    return mean, part(trainer.state(), "averaged")


def test_the_average_is_the_moving_mean_of_gs_weights() -> None:
    expected, found = averaged_by_hand(CONFIG)
    floating = [name for name in expected if "num_batches" not in name]
    for name in floating:
        torch.testing.assert_close(found[name].double(), expected[name], rtol=1e-5, atol=1e-7)


def test_a_run_is_shown_by_the_averaged_weights() -> None:
    trainer = Trainer(CONFIG, make_model(CONFIG), IMAGES)
    list(trainer.fit())
    shown = make_model(CONFIG)
    load_weights(shown, trainer.state())
    averaged = part(trainer.state(), "averaged")
    for name, value in shown.G.state_dict().items():
        assert torch.equal(value, averaged[name])


def test_averaging_changes_no_bit_of_the_training() -> None:
    def weights(config: Config) -> dict[str, Tensor]:
        trainer = Trainer(config, make_model(config), IMAGES)
        list(trainer.fit())
        return {k: v for k, v in trainer.state().items() if not k.startswith("averaged")}

    with_mean, without = weights(CONFIG), weights(CONFIG.replace(ema_decay=0.0))
    assert with_mean.keys() == without.keys()
    assert all(torch.equal(with_mean[k], without[k]) for k in without)


@pytest.mark.parametrize("change", [lambda c: c, lambda c: c.replace(diffaug=True)])
def test_a_resumed_training_ends_in_the_same_bits(change: Callable[[Config], Config]) -> None:
    config = change(CONFIG)
    whole = Trainer(config, make_model(config), IMAGES)
    list(whole.fit())
    first = Trainer(config.replace(steps=2), make_model(config), IMAGES)
    list(first.fit())
    second = Trainer(config, make_model(config), IMAGES)
    second.load_state(first.state())
    list(second.fit())
    assert whole.state().keys() == second.state().keys()
    for name, value in whole.state().items():
        assert torch.equal(value, second.state()[name]), name


def test_stacked_seeds_have_the_averages_that_each_has_alone() -> None:
    config = CONFIG.replace(diffaug=True, precision="64-true")
    stacked = StackedTrainer(config, [3, 5], IMAGES)
    list(stacked.fit())
    for i, seed in enumerate((3, 5)):
        alone = Trainer(config.replace(seed=seed), make_model(config.replace(seed=seed)), IMAGES)
        list(alone.fit())
        expected = part(alone.state(), "averaged")
        found = part(stacked.state(i), "averaged")
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name].to(value.dtype), value, rtol=1e-5, atol=1e-7)
