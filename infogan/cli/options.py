"""The fields of a config as options: a preset's, or those that a person names for images of their own."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from infogan.config.config import SHAPES, Config
from infogan.config.presets import get_preset, own
from infogan.utils.errors import InfoganError

if TYPE_CHECKING:
    from infogan.data import LoadOptions

    pass

LEAST = 10  # images, below which nothing can be learned; 200 are where it begins to be worth it

Size = Annotated[Literal[32, 64], Parameter(help="The side that images of one's own are brought to.")]
Source = Annotated[str, Parameter(help="A preset (commands below), or images: folder:PATH, npz:FILE, ...")]


def preset_options(values: Config) -> type:
    """Config with these values as the defaults, since cyclopts takes the defaults of options from a class."""
    return _options({f.name: (f.type, getattr(values, f.name)) for f in dataclasses.fields(Config)})


def open_options() -> type:
    """Config with every field left open: what is not named, the number of images decides."""
    # The types stand there as types, not as the strings that the stub of dataclasses allows for.
    kinds: dict[str, Any] = {f.name: f.type | None for f in dataclasses.fields(Config)}  # type: ignore[operator]
    kinds["images"] = Annotated[str | None, Parameter(show=False, parse=False)]  # which is the argument
    return _options({name: (kind, None) for name, kind in kinds.items()}, __post_init__=lambda self: None)


def _options(chosen: dict[str, tuple[Any, Any]], **members: Any) -> type:
    """A class below Config, so that cyclopts finds what its fields mean."""
    return dataclasses.make_dataclass(
        "Options",
        [(name, kind, dataclasses.field(default=default)) for name, (kind, default) in chosen.items()],
        bases=(Config,),
        namespace={"__module__": __name__, **members},
        frozen=True,
        kw_only=True,
    )


def with_options(command: Callable[..., None], options: type, doc: str | None) -> Callable[..., None]:
    command.__annotations__["config"] = Annotated[options, Parameter(name="*")]
    command.__kwdefaults__ = {**(command.__kwdefaults__ or {}), "config": options()}
    command.__doc__ = doc
    return command


def named(options: Any) -> dict[str, Any]:
    """The fields that a person named, of `open_options`."""
    fields = {f.name: getattr(options, f.name) for f in dataclasses.fields(Config)}
    return {name: value for name, value in fields.items() if value is not None}


def own_config(source: str, size: int, fields: dict[str, Any], load_options: "LoadOptions") -> Config:
    """The config for images of one's own: by their number and shape, but for the fields that are named.

    Raises:
        InfoganError: where the source is none, nor a preset, cannot be looked into, or holds hardly anything.
    """
    from infogan.data import absolute_name, inspect_source, is_image_source

    if not is_image_source(source):
        get_preset(source)  # a known one is a command of its own, so this says which was meant
    found = inspect_source(source, load_options)
    if found.n < LEAST:
        raise InfoganError(
            f"{source} holds {found.n} images, too few to find what varies; bring 200 or more."
        )
    shape = found.shape or (found.channels, size, size)
    decisive = {name: fields[name] for name in ("codes", "motion") if name in fields}
    chosen = own(absolute_name(source), found.n, shape, **decisive)
    shape_of_net = {"shape": None} if fields.get("net") in SHAPES else {}
    return dataclasses.replace(chosen, **shape_of_net | fields)


def own_name(source: str) -> str:
    """What a run on these images is called: the last part of their path, without its ending."""
    name = Path(source.partition(":")[2] or source).stem
    if not name:
        raise InfoganError(f"{source!r} names no images; write folder:PATH.")
    return name
