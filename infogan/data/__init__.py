"""Images by name."""

from infogan.data.images import Factor, Factors, Images
from infogan.data.registry import (
    DATASETS,
    DEFAULT_OPTIONS,
    absolute_name,
    get_dataset_info,
    inspect_source,
    is_image_source,
    load,
    open_collection,
    public_name,
    splits_of,
)
from infogan.data.source import DatasetInfo, LoadOptions

__all__ = [
    "DATASETS",
    "DEFAULT_OPTIONS",
    "DatasetInfo",
    "Factor",
    "Factors",
    "Images",
    "LoadOptions",
    "absolute_name",
    "get_dataset_info",
    "inspect_source",
    "is_image_source",
    "load",
    "open_collection",
    "public_name",
    "splits_of",
]
