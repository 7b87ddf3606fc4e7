"""Which numbers in files and arrays of images are white."""

from dataclasses import dataclass

from infogan.config.fields import require

BIT_DEPTHS = (8, 10, 12, 14, 16)  # of cameras that write 16-bit files


@dataclass(frozen=True, kw_only=True)
class PixelScale:
    """Which number is white in your own images; 0 is black. Found once in all images of a training."""

    binary: bool | None = None
    """Whether the images hold only 0 and 1, as masks do, so that 1 is white; by default found in them."""
    bit_depth: int | None = None
    """Bits in use of 16-bit images, 8, 10, 12, 14 or 16; larger values are white; by default found in the
    images."""

    def __post_init__(self) -> None:
        rule = f"one of {', '.join(map(str, BIT_DEPTHS))}"
        require(self.bit_depth in (None, *BIT_DEPTHS), "bit_depth", self.bit_depth, rule)

    @property
    def is_found(self) -> bool:
        """Whether the images were inspected; if so, a `bit_depth` of None means that none has 16 bits."""
        return self.binary is not None


UNKNOWN_SCALE = PixelScale()
BYTES = PixelScale(binary=False)  # 255 is white, and 65535 in 16-bit images
