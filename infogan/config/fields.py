"""Fields of a config: their option names, and the one parser of their types."""

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from dataclasses import Field, field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

from infogan.utils.errors import InfoganError

T = TypeVar("T")


class Option(NamedTuple):
    """A setting under the name by which options, `--set` and `Config.replace` know it."""

    name: str
    path: tuple[str, ...]  # from the root of the config, such as ("optimisation", "steps")
    kind: Any  # its type
    default: Any  # dataclasses.MISSING if it has none
    help: str


def named(option: str, default: Any) -> Any:
    """A field whose option is not called like the field itself."""
    return field(default=default, metadata={"option": option})


def option_name(of: "Field[Any]") -> str:
    return str(of.metadata.get("option", of.name))


@cache
def options_of(cls: type) -> dict[str, Option]:
    """All settings of a tree of dataclasses, by option name."""
    found = list(_walk(cls, ()))
    assert len({option.name for option in found}) == len(found), "two settings share an option name"
    return {option.name: option for option in found}


def _walk(cls: type, path: tuple[str, ...]) -> Iterator[Option]:
    help_texts = _attribute_docs(cls)
    for each in fields(cls):
        here = (*path, each.name)
        if is_dataclass(each.type):
            yield from _walk(each.type, here)  # type: ignore[arg-type]
        else:
            yield Option(option_name(each), here, each.type, each.default, help_texts[each.name])


def _attribute_docs(cls: type) -> dict[str, str]:
    """The docstring below each field of a dataclass."""
    (body,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for statement, after in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            is_doc = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            docs[statement.target.id] = inspect.cleandoc(after.value.value) if is_doc else ""  # type: ignore
    return docs


def require(holds: bool, name: str, value: Any, rule: str) -> None:
    """Raises InfoganError if a setting breaks its rule."""
    if not holds:
        raise InfoganError(f"config: {name} is {value}, but must be {rule}.")


def parse(name: str, value: Any, kind: Any) -> Any:
    """A value from JSON or from Python as a field of type `kind` holds it.

    JSON knows no tuples, and may write 1.0 as 1.

    Raises:
        InfoganError: if the value is of another type.
    """
    if isinstance(kind, UnionType):  # X | None
        (kind,) = (arg for arg in get_args(kind) if arg is not NoneType)
        if value is None:
            return None
    if get_origin(kind) is tuple:
        of, *more = get_args(kind)
        length = "" if Ellipsis in more else f"{1 + len(more)} "
        what = f"a list of {length}{'whole numbers' if of is int else 'numbers'}"
        is_list = isinstance(value, list | tuple) and (not length or len(value) == 1 + len(more))
        require(is_list, name, value, what)
        return tuple(parse(name, item, of) for item in value)
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        require(is_number and abs(value) <= sys.float_info.max, name, value, "a finite number")
        return float(value)
    if kind is int:
        require(type(value) is int, name, value, "a whole number")
    elif kind is bool:
        require(type(value) is bool, name, value, "true or false")
    elif kind is str:
        require(type(value) is str, name, value, "a text")
    else:
        require(value in get_args(kind), name, value, f"one of {', '.join(get_args(kind))}")
    return value


def parse_text(name: str, text: str, kind: Any) -> Any:
    """A value as a person writes it: 0.001, true, none, small; the numbers of a list separated by colons.

    Raises:
        InfoganError: if the text is no value of that type.
    """
    optional = isinstance(kind, UnionType)
    inner = next(arg for arg in get_args(kind) if arg is not NoneType) if optional else kind
    if optional and text == "none":
        return None
    if inner is str or (get_args(inner) and get_origin(inner) is not tuple):
        return parse(name, text, kind)
    words = text.split(":") if get_origin(inner) is tuple else [text.lower() if inner is bool else text]
    try:
        values = [json.loads(word) for word in words]
    except ValueError:
        values = words  # of the wrong type, as `parse` says
    return parse(name, values if get_origin(inner) is tuple else values[0], kind)


def to_text(value: Any) -> str:
    """The text that `parse_text` reads back: 0.001, true, none, 0.1:1:1."""
    if isinstance(value, tuple):
        return ":".join(map(to_text, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
