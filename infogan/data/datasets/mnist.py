"""MNIST (LeCun, Cortes and Burges) and Fashion-MNIST (Zalando SE), from a folder or downloaded once.

Either way the MD5 of each file is checked.
"""

import http.client
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.progress import wrap_file

from infogan.data.cache import cache_folder, written_to_cache
from infogan.data.formats.idx import read_idx
from infogan.data.images import Images
from infogan.data.labels import Labels
from infogan.data.options import DatasetInfo, LoadOptions
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

# The MD5 of each uncompressed file, in the order of FILES: its gzip differs from copy to copy.
MNIST_TRAIN = ("6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624")
MNIST_TEST = ("2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637")
FASHION_TRAIN = ("f4a8712d7a061bf5bd6d2ca38dc4d50a", "9018921c3c673c538a1fc5bad174d6f9")
FASHION_TEST = ("8181f5470baa50b63fa0f6fddb340f0a", "15d484375f8d13e6eb1aabb0c3f46965")
MD5 = {
    "mnist": {"train": MNIST_TRAIN, "test": MNIST_TEST},
    "fashion": {"train": FASHION_TRAIN, "test": FASHION_TEST},
}
MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
}
# The folder of Debian's package dataset-fashion-mnist.
SYSTEM_FOLDERS = {"fashion": Path("/usr/share/datasets/fashion-mnist")}


def load_mnist(
    name: str, load_options: LoadOptions, split: str, mirrors: Sequence[str] | None = None
) -> Images:
    """The images of a split of `mnist` or `fashion`, 28x28, gray, with labels.

    The files, gzipped or not, are in the data folder or its subfolder `mnist` or `fashion`. They are
    downloaded if no data folder is set.
    """
    mirrors = MIRRORS[name] if mirrors is None else mirrors
    x, labels = (
        read_idx(
            _find_file(name, file, load_options.data_folder) or _download_file(name, file, md5, mirrors),
            md5=md5,
        )
        for file, md5 in zip(FILES[split], MD5[name][split], strict=True)
    )
    return Images.from_arrays(x[:, None], Labels(labels.astype(np.int64)))


def _is_available(name: str, load_options: LoadOptions, split: str) -> bool:
    try:
        for file in FILES[split]:
            _find_file(name, file, load_options.data_folder)
    except InfoganError:
        return False
    return True


def _find_file(name: str, file: str, data_folder: Path | None) -> Path | None:
    """The path of a file; None if no data folder is set, so that the file has to be downloaded."""
    folders = [data_folder / name, data_folder] if data_folder else []
    for folder in [*folders, SYSTEM_FOLDERS.get(name)]:
        for path in (folder / f"{file}.gz", folder / file) if folder else ():
            if path.is_file():
                return path
    if data_folder is None:
        return None
    raise InfoganError(
        f"there is no {name}/{file}.gz in {data_folder}; put the four IDX files of {name} there, or name no "
        "data folder and unset INFOGAN_DATA to download them."
    )


def _download_file(name: str, file: str, md5: str, mirrors: Sequence[str]) -> Path:
    """The file in the cache; it is downloaded and checked first if it is not there yet."""
    path = cache_folder() / name / f"{file}.gz"
    if path.is_file():
        return path
    failures = []
    for mirror in mirrors:
        try:
            with urllib.request.urlopen(f"{mirror}{file}.gz", timeout=30) as reply:
                total = int(reply.headers.get("Content-Length") or 0)
                with wrap_file(reply, total=total, description=f"{file}.gz", console=console()) as shown:
                    content = shown.read()
            with written_to_cache(path) as part:
                part.write_bytes(content)
                read_idx(part, md5=md5)
            return path
        except (OSError, http.client.HTTPException, InfoganError) as error:
            failures.append(f"{mirror}: {error}")
    raise InfoganError(
        f"{file}.gz cannot be downloaded ({'; '.join(failures)}); put the four IDX files of {name} "
        "into a folder and set INFOGAN_DATA to that folder."
    )


def _dataset(name: str, description: str, licence: str, label_name: str) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        description=description,
        licence=licence,
        shape=(1, 28, 28),
        splits={"train": 60_000, "test": 10_000},
        load=lambda load_options, split: load_mnist(name, load_options, split),
        check_available=lambda load_options, split: _is_available(name, load_options, split),
        label_name=label_name,
        files=tuple(f"{name}/{file}.gz" for files in FILES.values() for file in files),
    )


MNIST = _dataset("mnist", "Handwritten digits, gray, 28x28", "CC BY-SA 3.0", "digit")
FASHION = _dataset("fashion", "Fashion-MNIST: clothes, gray, 28x28", "MIT", "kind of clothes")
