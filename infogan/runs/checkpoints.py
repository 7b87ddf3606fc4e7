"""Checkpoints: states on the disk with a checksum, so that a damaged one is known and the one before used.

NNNNNNN.safetensors           the state after that many updates; the newest two stay
NNNNNNN.safetensors.damaged   what a resumed training found to be none
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
ABOUT = "infogan"


class Checkpoint(NamedTuple):
    """A state, and what was said of it."""

    path: Path
    state: State
    about: dict[str, str]


def write_checkpoint(folder: Path, n: int, state: State, about: Mapping[str, str]) -> None:
    """Leaves the state after n updates in a folder whole, or not at all; then drops all before it but one.

    Args:
        about: texts that are kept beside the tensors.

    Raises:
        OSError: where it cannot be written; what was there before is still there.
    """
    before = [path for path in _newest_first(folder) if int(path.stem) < n]
    state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    about = {**about, "checksum": checksum(state, about)}
    # In one entry, as the library writes several in an order of chance, and equal states are equal files.
    content = safetensors.torch.save(state, {ABOUT: json.dumps(about, sort_keys=True)})
    write_atomic(folder / f"{n:07d}.safetensors", content)
    for path in before[1:]:
        path.unlink()


def newest_checkpoint(folder: Path) -> Path | None:
    """The file of most updates, damaged or not."""
    return next(iter(_newest_first(folder)), None)


def read_newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole; None where there is none at all. Says which ones it passes over.

    Raises:
        InfoganError: where all are damaged.
    """
    damaged: list[str] = []
    for path in _newest_first(folder):
        try:
            checkpoint = read_checkpoint(path)
        except InfoganError as error:
            damaged.append(str(error))
            continue
        for reason in damaged:
            print(f"{reason} Taking {path.name}, the one before.", file=sys.stderr)
        return checkpoint
    if damaged:
        raise InfoganError(f"{damaged[0]} None before it is whole, so train anew, or bring back a copy.")
    return None


def set_aside_damaged(folder: Path, whole: Path | None) -> None:
    """Renames checkpoints that are newer than the newest whole one, and drops what a crash left unfinished.

    Raises:
        OSError: where it cannot be done.
    """
    for path in folder.glob("*.part"):
        path.unlink()
    for path in _newest_first(folder):
        if path == whole:
            break
        path.replace(path.with_name(f"{path.name}.damaged"))
    fsync_folder(folder)


def read_checkpoint(path: Path) -> Checkpoint:
    """A state and what was said of it.

    Raises:
        InfoganError: where it cannot be read, or is not what was written.
    """
    checkpoint = read_weights(path)
    said = checkpoint.about.pop("checksum", None)
    if said is None:
        raise InfoganError(f"{path} is damaged, or of a version that wrote no checksum.")
    if said != checksum(checkpoint.state, checkpoint.about):
        raise InfoganError(f"{path} is damaged: its checksum is another.")
    return checkpoint


def read_weights(path: Path) -> Checkpoint:
    """Tensors that anybody saved, as they are.

    Raises:
        InfoganError: where they cannot be read.
    """
    try:
        content = path.read_bytes()
        return Checkpoint(path, safetensors.torch.load(content), _about(content))
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise InfoganError(f"{path} cannot be read ({one_line(error)}).") from error


def checksum(state: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> str:
    """SHA-256 of the tensors of a state, with their names, kinds and shapes, and of what is said of it."""
    digest = hashlib.sha256(json.dumps(dict(about or {}), sort_keys=True).encode())
    for name, value in sorted(state.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _newest_first(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("*.safetensors") if path.stem.isdecimal()]
    return sorted(found, key=lambda path: int(path.stem), reverse=True)


def _about(content: bytes) -> dict[str, str]:
    """What `write_checkpoint` said of a state; the library gives it of files on the disk only."""
    size = int.from_bytes(content[:8], "little")
    entries = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    found = json.loads(entries.get(ABOUT, "{}"))
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError("it says of itself what no checkpoint says")
    return found
