"""The words that a person writes, read without importing torch: a latent, "cat:10 unif:2 noise:62", and a
motion of images, "rotate:0.3 shift:0.1"."""

import math
from typing import Literal, NamedTuple, get_args

from infogan.utils.errors import InfoganError, did_you_mean

Kind = Literal["cat", "unif", "gauss", "bern", "circ"]
MOST = 10_000  # far above any use, and below what would fill a memory
DEFAULT_NOISE = 62  # the width of z in the paper's MNIST experiment (App. C.1)


class Spec(NamedTuple):
    """What a spec string says: a (kind, k) for each code in order, and the width of the noise z."""

    codes: tuple[tuple[Kind, int], ...]  # k: the categories of a cat, 1 for any other kind
    n_noise: int


def parse_spec(text: str) -> Spec:
    """Reads words of the form KIND:NUMBER, separated by spaces.

    `cat:K` is one categorical code of K categories. `unif:N`, `gauss:N`, `bern:N` and `circ:N` are
    N codes each. `noise:N` is the width of z, 62 when it is not named.

    Raises:
        InfoganError: for a word of another form, an unknown kind, a number out of range, noise
            named twice, no code at all, or more than 10,000 numbers in all.
    """
    codes: list[tuple[Kind, int]] = []
    n_noise: int | None = None
    total = 0
    for word in text.split():
        kind, colon, digits = word.partition(":")
        if not (colon and digits.isascii() and digits.isdigit()):
            raise InfoganError(f"codes: {word!r} is not of the form KIND:NUMBER, such as cat:10.")
        if len(digits) > len(str(MOST)) or int(digits) > MOST:
            raise InfoganError(f"codes: {word[:20]!r} asks for more than {MOST:,}, which no network takes.")
        number = int(digits)
        total += number
        if total > MOST:  # before they are all made
            raise InfoganError(f"codes: up to {word!r} they ask for {total:,} numbers; {MOST:,} is the most.")
        if kind == "noise":
            if n_noise is not None:
                raise InfoganError(f"codes: {word!r} names the noise a second time; name it once.")
            n_noise = number
        elif kind not in get_args(Kind):
            known = [*get_args(Kind), "noise"]
            raise InfoganError(f"codes: unknown kind {kind!r} in {word!r}; " + did_you_mean(kind, known))
        elif kind == "cat" and number < 2:
            raise InfoganError(f"codes: {word!r} needs at least 2 categories, since 1 tells nothing.")
        elif number < 1:
            raise InfoganError(f"codes: {word!r} asks for no code; leave the word out.")
        else:
            codes += [("cat", number)] if kind == "cat" else [(kind, 1)] * number  # type: ignore[list-item]
    if not codes:
        raise InfoganError(f"codes: {text!r} names no code; write at least one, such as cat:10.")
    return Spec(tuple(codes), DEFAULT_NOISE if n_noise is None else n_noise)


class Motion(NamedTuple):
    """How far an image may be moved at random; 0 leaves it. Sides count as 1."""

    rotate: float = 0.0  # radians, either way
    scale: float = 0.0  # a share of the height, and one of the width, either way
    shear: float = 0.0  # of a height, along the width, either way
    shift: float = 0.0  # of a side, either way, both ways
    light: float = 0.0  # brightness, as a share of the range; contrast by as large a factor, either way
    mirror: float = 0.0  # the share of images that are turned left to right


MOST_MOTION = Motion(rotate=math.pi, scale=0.9, shear=1.0, shift=0.5, light=0.9, mirror=1.0)


def parse_motion(text: str) -> Motion:
    """Reads words of the form KIND:SIZE, separated by spaces, such as "rotate:0.3 shift:0.1 mirror:0.5".

    Raises:
        InfoganError: for a word of another form, an unknown kind, one named twice, or a size out of range.
    """
    sizes: dict[str, float] = {}
    for word in text.split():
        kind, _, number = word.partition(":")
        if kind not in Motion._fields:
            known = did_you_mean(kind[:20], Motion._fields)
            raise InfoganError(f"motion: unknown kind {kind[:20]!r} in {word[:40]!r}; {known}")
        if kind in sizes:
            raise InfoganError(f"motion: {word[:40]!r} names {kind} a second time; name it once.")
        most: float = getattr(MOST_MOTION, kind)
        try:
            sizes[kind] = float(number)
        except ValueError:
            raise InfoganError(
                f"motion: {word[:40]!r} is not of the form KIND:SIZE, such as {kind}:0.1."
            ) from None
        if not 0 <= sizes[kind] <= most:
            raise InfoganError(f"motion: {word[:40]!r} is out of range; {kind} takes 0 to {most:.4g}.")
    return Motion(**sizes)
