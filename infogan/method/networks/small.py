"""Ours, for images of any height and width: each layer halves the image, down to about 4x4.

For gray images D has a fully connected layer before its heads, as in Tables 1, 4 and 6; for colour it has
none, as in Tables 2 and 3. In trials, MNIST's categories followed strokes instead of digits without this
layer, and CelebA's faces were blurred with it (docs/results/own-images.md).
"""

from itertools import pairwise

from torch import nn

from infogan.config import Shape
from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, conv, fc, upconv

OUTER_CHANNELS, MAX_CHANNELS = 32, 128  # doubled with each layer inwards
MIN_SIDE = 4  # pixels of the shorter side inside
WIDTH = 256  # of the fully connected layer


def make_small(latent: Latent, negative_slope: float, shape: Shape) -> Networks:
    """As many convolutions as leave the shorter side at least 4 pixels, and at least one."""
    relu, lrelu = nn.ReLU(), nn.LeakyReLU(negative_slope)
    ch, h, w = shape
    depth = 1
    while min(h, w) >> (depth + 1) >= MIN_SIDE:
        depth += 1
    widths = [min(MAX_CHANNELS, OUTER_CHANNELS << i) for i in range(depth)]
    # G doubles the sides `depth` times. It starts large enough to cover the image, and is cropped at the end.
    inner_h, inner_w = -(-h >> depth), -(-w >> depth)
    up: list[nn.Module] = []
    down: list[nn.Module] = []
    for outer, inner in pairwise(widths):
        up[:0] = upconv(inner, outer, relu)
        down += conv(outer, inner, lrelu)
    G = nn.Sequential(
        *fc(latent.width, inner_h * inner_w * widths[-1], relu),
        nn.Unflatten(1, (widths[-1], inner_h, inner_w)),
        *up,
        *upconv(widths[0], ch, nn.Tanh(), batch_norm=False),
        nn.ZeroPad2d((0, w - (inner_w << depth), 0, h - (inner_h << depth))),
    )
    n_features = (h >> depth) * (w >> depth) * widths[-1]
    full = fc(n_features, WIDTH, lrelu) if ch == 1 else []
    width = WIDTH if full else n_features
    trunk = nn.Sequential(*conv(ch, widths[0], lrelu, batch_norm=False), *down, nn.Flatten(), *full)
    q_head = nn.Sequential(*fc(width, 128, lrelu), nn.Linear(128, latent.n_params))
    return Networks(
        Generator(latent, G, shape, low=-1),
        DiscriminatorQ(latent, trunk, nn.Linear(width, 1), q_head),
    )
