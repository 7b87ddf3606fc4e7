"""What all networks have in common: shapes, ranges, what D and Q share, initial weights."""

import math
from collections.abc import Callable
from functools import partial
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from infogan.config import SHAPES, Config
from infogan.config.parts import Architecture
from infogan.method.latent import Latent
from infogan.method.networks import NETS, OF_ANY_SHAPE, Networks, init_weights, make_networks
from infogan.method.networks.small import make_small

MNIST = "cat:10 unif:2 noise:62"
EVERY_KIND = "cat:10 unif:2 gauss:1 bern:1 circ:1 noise:5"
SMALL = {"small, colour": (3, 32, 32), "small, flat": (1, 9, 50), "small, odd": (1, 13, 7)}
MAKERS: dict[str, Callable[[Latent, float], Networks]] = {
    **NETS,
    **{name: partial(make_small, shape=shape) for name, shape in SMALL.items()},
}
each_network = pytest.mark.parametrize("name", MAKERS)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make(name: str, codes: str = MNIST, seed: int = 0) -> Networks:
    nets, weights = MAKERS[name](Latent.parse(codes), 0.1), rng(seed)
    for net in nets:
        init_weights(net, weights)
    return nets


def generate(nets: Networks, n: int = 3) -> Tensor:
    latent = nets.G.latent
    x: Tensor = nets.G(latent.sample_z(n, rng()), latent.sample_c(n, rng()))
    return x


def images(nets: Networks, n: int = 3) -> Tensor:
    return torch.rand(n, *nets.G.shape, generator=rng(1))


def test_negative_slope_is_the_one_asked_for() -> None:
    D = NETS["mnist"](Latent.parse(MNIST), 0.01).D
    assert {m.negative_slope for m in D.modules() if isinstance(m, nn.LeakyReLU)} == {0.01}


@pytest.mark.parametrize("name", ["mnist-small", "digits"])
def test_small_networks_have_the_layers_of_table_1(name: str) -> None:
    """The same kinds of layers in the same order; only widths differ."""
    for small, large in zip(make(name), make("mnist"), strict=True):
        assert [type(layer) for layer in small.modules()] == [type(layer) for layer in large.modules()]
        n_small, n_large = (sum(p.numel() for p in net.parameters()) for net in (small, large))
        assert n_small < n_large / 4


def test_every_architecture_of_a_config_exists_with_its_shape() -> None:
    assert set(NETS) | set(OF_ANY_SHAPE) == set(get_args(Architecture))
    assert {name: make(name).G.shape for name in NETS} == SHAPES


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 5, 7), (3, 31, 32), (3, 64, 64), (1, 9, 100), (1, 2, 2)])
def test_small_takes_images_of_any_shape(shape: tuple[int, int, int]) -> None:
    config = Config.from_options(images="mine", architecture="small", shape=shape, codes=EVERY_KIND)
    nets = make_networks(config, Latent.parse(EVERY_KIND))
    x = generate(nets)
    assert x.shape == (3, *shape)
    assert nets.D(x).logit.shape == (3,)
    x.std(dim=0).sum().backward()
    first = next(nets.G.parameters()).grad
    assert first is not None
    assert first.abs().sum() > 0


def test_vectors_keep_their_numbers() -> None:
    """They have no range: G's output is what comes out, and D gets the numbers as they are."""
    config = Config.from_options(images="mine", architecture="vectors", shape=(1, 1, 6), codes=EVERY_KIND)
    nets = make_networks(config, Latent.parse(EVERY_KIND))
    x = torch.tensor([[-1e3, 0.0, 0.5, 3.0, 7e4, -2.5]]).reshape(1, 1, 1, 6)
    assert torch.equal(nets.G.to_range(x), x)
    assert torch.equal(nets.G.to_bytes(x), x)
    assert nets.D(x.expand(4, 1, 1, 6)).logit.shape == (4,)
    assert generate(nets, 4).shape == (4, 1, 1, 6)


@each_network
@pytest.mark.parametrize("codes", [MNIST, EVERY_KIND, "cat:2 noise:0"])
def test_outputs_have_the_shapes_of_the_latent(name: str, codes: str) -> None:
    nets = make(name, codes)
    x = generate(nets)
    assert x.shape == (3, *nets.G.shape)
    assert nets.G.low <= x.min() < x.max() <= 1
    assert nets.G.low == (-1 if any(isinstance(m, nn.Tanh) for m in nets.G.layers) else 0)
    logit, q = nets.D(x)
    assert logit.shape == (3,)
    assert [q_i.shape for q_i in q] == [(3, code.n_params) for code in nets.G.latent.codes]


