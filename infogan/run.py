"""The run folder: everything a run leaves, and all that is needed to tell it again.

config.json                   the whole config
run.json                      versions, machine, commit, when it began, how many images
metrics.jsonl                 a line for every `log_every` updates
checkpoints/0005000.safetensors   the state after that many updates; the newest two stay
evaluation.json, figures/, report.html   what `infogan evaluate`, `figures` and `report` add
names.json, inversion.safetensors        what `infogan explore` adds
model.safetensors             instead of checkpoints, where a run was exported to be shared: weights alone
"""

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from infogan.circumstances import circumstances
from infogan.config import Config
from infogan.data import HERE, Images, Reading, load
from infogan.disk import telling, write_whole
from infogan.errors import InfoganError
from infogan.model import Model, make_model
from infogan.state import load_weights
from infogan.train import Trainer


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
        if path.is_dir() and any(path.iterdir()):
            raise InfoganError(
                f"{path} is there already and not empty; name another folder by --out, or go on with "
                f"it by `infogan train --resume {path}`."
            )
        with telling(path):
            (path / "checkpoints").mkdir(parents=True, exist_ok=True)
            write_whole(path / "run.json", _dump(circumstances(n_images)))
        run = Run(path, config)
        run.write_config()
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

    def checkpoint(self) -> Path | None:
        """The newest checkpoint, or the weights that were shared, if there is one."""
        shared = self.path / "model.safetensors"
        newest = max(self.path.glob("checkpoints/*.safetensors"), default=None)
        return newest or (shared if shared.is_file() else None)

    @property
    def updates(self) -> int:
        """How many updates the newest checkpoint has seen."""
        newest = self.checkpoint()
        if newest is None:
            return 0
        return int(newest.stem) if newest.stem.isdigit() else self.config.updates

    def state(self) -> dict[str, Tensor]:
        """What the newest checkpoint holds.

        Raises:
            InfoganError: where there is none, or it is damaged.
        """
        path = self.checkpoint()
        if path is None:
            raise InfoganError(f"{self.path} holds no checkpoint yet; train it for longer.")
        try:
            return safetensors.torch.load(path.read_bytes())
        except (OSError, SafetensorError) as error:
            raise InfoganError(
                f"{path} cannot be read ({error}); delete it to go back to the one before."
            ) from error

    def save(self, trainer: Trainer, i: int = 0) -> None:
        """Writes a checkpoint of the trainer's seed i whole, or not at all; then drops all before it but one.

        Raises:
            InfoganError: where it cannot be written; what was there before is still there.
        """
        older = sorted(self.path.glob("checkpoints/*.safetensors"))
        state = {name: value.contiguous() for name, value in trainer.state(i).items()}
        with telling(self.path):
            path = self.path / "checkpoints" / f"{trainer.n:07d}.safetensors"
            write_whole(path, safetensors.torch.save(state))
            for file in older[:-1]:
                file.unlink()

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

    def images(self, split: str = "", reading: Reading = HERE) -> Images:
        """The images that the run was trained on, or another split of them, in the networks' shape."""
        return load(self.config.images, split, fit(reading, self.config))

    def circumstances(self) -> dict[str, Any]:
        """What run.json says; empty where it cannot be read."""
        return _read(self.path / "run.json")

    def code_names(self) -> dict[str, str]:
        """What people call the codes, by the paper's name: {"c1": "digit"}; those that have no name lack."""
        known = [f"c{i}" for i in range(1, len(self.config.lam_per_code) + 1)]
        given = _read(self.path / "names.json")
        return {code: given[code] for code in known if isinstance(given.get(code), str)}

    def metrics(self, until: int | None = None) -> list[dict[str, float | int]]:
        """The lines of metrics.jsonl, up to an update; a line that a crash cut short is left out."""
        file = self.path / "metrics.jsonl"
        lines = file.read_text().splitlines() if file.is_file() else []
        rows: list[dict[str, float | int]] = []
        for line in lines:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return [row for row in rows if until is None or row["update"] <= until]

    def cut_metrics(self, until: int) -> None:
        """Drops the lines after an update, which a resumed run will write again."""
        kept = "".join(json.dumps(row) + "\n" for row in self.metrics(until))
        with telling(self.path):
            write_whole(self.path / "metrics.jsonl", kept.encode())

    def write_config(self) -> None:
        with telling(self.path):
            write_whole(self.path / "config.json", self.config.to_json().encode())

    def write_json(self, name: str, value: Any) -> None:
        with telling(self.path):
            write_whole(self.path / name, _dump(value))


def shipped() -> Path:
    """The run that comes with the package: a small model of MNIST; docs/results.md has its recipe."""
    return Path(__file__).parent / "shipped" / "mnist"


def fit(reading: Reading, config: Config) -> Reading:
    """The reading that brings images of one's own to the shape that the networks of a config take."""
    return replace(reading, shape=config.net_shape, square=config.square)


def find_runs(path: Path) -> list[Run]:
    """The runs that a path stands for: one run, those of a NAME-sweep.json, or all in a folder.

    Raises:
        InfoganError: where there is none.
    """
    if path.suffix == ".json":
        try:
            names = [Path(run).name for run in json.loads(path.read_text())["runs"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InfoganError(f"{path} is not the NAME-sweep.json of a sweep ({error}).") from error
        return [Run.open(path.parent / name) for name in names]
    inside = sorted(file.parent for file in path.glob("*/config.json"))
    if inside and not (path / "config.json").is_file():
        return [Run.open(run) for run in inside]
    return [Run.open(path)]


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
