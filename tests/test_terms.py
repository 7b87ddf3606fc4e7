"""The terms of the losses: what all have in common, and each against its closed form."""

import math
from contextlib import nullcontext
from typing import Any, NoReturn

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.testing import assert_close
from torch.utils._pytree import tree_map
from trainers import DIGITS, EVERYTHING, assert_same_bits, copied, make_stacked, make_trainer, random_targets

from infogan.config import Config
from infogan.method.latent import Latent
from infogan.method.model import batch_statistics, frozen, make_model
from infogan.method.networks.blocks import DiscriminatorOutput, conv, fc
from infogan.method.objective import gan_value, info_bound, infogan_value
from infogan.method.terms import Batch, Term, TermValue, make_terms
from infogan.method.terms.adversarial import AdversarialD, AdversarialG
from infogan.method.terms.info import Info
from infogan.method.terms.orthogonal_jacobian import OrthogonalJacobian
from infogan.method.terms.pseudo_label import PseudoLabel
from infogan.method.terms.r1 import R1
from infogan.training.state import state_of
from infogan.training.trainer import Trainer

CPU = torch.device("cpu")
CONFIG = EVERYTHING.replace(precision="64-true", codes="cat:3 unif:2 noise:4", batch_size=6)
TERMS = {term.name: term for term in make_terms(CONFIG, CPU, [0])}
WEIGHTS = {"pseudo_label": 2.0, "r1": 0.1, "orthogonal_jacobian": 0.5}  # those of `EVERYTHING`; others have 1
NO_DRAWS = torch.empty(0, 6)

each_term = pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def trainer_of(*seeds: int) -> Trainer:
    return make_stacked(CONFIG, seeds) if len(seeds) > 1 else make_trainer(CONFIG.replace(seed=seeds[0]))


def draws(seed: int) -> list[Any]:
    """What a term and the batch that it is evaluated on need, for one seed."""
    rng, latent = torch.Generator().manual_seed(seed), Latent.parse(CONFIG.codes.spec)
    x = DIGITS.pixels.take(torch.arange(6 * seed, 6 * seed + 6)).double() / 255
    c = [c_i.double() for c_i in latent.sample_c(6, rng)]
    u = torch.rand(9, 6, generator=rng, dtype=torch.float64)
    return [u, latent.sample_z(6, rng).double(), c, x, random_targets(6, 3, seed).by_code[0].double()]


def unused(*_: object) -> NoReturn:
    raise AssertionError("this term evaluates no network")


def make_batch(latent: Latent, G: Any, D: Any, x_fake: Tensor, **fields: Any) -> Batch:
    z = randn(len(x_fake), latent.n_z)
    return Batch(**{"latent": latent, "low": 0.0, "G": G, "D": D, "z": z, "c": [], "x_fake": x_fake} | fields)


def evaluate(term: Term, trainer: Trainer, *args: Any) -> TermValue:
    """The term on a batch that is made as `Losses` makes it."""
    seeds = trainer.seeds

    def of_one(G: Any, D: Any, u: Tensor, z: Tensor, c: list[Tensor], x: Tensor, p: Tensor) -> TermValue:
        with batch_statistics(seeds.G), batch_statistics(seeds.D):
            x_fake = G(z, c) if term.player == "G" else G(z, c).detach()
            real = {"x_real": x, "real": D(x), "targets": [p]} if term.player == "D" else {}
            batch = Batch(
                latent=seeds.models[0].latent,
                low=0.0,
                G=G,
                D=D,
                z=z,
                c=c,
                x_fake=x_fake,
                fake=D(x_fake),
                **real,
            )
            return term(batch, u[: term.n_uniforms])

    with trainer.fabric.autocast():
        return seeds.call(of_one, *args)


def test_the_table_has_every_term() -> None:
    assert [type(term).__name__ for term in TERMS.values()] == [
        "AdversarialD", "Info", "PseudoLabel", "R1", "AdversarialG", "Info", "OrthogonalJacobian"
    ]  # fmt: skip


@each_term
def test_a_term_is_pure(term: Term) -> None:
    """No change to parameters, buffers or random state, so the second value is the first."""
    trainer = trainer_of(1)
    before, rng = copied(state_of(trainer)), torch.get_rng_state()
    first, second = (evaluate(term, trainer, *draws(1)) for _ in range(2))
    assert torch.equal(first.loss, second.loss)
    assert_same_bits(state_of(trainer), before)
    assert torch.equal(torch.get_rng_state(), rng)


