"""The settings that a sweep compares: every combination of the values of some config fields."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

from infogan.config import Config, Option, options_of, parse_text, to_text
from infogan.utils.errors import InfoganError, did_you_mean

Setting = dict[str, Any]  # field -> value
NOT_VARIED = {
    "seed": "choose the first seed and the number of seeds instead",
    "devices": "it is the same for every run",
    "nodes": "it is the same for every run",
}


def parse_settings(texts: Sequence[str]) -> list[Setting]:
    """Every combination of the values in texts such as "lr_g=1e-3,5e-4", the last field varying fastest.

    Commas separate values, colons the numbers within a value: "lam=1,0.1:1:1". "none" leaves a field unset
    that may be. Without texts there is one setting that changes nothing.

    Raises:
        InfoganError: if a field is unknown or appears twice, or a value is of another type.
    """
    known = options_of(Config)
    values: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, listed = text.partition("=")
        name = name.strip().replace("-", "_")
        words = [word.strip() for word in listed.split(",")]
        if not equals:
            raise _error(text, "write FIELD=VALUE,VALUE, such as lr_g=1e-3,5e-4.")
        if name not in known:
            raise _error(text, f"unknown field {name!r}; {did_you_mean(name, known)}")
        if name in NOT_VARIED:
            raise _error(text, f"{name} cannot be varied; {NOT_VARIED[name]}.")
        if name in values:
            raise _error(text, f"{name} is set twice; list all its values at once.")
        if not all(words):
            raise _error(text, f"a value is missing; write {name}=VALUE,VALUE.")
        values[name] = [_parse_value(text, word, known[name]) for word in words]
        if any(value in values[name][:i] for i, value in enumerate(values[name])):
            raise _error(text, "a value appears twice.")
    return [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]


def format_setting(setting: Setting) -> str:
    """Such as "lr_g=0.001 lam=0.5"."""
    return " ".join(f"{name}={to_text(value)}" for name, value in setting.items())


def folder_name(name: str, setting: Setting, seed: int) -> str:
    """The folder of a run: NAME-SEED, or NAME-lr_g=0.001-lam=0.5-SEED."""
    safe = {field: re.sub(r"[^\w.+-]+", "_", to_text(value)) for field, value in setting.items()}
    return "-".join([name, *(f"{field}={value}" for field, value in safe.items()), str(seed)])


def _parse_value(text: str, value: str, option: Option) -> Any:
    try:
        return parse_text(option.name, value, option.kind)
    except InfoganError as error:
        raise _error(text, str(error).removeprefix("config: ")) from None


def _error(text: str, why: str) -> InfoganError:
    return InfoganError(f"sweep: {text}: {why}")
