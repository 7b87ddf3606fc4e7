"""Which of several autoencoders to use, without labels: the one whose latents the others find too."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from infogan.pretraining.ranks import uniform_ranks
from infogan.utils.udr import pairwise_udr


def spearman(a: Float[Tensor, "n d"], b: Float[Tensor, "n e"]) -> Float[Tensor, "d e"]:
    """Spearman's correlation of every column of a with every column of b."""
    one_group = torch.zeros(len(a), dtype=torch.long)
    scaled: list[Tensor] = []
    for values in (a, b):
        columns = torch.stack([uniform_ranks(column, one_group) for column in values.unbind(dim=1)], dim=1)
        scaled.append(columns / columns.norm(dim=0))
    return scaled[0].T @ scaled[1]


def udr(latents: Sequence[Float[Tensor, "n d"]], informative: Sequence[Bool[Tensor, "d"]]) -> list[float]:
    """Unsupervised disentanglement ranking (Duan et al., ICLR 2020) of each model, in [0, 1].

    The median over the other models of `pairwise_udr`, with R = |Spearman's correlation| on the same images.

    Args:
        informative: the latents of each model that count.
    """
    scores = []
    for i in range(len(latents)):
        others = [j for j in range(len(latents)) if j != i]
        R = [
            spearman(latents[i], latents[j])[informative[i]][:, informative[j]].abs().numpy() for j in others
        ]
        scores.append(float(np.median([pairwise_udr(of_pair) for of_pair in R])))
    return scores
