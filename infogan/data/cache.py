"""Arrays that take long to make, kept in the user's cache folder."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import platformdirs

from infogan.data.formats.npy import Arrays as Arrays
from infogan.data.formats.npy import read_npz
from infogan.utils.errors import InfoganError


def cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("infogan"))


def kept(name: str, recipe: str, make: Callable[[], Arrays]) -> Arrays:
    """What `make` gives, made once and then read from the cache.

    Args:
        recipe: all that the arrays depend on; another recipe makes them anew.

    Raises:
        InfoganError: where the cache cannot be written.
    """
    path = cache_folder() / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.npz"
    with suppress(InfoganError):
        return read_npz(path)
    arrays = make()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as new:
            np.savez(new, **arrays)  # type: ignore[arg-type]
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InfoganError(f"{name} cannot be kept in {path.parent} ({error}); make room there.") from error
    return arrays
