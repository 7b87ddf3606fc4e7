"""Images by name."""

from infogan.data.catalog import SOURCES, find_source, load, splits_of
from infogan.data.images import Factor, Factors, Images
from infogan.data.source import Reading, Source

__all__ = ["SOURCES", "Factor", "Factors", "Images", "Reading", "Source", "find_source", "load", "splits_of"]
