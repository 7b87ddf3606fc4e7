"""How a scikit-learn X becomes what the networks take, and back."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.preprocessing import StandardScaler

from infogan.config import Config, Shape
from infogan.method.model import Pictures
from infogan.utils.errors import InfoganError

LEAST_SIDE, MOST_CHANNELS = 4, 4


@final
@dataclass(frozen=True, eq=False)
class Layout:
    """The shape, type and units of an X: rows of numbers (n, d), or images (n, h, w) or (n, h, w, ch)."""

    item: tuple[int, ...]
    """The shape of one row of X."""
    dtype: np.dtype[Any]
    """X's type; images are uint8, 0 to 255, or floats in [0, 1]."""
    mean: np.ndarray
    """Of each column of vectors; the networks take (x - mean) / scale. Of images, none."""
    scale: np.ndarray

    @staticmethod
    def of(X: np.ndarray, scale: str) -> "Layout":
        """The layout of these vectors or images; a column that does not vary has scale 1.

        Args:
            scale: "columns" brings each column to deviation 1, "all" all together.

        Raises:
            InfoganError: for images of another form, or another `scale`.
        """
        item = tuple(X.shape[1:])
        if scale not in ("columns", "all"):
            raise InfoganError(f"InfoGAN: scale is {scale!r}, but must be 'columns' or 'all'.")
        if len(item) == 1:
            scaler = StandardScaler().fit(X.astype(np.float64))
            deviation = scaler.scale_
            if scale == "all":
                deviation = np.full_like(deviation, np.sqrt(scaler.var_.mean()) or 1.0)
            return Layout(item, X.dtype, scaler.mean_, deviation)
        if len(item) > 3 or min(item[:2]) < LEAST_SIDE or (len(item) == 3 and item[2] > MOST_CHANNELS):
            raise InfoganError(
                f"InfoGAN: X has shape {X.shape}, but must be vectors (n, d), or images (n, h, w) or (n, h, "
                f"w, channels) of {LEAST_SIDE} pixels a side or more and at most {MOST_CHANNELS} channels."
            )
        return Layout(item, X.dtype, np.zeros(0), np.ones(0))

    @staticmethod
    def of_config(config: Config) -> "Layout":
        """The layout that a run's networks take, which tells nothing of a scale."""
        ch, h, w = config.networks.image_shape
        if config.networks.architecture == "vectors":
            return Layout((w,), np.dtype(np.float64), np.zeros(w), np.ones(w))
        return Layout((h, w) if ch == 1 else (h, w, ch), np.dtype(np.uint8), np.zeros(0), np.ones(0))

    @property
    def of_vectors(self) -> bool:
        return len(self.item) == 1

    @property
    def shape(self) -> Shape:
        """Channels, height and width, as the networks have them."""
        if self.of_vectors:
            return 1, 1, self.item[0]
        h, w, ch = (*self.item, 1)[:3]
        return ch, h, w

    def check_rows(self, shape: tuple[int, ...]) -> None:
        """Raises InfoganError where an X of that shape, or this, is of images, and their rows differ.

        The width of vectors is scikit-learn's to check.
        """
        if max(len(shape) - 1, len(self.item)) > 1 and shape[1:] != self.item:
            raise InfoganError(f"InfoGAN: X has rows of shape {shape[1:]}, but was fitted on {self.item}.")

    def to_networks(self, X: np.ndarray) -> Pictures:
        """Vectors as float32, standardised, (n, 1, 1, d); images as uint8, (n, ch, h, w).

        Raises:
            InfoganError: for images that are neither uint8 nor floats in [0, 1].
        """
        if self.of_vectors:
            standard = ((X.astype(np.float64) - self.mean) / self.scale).astype(np.float32)
            vectors: Pictures = standard.reshape(len(X), *self.shape)
            return vectors
        if X.dtype.kind == "f" and X.min(initial=0) >= 0 and X.max(initial=0) <= 1:
            X = np.rint(X * 255).astype(np.uint8)
        elif X.dtype != np.uint8:
            raise InfoganError(
                f"InfoGAN: the images are {X.dtype}, {X.min():g} to {X.max():g}; bring them to uint8, "
                "0 to 255, or to floats in [0, 1]."
            )
        h, w, ch = self.shape[1], self.shape[2], self.shape[0]
        # A copy, as torch takes strides for a memory format, which decides the last bits.
        images: Pictures = np.array(np.moveaxis(X.reshape(-1, h, w, ch), 3, 1), order="C")
        return images

    def from_networks(self, x: Pictures) -> np.ndarray:
        """Back to X's own shape, units and type."""
        if self.of_vectors:
            vectors: np.ndarray = (x.reshape(len(x), -1) * self.scale + self.mean).astype(self.dtype)
            return vectors
        images: np.ndarray = np.moveaxis(x, 1, 3).reshape(len(x), *self.item)
        return images if self.dtype == np.uint8 else (images / 255).astype(self.dtype)


def shape_of(X: Any) -> tuple[int, ...]:
    """The shape of what scikit-learn takes for an array."""
    shape = getattr(X, "shape", None)
    return tuple(np.asarray(X).shape if shape is None else shape)
