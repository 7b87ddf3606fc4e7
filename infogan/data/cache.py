"""Arrays that take long to make, kept in the user's cache folder."""

import hashlib
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import platformdirs

from infogan.errors import InfoganError

Arrays = dict[str, np.ndarray]


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
    # An open file, as NumPy leaves one that is cut short open itself.
    with (
        suppress(OSError, ValueError, EOFError, zipfile.BadZipFile),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as f,
    ):
        return {key: f[key] for key in f.files}
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
