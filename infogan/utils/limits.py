"""How much memory an untrusted file may take."""

import os
from contextlib import suppress

from infogan.utils.errors import InfoganError

# A file may unpack to the larger of these two. dSprites, black and white, has a ratio of 115.
MAX_UNPACKED_BYTES = 2**30
MAX_UNPACKED_RATIO = 250
MIN_CHECKED_BYTES = 2**26  # less than this fits on any machine


def require_within_limits(what: str, unpacked: int, packed: int) -> None:
    """Checks that data may be unpacked: at most 1 GiB or 250 times its file, and no more than free memory.

    Args:
        what: begins the message of the InfoganError.
        unpacked: announced size in bytes.
        packed: bytes in the file.
    """
    require_plausible(what, unpacked, packed)
    if unpacked <= MIN_CHECKED_BYTES:
        return
    available = available_memory()
    if unpacked > available:
        raise InfoganError(
            f"{what} needs {_gigabytes(unpacked)} of memory, but only {_gigabytes(available)} are free; use "
            "fewer images or a machine with more memory."
        )


def require_plausible(what: str, unpacked: int, packed: int) -> None:
    """The first half of `require_within_limits`, for data that need not fit into the memory."""
    if unpacked > max(MIN_CHECKED_BYTES, max_unpacked_bytes(packed)):
        raise InfoganError(
            f"{what} claims to unpack to {_gigabytes(unpacked)} from {_gigabytes(packed)}, which is not "
            "plausible; download it again from where it was published."
        )


def max_unpacked_bytes(packed: int) -> int:
    return max(MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO * packed)


def available_memory() -> int:
    """Free memory in bytes, counting the file cache and swap. Outside Linux all memory of the machine."""
    with suppress(OSError, ValueError, LookupError), open("/proc/meminfo") as file:
        found = {line.split(":")[0]: int(line.split()[1]) for line in file}
        return 1024 * (found["MemAvailable"] + found["SwapFree"])
    with suppress(OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**63


def _gigabytes(n: int) -> str:
    return f"{n / 1e9:,.3f} GB"
