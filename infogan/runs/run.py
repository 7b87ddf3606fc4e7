"""The run folder: everything about one training, and all that is needed to repeat it.

config.json                   the whole config
run.json                      versions, machine, commit, start time, number of images
metrics.jsonl                 one line per `log_every` steps
checkpoints/0005000.safetensors   the state after that many steps; the newest two are kept
lock                          held by the process that trains here
labels.json, categories.json  if the run learned from labels; infogan/runs/labels.py
evaluation.json, figures/, report.html   from `infogan evaluate`, `figures` and `report`
names.json, image_classes.json, inversion.safetensors   from `infogan explore`
model.safetensors             weights only, instead of checkpoints, in a run exported by `infogan export`
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

from infogan.config import Config
from infogan.data import DEFAULT_OPTIONS, Images, LoadOptions, load, load_options_for
from infogan.method.model import Model, make_model
from infogan.runs.checkpoints import (
    Checkpoint,
    State,
    newest_checkpoint,
    read_newest_valid,
    read_safetensors,
    rename_damaged,
    write_checkpoint,
)
from infogan.runs.locks import LOCK_NAME
from infogan.runs.weights import load_weights
from infogan.utils.environment import environment
from infogan.utils.errors import InfoganError
from infogan.utils.io import fsync_file, make_folder, read_json_object, wrap_write_errors, write_atomic

LABELS_FILE = "labels.json"


@final
class Run:
    """A run folder that exists."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path = path
        self.config = config

    @staticmethod
    def create(path: Path, config: Config, n_images: int) -> "Run":
        """Makes the folder of a new run; raises InfoganError if it is not empty or cannot be written."""
        check_new_run_folder(path)
        run = Run(path, config)
        with wrap_write_errors(path):
            make_folder(path)
            write_atomic(path / "run.json", _to_json(environment(n_images)))
            run.write_config()  # after run.json: a folder with a config.json counts as a run
            make_folder(run.checkpoints)
        return run

    @staticmethod
    def open(path: Path) -> "Run":
        """The run in a folder.

        Raises:
            InfoganError: if there is none, or this version cannot read its config.
        """
        file = path / "config.json"
        if not file.is_file():
            near = sorted(p.parent for p in path.parent.glob("*/config.json")) if path.name else []
            hint = f"; there are {', '.join(map(str, near[:5]))}" if near else ""
            raise InfoganError(f"{path} is not a run: it holds no config.json{hint}.")
        try:
            return Run(path, Config.from_json(file.read_text("utf-8")))
        except InfoganError as error:
            made_by = _package_version(path)
            if made_by in (None, version("infogan")):
                raise
            raise InfoganError(
                f"{path} was made by infogan {made_by}, which {version('infogan')} cannot read ({error}); "
                "install that version."
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise InfoganError(f"{file} cannot be read ({error}).") from error

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def checkpoint(self) -> Path | None:
        """The file of the newest checkpoint, or of the exported weights; None if there is neither."""
        exported = self.path / "model.safetensors"
        return newest_checkpoint(self.checkpoints) or (exported if exported.is_file() else None)

    @property
    def is_exported(self) -> bool:
        """Whether the folder holds weights only, so that training cannot be resumed."""
        newest = self.checkpoint()
        return newest is not None and newest.parent != self.checkpoints

    @property
    def steps(self) -> int:
        """Training steps done at the newest checkpoint."""
        newest = self.checkpoint()
        if newest is None:
            return 0
        return int(newest.stem) if newest.stem.isdigit() else self.config.optimisation.steps

    def state(self) -> State:
        """The tensors of the newest valid checkpoint; damaged ones are skipped with a warning.

        Raises:
            InfoganError: if there is none.
        """
        newest = self.checkpoint()
        if newest is None:
            raise InfoganError(
                f"{self.path} holds no checkpoint yet, as its training has not come to the first step: wait "
                "for the end of pretraining, or train again if it was stopped."
            )
        if self.is_exported:
            return read_safetensors(newest).state
        found = read_newest_valid(self.checkpoints)
        assert found is not None
        return found.state

    def recover_checkpoint(self) -> Checkpoint | None:
        """The newest valid checkpoint, or None if there are no checkpoints yet; cleans up after a crash.

        Newer checkpoints, which are damaged, are renamed, and unfinished files are deleted.

        Raises:
            InfoganError: if all checkpoints are damaged, or the folder cannot be written.
        """
        newest = read_newest_valid(self.checkpoints)
        with wrap_write_errors(self.path):
            make_folder(self.checkpoints)
            rename_damaged(self.checkpoints, newest.path if newest else None)
            for part in self.path.glob("*.part"):
                part.unlink()
        return newest

    def save(self, n: int, state: State, metadata: Mapping[str, str]) -> None:
        """Writes a checkpoint after step n atomically, then deletes all older ones but one.

        Raises:
            InfoganError: if it cannot be written; the older checkpoints are still there.
        """
        with wrap_write_errors(self.path):
            fsync_file(self.path / "metrics.jsonl")  # or a power cut could lose lines for good
            write_checkpoint(self.checkpoints, n, state, metadata)

    def model(self) -> Model:
        """The model with the newest checkpoint's weights, on the CPU.

        Raises:
            InfoganError: if there is no valid checkpoint, or it does not fit the config.
        """
        model = make_model(self.config)
        try:
            load_weights(model, self.state())
        except RuntimeError as error:
            raise InfoganError(
                f"{self.checkpoint()} does not fit {self.path / 'config.json'}; one of them was changed."
            ) from error
        return model

    def images(self, split: str = "", load_options: LoadOptions = DEFAULT_OPTIONS) -> Images:
        """The images that the run was trained on, or another split of them, in the networks' shape."""
        return load(self.config.data.images, split, load_options_for(self.config, load_options))

    def environment(self) -> dict[str, Any]:
        """The content of run.json; empty if it cannot be read."""
        return read_json_object(self.path / "run.json")

    def code_names(self) -> dict[str, str]:
        """The names that people gave to codes and to categories: {"c1": "digit", "c1=4": "seven"}."""
        known = "|".join(f"c{i}" for i in range(1, len(self.config.lam_per_code) + 1))
        given = read_json_object(self.path / "names.json")
        is_known = re.compile(rf"({known})(=\d{{1,4}})?", re.ASCII).fullmatch
        return {key: name for key, name in given.items() if is_known(key) and isinstance(name, str)}

    def metrics(self, max_step: int | None = None) -> list[dict[str, float | int]]:
        """The rows of metrics.jsonl, up to a step; damaged lines are skipped."""
        file = self.path / "metrics.jsonl"
        lines = file.read_bytes().splitlines() if file.is_file() else []
        rows: list[dict[str, float | int]] = []
        for line in lines:
            with suppress(ValueError, TypeError, LookupError, RecursionError):
                row = json.loads(line)
                step = row["step"] + 0  # fails unless it is a number
                if max_step is None or step <= max_step:
                    rows.append(row)
        return rows

    def truncate_metrics(self, max_step: int) -> None:
        """Drops the rows after a step, which a resumed run writes again.

        Also drops a last row whose step is not a multiple of `log_every`: the next regular row includes it.
        """
        file = self.path / "metrics.jsonl"
        if not file.exists():
            return
        rows = [row for row in self.metrics(max_step) if row["step"] % self.config.run.log_every == 0]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        with wrap_write_errors(self.path):
            write_atomic(file, text.encode())

    def write_config(self) -> None:
        with wrap_write_errors(self.path):
            write_atomic(self.path / "config.json", self.config.to_json().encode())

    def write_json(self, name: str, value: Any) -> None:
        with wrap_write_errors(self.path):
            write_atomic(self.path / name, _to_json(value))


def check_new_run_folder(path: Path) -> None:
    """Raises InfoganError unless a folder is missing, empty, or of a run that was killed before it began."""
    # Such a run leaves a lock, run.json, labels.json and unfinished files, but no config.json.
    if path.is_dir() and any(
        p.name not in (LOCK_NAME, "run.json", LABELS_FILE) and p.suffix != ".part" for p in path.iterdir()
    ):
        raise InfoganError(
            f"{path} already exists and is not empty; choose another folder, or continue that run with "
            f"`infogan train --resume {path}`."
        )


def _to_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _package_version(path: Path) -> str | None:
    """The version of infogan that made a run, if its run.json says so."""
    versions = read_json_object(path / "run.json").get("versions")
    return str(versions.get("infogan")) if isinstance(versions, dict) else None
