"""Converts X from scikit-learn's layout to that of the networks, and back."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.preprocessing import StandardScaler

from infogan.config import BYTES, Config, PixelScale, Shape
from infogan.data.pixels import MAX_CHANNELS, array_scale, array_to_pixels, pixels_to_array
from infogan.method.model import Pictures
from infogan.utils.errors import InfoganError

MIN_SIDE = 4


@final
@dataclass(frozen=True, eq=False)
class Preprocessor:
    """Scales vectors (n, d), and moves the channels of images (n, h, w) or (n, h, w, ch)."""

    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    """Of X: for images whole numbers, which `pixel_scale` explains, bool, or a float type, 0 to 1."""
    mean: np.ndarray
    """Of each column of vectors; the networks take (x - mean) / scale. Empty for images."""
    scale: np.ndarray
    pixel_scale: PixelScale = BYTES

    @staticmethod
    def fit(X: np.ndarray, scale: str) -> "Preprocessor":
        """The preprocessor for rows like those of X. A constant column has scale 1.

        Args:
            scale: "columns" scales each column to standard deviation 1, "all" all columns by one factor.

        Raises:
            InfoganError: if X is neither vectors nor images, or `scale` is anything else.
        """
        row_shape = tuple(X.shape[1:])
        if scale not in ("columns", "all"):
            raise InfoganError(f"InfoGAN: scale is {scale!r}, but must be 'columns' or 'all'.")
        if len(row_shape) == 1:
            scaler = StandardScaler().fit(X.astype(np.float64))
            deviation = scaler.scale_
            if scale == "all":
                deviation = np.full_like(deviation, np.sqrt(scaler.var_.mean()) or 1.0)
            return Preprocessor(row_shape, X.dtype, scaler.mean_, deviation)
        n_channels = row_shape[2] if len(row_shape) == 3 else 1
        if len(row_shape) > 3 or min(row_shape[:2]) < MIN_SIDE or n_channels > MAX_CHANNELS:
            raise InfoganError(
                f"InfoGAN: X has shape {X.shape}, but must be vectors (n, d), or images (n, h, w) or (n, h, "
                f"w, channels) with sides of at least {MIN_SIDE} pixels and at most {MAX_CHANNELS} channels."
            )
        scale_of_all = array_scale(X)
        known = PixelScale(binary=bool(scale_of_all.binary), bit_depth=scale_of_all.bit_depth)
        return Preprocessor(row_shape, X.dtype, np.zeros(0), np.ones(0), known)

    @staticmethod
    def from_config(config: Config) -> "Preprocessor":
        """The preprocessor for uint8 images, or unscaled vectors, of the config's shape."""
        ch, h, w = config.networks.image_shape
        if config.networks.architecture == "vectors":
            return Preprocessor((w,), np.dtype(np.float64), np.zeros(w), np.ones(w))
        row_shape = (h, w) if ch == 1 else (h, w, ch)
        return Preprocessor(row_shape, np.dtype(np.uint8), np.zeros(0), np.ones(0), config.data.pixel_scale)

    @property
    def is_vectors(self) -> bool:
        return len(self.row_shape) == 1

    @property
    def image_shape(self) -> Shape:
        """Channels, height and width for the networks."""
        if self.is_vectors:
            return 1, 1, self.row_shape[0]
        h, w, ch = (*self.row_shape, 1)[:3]
        return ch, h, w

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises InfoganError if rows of images differ in shape; scikit-learn checks the width of vectors."""
        if max(len(shape) - 1, len(self.row_shape)) > 1 and shape[1:] != self.row_shape:
            raise InfoganError(
                f"InfoGAN: X has rows of shape {shape[1:]}, but was fitted on {self.row_shape}."
            )

    def transform(self, X: np.ndarray) -> Pictures:
        """Vectors as float32, scaled, (n, 1, 1, d); images as uint8, (n, ch, h, w).

        Raises:
            InfoganError: if images are no numbers that `array_to_pixels` takes.
        """
        if self.is_vectors:
            scaled = ((X.astype(np.float64) - self.mean) / self.scale).astype(np.float32)
            vectors: Pictures = scaled.reshape(len(X), *self.image_shape)
            return vectors
        ch, h, w = self.image_shape
        try:
            pixels = array_to_pixels(X.reshape(-1, h, w, ch), self.pixel_scale)
        except ValueError as error:
            raise InfoganError(f"InfoGAN: the images are {error}.") from error
        # A copy: torch takes strides for a memory format, which changes the last bits of results.
        images: Pictures = np.array(np.moveaxis(pixels, 3, 1), order="C")
        return images

    def inverse_transform(self, x: Pictures) -> np.ndarray:
        """Rows in X's shape, units and type."""
        if self.is_vectors:
            vectors: np.ndarray = (x.reshape(len(x), *self.row_shape) * self.scale + self.mean).astype(
                self.dtype
            )
            return vectors
        images: np.ndarray = np.moveaxis(x, 1, 3).reshape(len(x), *self.row_shape)
        return pixels_to_array(images, self.dtype, self.pixel_scale)


def array_shape(X: Any) -> tuple[int, ...]:
    """The shape of an array, a data frame or nested lists."""
    shape = getattr(X, "shape", None)
    return tuple(np.asarray(X).shape if shape is None else shape)
