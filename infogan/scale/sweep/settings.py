"""What `--set FIELD=VALUE,VALUE` says: fields of Config, and every combination of their values."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

from infogan.config import Config, Option, options_of, parse_text, to_text
from infogan.utils.errors import InfoganError, did_you_mean

Setting = dict[str, Any]  # field -> value
ELSEWHERE = {
    "seed": "name the first seed by --seed and how many by --seeds",
    "devices": "a sweep gives every run the same, by --devices",
    "nodes": "a sweep gives every run the same, by --nodes",
}


def parse_settings(texts: Sequence[str]) -> list[Setting]:
    """Every combination of the values, the last field changing fastest; one that changes nothing for no text.

    Values are parted by commas, the numbers within one, as of λ a code, by colons: `lam=1,0.1:1:1`; what may
    be left open is left open by `none`.

    Raises:
        InfoganError: for a field that Config has not, or that is named twice, and a value not of its type.
    """
    known = options_of(Config)
    chosen: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise InfoganError(f"--set {text}: write FIELD=VALUE,VALUE, such as lr_g=1e-3,5e-4.")
        if name not in known:
            raise InfoganError(f"--set {text}: unknown field {name!r}; " + did_you_mean(name, known))
        if name in ELSEWHERE:
            raise InfoganError(f"--set {text}: {name} is not for --set; {ELSEWHERE[name]}.")
        if name in chosen:
            raise InfoganError(f"--set {text}: {name} is set twice; write all its values after one --set.")
        if not all(value.strip() for value in values.split(",")):
            raise InfoganError(f"--set {text}: a value is missing; write {name}=VALUE,VALUE.")
        chosen[name] = [_value(text, value.strip(), known[name]) for value in values.split(",")]
        if any(value in chosen[name][:i] for i, value in enumerate(chosen[name])):
            raise InfoganError(f"--set {text}: a value is there twice; name each once.")
    return [dict(zip(chosen, values, strict=True)) for values in product(*chosen.values())]


def say_setting(setting: Setting) -> str:
    """A setting for people: lr_g=0.001 lam=0.5."""
    return " ".join(f"{name}={to_text(value)}" for name, value in setting.items())


def folder_name(name: str, setting: Setting, seed: int) -> str:
    """The folder of a run: NAME-SEED, or NAME-lr_g=0.001-lam=0.5-SEED."""
    fit = {field: re.sub(r"[^\w.+-]+", "_", to_text(value)) for field, value in setting.items()}
    return "-".join([name, *(f"{field}={value}" for field, value in fit.items()), str(seed)])


def _value(text: str, value: str, option: Option) -> Any:
    try:
        return parse_text(option.name, value, option.kind)
    except InfoganError as error:
        raise InfoganError(f"--set {text}: {str(error).removeprefix('config: ')}") from None
