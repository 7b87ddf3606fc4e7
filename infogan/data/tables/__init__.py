"""Tables about images: read, and joined to the images by file name or by number."""

from infogan.data.tables.class_labels import format_class_labels, read_class_labels
from infogan.data.tables.matching import NUMBER_COLUMNS, Match, is_text, match_by_name, match_by_number
from infogan.data.tables.tables import read_table

__all__ = [
    "NUMBER_COLUMNS",
    "Match",
    "format_class_labels",
    "is_text",
    "match_by_name",
    "match_by_number",
    "read_class_labels",
    "read_table",
]
