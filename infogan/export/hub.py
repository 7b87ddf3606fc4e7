"""A run as a Hugging Face model folder, and the download of one.

config.json, model.safetensors   the run's config, and the weights of G and D in single precision
run.json, metrics.jsonl, names.json, categories.json   copied from the run
evaluation.json, resamples.json  scores, if they were measured with these weights
inversion.safetensors            E, if the run has an inversion
figures/*.png, README.md         images of each code, in a model card
"""

import shutil
from pathlib import Path

import safetensors.torch

from infogan.data import public_name
from infogan.evaluation.score import read_evaluation
from infogan.export.model_card import model_card
from infogan.export.new_folder import new_folder
from infogan.figures.traversal import rows_of_traversal, save_contact_sheet, save_grid, traverse
from infogan.method.model import Model
from infogan.runs.inversion import INVERSION_FILE, load_inversion
from infogan.runs.labels import CATEGORIES_FILE
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

WEIGHTS_FILE = "model.safetensors"
COPIED_FILES = ("run.json", "metrics.jsonl", "names.json", CATEGORIES_FILE)
SCORE_FILES = ("evaluation.json", "resamples.json")
# Never downloads code files.
DOWNLOADED_FILES = ("*.json", "*.jsonl", "*.safetensors", "*.md", "figures/*.png")


def save_pretrained(run: Run, folder: Path) -> list[Path]:
    """Exports a run to a new folder, which `Run.open` also reads; returns its files.

    Saves averaged weights if the run has them. The config's `steps` are those that the weights were trained
    for. The names of your images and of the table of labels lose their folders, which are private, and which
    images were labelled is not exported.

    Raises:
        InfoganError: if the run has no checkpoint, or the folder is not empty or cannot be written.
    """
    model = run.model()
    with new_folder(folder) as part:
        images, labels = public_name(run.config.data.images), Path(run.config.data.labels).name
        exported = Run(part, run.config.replace(images=images, labels=labels, steps=max(1, run.steps)))
        exported.write_config()
        weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        (part / WEIGHTS_FILE).write_bytes(safetensors.torch.save(weights, {"format": "pt"}))
        names = [*COPIED_FILES]
        if read_evaluation(run) is not None:
            names += SCORE_FILES
        if load_inversion(run, model) is not None:
            names.append(INVERSION_FILE)
        for name in names:
            if (run.path / name).is_file():
                shutil.copyfile(run.path / name, part / name)
        if model.G.low is not None:
            save_figures(model, part / "figures")
        (part / "README.md").write_text(model_card(exported, model), encoding="utf-8")
    return sorted(file for file in folder.rglob("*") if file.is_file())


def save_figures(model: Model, folder: Path) -> None:
    """Saves a sheet of samples, and a grid per code in which it varies, numbers from -2 to 2 as in Fig. 2."""
    save_contact_sheet(model.sample(64, make_rng(0, "samples")), folder / "samples.png")
    for i, name in enumerate(model.latent.names):
        save_grid(traverse(model, i, rows=rows_of_traversal(model, i, 3)).images, folder / f"{name}.png")


def download_pretrained(path_or_repo: str | Path) -> Path:
    """The folder of an exported run: a local folder as it is, else OWNER/NAME from the Hugging Face Hub.

    A repository is downloaded once into the cache of huggingface_hub, and found there when offline.

    Raises:
        InfoganError: if there is no such folder or repository, the Hub does not answer and the cache lacks
            it, or huggingface_hub is not installed.
    """
    path = Path(path_or_repo).expanduser()
    if path.is_dir():
        return path
    name = str(path_or_repo)
    owner, slash, rest = name.partition("/")
    if not (slash and owner.strip(".~") and rest and "/" not in rest) or "\\" in name:
        raise InfoganError(f"there is no folder {name}; name one, or OWNER/NAME on the Hugging Face Hub.")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError as error:
        raise InfoganError(
            f"there is no folder {name}, and huggingface_hub, which could download it, is not installed; "
            "pip install 'infogan[hub]'."
        ) from error
    try:
        return Path(snapshot_download(name, allow_patterns=list(DOWNLOADED_FILES)))
    except LocalEntryNotFoundError as error:
        raise InfoganError(
            f"there is no folder {name}, the Hugging Face Hub does not answer, and its local cache does not "
            f"hold {name}; go online once, or name a folder."
        ) from error
    except (OSError, ValueError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
        raise InfoganError(
            f"there is no folder {name}, and the Hugging Face Hub cannot provide {name} ({reason})."
        ) from error
