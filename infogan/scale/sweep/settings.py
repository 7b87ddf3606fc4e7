"""What `--set FIELD=VALUE,VALUE` says: fields of Config, and every combination of their values."""

import re
from collections.abc import Sequence
from dataclasses import fields
from itertools import product
from typing import Any, Literal, get_args, get_origin

from infogan.config.config import Config, Shape
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
    kinds = {field.name: field.type for field in fields(Config)}
    chosen: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise InfoganError(f"--set {text}: write FIELD=VALUE,VALUE, such as lr_g=1e-3,5e-4.")
        if name not in kinds:
            raise InfoganError(f"--set {text}: unknown field {name!r}; " + did_you_mean(name, kinds))
        if name in ELSEWHERE:
            raise InfoganError(f"--set {text}: {name} is not for --set; {ELSEWHERE[name]}.")
        if name in chosen:
            raise InfoganError(f"--set {text}: {name} is set twice; write all its values after one --set.")
        if not all(value.strip() for value in values.split(",")):
            raise InfoganError(f"--set {text}: a value is missing; write {name}=VALUE,VALUE.")
        chosen[name] = [_typed(text, value.strip(), kinds[name]) for value in values.split(",")]
        if any(value in chosen[name][:i] for i, value in enumerate(chosen[name])):
            raise InfoganError(f"--set {text}: a value is there twice; name each once.")
    return [dict(zip(chosen, values, strict=True)) for values in product(*chosen.values())]


def written(value: Any) -> str:
    """A value as `--set` takes it: 0.001, true, none, 0.1:1:1."""
    if isinstance(value, tuple):
        return ":".join(map(written, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def say_setting(setting: Setting) -> str:
    """A setting for people: lr_g=0.001 lam=0.5."""
    return " ".join(f"{name}={written(value)}" for name, value in setting.items())


def folder_name(name: str, setting: Setting, seed: int) -> str:
    """The folder of a run: NAME-SEED, or NAME-lr_g=0.001-lam=0.5-SEED."""
    fit = {field: re.sub(r"[^\w.+-]+", "_", written(value)) for field, value in setting.items()}
    return "-".join([name, *(f"{field}={value}" for field, value in fit.items()), str(seed)])


def _typed(text: str, value: str, kind: Any) -> Any:
    """The value as the field's type has it."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            known = get_args(kind)
            raise InfoganError(f"--set {text}: {value!r} is none of {', '.join(known)}.")
        return value
    if value == "none" and type(None) in get_args(kind):
        return None
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        if kind in (int, str):
            return kind(value)
        if kind in (float, float | None):
            return float(value)
        if kind == Shape | None:
            ch, h, w = map(int, value.split(":"))
            return ch, h, w
        assert kind == tuple[float, ...]
        return tuple(map(float, value.split(":")))
    except (ValueError, KeyError):
        what = {int: "a whole number", bool: "true or false", Shape | None: "as 1:28:28"}.get(
            kind, "a number"
        )
        raise InfoganError(f"--set {text}: {value!r} is not {what}.") from None
