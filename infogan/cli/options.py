"""Options that several verbs share: those of Data, --json, and the settings of a config."""

import dataclasses
import functools
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from infogan.config import SHAPES, Config, options_of
from infogan.config.presets import custom_images, get_preset, with_settings
from infogan.utils.errors import InfoganError, shown
from infogan.utils.progress import console

if TYPE_CHECKING:
    from infogan.data import LoadOptions
    from infogan.data.summary import SourceSummary

MIN_IMAGES = 10  # below this nothing can be learned; results begin to be worth it at 200
# Settings that --help lists; --help-all lists the others too, grouped by their part of the config.
COMMON = (
    "method",
    "codes",
    "transforms",
    "knobs",
    "pretraining_steps",
    "steps",
    "batch_size",
    "lam",
    "lr_d",
    "lr_g",
    "diffaug",
    "square",
    "skip_bad",
    "seed",
    "device",
    "devices",
)
MIN_SIDE, MAX_SIDE = 8, 512  # pixels that --size takes
MAX_UNCROPPED = 1.1  # the ratio of sides from which on a square is worth a word
DECISIVE = ("codes", "transforms", "knobs", "factor_steps")  # on which other defaults depend
COMMON_GROUP = Group(
    "Common settings",
    help="--help-all lists every setting; infogan train ... --dry-run prints all values.",
    sort_key=1,
)


def flag(help_text: str, **options: Any) -> Parameter:
    """A switch without a --no- form."""
    return Parameter(help=help_text, negative=(), show_default=False, **options)


Data = Annotated[Path | None, Parameter(help="The folder of data sets; default: INFOGAN_DATA.")]
SkipBad = Annotated[bool, flag("Skip images that cannot be read, and say how many.")]
Pages = Annotated[
    bool, flag("Take every page of a TIFF and every frame of an animation in a folder as an image.")
]
Json = Annotated[bool, flag("Print JSON.", name="--json")]
Size = Annotated[
    str,
    Parameter(
        help="Resize your own images to SIZE x SIZE pixels, or to WIDTHxHEIGHT such as 128x96; sides of 8 to "
        "512 pixels."
    ),
]
DEFAULT_SIZE = "32"
Fit = Annotated[
    Literal["crop", "pad"],
    Parameter(help="Images of another aspect ratio: the middle is cut out, or the border is filled."),
]
Source = Annotated[
    str,
    Parameter(
        help="A preset (see Commands), or your images: folder:PATH, npz:FILE, parquet:PATH, hf:NAME, "
        "shards:PATH.",
        show_default=False,
    ),
]


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def print_paths(paths: Sequence[Path], as_json: bool) -> None:
    print(to_json([str(p) for p in paths]) if as_json else "\n".join(map(str, paths)))


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """In place of `preset_options` where a command is only listed."""


def preset_options(values: Config, *, show_all: bool) -> type:
    """A dataclass whose fields are the settings of a preset, with its values as their defaults."""
    return _options_class(values.options(), {}, show_all)


def preset_config(preset: Config, options: Any) -> Config:
    """The preset, changed by those of `preset_options` that differ from it."""
    before = preset.options()
    changed = {name: value for name, value in dataclasses.asdict(options).items() if value != before[name]}
    return with_settings(preset, changed)


def custom_options(*, show_all: bool) -> type:
    """The same with every setting unset: the number and shape of the images decide the others."""
    hidden = {"images": Parameter(show=False, parse=False)}
    unset = dict.fromkeys(options_of(Config))
    return _options_class(unset, hidden, show_all, _defaults_of_custom())


@functools.cache
def _defaults_of_custom() -> dict[str, str]:
    """What help says of the default of each setting for your own images; "" of one that is not set."""
    few, many = (
        custom_images("", n, shape).options() for n, shape in ((500, (1, 32, 32)), (50_000, (3, 64, 64)))
    )
    return {
        name: " Default: by the images."
        if value != many[name]
        else ""
        if value in (None, "")
        else f" Default: {' '.join(map(str, value)) if isinstance(value, tuple) else value}."
        for name, value in few.items()
    }


