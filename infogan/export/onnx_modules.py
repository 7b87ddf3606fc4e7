"""What the ONNX graphs compute, as torch modules."""

from typing import final

import torch
from torch import Tensor, nn

from infogan.method.inversion import Inversion
from infogan.method.model import Model


@final
class Decoder(nn.Module):
    """(z, values) -> images in [0, 1], by G."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.G = model.G
        self.latent = model.latent

    def forward(self, z: Tensor, values: Tensor) -> Tensor:
        x: Tensor = self.G(z, self.latent.embed(values))
        low = self.G.low
        return x if low is None else (x - low) / (1 - low)


@final
class Encoder(nn.Module):
    """images in [0, 1] -> values and spreads by Q, and z by E if there is an inversion."""

    def __init__(self, model: Model, inversion: Inversion | None) -> None:
        super().__init__()
        self.D = model.D
        self.latent = model.latent
        self.low = model.G.low
        self.E = inversion.E if inversion and model.latent.n_z else None

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = images
        if self.low is not None:  # as pixels of 256 levels, which `Model.encode` takes
            x = (images.clamp(0, 1) * 255).round() / 255 * (1 - self.low) + self.low
        columns = (
            torch.stack(column, dim=1) for column in zip(*self.latent.decode(self.D(x).q), strict=True)
        )
        return (*columns, *([] if self.E is None else [self.E(x)]))
