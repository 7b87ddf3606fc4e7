"""Table 1, layer by layer, and what D and Q share."""

import math
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from infogan.config import Net
from infogan.latent import Latent
from infogan.nets import NETS, Networks, init_weights

MNIST = "cat:10 unif:2 noise:62"
EVERY_KIND = "cat:10 unif:2 gauss:1 bern:1 circ:1 noise:5"

each_net = pytest.mark.parametrize("name", NETS)

# Table 1 (App. C.1), a line a layer. Each batch norm follows the layer before it.
GENERATOR = """\
FC 74 -> 1024
batch norm 1024
ReLU
FC 1024 -> 6272
batch norm 6272
ReLU
reshape 128x7x7
upconv 4x4 128 -> 64 stride 2 padding 1
batch norm 64
ReLU
upconv 4x4 64 -> 1 stride 2 padding 1 bias
sigmoid"""
TRUNK = """\
conv 4x4 1 -> 64 stride 2 padding 1 bias
lReLU 0.1
conv 4x4 64 -> 128 stride 2 padding 1
batch norm 128
lReLU 0.1
flatten
FC 6272 -> 1024
batch norm 1024
lReLU 0.1"""
D_HEAD = "FC 1024 -> 1 bias"
Q_HEAD = """\
FC 1024 -> 128
batch norm 128
lReLU 0.1
FC 128 -> 14 bias"""


def describe(net: nn.Module) -> str:
    """The layers of a network in the words of the table."""
    layers = net if isinstance(net, nn.Sequential) else [net]
    return "\n".join(words(layer) for layer in layers)


def words(layer: nn.Module) -> str:
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            name = "conv" if isinstance(layer, nn.Conv2d) else "upconv"
            (height, width), (stride, across) = layer.kernel_size, layer.stride
            assert stride == across
            text = f"{name} {height}x{width} {layer.in_channels} -> {layer.out_channels}"
            text += f" stride {stride} padding {layer.padding[0]}"
            return text + (" bias" if layer.bias is not None else "")
        case nn.Linear():
            bias = " bias" if layer.bias is not None else ""
            return f"FC {layer.in_features} -> {layer.out_features}{bias}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return f"batch norm {layer.num_features}"
        case nn.LeakyReLU():
            return f"lReLU {layer.negative_slope}"
        case nn.ReLU():
            return "ReLU"
        case nn.Sigmoid():
            return "sigmoid"
        case nn.Flatten():
            return "flatten"
        case nn.Unflatten():
            return "reshape " + "x".join(map(str, layer.unflattened_size))
    raise AssertionError(f"{layer} is not in Table 1")


def make(name: str, codes: str = MNIST, seed: int = 0) -> Networks:
    """Networks with weights, one generator for both."""
    nets = NETS[name](Latent.parse(codes), 0.1)
    rng = torch.Generator().manual_seed(seed)
    for net in nets:
        init_weights(net, rng)
    return nets


def images(nets: Networks, n: int = 3, seed: int = 1) -> Tensor:
    return torch.rand(n, *nets.G.shape, generator=torch.Generator().manual_seed(seed))


def test_table_1_generator() -> None:
    G, _ = make("mnist")
    assert describe(G.layers) == GENERATOR


def test_table_1_discriminator_and_q() -> None:
    _, D = make("mnist")
    assert describe(D.trunk) == TRUNK
    assert describe(D.d_head) == D_HEAD
    assert describe(D.q_head) == Q_HEAD


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
    assert set(NETS) == set(get_args(Net))


@each_net
@pytest.mark.parametrize("codes", [MNIST, EVERY_KIND, "cat:2 noise:0"])
def test_outputs_have_the_shapes_that_the_latent_says(name: str, codes: str) -> None:
    nets = make(name, codes)
    latent, rng = nets.G.latent, torch.Generator().manual_seed(0)
    x = nets.G(latent.sample_z(3, rng), latent.sample_c(3, rng))
    assert x.shape == (3, *nets.G.shape)
    assert x.min() >= 0
    assert x.max() <= 1
    logit, q = nets.D(x)
    assert logit.shape == (3,)
    assert [q_i.shape for q_i in q] == [(3, code.n_params) for code in latent.codes]


@pytest.mark.parametrize(
    ("name", "shape"),
    [("mnist", (1, 28, 28)), ("mnist-small", (1, 28, 28)), ("digits", (1, 8, 8))],
)
def test_nets_make_images_of_their_data(name: str, shape: tuple[int, int, int]) -> None:
    assert make(name).G.shape == shape


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
        cut, norm = isinstance(layer, nn.Conv2d), words(layer).startswith("batch norm")
        mean, std = (1.0 if norm else 0.0), 0.02 * (left if cut else 1.0)
        n = weight.numel()
        assert abs(weight.mean() - mean) < 5 * std / math.sqrt(n), words(layer)
        assert abs(weight.std() - std) < 5 * std / math.sqrt(2 * n), words(layer)
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
