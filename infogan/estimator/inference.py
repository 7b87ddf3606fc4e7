"""What a fitted estimator computes with its model: probabilities, reconstructions, checks of codes."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from infogan.data.images import as_pixels
from infogan.method.model import CHUNK, Model, Pictures
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

N_RECONSTRUCTIONS = 16  # z per row, over which a reconstruction is averaged


def first_discrete_code(model: Model, method: str) -> int:
    """The index of the first code with categories.

    Raises:
        InfoganError: if there is none; the message names the method that needs it.
    """
    for i, code in enumerate(model.latent.codes):
        if code.categories is not None:
            return i
    raise InfoganError(
        f"InfoGAN: {method} needs a discrete code, but codes has none; add one, such as cat:10, or use "
        "transform."
    )


@torch.inference_mode()
def category_probabilities(model: Model, i: int, x: Pictures) -> Float[np.ndarray, "n k"]:
    """Q(c_i|x) of a discrete code, one column per category."""
    code = model.latent.codes[i]
    parts = torch.split(torch.from_numpy(x), CHUNK)
    q = torch.cat([model.D(model.G.to_range(part)).q[i] for part in parts]).double()
    columns = [code.log_q(code.embed(v.double().expand(len(q))), q) for v in code.sweep(0, 0.0, 0.0)]
    p: np.ndarray = torch.stack(columns, dim=1).exp().numpy()
    return p


def check_code_values(model: Model, values: Float[np.ndarray, "n L2"]) -> Float[Tensor, "n L"]:
    """Code values as a tensor.

    Raises:
        InfoganError: if there is not one column per code, or a value is not a category of its discrete code.
    """
    names, codes = model.latent.names, model.latent.codes
    if values.shape[1] != len(codes):
        raise InfoganError(f"InfoGAN: the codes have {values.shape[1]} columns instead of {len(codes)}.")
    for name, code, column in zip(names, codes, values.T, strict=True):
        if code.categories and not np.isin(column, np.arange(code.categories)).all():
            raise InfoganError(f"InfoGAN: {name} must be one of its categories, 0 to {code.categories - 1}.")
    return torch.from_numpy(values)


def reconstruct(
    model: Model, x: Pictures, seed: int
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
    """x, and its reconstruction from its codes c: the mean of G(z, c) over 16 z. Images are in [0, 1]."""
    values = model.encode(as_pixels(x)).values
    z = model.latent.sample_z(N_RECONSTRUCTIONS, make_rng(seed, "told"))
    mean: np.ndarray = np.zeros(x.shape)
    for z_i in z:
        mean += model.decode(values, z_i.expand(len(values), -1)) / len(z)
    unit = 1.0 if model.G.low is None else 255.0
    return x.reshape(len(x), -1) / unit, mean.reshape(len(x), -1) / unit