@each_term
def test_two_seeds_under_vmap_are_each_alone(term: Term) -> None:
    both = tree_map(lambda *pair: torch.stack(pair), draws(1), draws(2))
    stacked = evaluate(term, trainer_of(1, 2), *both)
    for i, seed in enumerate((1, 2)):
        alone = evaluate(term, trainer_of(seed), *draws(seed))
        assert_close(stacked.loss[i], alone.loss, rtol=1e-6, atol=1e-9)
        for name, value in alone.metrics.items():
            assert_close(stacked.metrics[name][i], value, rtol=1e-6, atol=1e-9)


@each_term
def test_only_its_player_gets_a_gradient(term: Term) -> None:
    trainer = trainer_of(1)
    nets = {"D": trainer.seeds.D, "G": trainer.seeds.G}
    own, other = nets.pop(term.player), *nets.values()
    with frozen(other) if term.player == "G" else nullcontext():  # as in `Trainer.step`
        evaluate(term, trainer, *draws(1)).loss.backward()
    assert all(p.grad is None for p in other.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in own.parameters())


def test_every_term_is_logged_and_the_loss_is_their_weighted_sum() -> None:
    trainer = make_trainer(CONFIG)
    metrics = trainer.step(*trainer.batches.real(0))
    bounds = {"L_I_c1", "L_I_c2", "L_I_c3", "L_I_real_c1"}
    assert metrics.keys() == {"loss_d", "loss_g", "diversity", *TERMS, *bounds}
    for player in ("D", "G"):
        terms = [
            WEIGHTS.get(name, 1) * metrics[name] for name, term in TERMS.items() if term.player == player
        ]
        assert_close(metrics[f"loss_{player.lower()}"], torch.stack(terms).sum())
    assert_close(metrics["info_d"], -metrics["L_I_c2"] - metrics["L_I_c3"])  # c1 has targets


def test_q_learns_a_code_with_targets_from_generated_images_only_if_asked_to() -> None:
    """G learns from them in either case."""
    for where, share in (("real", 0.0), ("both", 1.0)):
        trainer = make_trainer(CONFIG.replace(q_learns_from=where, info_to_generator=True))
        metrics = trainer.step(*trainer.batches.real(0))
        L_I = [metrics[f"L_I_c{i}"] for i in (1, 2, 3)]
        assert_close(metrics["info_d"], -share * L_I[0] - L_I[1] - L_I[2])
        of_g = next(term for term in trainer.losses.terms if term.name == "info_g")
        assert isinstance(of_g, Info)
        assert of_g.lam.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("lam", "weight"),
    [
        ((1.0,), 1),
        ((0.2,), 1),
        ((0.1, 0.1, 0.1), 1),
        ((0.5, 1.0, 1.0), 0.5),
        ((0.0, 1.0, 1.0), 0),
        ((0.0,), 1),
    ],
)
def test_targets_weigh_as_lambda_does(lam: tuple[float, ...], weight: float) -> None:
    """Relative to the largest: that decides which code comes first, not how much D learns beside them."""
    trainer = make_trainer(CONFIG.replace(lam=lam, diffaug=False))
    metrics = trainer.step(*trainer.batches.real(0))
    assert_close(metrics["pseudo_label"], -weight * metrics["L_I_real_c1"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pseudo_label", {"pseudo_label_weight": 0.0}),
        ("r1", {"r1_weight": 0.0}),
        ("orthogonal_jacobian", {"orthogonal_jacobian_weight": 0.0}),
        ("info_g", {"info_to_generator": False}),
    ],
)
def test_a_term_of_weight_0_is_left_out(name: str, options: dict[str, Any]) -> None:
    trainer = make_trainer(CONFIG.replace(**options))
    metrics = trainer.step(*trainer.batches.real(0))
    assert {term.name for term in trainer.losses.terms} == TERMS.keys() - {name}
    assert metrics.keys() & TERMS.keys() == TERMS.keys() - {name}


