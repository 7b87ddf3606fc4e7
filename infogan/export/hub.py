"""A folder to share: a run without what only training needs, with a model card; and how one is fetched.

config.json, model.safetensors   the run's config, and the weights of G and D, in single precision
run.json, metrics.jsonl, names.json   as the run has them
evaluation.json, resamples.json  scores, where they are of these weights
inversion.safetensors            E, which reads z, where the run has one
figures/*.png, README.md         pictures of what each code does, on a model card
"""

import shutil
from pathlib import Path

import safetensors.torch
from torch import Tensor, nn

from infogan.data import public_name
from infogan.export.card import model_card
from infogan.export.folder import new_folder
from infogan.figures.traversal import save_contact_sheet, save_grid, traverse
from infogan.method.model import Model
from infogan.runs.inversion import FILE as INVERSION
from infogan.runs.inversion import inversion_of
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

WEIGHTS = "model.safetensors"
AS_THEY_ARE = ("run.json", "metrics.jsonl", "names.json")
SCORES = ("evaluation.json", "resamples.json")
FETCHED = (
    "*.json",
    "*.jsonl",
    "*.safetensors",
    "*.md",
    "figures/*.png",
)  # no program, whatever a repository holds


def save_pretrained(run: Run, folder: Path) -> list[Path]:
    """Writes the folder, which `Run.open` reads as it does a run; gives the files in it.

    Of G the averaged weights are saved where a run has them. Its config says how many updates they have seen,
    and names files of one's own without the folders above them, which are nobody else's business.

    Raises:
        InfoganError: where the run has no checkpoint, or the folder is there already or cannot be written.
    """
    model = run.model()
    with new_folder(folder) as part:
        images = public_name(run.config.data.images)
        shared = Run(part, run.config.replace(images=images, steps=max(1, run.steps)))
        shared.write_config()
        weights = {**_weights("G", model.G), **_weights("D", model.D)}
        (part / WEIGHTS).write_bytes(safetensors.torch.save(weights, {"format": "pt"}))
        kept = [*AS_THEY_ARE]
        if _is_of_these_weights(run, SCORES[0]):
            kept += SCORES
        if inversion_of(run, model) is not None:
            kept.append(INVERSION)
        for name in kept:
            if (run.path / name).is_file():
                shutil.copyfile(run.path / name, part / name)
        if model.G.low is not None:
            draw(model, part / "figures")
        (part / "README.md").write_text(model_card(shared, model), encoding="utf-8")
    return sorted(file for file in folder.rglob("*") if file.is_file())


def draw(model: Model, figures: Path) -> None:
    """A sheet of samples, and for each code a strip in which it moves, numbers from -2 to 2 as in Fig. 2."""
    save_contact_sheet(model.sample(64, make_rng(0, "samples")), figures / "samples.png")
    for i, name in enumerate(model.latent.names):
        save_grid(traverse(model, i, rows=3).images, figures / f"{name}.png")


def fetch(path_or_repo: str | Path) -> Path:
    """The folder of a shared model: a path on this machine as it is, else OWNER/NAME on the Hugging Face Hub.

    A repository comes once and is kept in that library's cache, so that it is found offline.

    Raises:
        InfoganError: where there is no such folder or repository, the Hub does not answer and the cache holds
            nothing, or huggingface_hub is missing.
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
            f"there is no folder {name}, and to look on the Hugging Face Hub takes huggingface_hub; "
            "pip install 'infogan[hub]'."
        ) from error
    try:
        return Path(snapshot_download(name, allow_patterns=list(FETCHED)))
    except LocalEntryNotFoundError as error:
        raise InfoganError(
            f"there is no folder {name}, the Hugging Face Hub does not answer, and its cache here holds no "
            f"{name}; go online once, or name a folder."
        ) from error
    except (OSError, ValueError) as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
        raise InfoganError(
            f"there is no folder {name}, and the Hugging Face Hub does not give {name} ({said})."
        ) from error


def _weights(name: str, net: nn.Module) -> dict[str, Tensor]:
    return {f"{name}.{key}": value.cpu().contiguous() for key, value in net.state_dict().items()}


def _is_of_these_weights(run: Run, name: str) -> bool:
    """Whether a file was written after the newest checkpoint."""
    file, checkpoint = run.path / name, run.checkpoint()
    return bool(checkpoint and file.is_file() and file.stat().st_mtime >= checkpoint.stat().st_mtime)
