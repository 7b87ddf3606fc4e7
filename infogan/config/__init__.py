"""What decides a run, without torch: the config tree, its option names, spec strings and presets."""

from infogan.config.config import Config, check_options
from infogan.config.fields import Option, options_of, parse_text, to_text
from infogan.config.parts import SHAPES, Device, Precision, Shape

__all__ = [
    "SHAPES",
    "Config",
    "Device",
    "Option",
    "Precision",
    "Shape",
    "check_options",
    "options_of",
    "parse_text",
    "to_text",
]
