"""What all networks keep to: shapes, ranges, what D and Q share, weights at the start."""

import math
from collections.abc import Callable
from functools import partial
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from infogan.config import SHAPES, Config, Net
from infogan.method.latent import Latent
from infogan.method.networks import NETS, OF_ANY_SHAPE, Networks, init_weights, make_networks
from infogan.method.networks.small import make_small

MNIST = "cat:10 unif:2 noise:62"
EVERY_KIND = "cat:10 unif:2 gauss:1 bern:1 circ:1 noise:5"

SIDES = {"small, colour": (3, 32, 32), "small, flat": (1, 9, 50), "small, odd": (1, 13, 7)}
MAKERS: dict[str, Callable[[Latent, float], Networks]] = {
    **NETS,
    **{name: partial(make_small, shape=shape) for name, shape in SIDES.items()},
}

each_net = pytest.mark.parametrize("name", MAKERS)


def make(name: str, codes: str = MNIST, seed: int = 0) -> Networks:
    """Networks with weights, one generator for both."""
    nets = MAKERS[name](Latent.parse(codes), 0.1)
    rng = torch.Generator().manual_seed(seed)
    for net in nets:
        init_weights(net, rng)
    return nets


def images(nets: Networks, n: int = 3, seed: int = 1) -> Tensor:
    return torch.rand(n, *nets.G.shape, generator=torch.Generator().manual_seed(seed))


def test_the_leak_is_the_one_asked_for() -> None:
    D = NETS["mnist"](Latent.parse(MNIST), 0.01).D
    slopes = {m.negative_slope for m in D.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.01}


def test_the_laptop_nets_have_the_layers_of_table_1() -> None:
    """The same kinds of layers in the same order; only widths differ."""

    def kinds(net: nn.Module) -> list[type[nn.Module]]:
        return [type(layer) for layer in net.modules()]

    paper = make("mnist")
    for name in ("mnist-small", "digits"):
        nets = make(name)
        assert kinds(nets.G) == kinds(paper.G)
        assert kinds(nets.D) == kinds(paper.D)
        for small, large in zip(nets, paper, strict=True):
            n_small, n_large = (sum(p.numel() for p in n.parameters()) for n in (small, large))
            assert n_small < n_large / 4


def test_every_net_that_a_config_may_name_is_there() -> None:
    assert set(NETS) | set(OF_ANY_SHAPE) == set(get_args(Net))


@pytest.mark.parametrize("name", NETS)
def test_the_config_knows_the_shape_of_the_net(name: str) -> None:
    assert make(name).G.shape == SHAPES[name]


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 5, 7), (3, 31, 32), (3, 64, 64), (1, 9, 100), (1, 2, 2)])
def test_small_makes_and_reads_images_of_any_shape(shape: tuple[int, int, int]) -> None:
    config = Config.from_options(images="own", architecture="small", shape=shape, codes=EVERY_KIND)
    latent = Latent.parse(EVERY_KIND)
    G, D = make_networks(config, latent)
    rng = torch.Generator().manual_seed(0)
    x = G(latent.sample_z(3, rng), latent.sample_c(3, rng))
    assert x.shape == (3, *shape)
    assert D(x).logit.shape == (3,)
    x.std(dim=0).sum().backward()
    first = next(G.parameters()).grad
    assert first is not None
    assert first.abs().sum() > 0


def test_vectors_keep_their_numbers() -> None:
    """No range is theirs: what G makes is what comes out, and what D is given is what there is."""
    config = Config.from_options(images="own", architecture="vectors", shape=(1, 1, 6), codes=EVERY_KIND)
    latent = Latent.parse(EVERY_KIND)
    G, D = make_networks(config, latent)
    x = torch.tensor([[-1e3, 0.0, 0.5, 3.0, 7e4, -2.5]]).reshape(1, 1, 1, 6)
    assert torch.equal(G.to_range(x), x)
    assert torch.equal(G.to_bytes(x), x)
    assert D(x.expand(4, 1, 1, 6)).logit.shape == (4,)
    rng = torch.Generator().manual_seed(0)
    assert G(latent.sample_z(4, rng), latent.sample_c(4, rng)).shape == (4, 1, 1, 6)


@each_net
@pytest.mark.parametrize("codes", [MNIST, EVERY_KIND, "cat:2 noise:0"])
def test_outputs_have_the_shapes_that_the_latent_says(name: str, codes: str) -> None:
    nets = make(name, codes)
    latent, rng = nets.G.latent, torch.Generator().manual_seed(0)
    x = nets.G(latent.sample_z(3, rng), latent.sample_c(3, rng))
    assert x.shape == (3, *nets.G.shape)
    assert nets.G.low <= x.min() < x.max() <= 1
    assert nets.G.low == (-1 if any(isinstance(m, nn.Tanh) for m in nets.G.layers) else 0)
    logit, q = nets.D(x)
    assert logit.shape == (3,)
    assert [q_i.shape for q_i in q] == [(3, code.n_params) for code in latent.codes]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mnist", (1, 28, 28)),
        ("mnist-small", (1, 28, 28)),
        ("digits", (1, 8, 8)),
        ("svhn", (3, 32, 32)),
        ("faces", (1, 32, 32)),
        ("chairs", (1, 64, 64)),
        ("sprites", (1, 64, 64)),
    ],
)
def test_nets_make_images_of_their_data(name: str, shape: tuple[int, int, int]) -> None:
    assert make(name).G.shape == shape


