"""What a file that nobody vouches for may cost, and the sentence for one that is broken."""

import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image

from infogan.utils.errors import InfoganError, one_line

ALWAYS = 2**30  # bytes that any file may unpack to
MOST_TIMES = 250  # its own size, beyond those; dSprites, black and white, is 115 times as large unpacked
HERE = 2**26  # bytes that are there on any machine, which need not be asked

# What Pillow, zipfile, zlib and NumPy raise for a file that is cut, altered or made to harm; a decode of
# ours raises ValueError. Memory may fail where the file announces more than the machine gives one program.
BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    tokenize.TokenError,
    Image.DecompressionBombError,
)


@contextmanager
def reading(path: Path, way_out: str = "fetch it again.") -> Iterator[None]:
    """Turns what a broken file raises into a sentence that ends in the way out.

    Raises:
        InfoganError: for any of `BROKEN`.
    """
    try:
        yield
    except BROKEN as error:
        raise InfoganError(f"{path} cannot be read ({one_line(error).rstrip('.')}); {way_out}") from error


def require_modest(what: str, unpacked: int, packed: int) -> None:
    """The one rule for what unpacks: 1 GiB or 250 times its size at most, and no more than memory holds.

    Args:
        unpacked: bytes that are announced.
        packed: bytes in the file that they come from.

    Raises:
        InfoganError: where it is broken, with both numbers.
    """
    if unpacked <= HERE:
        return
    if unpacked > most_unpacked(packed):
        raise InfoganError(
            f"{what} claims to unpack to {_gb(unpacked)} from {_gb(packed)}, which no honest file does; "
            "take it from where it was published."
        )
    left = memory_left()
    if unpacked > left:
        raise InfoganError(
            f"{what} takes {_gb(unpacked)} of memory, and {_gb(left)} are left; take fewer images, or a "
            "machine with more."
        )


def most_unpacked(packed: int) -> int:
    """Bytes that so many may unpack to."""
    return max(ALWAYS, MOST_TIMES * packed)


def memory_left() -> int:
    """Bytes that this machine can still give, with those that it can take back from its file cache."""
    with suppress(OSError, ValueError, LookupError), open("/proc/meminfo") as file:
        found = {line.split(":")[0]: int(line.split()[1]) for line in file}
        return 1024 * (found["MemAvailable"] + found["SwapFree"])
    with suppress(OSError, ValueError):  # not Linux: all there is, as the free pages leave out that cache
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**63


def _gb(n: int) -> str:
    return f"{n / 1e9:,.3f} GB"
