"""The real images that a report looks at, in memory, and what Q reads off them."""

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int

from infogan.data import Factors, Images
from infogan.method.model import Model, Pictures

MOST = 10_000
MOST_BYTES = 2**28  # of pixels in memory, however large an image is


@final
@dataclass(frozen=True)
class Sample:
    """All images of a small set, a random choice of a large one."""

    of: int  # how many there are in all
    index: Int[np.ndarray, "n"]  # which of them these are, counted from 0
    x: Pictures
    names: tuple[str, ...] | None
    labels: Int[np.ndarray, "n"] | None
    factors: Factors | None
    values: Float[np.ndarray, "n L"]  # units as in `Code.decode`
    spreads: Float[np.ndarray, "n L"]
    features: Float[np.ndarray, "n width"]  # what Q's last layer is given

    def __len__(self) -> int:
        return len(self.index)

    def title(self, i: int) -> str:
        """The file name of image i of the sample, or its number in the whole set."""
        return self.names[i] if self.names else f"image {self.index[i]}"


def take_sample(model: Model, images: Images, most: int = MOST) -> Sample:
    """At most so many images, chosen as `Images.some` does, encoded by the model."""
    most = min(most, max(100, MOST_BYTES // int(np.prod(images.shape))))
    numbered = Images(images.pixels, labels=np.arange(len(images))).subsample(most)
    index = numbered.labels
    assert index is not None
    x = numbered.pixels.take(torch.arange(len(index))).numpy()
    encoding = model.encode(x)
    return Sample(
        of=len(images),
        index=index,
        x=x,
        names=None if images.names is None else tuple(images.names[i] for i in index),
        labels=None if images.labels is None else images.labels[index],
        factors=None
        if images.factors is None
        else replace(images.factors, values=images.factors.values[index]),
        values=encoding.values.numpy().astype(float),
        spreads=encoding.spreads.numpy().astype(float),
        features=model.features(x).numpy(),
    )
