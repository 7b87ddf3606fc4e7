"""The real images that a report covers, in memory, and what Q reads off them."""

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from jaxtyping import Float, Int

from infogan.data import Factors, Images
from infogan.data.images import as_pixels
from infogan.data.labels import Labels
from infogan.method.model import Model, Pictures

MAX_IMAGES = 10_000
MAX_BYTES = 2**28  # of pixels in memory


@final
@dataclass(frozen=True)
class Sample:
    """All images of a small data set, or a random sample of a large one."""

    n_total: int  # images in the data set
    index: Int[np.ndarray, "n"]  # of the sampled images in the data set
    x: Pictures
    names: tuple[str, ...] | None
    labels: Labels | None
    factors: Factors | None
    values: Float[np.ndarray, "n L"]  # as `Code.decode` returns them
    spreads: Float[np.ndarray, "n L"]
    features: Float[np.ndarray, "n width"]  # the input of Q's last layer
    left_out: tuple[str, ...] = ()  # files of the data set that are not among its images, in words

    def __len__(self) -> int:
        return len(self.index)

    @property
    def has_pictures(self) -> bool:
        """False for vectors, which cannot be shown."""
        return self.x.dtype == np.uint8

    def title(self, i: int) -> str:
        """The file name of image i of the sample, or its number in the data set."""
        return self.names[i] if self.names else f"image {self.index[i]}"


def sample_images(model: Model, images: Images, max_images: int = MAX_IMAGES) -> Sample:
    """At most this many images, sampled as `Images.subsample` does, and encoded by the model."""
    max_images = min(max_images, max(100, MAX_BYTES // int(np.prod(images.shape))))
    numbered = Images(images.pixels, labels=Labels(np.arange(len(images)))).subsample(max_images)
    assert numbered.labels is not None
    index = numbered.labels.numbers
    x = numbered.x
    encoding = model.encode(as_pixels(x))
    return Sample(
        n_total=len(images),
        index=index,
        x=x,
        names=None if images.names is None else tuple(images.names[i] for i in index),
        labels=images.labels and images.labels.take(index),
        factors=None
        if images.factors is None
        else replace(images.factors, values=images.factors.values[index]),
        values=encoding.values.numpy().astype(float),
        spreads=encoding.spreads.numpy().astype(float),
        features=model.features(as_pixels(x)).numpy(),
        left_out=images.left_out,
    )
