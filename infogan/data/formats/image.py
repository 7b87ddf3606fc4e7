"""The only place where images are opened."""

import io
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from PIL import Image, ImageFile, UnidentifiedImageError

from infogan.utils.errors import InfoganError, shown
from infogan.utils.limits import max_unpacked_bytes

# Pillow reads more formats, but some of those start other programs or are rarely maintained.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000")
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"),
    *(".pgm", ".ppm", ".pbm", ".pnm", ".pfm", ".avif", ".heic", ".heif", ".hif"),
    *(".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
)
# Endings of tables, notes and system files, and of files that are incomplete or replaced.
NOT_IMAGES = (
    *(".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".yaml", ".yml", ".toml", ".ini", ".cfg"),
    *(".md", ".rst", ".html", ".htm", ".css", ".js", ".py", ".ipynb", ".sh", ".m", ".log", ".xls", ".xlsx"),
    *(".db", ".lnk", ".url", ".sha1", ".sha256", ".md5", ".license", ".npy", ".npz", ".parquet", ".arrow"),
    *("~", ".part", ".crdownload", ".download", ".tmp", ".bak", ".old", ".orig"),
)
N_LISTED = 3  # endings that a message lists
N_PREFIX = 64  # bytes from which `format_of` tells a format
SIGNATURES = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "WEBP": rb"RIFF....WEBP",
    "BMP": rb"BM....\0\0\0\0....[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    "TIFF": rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]",
    "GIF": rb"GIF8[79]a",
    "PPM": rb"P[1-6f]\s+[-#0-9]",
    "JPEG2000": rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n",
    # A container of either; then the brands that it is compatible with decide.
    "AVIF": rb"....ftyp(avi[fs]|(mif1|msf1)....(....)*avi[fs])",
    "HEIF": rb"....ftyp(he(ic|ix|im|is|vc|vx|vm|vs)|mif1|msf1)",
}


def format_of(prefix: bytes) -> str:
    """The format that the first `N_PREFIX` bytes of a file announce, or "" if it is none of these."""
    return next((name for name, begin in SIGNATURES.items() if re.match(begin, prefix, re.DOTALL)), "")


def is_image_file(name: str, read_prefix: Callable[[str], bytes]) -> bool:
    """Whether a name ends like that of an image, or its content begins like one."""
    lower = name.lower()
    if lower.endswith(SUFFIXES):
        return True
    if lower.endswith(NOT_IMAGES):
        return False
    suffix = os.path.splitext(lower)[1]
    found = format_of(read_prefix(name))
    # Cameras' raw files begin like a TIFF, whose first page is a preview.
    return bool(found) and (found != "TIFF" or not suffix or suffix[1:].isdigit())


def describe_left_out(others: Sequence[str], n: int) -> str:
    """How many files are neither images nor of a kind that accompanies images; "" if none is."""
    unknown = [name for name in others if not name.lower().endswith(NOT_IMAGES)]
    suffixes = Counter(os.path.splitext(name)[1].lower() for name in unknown if os.path.splitext(name)[1])
    if not suffixes:
        return ""
    ranked = sorted(suffixes.items(), key=lambda pair: (-pair[1], pair[0]))
    first = ", ".join(f"{count:,} {shown(suffix)}" for suffix, count in ranked[:N_LISTED])
    more = ", ..." if len(suffixes) > N_LISTED else ""
    total = sum(suffixes.values())
    return f"{total:,} of {n:,} files are left out, as they are no images that can be read: {first}{more}"


def open_image(source: str | bytes) -> Image.Image:
    """Reads the header of an image, from a path or from its bytes; the pixels are not decoded yet.

    An image is rejected if decoding and resizing it would take more than 1 GiB and more than 250 times its
    file. 1 GiB is 67 million pixels, 134 million in 8-bit gray, or 41 million of a WebP, AVIF, HEIC or JPEG
    2000.

    Raises:
        Image.DecompressionBombError: if it is rejected.
        InfoganError: if it is a HEIC and pillow-heif is not installed.
        OSError: if it is missing or of another format. Damaged files raise others of `DECODE_ERRORS`.
    """
    image = _open(source)
    try:
        require_decodable(image, size_of(source))
    except Image.DecompressionBombError:
        image.close()
        raise
    # Without a name Pillow does not memory-map the file. A map garbles an uncompressed TIFF whose orientation
    # swaps its sides, and kills the process if another one truncates the file meanwhile.
    image.filename = ""
    return image


def size_of(source: str | bytes) -> int:
    """The bytes of an image file."""
    return os.stat(source).st_size if isinstance(source, str) else len(source)


def require_decodable(image: Image.Image, size: int) -> None:
    """Raises a DecompressionBombError if the current page of a file of `size` bytes takes too much memory."""
    if image.width * image.height * _bytes_per_pixel(image) > max_unpacked_bytes(size):
        raise Image.DecompressionBombError


def _open(source: str | bytes) -> ImageFile.ImageFile:
    try:
        return Image.open(source if isinstance(source, str) else io.BytesIO(source), formats=FORMATS)
    except UnidentifiedImageError as error:
        with open(source, "rb") if isinstance(source, str) else io.BytesIO(source) as file:
            found = format_of(file.read(N_PREFIX))
            if found == "HEIF":
                _register_heif()
                file.seek(0)
                # From memory, where the plugin puts it anyway; it leaves files open.
                return Image.open(io.BytesIO(file.read()), formats=("HEIF",))
        if found:
            raise OSError(f"damaged, or a {found} of a kind that is not read") from error
        raise


@cache
def _register_heif() -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise InfoganError("HEIC needs the package pillow-heif; pip install 'infogan[heic]'.") from error
    pillow_heif.register_heif_opener(thumbnails=False)


def _bytes_per_pixel(image: Image.Image) -> int:
    """An upper bound on what was measured for any mode, through `ToPixels`."""
    if image.format in ("WEBP", "AVIF", "HEIF", "JPEG2000"):
        return 26
    return 8 if image.mode in ("1", "L") else 16