def test_without_targets_there_are_no_pseudo_labels() -> None:
    terms = make_terms(CONFIG, CPU)
    assert {term.name for term in terms} == TERMS.keys() - {"pseudo_label"}


class Game:
    """Outputs of D and Q on one batch, and the two parts of Eq. (6) that they make."""

    def __init__(self) -> None:
        self.real, self.fake = randn(6).requires_grad_(), randn(6, seed=1).requires_grad_()
        self.q = [randn(6, n, seed=n).requires_grad_() for n in (3, 2)]
        self.c = [F.one_hot(torch.arange(6) % 3, 3).double(), randn(6, 1, seed=4)]
        self.config = Config.from_options(
            images="digits", architecture="digits", codes="cat:3 gauss:1", lam=(1.0, 0.1), precision="64-true"
        )
        self.latent = Latent.parse(self.config.codes.spec)
        self.lam = torch.tensor([1.0, 0.1], dtype=torch.float64)
        self.V = gan_value(self.real, self.fake)
        self.L_I = info_bound(self.latent.codes, self.c, self.q)
        self.value = infogan_value(self.V, self.L_I, self.lam)

    def loss(self, *terms: Term) -> Tensor:
        x = randn(6, 1, 1, 1)
        fake, real = (DiscriminatorOutput(logit, tuple(self.q)) for logit in (self.fake, self.real))
        batch = make_batch(self.latent, unused, unused, x, c=self.c, fake=fake, x_real=x, real=real)
        return torch.stack([term(batch, NO_DRAWS).loss for term in terms]).sum()

    def info(self, player: Any) -> Info:
        return Info(player, self.config, CPU)


def gradient(of: Tensor, *at: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(of, at, retain_graph=True, materialize_grads=True))


def test_d_ascends_eq_6_and_q_descends_it() -> None:
    """min over G and Q, max over D: D's loss is -V, but Q's part has the sign of Eq. (6)."""
    game = Game()
    loss = game.loss(AdversarialD(), game.info("D"))
    at = (game.real, game.fake)
    assert_close(gradient(loss, *at), [-g for g in gradient(game.value, *at)])
    assert_close(gradient(loss, *game.q), gradient(game.value, *game.q))


def test_a_saturating_g_descends_eq_6() -> None:
    """Its loss is Eq. (6) without E[log D(x)], which does not depend on G."""
    game = Game()
    loss = game.loss(AdversarialG(saturating=True), game.info("G"))
    assert_close(game.value - loss, F.logsigmoid(game.real).mean())
    at = (game.fake, *game.q)
    assert_close(gradient(loss, *at), gradient(game.value, *at))


def test_both_forms_of_g_push_the_logit_in_the_same_direction() -> None:
    """Their gradients are -sigmoid(a) / b and -sigmoid(-a) / b."""
    game = Game()
    a = game.fake.detach()
    for saturating, expected in ((True, -a.sigmoid() / 6), (False, -(-a).sigmoid() / 6)):
        assert_close(gradient(game.loss(AdversarialG(saturating=saturating)), game.fake), [expected])


def test_the_default_gradient_of_g_does_not_vanish_while_d_wins() -> None:
    game = Game()
    game.fake = torch.full((6,), -30.0, dtype=torch.float64, requires_grad=True)
    (default,) = gradient(game.loss(AdversarialG(saturating=False)), game.fake)
    (saturating,) = gradient(game.loss(AdversarialG(saturating=True)), game.fake)
    assert_close(default, torch.full_like(default, -1 / 6))
    assert saturating.abs().max() < 1e-12


def test_info_weighs_the_bound_of_each_code() -> None:
    game = Game()
    assert_close(game.loss(game.info("D")), -1.0 * game.L_I[0] - 0.1 * game.L_I[1])


def test_a_pseudo_label_is_the_cross_entropy_of_two_views_and_the_entropy_of_the_mean_target() -> None:
    config = CONFIG.replace(transforms="hflip:1")
    model = make_model(config).double()
    u, _, _, x, p = draws(1)
    with batch_statistics(model.D):
        real, flipped = model.D(x), model.D(x.flip(3))
        batch = make_batch(model.latent, model.G, model.D, x, fake=real, x_real=x, real=real, targets=[p])
        found = PseudoLabel(config, [0])(batch, u)
    cross_entropy = (F.cross_entropy(real.q[0], p) + F.cross_entropy(flipped.q[0], p)) / 2
    mean = p.mean(dim=0)
    assert_close(found.loss, cross_entropy + (mean * mean.log()).sum(), rtol=1e-5, atol=1e-5)
    assert_close(found.metrics["L_I_real_c1"], -found.loss)


