"""MNIST: found in a folder, or fetched once into the user's cache; checked either way.

MNIST is by LeCun, Cortes and Burges, CC BY-SA 3.0.
"""

import http.client
import os
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import platformdirs
from rich.console import Console
from rich.progress import wrap_file

from infogan.data.idx import read_idx
from infogan.data.images import Images
from infogan.errors import InfoganError

Split = Literal["train", "test"]

# The MD5 of each file unpacked: the gzip around it differs from copy to copy.
FILES: dict[Split, dict[str, str]] = {
    "train": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    },
    "test": {
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def load_mnist(root: Path | None, split: Split, mirrors: Sequence[str] = MIRRORS) -> Images:
    """60,000 (train) or 10,000 (test) digits of 28x28 pixels, with labels.

    Args:
        root: a folder with the four IDX files, or with a folder `mnist` that has them, gzipped or
            not; None takes `INFOGAN_DATA`. Where neither is given they are fetched.

    Raises:
        InfoganError: where a file is missing, is damaged, or cannot be fetched.
    """
    if root is None and os.environ.get("INFOGAN_DATA"):
        root = Path(os.environ["INFOGAN_DATA"])
    paths = [_find(root, name) if root else _fetch(name, md5, mirrors) for name, md5 in FILES[split].items()]
    x, labels = (read_idx(path, md5=md5) for path, md5 in zip(paths, FILES[split].values(), strict=True))
    return Images(x[:, None], labels.astype(np.int64))


def _find(root: Path, name: str) -> Path:
    for folder in (root / "mnist", root):
        for path in (folder / f"{name}.gz", folder / name):
            if path.is_file():
                return path
    raise InfoganError(
        f"there is no {name}.gz in {root / 'mnist'} or {root}; put the four IDX files of MNIST "
        "there, or leave out --data and INFOGAN_DATA to have them fetched."
    )


def _fetch(name: str, md5: str, mirrors: Sequence[str]) -> Path:
    """The file in the cache, fetched and checked under a temporary name if it is not there yet."""
    path = Path(platformdirs.user_cache_dir("infogan")) / "mnist" / f"{name}.gz"
    if path.is_file():
        return path
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    failures = []
    with _telling(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    for mirror in mirrors:
        try:
            content = _download(f"{mirror}{name}.gz")
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
        f"{name}.gz could not be fetched ({'; '.join(failures)}); put the four IDX files of MNIST "
        "into a folder and name it by --data or INFOGAN_DATA."
    )


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as reply:
        size = int(reply.headers.get("Content-Length") or 0)
        with wrap_file(
            reply, total=size, description=url.rsplit("/", 1)[-1], console=Console(stderr=True)
        ) as file:
            content: bytes = file.read()
    return content


@contextmanager
def _telling(folder: Path) -> Iterator[None]:
    """Turns a failure to write the cache into a sentence."""
    try:
        yield
    except OSError as error:
        raise InfoganError(f"MNIST cannot be kept in {folder} ({error}).") from error
