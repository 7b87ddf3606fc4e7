"""Images by name."""

from infogan.data.images import Images
from infogan.data.mnist import Split
from infogan.data.source import has_test_split, load

__all__ = ["Images", "Split", "has_test_split", "load"]
