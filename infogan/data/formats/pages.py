"""The pages of a TIFF and the frames of an animation, each as an image."""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar, final

from PIL import Image

from infogan.data.formats.image import require_decodable
from infogan.utils.errors import InfoganError
from infogan.utils.io import DECODE_ERRORS

T = TypeVar("T")

# The further pictures in a camera's JPEG are previews.
PAGED = ("TIFF", "GIF", "WEBP", "PNG", "AVIF", "HEIF")
MAX_PAGES = 100_000  # of a file

Open = Callable[[str], tuple[Image.Image, int]]  # an image by the name of its file, and the size of that


def page_name(name: str, page: int) -> str:
    """What a page is called, from 0 as ImageMagick counts: stack.tif[3]."""
    return f"{name}[{page}]"


def count_pages(names: Iterator[str], open_file: Open) -> tuple[int, ...]:
    """The number of pages of each file; 1 for those that cannot be opened, which reading them reports."""
    return tuple(_count(name, open_file) for name in names)


def _count(name: str, open_file: Open) -> int:
    n = 1
    with suppress(InfoganError, *DECODE_ERRORS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        with open_file(name)[0] as image:
            n = getattr(image, "n_frames", 1) if image.format in PAGED else 1
    if n > MAX_PAGES:
        raise InfoganError(f"{name} has {n:,} pages; split it into files of at most {MAX_PAGES:,}.")
    return n


@final
class PageReader:
    """Reads pages. To find one, Pillow walks over those before it, so each thread keeps a file open."""

    def __init__(self, open_file: Open) -> None:
        self.open_file, self.kept = open_file, threading.local()
        self.opened: list[Image.Image] = []

    def __call__(self, name: str, page: int) -> Image.Image:
        """A page, counted from 0; raises what `open_image` raises."""
        if getattr(self.kept, "name", None) != name:
            if getattr(self.kept, "name", None) is not None:
                self.kept.image.close()
            self.kept.name = None
            self.kept.image, self.kept.size = self.open_file(name)
            self.kept.name = name
            self.opened.append(self.kept.image)
        image: Image.Image = self.kept.image
        try:
            image.seek(page)
            require_decodable(image, self.kept.size)  # pages may differ in size
            return image.copy()
        except BaseException:
            self.kept.name = None
            image.close()
            raise

    def close(self) -> None:
        """Closes the files of all threads, which no longer read."""
        for image in self.opened:
            image.close()


@final
class PageCounter(Generic[T]):
    """A decoder of opened images that also counts those with further pages, of which it decodes the first."""

    def __init__(self, decode: Callable[[Image.Image], T]) -> None:
        self.decode = decode
        self.seen: list[None] = []  # several threads append

    @property
    def n(self) -> int:
        """How many images had further pages."""
        return len(self.seen)

    def __call__(self, image: Image.Image) -> T:
        has_more = image.format in PAGED and getattr(image, "is_animated", False)
        decoded = self.decode(image)
        if has_more:
            self.seen.append(None)
        return decoded
