"""Checkpoints: training states on disk with a checksum, so that a damaged file is noticed and skipped.

NNNNNNN.safetensors           the state after that many steps; the newest two are kept
NNNNNNN.safetensors.damaged   a file that a resumed training found damaged
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from infogan.utils.errors import InfoganError, one_line
from infogan.utils.io import fsync_folder, write_atomic

State = dict[str, Tensor]
METADATA_KEY = "infogan"


class Checkpoint(NamedTuple):
    """A training state and the texts stored with it."""

    path: Path
    state: State
    metadata: dict[str, str]


def write_checkpoint(folder: Path, n: int, state: State, metadata: Mapping[str, str]) -> None:
    """Writes the state after n steps atomically, then deletes all older checkpoints but one.

    Args:
        metadata: texts to store beside the tensors.

    Raises:
        OSError: if it cannot be written; the older checkpoints are still there.
    """
    older = [path for path in _newest_first(folder) if int(path.stem) < n]
    state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    metadata = {**metadata, "checksum": checksum(state, metadata)}
    # In one entry: safetensors writes several in random order, and equal states should be equal files.
    content = safetensors.torch.save(state, {METADATA_KEY: json.dumps(metadata, sort_keys=True)})
    write_atomic(folder / f"{n:07d}.safetensors", content)
    for path in older[1:]:
        path.unlink()


def newest_checkpoint(folder: Path) -> Path | None:
    """The file with the most steps, damaged or not."""
    return next(iter(_newest_first(folder)), None)


def read_newest_valid(folder: Path) -> Checkpoint | None:
    """The newest undamaged checkpoint, or None if there are no checkpoints. Warns about those it skips.

    Raises:
        InfoganError: if all are damaged.
    """
    damaged: list[str] = []
    for path in _newest_first(folder):
        try:
            checkpoint = read_checkpoint(path)
        except InfoganError as error:
            damaged.append(str(error))
            continue
        for reason in damaged:
            print(f"{reason} Using {path.name}, the one before.", file=sys.stderr)
        return checkpoint
    if damaged:
        raise InfoganError(f"{damaged[0]} All older ones are damaged too; train again, or restore a backup.")
    return None


def rename_damaged(folder: Path, newest_valid: Path | None) -> None:
    """Adds .damaged to the names of checkpoints newer than the newest valid one; deletes unfinished files.

    Raises:
        OSError: if that fails.
    """
    for path in folder.glob("*.part"):
        path.unlink()
    for path in _newest_first(folder):
        if path == newest_valid:
            break
        path.replace(path.with_name(f"{path.name}.damaged"))
    fsync_folder(folder)


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file.

    Raises:
        InfoganError: if it cannot be read, or its checksum is wrong or missing.
    """
    checkpoint = read_safetensors(path)
    expected = checkpoint.metadata.pop("checksum", None)
    if expected is None:
        raise InfoganError(f"{path} is damaged, or from a version that wrote no checksum.")
    if expected != checksum(checkpoint.state, checkpoint.metadata):
        raise InfoganError(f"{path} is damaged: its checksum does not match.")
    return checkpoint


def read_safetensors(path: Path) -> Checkpoint:
    """The tensors in any safetensors file, without a check of the checksum.

    Raises:
        InfoganError: if it cannot be read.
    """
    try:
        content = path.read_bytes()
        return Checkpoint(path, safetensors.torch.load(content), _metadata(content))
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise InfoganError(f"{path} cannot be read ({one_line(error)}).") from error


def checksum(state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> str:
    """SHA-256 of the tensors with their names, dtypes and shapes, and of the metadata."""
    digest = hashlib.sha256(json.dumps(dict(metadata or {}), sort_keys=True).encode())
    for name, value in sorted(state.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _newest_first(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("*.safetensors") if path.stem.isdecimal()]
    return sorted(found, key=lambda path: int(path.stem), reverse=True)


def _metadata(content: bytes) -> dict[str, str]:
    """safetensors reads the metadata of files on disk, but not of bytes."""
    size = int.from_bytes(content[:8], "little")
    entries = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    found = json.loads(entries.get(METADATA_KEY, "{}"))
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError("its metadata is not that of a checkpoint")
    return found