def r1(D: Any, x: Tensor) -> Tensor:
    out = D(x)
    batch = make_batch(Latent.parse("unif:1"), unused, D, x, fake=out, x_real=x, real=out)
    return R1(1.0)(batch, NO_DRAWS).loss


def test_r1_of_a_linear_d_is_the_squared_length_of_its_weight() -> None:
    w = randn(64, seed=1)
    found = r1(lambda x: DiscriminatorOutput(x.flatten(1) @ w + 3, ()), randn(5, 1, 8, 8))
    assert_close(found, w.square().sum())


def test_r1_is_torchs_double_backward() -> None:
    """Value and gradient, of a network with batch norm, which connects the images of a batch."""
    lrelu = nn.LeakyReLU(0.1)
    net = nn.Sequential(*conv(1, 4, lrelu), nn.Flatten(), *fc(64, 8, lrelu), nn.Linear(8, 1)).double()
    x = randn(5, 1, 8, 8).requires_grad_()
    with batch_statistics(net):  # as `Losses` has it around every term
        found = r1(lambda x: DiscriminatorOutput(net(x)[:, 0], ()), x.detach())
        (slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    expected = slope.square().flatten(1).sum(dim=1).mean()
    assert_close(found, expected)
    weights = list(net.parameters())
    assert_close(gradient(found, *weights), gradient(expected, *weights))
    assert gradient(found, weights[0])[0].abs().sum() > 0


def orthogonality(A: Tensor, codes: str = "unif:2") -> Tensor:
    """The term for a linear G whose codes add the rows of A to an image of one row."""
    latent = Latent.parse(f"{codes} noise:1")
    c = [c_i.double() for c_i in latent.sample_c(7, torch.Generator().manual_seed(0))]

    def G(z: Tensor, c: list[Tensor]) -> Tensor:
        return (torch.cat(c, dim=1) @ A)[:, None, None]

    x = G(c[0], c)
    batch = make_batch(latent, G, unused, x, c=c, fake=DiscriminatorOutput(x[:, 0, 0, 0], ()))
    return OrthogonalJacobian(1.0)(batch, NO_DRAWS).loss


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[2.0, 0, 0], [0, 0.1, 0]], 0.0),
        ([[1.0, 2, 0], [-3.0, -6, 0]], 1.0),
        ([[1.0, 0, 0], [math.cos(0.4), math.sin(0.4), 0]], math.cos(0.4) ** 2),
        ([[1.0, 0, 0], [1, 0, 0], [0, 1, 0]], 1 / 3),  # the mean over pairs
        ([[1.0, 0, 0], [0, 0, 0]], 0.0),  # a code that changes nothing has no direction
    ],
)
def test_orthogonal_jacobian_is_the_squared_cosine(rows: list[list[float]], expected: float) -> None:
    A = torch.tensor(rows, dtype=torch.float64)
    assert orthogonality(A, f"unif:{len(A)}").item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("codes", ["unif:1", "unif:1 cat:2", "bern:2 circ:1"])
def test_orthogonal_jacobian_of_fewer_than_two_continuous_codes_is_0(codes: str) -> None:
    A = randn(Latent.parse(f"{codes} noise:0").width, 5).requires_grad_()
    loss = orthogonality(A, codes)
    assert loss == 0
    assert (gradient(loss, A)[0] == 0).all()


def test_orthogonal_jacobian_separates_two_codes_that_do_nearly_the_same() -> None:
    A = torch.tensor([[1.0, 0, 0], [1, 0.2, 0]], dtype=torch.float64).requires_grad_()
    sgd = torch.optim.SGD([A], 0.5)
    assert orthogonality(A) > 0.9
    for _ in range(50):
        sgd.zero_grad()
        orthogonality(A).backward()
        sgd.step()
    assert orthogonality(A) < 0.01
    assert A.detach().norm(dim=1).min() > 0.9  # by turning, not by shrinking
