"""What decides a run, without torch: the config tree, its option names, spec strings and presets."""

from infogan.config.config import Config, check_options
from infogan.config.fields import Option, options_of, parse_text, to_text
from infogan.config.parts import SHAPES, Data, Device, Precision, Shape
from infogan.config.pixels import BYTES, UNKNOWN_SCALE, PixelScale

__all__ = [
    "BYTES",
    "SHAPES",
    "UNKNOWN_SCALE",
    "Config",
    "Data",
    "Device",
    "Option",
    "PixelScale",
    "Precision",
    "Shape",
    "check_options",
    "options_of",
    "parse_text",
    "to_text",
]
