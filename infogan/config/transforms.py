"""Random transforms of images as a person writes them, such as "rotate:0.3 translate:0.1"."""

import math
from typing import NamedTuple

from infogan.utils.errors import InfoganError, did_you_mean


class Transforms(NamedTuple):
    """How strong random transforms of an image may be; 0 leaves it out. The sides of the image count as 1."""

    rotate: float = 0.0  # radians, to either side
    scale: float = 0.0  # relative change of height and of width, each drawn apart
    shear: float = 0.0  # horizontal offset per unit of height, to either side
    translate: float = 0.0  # share of a side, along each axis
    brightness: float = 0.0  # share of the range added, and the largest change of contrast
    hflip: float = 0.0  # probability


MAX_TRANSFORMS = Transforms(rotate=math.pi, scale=0.9, shear=1.0, translate=0.5, brightness=0.9, hflip=1.0)


def parse_transforms(text: str) -> Transforms:
    """Reads words NAME:SIZE, separated by spaces, such as "rotate:0.3 translate:0.1 hflip:0.5".

    Raises:
        InfoganError: if a word has another form, a name is unknown or comes twice, or a size is out of range.
    """
    sizes: dict[str, float] = {}
    for word in text.split():
        name, _, number = word.partition(":")
        if name not in Transforms._fields:
            hint = did_you_mean(name[:20], Transforms._fields)
            raise InfoganError(f"transforms: unknown transform {name[:20]!r} in {word[:40]!r}; {hint}")
        if name in sizes:
            raise InfoganError(f"transforms: {word[:40]!r} names {name} a second time; name it once.")
        largest: float = getattr(MAX_TRANSFORMS, name)
        try:
            sizes[name] = float(number)
        except ValueError:
            raise InfoganError(
                f"transforms: {word[:40]!r} is not of the form NAME:SIZE, such as {name}:0.1."
            ) from None
        if not 0 <= sizes[name] <= largest:
            raise InfoganError(f"transforms: {word[:40]!r} is out of range; {name} takes 0 to {largest:.4g}.")
    return Transforms(**sizes)
