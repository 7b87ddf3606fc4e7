"""MNIST and Fashion-MNIST: found in a folder, or fetched once into the user's cache; checked either way.

MNIST is by LeCun, Cortes and Burges, CC BY-SA 3.0; Fashion-MNIST by Zalando SE, MIT.
"""

import http.client
import os
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.progress import wrap_file

from infogan.data.cache import cache_folder
from infogan.data.formats.idx import read_idx
from infogan.data.images import Images
from infogan.data.source import DatasetInfo, LoadOptions
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

# The MD5 of each file unpacked, in the order of FILES: the gzip around it differs from copy to copy.
MD5 = {
    "mnist": {
        "train": ("6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624"),
        "test": ("2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"),
    },
    "fashion": {
        "train": ("f4a8712d7a061bf5bd6d2ca38dc4d50a", "9018921c3c673c538a1fc5bad174d6f9"),
        "test": ("8181f5470baa50b63fa0f6fddb340f0a", "15d484375f8d13e6eb1aabb0c3f46965"),
    },
}
MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
}
# Where Debian's package dataset-fashion-mnist puts its files.
SYSTEM = {"fashion": Path("/usr/share/datasets/fashion-mnist")}


def load_idx_set(
    name: str, load_options: LoadOptions, split: str, mirrors: Sequence[str] | None = None
) -> Images:
    """The images of a split of `mnist` or `fashion`, 28x28, gray, with labels.

    The four files lie in the folder of data sets or in a folder `mnist` or `fashion` there, gzipped or
    not; where no folder is named they are fetched.

    Raises:
        InfoganError: where a file is missing, is damaged, or cannot be fetched.
    """
    arrays = []
    for file, md5 in zip(FILES[split], MD5[name][split], strict=True):
        path = _find(name, file, load_options.folder)
        path = path or _fetch(name, file, md5, MIRRORS[name] if mirrors is None else mirrors)
        arrays.append(read_idx(path, md5=md5))
    x, labels = arrays
    return Images.stored(x[:, None], labels.astype(np.int64))


def _is_here(name: str, load_options: LoadOptions, split: str) -> bool:
    """Whether a split is in a named folder; where none is named it can be fetched."""
    try:
        return all(
            _find(name, file, load_options.folder) or load_options.folder is None for file in FILES[split]
        )
    except InfoganError:
        return False


def _find(name: str, file: str, root: Path | None) -> Path | None:
    """The file in a folder; None where no folder was named and it has to be fetched."""
    folders = [root / name, root] if root else []
    for folder in [*folders, SYSTEM.get(name)]:
        for path in (folder / f"{file}.gz", folder / file) if folder else ():
            if path.is_file():
                return path
    if root is None:
        return None
    raise InfoganError(
        f"there is no {name}/{file}.gz in {root}; put the four IDX files of {name} "
        "there, or leave out --data and INFOGAN_DATA to have them fetched."
    )


def _fetch(name: str, file: str, md5: str, mirrors: Sequence[str]) -> Path:
    """The file in the cache, fetched and checked under a temporary name if it is not there yet."""
    path = cache_folder() / name / f"{file}.gz"
    if path.is_file():
        return path
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    failures = []
    with _telling(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    for mirror in mirrors:
        try:
            content = _download(f"{mirror}{file}.gz")
            with _telling(path.parent):
                try:
                    part.write_bytes(content)
                    read_idx(part, md5=md5)
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
            return path
        except (OSError, http.client.HTTPException, InfoganError) as error:
            failures.append(f"{mirror}: {error}")
    raise InfoganError(
        f"{file}.gz could not be fetched ({'; '.join(failures)}); put the four IDX files of {name} "
        "into a folder and name it by --data or INFOGAN_DATA."
    )


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as reply:
        size = int(reply.headers.get("Content-Length") or 0)
        with wrap_file(reply, total=size, description=url.rsplit("/", 1)[-1], console=console()) as file:
            content: bytes = file.read()
    return content


@contextmanager
def _telling(folder: Path) -> Iterator[None]:
    """Turns a failure to write the cache into a sentence."""
    try:
        yield
    except OSError as error:
        raise InfoganError(f"the files cannot be kept in {folder} ({error}); make room there.") from error


def _source(name: str, about: str, licence: str, labels: str) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        about=about,
        licence=licence,
        shape=(1, 28, 28),
        splits={"train": 60_000, "test": 10_000},
        load=lambda load_options, split: load_idx_set(name, load_options, split),
        has=lambda load_options, split: _is_here(name, load_options, split),
        labels=labels,
        files=tuple(f"{name}/{file}.gz" for files in FILES.values() for file in files),
    )


MNIST = _source("mnist", "Handwritten digits, gray, 28x28", "CC BY-SA 3.0", "digit")
FASHION = _source("fashion", "Fashion-MNIST: clothes, gray, 28x28", "MIT", "kind of clothes")
