"""The spec string of the codes and the noise, such as "cat:10 unif:2 noise:62", read without torch."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from infogan.utils.errors import InfoganError, did_you_mean

CodeName = Literal["cat", "unif", "gauss", "bern", "circ"]
MAX_NUMBERS = 10_000  # far above any use, and below what would fill the memory
AUTO = "auto"  # cat:auto: as many categories as clustering finds, before any network is made
DEFAULT_CATEGORIES = 10  # if it finds none that are stable
DEFAULT_NOISE = 62  # the width of z in the paper's MNIST experiment (App. C.1)


class Spec(NamedTuple):
    """The parsed spec: (kind, k) of each code in order, the width of the noise z, and what is under what."""

    codes: tuple[tuple[CodeName, int], ...]  # k: the categories of a cat, 1 for any other kind
    n_noise: int
    parents: Mapping[int, int]  # the cat that a code is under, both by index; only of codes under one


def parse_spec(text: str) -> Spec:
    """Reads words of the form KIND:NUMBER, separated by spaces.

    `cat:K` is one categorical code of K categories; `cat:auto` lets clustering find their number. `unif:N`,
    `gauss:N`, `bern:N` and `circ:N` are N codes each. `noise:N` is the width of z, 62 by default. Codes under
    a category mean something else in each: `cat:10>cat:5` is a code of 10 categories and one of 5 in each.

    Raises:
        InfoganError: if a word has another form, a kind is unknown, a number is out of range, noise comes
            twice, a code is under one that is no cat or is under another itself, there is no code, or there
            are more than 10,000 numbers in all.
    """
    codes: list[tuple[CodeName, int]] = []
    parents: dict[int, int] = {}
    n_noise: int | None = None
    total = 0
    for whole in text.split():
        _check_nesting(whole)
        parent: int | None = None
        for word in whole.split(">"):
            has_cat = any(of == "cat" for of, _ in codes)
            kind, number = _read(word, whole, has_cat)
            total += number if parent is None else number * codes[parent][1]
            if total > MAX_NUMBERS:  # before they are all made
                raise InfoganError(
                    f"codes: up to {whole!r} they ask for {total:,} numbers; {MAX_NUMBERS:,} is the most."
                )
            if kind != "noise":
                new = [("cat", number)] if kind == "cat" else [(kind, 1)] * number
                if parent is not None:
                    parents |= dict.fromkeys(range(len(codes), len(codes) + len(new)), parent)
                parent = len(codes)
                codes += new  # type: ignore[arg-type]
            elif n_noise is not None:
                raise InfoganError(f"codes: {word!r} names the noise a second time; name it once.")
            else:
                n_noise = number
    if not codes:
        raise InfoganError(f"codes: {text!r} names no code; write at least one, such as cat:10.")
    return Spec(tuple(codes), DEFAULT_NOISE if n_noise is None else n_noise, parents)


def _check_nesting(word: str) -> None:
    parent, *under = word.split(">")
    if len(under) > 1:
        raise InfoganError(f"codes: {word!r} nests twice; a code under a category has none under it.")
    if under and not parent.startswith("cat:"):
        raise InfoganError(
            f"codes: {word!r} puts a code under {parent!r}, but only a cat has codes under it."
        )
    if under and under[0].startswith("noise:"):
        raise InfoganError(f"codes: {word!r} puts noise under a category; write it as a word of its own.")


def _read(word: str, whole: str, has_cat: bool) -> tuple[str, int]:
    """The kind and the number of a word.

    Args:
        whole: the word with what is under it, for the message.
        has_cat: whether there was a cat before.
    """
    kind, colon, digits = word.partition(":")
    if (kind, digits) == ("cat", AUTO):
        if has_cat:
            raise InfoganError("codes: cat:auto has to be the first cat code, and the only one with auto.")
        digits = str(DEFAULT_CATEGORIES)
    if not (colon and digits.isascii() and digits.isdigit()):
        raise InfoganError(f"codes: {whole!r} is not of the form KIND:NUMBER, such as cat:10.")
    if len(digits) > len(str(MAX_NUMBERS)) or int(digits) > MAX_NUMBERS:
        raise InfoganError(
            f"codes: {word[:20]!r} asks for more than {MAX_NUMBERS:,}, which no network takes."
        )
    number = int(digits)
    known = [*get_args(CodeName), "noise"]
    if kind not in known:
        raise InfoganError(f"codes: unknown kind {kind!r} in {word!r}; " + did_you_mean(kind, known))
    if kind == "cat" and number < 2:
        raise InfoganError(f"codes: {word!r} needs at least 2 categories.")
    if kind != "noise" and number < 1:
        raise InfoganError(f"codes: {word!r} asks for no code; leave the word out.")
    return kind, number


def is_auto(text: str) -> bool:
    """Whether a spec leaves the number of categories to clustering."""
    return f"cat:{AUTO}" in text


def with_categories(text: str, k: int) -> str:
    """The spec with this number in place of auto."""
    return " ".join(text.split()).replace(f"cat:{AUTO}", f"cat:{k}")


def without_codes_under(text: str) -> str:
    """The spec without the codes that are under a category."""
    return " ".join(word.partition(">")[0] for word in text.split())
