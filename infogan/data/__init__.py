"""Images by name."""

from infogan.data.images import Factor, Factors, Images
from infogan.data.registry import (
    HERE,
    SOURCES,
    find_source,
    is_source,
    load,
    open_pile,
    probe,
    splits_of,
    whole_name,
    without_path,
)
from infogan.data.source import Reading, Source

__all__ = [
    "HERE",
    "SOURCES",
    "Factor",
    "Factors",
    "Images",
    "Reading",
    "Source",
    "find_source",
    "is_source",
    "load",
    "open_pile",
    "probe",
    "splits_of",
    "whole_name",
    "without_path",
]
