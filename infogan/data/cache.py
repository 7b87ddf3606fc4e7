"""The user's cache folder, and arrays that are computed once and kept there."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import platformdirs

from infogan.data.formats.npy import Arrays, read_npz
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_write_errors


def cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("infogan"))


def folder_in_cache(kind: str, name: str, default: str, key: bytes) -> Path:
    """The folder in the cache for a key, with a readable beginning."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name)[:40].strip("-") or default
    return cache_folder() / kind / f"{slug}-{hashlib.sha256(key).hexdigest()[:12]}"


def cached_arrays(name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make` returns, computed once and then read from the cache; again for another key."""
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
    with wrap_write_errors(path.parent, "this is the cache folder; make room there."):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