@each_network
def test_stored_images_survive_the_range_of_g(name: str) -> None:
    G = make(name).G
    x = torch.arange(256, dtype=torch.uint8).expand(1, 1, 1, 256)
    scaled = G.to_range(x)
    assert (scaled.min(), scaled.max()) == (G.low, 1)
    assert torch.equal(G.to_bytes(scaled), x)


@each_network
def test_d_and_q_share_all_but_their_heads(name: str) -> None:
    """Both heads read the same tensor, which the trunk computes once."""
    nets = make(name)
    D, read, made = nets.D, {}, []
    D.trunk.register_forward_hook(lambda _, __, features: made.append(features))
    D.d_head.register_forward_pre_hook(lambda _, args: read.update(d=args[0]))
    D.q_head.register_forward_pre_hook(lambda _, args: read.update(q=args[0]))
    D(images(nets))
    assert len(made) == 1
    assert read["d"] is read["q"] is made[0]
    parts = [{id(p) for p in m.parameters()} for m in (D.trunk, D.d_head, D.q_head)]
    assert set.union(*parts) == {id(p) for p in D.parameters()}
    assert sum(map(len, parts)) == len(set.union(*parts))  # no weight in two parts


@each_network
def test_q_may_have_a_trunk_of_its_own(name: str) -> None:
    """Then neither head updates the trunk of the other."""
    nets = make(name)
    D = nets.D
    D.separate_trunks()
    out = D(images(nets))
    torch.cat(out.q, dim=1).square().sum().backward(retain_graph=True)
    assert all(p.grad is None for part in (D.trunk, D.d_head) for p in part.parameters())
    assert all(p.grad is not None for part in (D.q_trunk, D.q_head) for p in part.parameters())
    D.zero_grad()
    out.logit.square().sum().backward()
    assert all(p.grad is None for p in D.q_trunk.parameters())
    assert all(p.grad is not None for p in D.trunk.parameters())


@pytest.mark.parametrize("info_to_trunk", [True, False])
@each_network
def test_info_to_trunk_decides_whether_q_updates_the_trunk(name: str, info_to_trunk: bool) -> None:
    """It changes no output."""
    nets = make(name)
    D, x = nets.D, images(nets)
    logit, q = D(x, info_to_trunk=info_to_trunk)
    usual = D(x)
    assert torch.equal(logit, usual.logit)
    assert all(torch.equal(a, b) for a, b in zip(q, usual.q, strict=True))
    torch.cat(q, dim=1).square().sum().backward(retain_graph=True)
    assert all((p.grad is not None) is info_to_trunk for p in D.trunk.parameters())
    assert all(p.grad is not None for p in D.q_head.parameters())
    assert all(p.grad is None for p in D.d_head.parameters())
    logit.square().sum().backward()  # D itself updates the trunk in either case
    assert all(p.grad is not None for p in D.trunk.parameters())


@each_network
def test_initial_weights_have_the_deviation_of_the_original_code(name: str) -> None:
    """N(0, 0.02); truncated at two deviations, a normal distribution has 0.880 of its deviation left."""
    phi_2 = math.exp(-2) / math.sqrt(2 * math.pi)
    left = math.sqrt(1 - 4 * phi_2 / math.erf(math.sqrt(2)))
    for layer in (layer for net in make(name) for layer in net.modules()):
        weight = getattr(layer, "weight", None)
        if not isinstance(weight, Tensor):
            continue
        weight, n = weight.detach().double(), weight.numel()
        is_truncated, is_norm = (
            isinstance(layer, nn.Conv2d),
            isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d),
        )
        mean, std = (1.0 if is_norm else 0.0), 0.02 * (left if is_truncated else 1.0)
        assert abs(weight.mean() - mean) < 5 * std / math.sqrt(n), layer
        assert abs(weight.std() - std) < 5 * std / math.sqrt(2 * n), layer
        assert not is_truncated or weight.abs().max() <= 0.04
        assert layer.bias is None or (layer.bias == 0).all()


@each_network
def test_a_generator_alone_decides_the_initial_weights(name: str) -> None:
    def weights(seed: int) -> Tensor:
        return torch.cat([p.detach().flatten() for net in make(name, seed=seed) for p in net.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
    nets, before = MAKERS[name](Latent.parse(MNIST), 0.1), torch.get_rng_state()
    for net in nets:
        init_weights(net, rng())
    assert torch.equal(torch.get_rng_state(), before)


@each_network
def test_features_are_the_input_of_the_last_layer_of_q(name: str) -> None:
    nets = make(name)
    D, x = nets.D.eval(), images(nets)
    last = [m for m in D.q_head.modules() if isinstance(m, nn.Linear)][-1]
    features = D.features(x)
    assert features.shape == (3, last.in_features)
    torch.testing.assert_close(torch.cat(D(x).q, dim=1), last(features))
