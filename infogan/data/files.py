"""Images of one's own: a NumPy file, a picture, or a folder of pictures of one size."""

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from infogan.data.images import Images
from infogan.errors import InfoganError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def load_numpy(path: Path) -> Images:
    """A .npy of images, or a .npz with `images` and, for evaluation, `labels`.

    Images are uint8: (n, h, w), (n, h, w, ch) or (n, ch, h, w) with 1 or 3 channels.

    Raises:
        InfoganError: for a file that cannot be read, or holds something else.
    """
    labels = None
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded:
                if "images" not in loaded:
                    raise InfoganError(f"{path} has no array named 'images', but {loaded.files}.")
                x = loaded["images"]
                labels = loaded["labels"].astype(np.int64) if "labels" in loaded else None
        else:
            x = loaded
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InfoganError(f"{path} is not a NumPy file of numbers ({error}).") from error
    if x.dtype != np.uint8:
        raise InfoganError(f"{path} holds {x.dtype}; images are uint8, from 0 to 255.")
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] not in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        raise InfoganError(f"{path} holds an array of shape {x.shape}; images are (n, h, w[, ch]).")
    if labels is not None and labels.shape != (len(x),):
        raise InfoganError(f"{path} holds {len(x)} images but labels of shape {labels.shape}.")
    return Images(np.ascontiguousarray(x), labels)


def load_pictures(path: Path) -> Images:
    """One picture, or all in a folder and the folders within it, in the order of their names.

    Raises:
        InfoganError: where there is none, one cannot be read, or one differs in size or mode.
    """
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
    if not found:
        raise InfoganError(f"{path} holds no picture ({', '.join(SUFFIXES)}).")
    pictures: list[np.ndarray] = []
    for file in found:
        try:
            with Image.open(file) as picture:
                gray = picture.mode in ("1", "L", "LA", "I;16", "I")
                array = np.asarray(picture.convert("L" if gray else "RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise InfoganError(f"{file} cannot be read as a picture ({error}).") from error
        array = array[None] if gray else array.transpose(2, 0, 1)
        if pictures and array.shape != pictures[0].shape:
            raise InfoganError(
                f"{file} has (channels, height, width) {array.shape} where {found[0]} has "
                f"{pictures[0].shape}; bring them to one size and mode."
            )
        pictures.append(array)
    root = path if path.is_dir() else path.parent
    return Images(np.stack(pictures), names=tuple(str(p.relative_to(root)) for p in found))
