"""The targets of earlier stages, as columns that the decoder takes beside its latents."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from infogan.method.codes.continuous import Circular
from infogan.method.latent import Latent
from infogan.pretraining.stage import Targets


def columns_of(earlier: Targets, index: Int[Tensor, "n"]) -> Float[Tensor, "n e"]:
    """The targets for these images, in the columns that G takes."""
    return torch.cat(
        [torch.zeros(len(index), 0), *(t[index].float() for t in earlier.by_code.values())], dim=1
    )


def columns_of_angles(earlier: Targets, latent: Latent) -> list[int]:
    """Which of the columns are the cosine or sine of an angle."""
    kinds = [
        type(latent.codes[code]) for code, table in earlier.by_code.items() for _ in range(table.shape[1])
    ]
    return [i for i, kind in enumerate(kinds) if kind is Circular]