@each_net
def test_stored_images_survive_the_range_of_g(name: str) -> None:
    G = make(name).G
    x = torch.arange(256, dtype=torch.uint8).expand(1, 1, 1, 256)
    scaled = G.to_range(x)
    assert (scaled.min(), scaled.max()) == (G.low, 1)
    assert torch.equal(G.to_bytes(scaled), x)


@each_net
def test_d_and_q_share_all_but_their_heads(name: str) -> None:
    """Both heads read one and the same tensor, which the trunk computed once."""
    _, D = nets = make(name)
    read: dict[str, Tensor] = {}
    made: list[Tensor] = []
    D.trunk.register_forward_hook(lambda _, __, features: made.append(features))
    D.d_head.register_forward_pre_hook(lambda _, args: read.update(d=args[0]))
    D.q_head.register_forward_pre_hook(lambda _, args: read.update(q=args[0]))
    D(images(nets))
    assert len(made) == 1
    assert read["d"] is made[0]
    assert read["q"] is made[0]

    parts = [{id(p) for p in m.parameters()} for m in (D.trunk, D.d_head, D.q_head)]
    assert set.union(*parts) == {id(p) for p in D.parameters()}
    assert sum(map(len, parts)) == len(set.union(*parts))  # no weight in two parts


@pytest.mark.parametrize("inform_trunk", [True, False])
@each_net
def test_inform_trunk_decides_whether_q_moves_the_trunk(name: str, inform_trunk: bool) -> None:
    _, D = nets = make(name)
    logit, q = D(images(nets), inform_trunk=inform_trunk)
    torch.cat(q, dim=1).square().sum().backward(retain_graph=True)
    assert all((p.grad is not None) is inform_trunk for p in D.trunk.parameters())
    assert all(p.grad is not None for p in D.q_head.parameters())
    assert all(p.grad is None for p in D.d_head.parameters())
    logit.square().sum().backward()  # D itself moves the trunk either way
    assert all(p.grad is not None for p in D.trunk.parameters())


@each_net
def test_inform_trunk_changes_no_output(name: str) -> None:
    _, D = nets = make(name)
    x = images(nets)
    informed, cut = D(x), D(x, inform_trunk=False)
    assert torch.equal(informed.logit, cut.logit)
    assert all(torch.equal(a, b) for a, b in zip(informed.q, cut.q, strict=True))


@each_net
def test_weights_have_the_deviation_of_the_original_code(name: str) -> None:
    """N(0, 0.02); cut at two deviations, a law has 0.880 of its deviation left."""
    phi_2 = math.exp(-2) / math.sqrt(2 * math.pi)
    left = math.sqrt(1 - 4 * phi_2 / math.erf(math.sqrt(2)))
    for layer in (layer for net in make(name) for layer in net.modules()):
        weight = getattr(layer, "weight", None)
        if not isinstance(weight, Tensor):
            continue
        weight = weight.detach().double()
        cut, norm = isinstance(layer, nn.Conv2d), isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
        mean, std = (1.0 if norm else 0.0), 0.02 * (left if cut else 1.0)
        n = weight.numel()
        assert abs(weight.mean() - mean) < 5 * std / math.sqrt(n), layer
        assert abs(weight.std() - std) < 5 * std / math.sqrt(2 * n), layer
        if cut:
            assert weight.abs().max() <= 0.04
        bias = layer.bias
        assert bias is None or (bias == 0).all()


@each_net
def test_the_same_seed_makes_the_same_weights(name: str) -> None:
    def weights(seed: int) -> Tensor:
        return torch.cat([p.detach().flatten() for n in make(name, seed=seed) for p in n.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_weights_draw_nothing_from_the_global_generator() -> None:
    nets = NETS["digits"](Latent.parse(MNIST), 0.1)
    before = torch.get_rng_state()
    for net in nets:
        init_weights(net, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


@each_net
def test_features_are_what_the_last_layer_of_q_is_given(name: str) -> None:
    """Where Q's head is one layer, they are what D's head is given, too."""
    D = make(name).D.eval()
    x = images(make(name))
    last = [m for m in D.q_head.modules() if isinstance(m, nn.Linear)][-1]
    features = D.features(x)
    assert features.shape == (3, last.in_features)
    torch.testing.assert_close(torch.cat(D(x).q, dim=1), last(features))
