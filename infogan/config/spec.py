"""The spec string of the codes and the noise, such as "cat:10 unif:2 noise:62", read without torch."""

from typing import Literal, NamedTuple, get_args

from infogan.utils.errors import InfoganError, did_you_mean

CodeName = Literal["cat", "unif", "gauss", "bern", "circ"]
MAX_NUMBERS = 10_000  # far above any use, and below what would fill the memory
AUTO = "auto"  # cat:auto: as many categories as clustering finds, before any network is made
DEFAULT_CATEGORIES = 10  # if it finds none that are stable
DEFAULT_NOISE = 62  # the width of z in the paper's MNIST experiment (App. C.1)


class Spec(NamedTuple):
    """The parsed spec: (kind, k) of each code in order, and the width of the noise z."""

    codes: tuple[tuple[CodeName, int], ...]  # k: the categories of a cat, 1 for any other kind
    n_noise: int


def parse_spec(text: str) -> Spec:
    """Reads words of the form KIND:NUMBER, separated by spaces.

    `cat:K` is one categorical code of K categories; `cat:auto` lets clustering find their number. `unif:N`,
    `gauss:N`, `bern:N` and `circ:N` are N codes each. `noise:N` is the width of z, 62 by default.

    Raises:
        InfoganError: if a word has another form, a kind is unknown, a number is out of range, noise comes
            twice, there is no code, or there are more than 10,000 numbers in all.
    """
    codes: list[tuple[CodeName, int]] = []
    n_noise: int | None = None
    total = 0
    for word in text.split():
        kind, colon, digits = word.partition(":")
        if (kind, digits) == ("cat", AUTO):
            if any(of == "cat" for of, _ in codes) or text.split().count(word) > 1:
                raise InfoganError(
                    "codes: cat:auto has to be the first cat code, and the only one with auto."
                )
            digits = str(DEFAULT_CATEGORIES)
        if not (colon and digits.isascii() and digits.isdigit()):
            raise InfoganError(f"codes: {word!r} is not of the form KIND:NUMBER, such as cat:10.")
        if len(digits) > len(str(MAX_NUMBERS)) or int(digits) > MAX_NUMBERS:
            raise InfoganError(
                f"codes: {word[:20]!r} asks for more than {MAX_NUMBERS:,}, which no network takes."
            )
        number = int(digits)
        total += number
        if total > MAX_NUMBERS:  # before they are all made
            raise InfoganError(
                f"codes: up to {word!r} they ask for {total:,} numbers; {MAX_NUMBERS:,} is the most."
            )
        if kind == "noise":
            if n_noise is not None:
                raise InfoganError(f"codes: {word!r} names the noise a second time; name it once.")
            n_noise = number
        elif kind not in get_args(CodeName):
            known = [*get_args(CodeName), "noise"]
            raise InfoganError(f"codes: unknown kind {kind!r} in {word!r}; " + did_you_mean(kind, known))
        elif kind == "cat" and number < 2:
            raise InfoganError(f"codes: {word!r} needs at least 2 categories.")
        elif number < 1:
            raise InfoganError(f"codes: {word!r} asks for no code; leave the word out.")
        else:
            codes += [("cat", number)] if kind == "cat" else [(kind, 1)] * number  # type: ignore[list-item]
    if not codes:
        raise InfoganError(f"codes: {text!r} names no code; write at least one, such as cat:10.")
    return Spec(tuple(codes), DEFAULT_NOISE if n_noise is None else n_noise)


def is_auto(text: str) -> bool:
    """Whether a spec leaves the number of categories to clustering."""
    return f"cat:{AUTO}" in text.split()


def with_categories(text: str, k: int) -> str:
    """The spec with this number in place of auto."""
    return " ".join(f"cat:{k}" if word == f"cat:{AUTO}" else word for word in text.split())
