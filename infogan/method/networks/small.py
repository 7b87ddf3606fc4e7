"""Ours, for images of one's own, of any height and width: half as large with each layer, down to 4 or so.

Before its heads D has a fully connected layer where images are gray, as in Tables 1, 4 and 6, and none where
they are in colour, as in Tables 2 and 3. In trials categories of MNIST followed strokes without it, and faces
of CelebA were blurred with it (docs/results.md).
"""

from itertools import pairwise

from torch import nn

from infogan.config import Shape
from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorQ, Generator, Networks, conv, fc, upconv

OUTER, MOST = 32, 128  # channels of the outermost layer, twice as many with each layer inwards, and at most
LEAST = 4  # the shorter side within
WIDTH = 256  # of the fully connected layer


def make_small(latent: Latent, leak: float, shape: Shape) -> Networks:
    """As many layers as leave the shorter side 4 or more, and one at least."""
    relu, lrelu = nn.ReLU(), nn.LeakyReLU(leak)
    ch, h, w = shape
    depth = 1
    while min(h, w) >> (depth + 1) >= LEAST:
        depth += 1
    widths = [min(MOST, OUTER << i) for i in range(depth)]
    # From the inside out G doubles, so it starts with what covers the image, and the rest is cut off.
    inner_h, inner_w = -(-h >> depth), -(-w >> depth)
    up: list[nn.Module] = []
    down: list[nn.Module] = []
    for outer, inner in pairwise(widths):
        up[:0] = upconv(inner, outer, relu)
        down += conv(outer, inner, lrelu)
    G = nn.Sequential(
        *fc(latent.size, inner_h * inner_w * widths[-1], relu),
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
