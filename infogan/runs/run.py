"""The run folder: everything a run leaves, and all that is needed to tell it again.

config.json                   the whole config
run.json                      versions, machine, commit, when it began, how many images
metrics.jsonl                 a line for every `log_every` updates
checkpoints/0005000.safetensors   the state after that many updates; the newest two stay
lock                          held by the process that trains here
evaluation.json, figures/, report.html   what `infogan evaluate`, `figures` and `report` add
names.json, inversion.safetensors        what `infogan explore` adds
model.safetensors             instead of checkpoints, where a run was exported to be shared: weights alone
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

from infogan.config import Config
from infogan.data import DEFAULT_OPTIONS, Images, LoadOptions, load
from infogan.method.model import Model, make_model
from infogan.runs.checkpoints import (
    Checkpoint,
    State,
    newest_checkpoint,
    read_newest,
    read_weights,
    set_aside_damaged,
    write_checkpoint,
)
from infogan.runs.locks import LOCK_NAME
from infogan.runs.weights import load_weights
from infogan.utils.environment import environment
from infogan.utils.errors import InfoganError
from infogan.utils.io import fsync_file, make_folder, wrap_write_errors, write_atomic


@final
class Run:
    """A run folder that exists."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path = path
        self.config = config

    @staticmethod
    def create(path: Path, config: Config, n_images: int) -> "Run":
        """Makes the folder and writes down how the run was begun.

        Raises:
            InfoganError: where the folder exists and is not empty, or cannot be written.
        """
        require_free(path)
        run = Run(path, config)
        with wrap_write_errors(path):
            make_folder(path)
            write_atomic(path / "run.json", _dump(environment(n_images)))
            # From here on the folder is a run, which goes on by --resume whatever comes after.
            run.write_config()
            make_folder(run.checkpoints)
        return run

    @staticmethod
    def open(path: Path) -> "Run":
        """The run that was begun there.

        Raises:
            InfoganError: where there is none, or its config is not one of this version.
        """
        file = path / "config.json"
        if not file.is_file():
            near = sorted(p.parent for p in path.parent.glob("*/config.json")) if path.name else []
            hint = f"; there are {', '.join(map(str, near[:5]))}" if near else ""
            raise InfoganError(f"{path} is not a run: it holds no config.json{hint}.")
        try:
            return Run(path, Config.from_json(file.read_text()))
        except InfoganError as error:
            made_by = _version_of(path)
            if made_by in (None, version("infogan")):
                raise
            raise InfoganError(
                f"{path} was made by infogan {made_by}, and this is {version('infogan')}, which cannot read "
                f"it ({error}); install that version."
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
        """The newest checkpoint, or the weights that were shared, if there is one."""
        shared = self.path / "model.safetensors"
        return newest_checkpoint(self.checkpoints) or (shared if shared.is_file() else None)

    @property
    def is_shared(self) -> bool:
        """Whether there are weights alone, to be used."""
        newest = self.checkpoint()
        return newest is not None and newest.parent != self.checkpoints

    @property
    def steps(self) -> int:
        """How many updates the newest checkpoint has seen."""
        newest = self.checkpoint()
        if newest is None:
            return 0
        return int(newest.stem) if newest.stem.isdigit() else self.config.optimisation.steps

    def state(self) -> State:
        """What the newest whole checkpoint holds; a damaged one is passed over with a line of notice.

        Raises:
            InfoganError: where there is none.
        """
        newest = self.checkpoint()
        if newest is None:
            raise InfoganError(f"{self.path} holds no checkpoint yet; train it for longer.")
        if self.is_shared:
            return read_weights(newest).state
        found = read_newest(self.checkpoints)
        assert found is not None
        return found.state

    def recover(self) -> Checkpoint | None:
        """The newest whole checkpoint; newer ones are set aside, and what a crash left unfinished is dropped.

        None where nothing was trained yet.

        Raises:
            InfoganError: where all checkpoints are damaged, or nothing can be written.
        """
        newest = read_newest(self.checkpoints)
        with wrap_write_errors(self.path):
            make_folder(self.checkpoints)
            set_aside_damaged(self.checkpoints, newest.path if newest else None)
            for part in self.path.glob("*.part"):
                part.unlink()
        return newest

    def save(self, n: int, state: State, about: Mapping[str, str]) -> None:
        """Writes a checkpoint after update n whole, or not at all; then drops all before it but one.

        Raises:
            InfoganError: where it cannot be written; what was there before is still there.
        """
        with wrap_write_errors(self.path):
            fsync_file(self.path / "metrics.jsonl")  # or a power cut could lose lines for good
            write_checkpoint(self.checkpoints, n, state, about)

    def model(self) -> Model:
        """The model of the newest checkpoint, on the CPU."""
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
        return load(self.config.data.images, split, fit(load_options, self.config))

    def environment(self) -> dict[str, Any]:
        """What run.json says; empty where it cannot be read."""
        return _read(self.path / "run.json")

    def code_names(self) -> dict[str, str]:
        """What people call the codes, by the paper's name: {"c1": "digit"}; those that have no name lack."""
        known = [f"c{i}" for i in range(1, len(self.config.lam_per_code) + 1)]
        given = _read(self.path / "names.json")
        return {code: given[code] for code in known if isinstance(given.get(code), str)}

    def metrics(self, until: int | None = None) -> list[dict[str, float | int]]:
        """The lines of metrics.jsonl, up to an update; lines that are damaged or cut short are left out."""
        file = self.path / "metrics.jsonl"
        lines = file.read_bytes().splitlines() if file.is_file() else []
        rows: list[dict[str, float | int]] = []
        for line in lines:
            try:
                row = json.loads(line)
                row["step"] + 0
            except (ValueError, TypeError, LookupError, RecursionError):
                continue
            rows.append(row)
        return [row for row in rows if until is None or row["step"] <= until]

    def cut_metrics(self, until: int) -> None:
        """Drops the lines after an update, which a resumed run will write again.

        So is the last line of a run that ended between two of the regular ones: a larger goal takes them in.
        """
        file = self.path / "metrics.jsonl"
        if not file.exists():
            return
        rows = [row for row in self.metrics(until) if row["step"] % self.config.run.log_every == 0]
        kept = "".join(json.dumps(row) + "\n" for row in rows)
        with wrap_write_errors(self.path):
            write_atomic(file, kept.encode())

    def write_config(self) -> None:
        with wrap_write_errors(self.path):
            write_atomic(self.path / "config.json", self.config.to_json().encode())

    def write_json(self, name: str, value: Any) -> None:
        with wrap_write_errors(self.path):
            write_atomic(self.path / name, _dump(value))


def require_free(path: Path) -> None:
    """Raises InfoganError where a folder holds more than a run leaves that was killed before it began."""
    if path.is_dir() and any(
        p.name not in (LOCK_NAME, "run.json") and p.suffix != ".part" for p in path.iterdir()
    ):
        raise InfoganError(
            f"{path} is there already and not empty; name another folder by --out, or go on with "
            f"it by `infogan train --resume {path}`."
        )


def fit(load_options: LoadOptions, config: Config) -> LoadOptions:
    """The reading that brings images of one's own to the shape that the networks of a config take."""
    return replace(load_options, shape=config.networks.image_shape, square=config.data.square)


def _dump(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _version_of(path: Path) -> str | None:
    """The version of this package that began a run, where its run.json says so."""
    versions = _read(path / "run.json").get("versions")
    return str(versions.get("infogan")) if isinstance(versions, dict) else None


def _read(file: Path) -> dict[str, Any]:
    """A JSON object, empty where there is none to be read."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
