"""The numbers printed in the paper: Tables 1 to 7 layer by layer, widths, rates, entropies.

Each table is written as in the paper, one line per layer; `in_words` turns a network into such lines.
docs/explanation/deviations.md says what the paper leaves out and what this package does there.
"""

import math
from collections.abc import Iterable

import pytest
import torch
from torch import nn

from infogan.config.presets import get_preset
from infogan.method.latent import Latent
from infogan.method.networks import Networks, make_networks
from infogan.training.components.schedule import learning_rates

MNIST_D = """\
Input 28x28x1
4x4 conv. 64 lRELU. stride 2
4x4 conv. 128 lRELU. stride 2. batchnorm
FC. 1024 lRELU. batchnorm"""
MNIST_G = """\
Input R74
FC. 1024 RELU. batchnorm
FC. 7x7x128 RELU. batchnorm
4x4 upconv. 64 RELU. stride 2. batchnorm
4x4 upconv. 1 sigmoid. stride 2"""
SVHN_D = """\
Input 32x32x3
4x4 conv. 64 lRELU. stride 2
4x4 conv. 128 lRELU. stride 2. batchnorm
4x4 conv. 256 lRELU. stride 2. batchnorm"""
SVHN_G = """\
Input R168
FC. 2x2x448 RELU. batchnorm
4x4 upconv. 256 RELU. stride 2. batchnorm
4x4 upconv. 128 RELU. stride 2
4x4 upconv. 64 RELU. stride 2
4x4 upconv. 3 Tanh. stride 2"""
FACES_D = """\
Input 32x32x1
4x4 conv. 64 lRELU. stride 2
4x4 conv. 128 lRELU. stride 2. batchnorm
FC. 1024 lRELU. batchnorm"""
FACES_G = """\
Input R133
FC. 1024 RELU. batchnorm
FC. 8x8x128 RELU. batchnorm
4x4 upconv. 64 RELU. stride 2. batchnorm
4x4 upconv. 1 sigmoid. stride 2"""
CHAIRS_D = """\
Input 64x64x1
4x4 conv. 64 lRELU. stride 2
4x4 conv. 128 lRELU. stride 2. batchnorm
4x4 conv. 256 lRELU. stride 2. batchnorm
4x4 conv. 256 lRELU. batchnorm
4x4 conv. 256 lRELU. batchnorm
FC. 1024 lRELU. batchnorm"""
CHAIRS_G = """\
Input R189
FC. 1024 RELU. batchnorm
FC. 8x8x256 RELU. batchnorm
4x4 upconv. 256 RELU. batchnorm
4x4 upconv. 256 RELU. batchnorm
4x4 upconv. 128 RELU. stride 2. batchnorm
4x4 upconv. 64 RELU. stride 2. batchnorm
4x4 upconv. 1 sigmoid. stride 2"""
TWO_LAYERS = "FC. 128 lRELU. batchnorm\nFC. {n_q} none"
ONE_LAYER = "FC. {n_q} none"

# table -> preset, D's trunk, G, Q's head, the outputs of Q (one per category, two per continuous code)
TABLES = {
    "Table 1": ("mnist-text", MNIST_D, MNIST_G, TWO_LAYERS, 10 + 2 * 2),
    "Table 2": ("svhn-paper", SVHN_D, SVHN_G, TWO_LAYERS, 4 * 10 + 4 * 2),
    "Table 3": ("celeba-paper", SVHN_D, SVHN_G.replace("R168", "R228"), TWO_LAYERS, 10 * 10),
    "Table 4": ("faces-paper", FACES_D, FACES_G, ONE_LAYER, 5 * 2),
    "Table 6": ("chairs-paper", CHAIRS_D, CHAIRS_G, ONE_LAYER, 3 * 20 + 2),
}
each_table = pytest.mark.parametrize("table", TABLES)

NONLINEARITY = {nn.LeakyReLU: "lRELU", nn.ReLU: "RELU", nn.Sigmoid: "sigmoid", nn.Tanh: "Tanh"}


def in_words(layers: Iterable[nn.Module], x: torch.Tensor) -> list[str]:
    """The layers in the words of the tables, with strides as the sizes of x show them."""
    lines: list[str] = []
    words: list[str] = []
    for layer in layers:
        before, x = x, layer(x)
        match layer:
            case nn.Conv2d() | nn.ConvTranspose2d() | nn.Linear():
                lines += [". ".join(words)] if words else []
                kernel = "x".join(map(str, getattr(layer, "kernel_size", ())))
                name = {nn.Conv2d: "conv.", nn.ConvTranspose2d: "upconv."}.get(type(layer), "FC.")
                words = [f"{kernel} {name} {x.shape[1]} none".strip()]
                if layer.__class__ is not nn.Linear and layer.stride != (1, 1):
                    words.append(f"stride {layer.stride[0]}")
                    larger, smaller = sorted((before.shape[2], x.shape[2]), reverse=True)
                    assert larger == smaller * layer.stride[0] == smaller * 2
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                words.append("batchnorm")
            case nn.Unflatten():
                c, h, w = layer.unflattened_size
                words[0] = words[0].replace(f" {c * h * w} ", f" {h}x{w}x{c} ")
            case nn.ZeroPad2d() | nn.Flatten():
                pass  # not a layer of the tables
            case _:
                words[0] = words[0].replace(" none", f" {NONLINEARITY[type(layer)]}")
                if isinstance(layer, nn.LeakyReLU):
                    assert layer.negative_slope == 0.1
    return [*lines, ". ".join(words)]


