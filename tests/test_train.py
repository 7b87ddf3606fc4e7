"""Training: who moves in which step, what the bits depend on, and what stops it."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from infogan import data
from infogan.config import Config
from infogan.config.presets import digits
from infogan.data import Images
from infogan.method.model import make_model
from infogan.method.objective import info_bound
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

CONFIG = digits().replace(batch_size=16, steps=3, device="cpu")
IMAGES = data.load("digits")


def make_trainer(config: Config = CONFIG, images: Images = IMAGES) -> Trainer:
    """A trainer in the mode that `fit` would put it in, so that steps can be taken by hand."""
    trainer = Trainer(config, make_model(config), images)
    trainer.model.D.train()
    trainer.model.G.train()
    return trainer


def bits(state: Mapping[str, Tensor]) -> dict[str, bytes]:
    """Bytes rather than numbers, as nan is not equal to itself."""
    return {name: value.detach().cpu().numpy().tobytes() for name, value in state.items()}


def parameters(net: torch.nn.Module) -> dict[str, bytes]:
    return bits(dict(net.named_parameters()))


def everything(net: torch.nn.Module) -> dict[str, bytes]:
    """Parameters and running statistics; how many batches these have seen is used by nobody."""
    return parameters(net) | running(net)


def running(net: torch.nn.Module) -> dict[str, bytes]:
    return bits({k: v for k, v in net.state_dict().items() if "running_" in k})


def trained(config: Config, images: Images = IMAGES) -> dict[str, bytes]:
    trainer = Trainer(config, make_model(config), images)
    assert [update.n for update in trainer.fit()] == list(range(1, config.optimisation.steps + 1))
    return bits(trainer.state())


def after_step(step: str, **changes: Any) -> Trainer:
    """A trainer after its first step of that player, and of no other."""
    trainer = make_trainer(CONFIG.replace(**changes))
    fake = trainer.draw(learns=True)
    if step == "d":
        trainer.step_d(trainer.real_batch(0), fake)
    else:
        trainer.step_g(fake)
    return trainer


def test_step_g_leaves_D_and_Q() -> None:
    trainer = make_trainer()
    fake = trainer.draw(learns=True)
    before_d, before_g = everything(trainer.model.D), parameters(trainer.model.G)
    trainer.step_g(fake)
    after_g = parameters(trainer.model.G)
    assert everything(trainer.model.D) == before_d
    assert all(after_g[name] != before_g[name] for name in before_g)
    assert all(p.requires_grad for p in trainer.model.D.parameters())


@pytest.mark.parametrize("learns", [True, False])
def test_step_d_leaves_G(learns: bool) -> None:
    trainer = make_trainer()
    fake = trainer.draw(learns=learns)
    before_d, before_g = parameters(trainer.model.D), everything(trainer.model.G)
    trainer.step_d(trainer.real_batch(0), fake)
    after_d = parameters(trainer.model.D)
    assert everything(trainer.model.G) == before_g
    assert all(p.grad is None for p in trainer.model.G.parameters())
    assert all(after_d[name] != before_d[name] for name in before_d)


def test_gradient_of_bound_reaches_G_head_and_trunk() -> None:
    trainer = make_trainer()
    D, G = trainer.model.D, trainer.model.G
    fake = trainer.draw(learns=True)
    L_I = info_bound(trainer.model.latent.codes, fake.c, D(fake.x).q).sum()
    for part in (G, D.q_head, D.trunk):
        grads = torch.autograd.grad(L_I, list(part.parameters()), retain_graph=True)
        assert all(grad.abs().sum() > 0 for grad in grads)
    (unused,) = torch.autograd.grad(L_I, [D.d_head.weight], allow_unused=True)
    assert unused is None


def test_bound_moves_G_head_and_trunk_in_the_steps() -> None:
    with_bound, without = after_step("d"), after_step("d", lam=(0.0,))
    assert parameters(with_bound.model.D.trunk) != parameters(without.model.D.trunk)
    initial = parameters(make_trainer().model.D.q_head)
    assert parameters(without.model.D.q_head) == initial
    assert parameters(with_bound.model.D.q_head) != initial
    with_bound, without = after_step("g"), after_step("g", lam=(0.0,))
    assert parameters(with_bound.model.G) != parameters(without.model.G)


def test_inform_trunk_false_keeps_bound_from_trunk() -> None:
    cut, without = after_step("d", inform_trunk=False), after_step("d", lam=(0.0,))
    assert parameters(cut.model.D.trunk) == parameters(without.model.D.trunk)
    assert parameters(cut.model.D.q_head) == parameters(after_step("d").model.D.q_head)


def test_inform_g_false_keeps_bound_from_G() -> None:
    untold, without = after_step("g", inform_g=False), after_step("g", lam=(0.0,))
    assert parameters(untold.model.G) == parameters(without.model.G)
    untold, told = after_step("d", inform_g=False), after_step("d")
    assert parameters(untold.model.D) == parameters(told.model.D)  # Q learns all the same


@pytest.mark.parametrize("saturating", [True, False])
def test_labels_do_not_matter(saturating: bool) -> None:
    config = CONFIG.replace(saturating=saturating)
    assert IMAGES.labels is not None
    shuffled = np.random.default_rng(0).permutation(IMAGES.labels)
    expected = trained(config)
    assert trained(config, Images.from_arrays(IMAGES.x)) == expected
    assert trained(config, Images.from_arrays(IMAGES.x, shuffled)) == expected


@pytest.mark.parametrize("fresh_fake", [True, False])
def test_seed_decides_bits(fresh_fake: bool) -> None:
    config = CONFIG.replace(resample_fake=fresh_fake)
    first = trained(config)
    torch.rand(7)  # no global state
    assert trained(config) == first
    other = trained(config.replace(seed=1))
    assert all(other[name] != first[name] for name in first if name.endswith("weight"))


def test_resumed_gives_same_bits() -> None:
    config = CONFIG.replace(steps=6)
    first = Trainer(config, make_model(config), IMAGES)
    assert [update.n for update in islice(first.fit(), 3)] == [1, 2, 3]
    state = {name: value.clone() for name, value in first.state().items()}
    second = Trainer(config, make_model(config.replace(seed=9)), IMAGES)
    second.load_state(state)
    assert bits(second.state()) == bits(state)
    assert [update.n for update in second.fit()] == [4, 5, 6]
    assert bits(second.state()) == trained(config)


def poison(trainer: Trainer, where: str) -> None:
    D = trainer.model.D
    with torch.no_grad():
        if where == "D":
            D.d_head.weight[0, 0] = torch.nan
        else:
            D.q_head[-1].bias[10] = torch.nan  # the mean of c2, behind the 10 categories of c1


@pytest.mark.parametrize(
    ("where", "term"), [("D", "the adversarial term of D's loss"), ("Q", "L_I of c2 of D's loss")]
)
def test_non_finite_loss_of_D(where: str, term: str) -> None:
    trainer = make_trainer()
    list(islice(trainer.fit(), 1))
    poison(trainer, where)
    before = parameters(trainer.model.D), parameters(trainer.model.G)
    with pytest.raises(InfoganError, match=f"update 2: {term} is nan"):
        next(trainer.fit())
    assert (parameters(trainer.model.D), parameters(trainer.model.G)) == before
    assert trainer.n == 1
    assert not trainer.model.D.training


@pytest.mark.parametrize(
    ("where", "term"), [("D", "the adversarial term of G's loss"), ("Q", "L_I of c2 of G's loss")]
)
def test_non_finite_loss_of_G(where: str, term: str) -> None:
    trainer = make_trainer()
    fake = trainer.draw(learns=True)
    poison(trainer, where)
    before = parameters(trainer.model.D), parameters(trainer.model.G)
    trainer.step_g(fake)
    with pytest.raises(InfoganError, match=term):
        trainer.look()
    assert (parameters(trainer.model.D), parameters(trainer.model.G)) == before


def numbered(n: int) -> Images:
    """Images whose pixels say their number."""
    return Images.from_arrays(
        np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 1, 8, 8))
    )


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
def test_each_image_once_an_epoch() -> None:
    trainer = make_trainer(images=numbered(64))
    batches = [(trainer.real_batch(n)[:, 0, 0, 0] * 255).round().long() for n in range(8)]
    first, second = torch.cat(batches[:4]), torch.cat(batches[4:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(64))
    assert first.tolist() != second.tolist()
    again = make_trainer(images=numbered(64))
    assert torch.equal(again.real_batch(5), trainer.real_batch(5))


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
def test_no_image_twice_where_batches_do_not_divide() -> None:
    trainer = make_trainer(images=numbered(41))
    seen = [(trainer.real_batch(n)[:, 0, 0, 0] * 255).round().long() for n in range(2)]
    assert len(set(torch.cat(seen).tolist())) == 32


def test_real_images_are_in_the_range_of_G() -> None:
    x = make_trainer().real_batch(0)
    assert x.shape == (16, 1, 8, 8)
    assert x.min() == 0
    assert x.max() == 1


def test_wrong_shape_raises() -> None:
    with pytest.raises(InfoganError, match=r"\(1, 28, 28\).*\(1, 8, 8\)"):
        make_trainer(images=Images.from_arrays(np.zeros((32, 1, 28, 28), np.uint8)))


def test_batch_larger_than_set_raises() -> None:
    with pytest.raises(InfoganError, match="batch is 16, but digits holds 15 images"):
        make_trainer(images=Images.from_arrays(IMAGES.x[:15]))
    make_trainer(images=Images.from_arrays(IMAGES.x[:16]))


def test_only_real_images_mark_running_statistics() -> None:
    after = []
    for skipped in range(2):
        trainer = make_trainer()
        before = running(trainer.model.D)
        for _ in range(skipped):
            trainer.draw(learns=False)
        trainer.step_d(trainer.real_batch(0), trainer.draw(learns=False))
        after.append(running(trainer.model.D))
        means = [k for k in before if k.endswith("running_mean")]
        assert all(before[k] != after[-1][k] for k in means if k.startswith("trunk"))
    assert after[0] == after[1]  # other fakes, same marks
    trainer = make_trainer()
    other = trainer.real_batch(1)
    trainer.step_d(other, trainer.draw(learns=False))
    assert running(trainer.model.D) != after[0]
