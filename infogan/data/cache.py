"""The user's cache folder, and arrays that are computed once and kept there."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import platformdirs

from infogan.data.formats.npy import Arrays, read_npz
from infogan.utils.errors import InfoganError


def cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("infogan"))


def cached_arrays(name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make` returns, computed once and then read from the cache.

    Args:
        key: everything that the arrays depend on; another key computes them again.
    """
    path = cache_folder() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npz"
    with suppress(InfoganError):
        return read_npz(path)
    arrays = make()
    with written_to_cache(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return arrays


@contextmanager
def written_to_cache(path: Path) -> Iterator[Path]:
    """A temporary path to write to, which becomes `path` if no exception is raised."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    except OSError as error:
        raise InfoganError(
            f"the cache folder {path.parent} cannot be written ({error.strerror or error}); free space there."
        ) from error
