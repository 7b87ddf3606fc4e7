"""Sorts image files into one folder per category, as torchvision's ImageFolder and others read them."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from infogan.data import Images
from infogan.method.model import Model
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_write_errors
from infogan.utils.progress import progress


def check_sorting(target: Path, root: Path, model: Model) -> None:
    """
    Raises:
        InfoganError: unless the images are files in a folder, the model has categories, and `target` is a new
            folder outside of the images'.
    """
    if not root.is_dir():
        raise InfoganError(f"encode: only a folder of image files can be sorted, and {root} is none.")
    if model.latent.k < 2:
        raise InfoganError("encode: this run has no categories to sort into; train with cat:10 in its codes.")
    if target.exists():
        raise InfoganError(f"{target} already exists; name another folder.")
    if target.resolve().is_relative_to(root.resolve()):
        raise InfoganError(f"{target} lies among the images; name a folder outside of {root}.")


def sort_into(
    target: Path, root: Path, model: Model, images: Images, names: Mapping[str, Mapping[int, str]]
) -> list[int]:
    """Makes `target`/CATEGORY/FILE for every image, by the first discrete code.

    A file is a hard link, which takes no room, or a copy on another disk.

    Args:
        root: the folder that the names of the images are relative to.
        names: what categories are called, by code and category; their folders are called "c1=0 cat", those
            of the others "c1=1".

    Returns:
        How many images each category has.

    Raises:
        InfoganError: if several images are pages of one file, or a file cannot be written.
    """
    assert images.names is not None
    code = next(i for i, code in enumerate(model.latent.codes) if code.categories)
    called = model.latent.names[code]
    folders = [f"{called}={k}" for k in range(model.latent.k)]
    for k, name in names.get(called, {}).items():
        folders[k] += " " + re.sub(r"[^\w -]", "_", name)  # never a path, whatever the label is
    pages = [name for name in images.names if not (root / name).is_file()]
    if pages:
        raise InfoganError(f"encode: {pages[0]} is a page of a file; sort without --pages.")
    values = model.encode(images.pixels).values[:, code].int().tolist()
    with wrap_write_errors(target):
        for name, k in progress(zip(images.names, values, strict=True), "sorting", len(images)):
            file = target / folders[k] / name
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(root / name, file)
            except OSError:  # another disk, or a system without links
                shutil.copy2(root / name, file)
    return torch.tensor(values).bincount(minlength=model.latent.k).tolist()