def _options_class(
    defaults: dict[str, Any],
    parameters: dict[str, Parameter],
    show_all: bool,
    said: Mapping[str, str] = MappingProxyType({}),
) -> type:
    found = []
    for name, option in options_of(Config).items():
        group = COMMON_GROUP if name in COMMON else Group(f"Settings: {option.path[0]}", sort_key=2)
        help_text = option.help + said.get(name, "")
        parameter = Parameter(help=help_text, show=show_all or name in COMMON, group=group)
        kind = option.kind if defaults[name] is not None else option.kind | None
        field = dataclasses.field(default=defaults[name])
        found.append((name, Annotated[kind, parameters.get(name, parameter)], field))
    return dataclasses.make_dataclass(
        "Options", found, namespace={"__module__": __name__}, frozen=True, kw_only=True
    )


def with_options(command: Callable[..., None], options: type, doc: str | None) -> Callable[..., None]:
    """The command with a parameter `config` that takes these options."""
    command.__annotations__["config"] = Annotated[options, Parameter(name="*")]
    command.__kwdefaults__ = {**(command.__kwdefaults__ or {}), "config": options()}
    command.__doc__ = doc
    return command


def set_options(options: Any) -> dict[str, Any]:
    """Of `custom_options`, those that were set."""
    values = {name: getattr(options, name) for name in options_of(Config)}
    return {name: value for name, value in values.items() if value is not None}


def parse_size(size: str) -> tuple[int, int]:
    """Width and height in pixels: of 64, a square, or of 128x96.

    Raises:
        InfoganError: if it is neither, or a side is not in 8 .. 512.
    """
    written = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", size, re.ASCII)
    sides = (int(written[1]), int(written[2] or written[1])) if written else (0, 0)
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in sides):
        raise InfoganError(
            f"--size is {shown(size)}, but must be a whole number from {MIN_SIDE} to {MAX_SIDE}, or "
            "WIDTHxHEIGHT of two of them, such as 128x96."
        )
    return sides


def custom_config(source: str, size: str, options: dict[str, Any], load_options: "LoadOptions") -> Config:
    """The config for your own images: decided by their number and shape, except for the options that are set.

    Raises:
        InfoganError: if the source is neither images nor a preset, cannot be read, or holds too few images,
            or the size cannot be read.
    """
    from infogan.data import absolute_name, inspect_source, is_image_source

    width_and_height = parse_size(size)
    chosen = {name: options.get(name, False) for name in ("skip_bad", "pages")}
    load_options = dataclasses.replace(load_options, **chosen)
    if not is_image_source(source):
        get_preset(source)  # raises: a known preset is a command of its own
    found = inspect_source(source, load_options)
    if found.n < MIN_IMAGES:
        raise InfoganError(f"{source} holds {found.n} images, too few to learn from; use 200 or more.")
    shape = found.training_shape(width_and_height)
    decisive = {name: options[name] for name in DECISIVE if name in options}
    config = custom_images(absolute_name(source), found.n, shape, **decisive)
    fixed_shape = {"shape": None} if options.get("architecture") in SHAPES else {}
    config = with_settings(config, fixed_shape | options)
    if found.shape is None and not {"shape", "architecture"} & set(options):
        said = _said_of_size(found, width_and_height, options.get("square", "crop"))
        console().print(f"{shown(source)}: {said}.", soft_wrap=True, highlight=False, markup=False)
    return config


def _said_of_size(found: "SourceSummary", size: tuple[int, int], square: Literal["crop", "pad"]) -> str:
    """What becomes of the size of images, and which other sizes keep more of them, if none was chosen."""
    (width, height), shorter = size, min(found.width, found.height)
    said = f"images of {found.width}x{found.height} pixels (median) are trained at {width}x{height}"
    if str(width) != DEFAULT_SIZE or width != height:
        return said
    if max(found.width, found.height) < width:
        longer = max(MIN_SIDE, found.width, found.height)
        return f"{said}; --size {longer} is enough, and faster"
    more = [f"--size {2 * width} keeps more detail"] if shorter >= 2 * width else []
    whole = [round(width * side / shorter) for side in (found.width, found.height)]
    if MAX_UNCROPPED * width < max(whole) <= MAX_SIDE:
        keeps = "keeps the whole picture" if square == "crop" else "needs no border"
        more.append(f"--size {whole[0]}x{whole[1]} {keeps}")
    return "; ".join([said, ", ".join(more)] if more else [said])


def say(text: str) -> None:
    """A line about what the command does, beside its results."""
    print(f"infogan: {text}", file=sys.stderr, flush=True)


def run_name(source: str) -> str:
    """The name of a run on these images: the last part of their path, without the ending of a file."""
    from infogan.data import short_name

    name = short_name(source)
    if not name:
        raise InfoganError(f"{source!r} names no images; write folder:PATH.")
    return name
