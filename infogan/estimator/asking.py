"""What an estimator asks of its model."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from infogan.method.codes import Code
from infogan.method.model import CHUNK, Model, Pictures
from infogan.utils.errors import InfoganError


def first_discrete(model: Model, method: str) -> tuple[int, Code]:
    """The first code with categories, and which it is.

    Raises:
        InfoganError: where there is none.
    """
    for i, code in enumerate(model.latent.codes):
        if code.categories is not None:
            return i, code
    raise InfoganError(
        f"InfoGAN: {method} gives the category of a discrete code, and there is none among the codes; "
        "name one, such as cat:10, or use transform."
    )


@torch.inference_mode()
def probabilities(model: Model, i: int, x: Pictures) -> Float[np.ndarray, "n k"]:
    """Q(c_i|x) of a discrete code, a column a category."""
    code = model.latent.codes[i]
    parts = torch.split(torch.from_numpy(x), CHUNK)
    q = torch.cat([model.D(model.G.to_range(part)).q[i] for part in parts]).double()
    each = [code.log_q(code.embed(v.double().expand(len(q))), q) for v in code.sweep(0, 0.0, 0.0)]
    p: np.ndarray = torch.stack(each, dim=1).exp().numpy()
    return p


def checked_codes(model: Model, values: Float[np.ndarray, "n L2"]) -> Float[Tensor, "n L"]:
    """Codes of a person's making.

    Raises:
        InfoganError: where their width is not that of the codes, or a category is not one of its code.
    """
    names, codes = model.latent.names, model.latent.codes
    if values.shape[1] != len(codes):
        raise InfoganError(
            f"InfoGAN: the codes have {values.shape[1]} columns, but should have {len(codes)}."
        )
    for name, code, column in zip(names, codes, values.T, strict=True):
        if code.categories and not np.isin(column, np.arange(code.categories)).all():
            raise InfoganError(f"InfoGAN: {name} must be one of its categories, 0 to {code.categories - 1}.")
    return torch.from_numpy(values)


def told(model: Model, x: Pictures, z: Float[Tensor, "m n_z"]) -> tuple[np.ndarray, np.ndarray]:
    """x and E_z[G(z, c)] at the codes of x, the mean over these z; both (n, d), images in [0, 1]."""
    values = model.encode(x).values
    mean: np.ndarray = np.zeros(x.shape)
    for z_i in z:
        mean += model.decode(values, z_i.expand(len(values), -1)) / len(z)
    unit = 1.0 if model.G.low is None else 255.0
    return x.reshape(len(x), -1) / unit, mean.reshape(len(x), -1) / unit
