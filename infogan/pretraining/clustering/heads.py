"""The heads with which the trunk learns in part 1 of clustering."""

import torch
from torch import nn

from infogan.method.networks.blocks import DiscriminatorQ
from infogan.utils.rng import make_rng

# Initial standard deviation of the weights. With Q's 0.02 all images start with nearly the same probabilities
# of the clusters, where the mutual information has almost no gradient, so learning would begin late.
HEAD_STD = 0.2


def make_heads(D: DiscriminatorQ, shape: tuple[int, int, int], width: int, seed: int) -> nn.Linear:
    """A layer on the trunk's features with outputs for all heads together.

    Args:
        shape: of an image: channels, height, width.
        width: the outputs of all heads.
    """
    like = next(D.parameters())
    with torch.inference_mode():
        D.eval()
        n_features = D.q_trunk(torch.zeros(1, *shape, device=like.device, dtype=like.dtype)).shape[1]
        D.train()
    with torch.random.fork_rng(devices=[]):  # a layer draws weights when it is made
        heads = nn.Linear(n_features, width)
    nn.init.normal_(heads.weight, 0, HEAD_STD, generator=make_rng(seed, "clustering heads"))
    nn.init.zeros_(heads.bias)
    return heads.to(like.device, like.dtype)