def make(preset: str) -> tuple[Latent, Networks]:
    config = get_preset(preset)
    latent = Latent.parse(config.codes.spec)
    return latent, make_networks(config, latent)


@each_table
def test_generator(table: str) -> None:
    preset, _, printed, _, _ = TABLES[table]
    latent, nets = make(preset)
    width, *lines = printed.splitlines()
    assert f"Input R{latent.width}" == width
    assert in_words(nets.G.layers, torch.zeros(2, latent.width)) == lines
    assert nets.G(torch.zeros(2, latent.n_z), latent.sample_c(2, torch.Generator())).shape[1:] == nets.G.shape


@each_table
def test_discriminator_and_q(table: str) -> None:
    preset, printed, _, head, n_q = TABLES[table]
    _, nets = make(preset)
    ch, h, w = nets.G.shape
    size, *lines = printed.splitlines()
    assert f"Input {h}x{w}x{ch}" == size
    x = torch.zeros(2, ch, h, w)
    assert in_words(nets.D.trunk, x) == lines
    features = nets.D.trunk(x)
    assert in_words([nets.D.d_head], features) == ["FC. 1 none"]
    q_head = nets.D.q_head if isinstance(nets.D.q_head, nn.Sequential) else [nets.D.q_head]
    assert in_words(q_head, features) == head.format(n_q=n_q).splitlines()


def test_layers_of_stride_1_keep_size_and_place() -> None:
    """TensorFlow's SAME: a kernel of 4 reaches 1 pixel back and 2 ahead, and its transpose the other way."""
    _, nets = make("chairs-paper")
    x = torch.zeros(1, 256, 8, 8)
    x[0, :, 3, 5] = 1.0
    pad, conv = nets.D.trunk[8], nets.D.trunk[9]
    up, cut = nets.G.layers[7], nets.G.layers[8]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(up, nn.ConvTranspose2d)
    for weight in (conv.weight, up.weight):
        nn.init.ones_(weight)
    rows, columns = (conv(pad(x))[0, 0] > 0).nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 4, 3, 6)
    rows, columns = (cut(up(x))[0, 0] > 0).nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 5, 4, 7)


# App. C: "Unless noted otherwise, learning rate is 2e-4 for D and 1e-3 for G; λ is set to 1."
RATES = {
    "mnist-text": (2e-4, 1e-3, (1,)),
    # Not the λ of the text, with which G's images are noise (docs/results/svhn-celeba.md)
    "svhn-paper": (2e-4, 1e-3, (0.3, 0.3, 0.3, 0.3, 0.1, 0.1, 0.1, 0.1)),
    "mnist-code": (2e-4, 1e-3, (1,)),
    "mnist-gan": (2e-4, 1e-3, (1,)),
    "mnist-small": (1e-4, 1e-3, (1,)),  # at half the rate (docs/results/choosing-a-run.md)
    "fashion-code": (2e-4, 1e-3, (1,)),
    "celeba-paper": (2e-4, 1e-3, (0.25,)),
    "faces-paper": (2e-4, 1e-3, (0.2,)),
    "chairs-paper": (2e-4, 1e-3, (1, 1, 1, 10)),
    # Table 5
    "faces-paper-azimuth": (2e-4, 5e-4, (0.2,)),
    "faces-paper-elevation": (4e-4, 3e-4, (0.1,)),
    "faces-paper-lighting": (8e-4, 3e-4, (0.1,)),
    # Table 7: λ_disc for the three categorical codes, λ_cont for the continuous one
    "chairs-paper-width": (2e-4, 1e-3, (2, 2, 2, 0.05)),
}


@pytest.mark.parametrize("preset", RATES)
def test_presets_of_the_paper_have_its_rates_and_the_lengths_of_the_original_code(preset: str) -> None:
    config = get_preset(preset)
    rates = learning_rates(config, with_targets=False)
    assert (rates.lr_d, rates.lr_g, config.terms.info.lam) == RATES[preset]
    assert rates.decay_fraction == 0
    optimisation = config.optimisation
    assert (optimisation.beta1, optimisation.batch_size, optimisation.steps) == (0.5, 128, 5000)


def test_entropies() -> None:
    """Sec. 7.1: H(c) = 2.30 for the code of ten categories."""
    first, second, third = Latent.parse(get_preset("mnist-text").codes.spec).codes
    assert round(first.entropy(), 2) == 2.30
    assert second.entropy() == third.entropy() == math.log(2)
