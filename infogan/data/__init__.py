"""Images by name: data sets, and your own images.

Files that are missing, damaged or of another kind, a package that is not installed, and a full disk raise an
InfoganError everywhere in this folder.
"""

from infogan.data.images import Factor, Factors, Images
from infogan.data.options import DEFAULT_OPTIONS, DatasetInfo, LoadOptions, load_options_for
from infogan.data.registry import (
    DATASETS,
    absolute_name,
    available_splits,
    get_dataset_info,
    inspect_source,
    is_image_source,
    load,
    open_collection,
    public_name,
)

__all__ = [
    "DATASETS",
    "DEFAULT_OPTIONS",
    "DatasetInfo",
    "Factor",
    "Factors",
    "Images",
    "LoadOptions",
    "absolute_name",
    "available_splits",
    "get_dataset_info",
    "inspect_source",
    "is_image_source",
    "load",
    "load_options_for",
    "open_collection",
    "public_name",
]
