"""The explorer as a static site for any web host: G, Q and E run in the visitor's browser.

index.html, *.css, *.js     the page of `infogan explore`, with a backend that needs no server
model.json                  what the page needs to know about the run
generator.onnx, encoder.onnx
latents.bin                 z and codes of each seed
runtime/                    onnxruntime-web
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from infogan.explore.model_info import model_info
from infogan.explore.static_files import read_static_files
from infogan.export.new_folder import new_folder
from infogan.export.onnx import OnProgress, describe_images, make_graphs
from infogan.export.onnxruntime_web import find_runtime
from infogan.figures.traversal import sample_rows
from infogan.method.model import Model
from infogan.runs.inversion import load_inversion
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

N_SEEDS, N_ROWS = 64, 8  # that the page offers, and the rows of latents per seed


def export_web(
    run: Run,
    folder: Path,
    runtime: Path | None = None,
    on_progress: OnProgress = lambda _: None,
) -> list[Path]:
    """Writes the site into a new folder; returns its files.

    Args:
        runtime: where onnxruntime-web is; by default npm downloads it. See `find_runtime`.
        on_progress: called with a description of each step.

    Raises:
        InfoganError: if the run is of vectors, which the page cannot show; if a package or the runtime is
            missing; if the folder exists and is not empty, or cannot be written.
    """
    model = run.model()
    if model.G.low is None:
        raise InfoganError(
            f"{run.path} is of vectors, but the page shows images; export the networks as ONNX instead."
        )
    inversion = load_inversion(run, model)
    contents = {f"runtime/{name}": content for name, content in find_runtime(runtime, on_progress).items()}
    contents |= make_graphs(model, inversion, describe_images(run), on_progress)
    contents["latents.bin"] = latents(model).tobytes()
    contents["model.json"] = (json.dumps(_info(run, model), indent=2, ensure_ascii=False) + "\n").encode()
    page = {name: file.content for name, file in read_static_files().items()}
    with new_folder(folder) as part:
        (part / "runtime").mkdir()
        for name, content in (page | contents).items():
            (part / name).write_bytes(content)
    return sorted(file for file in folder.rglob("*") if file.is_file())


def latents(model: Model) -> Float32[np.ndarray, "seeds width"]:
    """z and code values of each seed, flattened: the same as `infogan traverse --rows 8 --seed SEED`."""
    samples = (sample_rows(model, N_ROWS, seed) for seed in range(N_SEEDS))
    return np.stack([np.concatenate([t.numpy().ravel() for t in sample]) for sample in samples]).astype("<f4")


def _info(run: Run, model: Model) -> dict[str, Any]:
    """The content of model.json; the fields are documented in backend-server.js."""
    return {
        **model_info(run, model.latent),
        "names": run.code_names(),
        "backend": "onnx",
        "seeds": N_SEEDS,
        "pixels": describe_images(run),
    }
