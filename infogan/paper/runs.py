"""The runs behind a figure: checked, trained where they are missing, and what is known about them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from rich.console import Console

from infogan.config import Config, options_of
from infogan.config.presets import get_preset
from infogan.data import DATASETS, LoadOptions, available_splits, get_dataset_info
from infogan.figures.paper import make_axes
from infogan.paper.experiments import FIGURES, Figure, Recipe
from infogan.runs.run import Run
from infogan.scale.sweep import SweepOptions, sweep
from infogan.utils.errors import InfoganError


@final
@dataclass(frozen=True)
class Request:
    """What was asked for on the command line."""

    recipe: Recipe
    seeds: range
    folder: Path
    load_options: LoadOptions
    sweep_options: SweepOptions


def check(figure: Figure, request: Request) -> None:
    """Finds everything that would stop a figure later, before anything is trained.

    Raises:
        InfoganError: if there is no seed, the images or matplotlib are missing, or the folder is a run or
            holds runs of other settings.
    """
    if not request.seeds:
        raise InfoganError("paper: seeds must be at least 1; the paper has 5 for each figure.")
    if (request.folder / "config.json").is_file():
        raise InfoganError(f"{request.folder} is a run, but must be a folder of runs; name another one.")
    make_axes(1, 1, 1, 1)  # raises now, not after the training, if matplotlib is missing
    info = get_dataset_info(figure.images)
    if not info.is_available(request.load_options, next(iter(info.splits))):
        raise InfoganError(_missing(figure, request.load_options))
    for preset in figure.presets_of(request.recipe):
        config = get_preset(preset)
        for path in run_paths(preset, request):
            if (path / "config.json").is_file():
                _check_run(path, preset, config)


def run_paths(preset: str, request: Request) -> list[Path]:
    """The folders of the runs of a preset, one per seed, as `sweep` names them."""
    return [request.folder / f"{preset}-{seed}" for seed in request.seeds]


def train_missing(figure: Figure, request: Request, console: Console) -> bool:
    """Trains or resumes the runs of a figure that are not finished; True if Ctrl-C stopped it."""
    for preset in figure.presets_of(request.recipe):
        if all(_is_done(path) for path in run_paths(preset, request)):
            continue
        _, stopped = sweep(
            preset,
            get_preset(preset).replace(seed=request.seeds.start),
            len(request.seeds),
            request.folder,
            request.load_options,
            console,
            options=request.sweep_options,
        )
        if stopped:
            return True
    return False


def describe_runs(preset: str, paper_preset: str, request: Request) -> dict[str, Any]:
    """The runs of a preset, with seed, commit and machine, and how it differs from the paper's preset.

    `differences` is setting -> the value in the paper's preset and the one here.
    """
    runs = {path.name: Run.open(path) for path in run_paths(preset, request)}
    config = next(iter(runs.values())).config
    return {
        "runs": {
            name: {
                "seed": run.config.run.seed,
                "commit": run.environment().get("commit"),
                "begun": run.environment().get("begun"),
                "machine": run.environment().get("machine"),
                "versions": run.environment().get("versions"),
                "device": run.config.run.device,
                "precision": run.config.run.precision,
            }
            for name, run in runs.items()
        },
        "paper_preset": paper_preset,
        "differences": {
            name: [there, here]
            for name, (there, here) in _differences(get_preset(paper_preset), config).items()
        },
    }


def _is_done(path: Path) -> bool:
    if not (path / "config.json").is_file():
        return False
    run = Run.open(path)
    return run.steps >= run.config.optimisation.steps


def _check_run(path: Path, preset: str, config: Config) -> None:
    different = _differences(config, Run.open(path).config)
    if different:
        name, (wanted, found) = next(iter(different.items()))
        raise InfoganError(
            f"{path} is no run of the preset {preset}: its {name} is {found}, not {wanted}; choose another "
            "folder."
        )


def _differences(a: Config, b: Config) -> dict[str, tuple[Any, Any]]:
    """The settings that differ, but for the seed and the machine, which are no part of a recipe."""
    there, here = a.with_pixel_scale_of(b).options(), b.options()
    return {
        name: (there[name], here[name])
        for name, option in options_of(Config).items()
        if there[name] != here[name] and option.path[0] != "run"
    }


def _missing(figure: Figure, load_options: LoadOptions) -> str:
    """Which files are missing, where they belong, and which figures need none of them."""
    files = " or ".join(DATASETS[figure.images].files)
    possible = [name for name, other in FIGURES.items() if _is_available(other, load_options)]
    folder = load_options.data_folder
    place = (
        f"put {files} into {folder}" if folder else f"put {files} into a folder and set INFOGAN_DATA to it"
    )
    without = f"without them, {', '.join(possible)} can be had" if possible else "no other can be had without"
    return f"{figure.name} needs {figure.images}, which is not on this machine: {place}; {without}."


def _is_available(figure: Figure, load_options: LoadOptions) -> bool:
    return DATASETS[figure.images].is_available(
        load_options, available_splits(figure.images, load_options)[0]
    )
