"""Unsupervised disentanglement ranking (UDR, Duan et al., ICLR 2020), of two models."""

import numpy as np
from jaxtyping import Float


def pairwise_udr(R: Float[np.ndarray, "a b"]) -> float:
    """How nearly each code of one model is associated with one code of the other (Eq. 3).

        1 / (d_a + d_b) (sum_b r_b^2 / sum_a R(a, b) + sum_a r_a^2 / sum_b R(a, b)),   r_b = max_a R(a, b)

    R(a, b) = the association of code a of one model with code b of another, on the same images, over
    informative codes; 0 if one of the models has none.
    """
    if not R.size:
        return 0.0
    maxima = [(R.max(axis=axis) ** 2, R.sum(axis=axis)) for axis in (0, 1)]
    parts = [np.divide(r, total, out=np.zeros_like(r), where=total > 0).sum() for r, total in maxima]
    return float(sum(parts) / sum(R.shape))
