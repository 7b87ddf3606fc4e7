"""The explorer's page as a static site: G, Q and E run in the visitor's browser, and any web host will do.

index.html, *.css, *.js     the page that `infogan explore` serves, and the backend that asks no server
model.json                  what the page has to know
generator.onnx, encoder.onnx
latents.bin                 z and codes of the seeds that the page may draw
runtime/                    onnxruntime-web
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from infogan.explore.files import page_files
from infogan.explore.info import describe
from infogan.export.folder import new_folder
from infogan.export.onnx import make_graphs
from infogan.export.runtime import find_runtime
from infogan.figures.traversal import sample_rows
from infogan.method.model import Model
from infogan.runs.inversion import inversion_of
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

SEEDS, ROWS = 64, 8  # that the page may draw, and the rows of each


def export_web(
    run: Run,
    folder: Path,
    runtime: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Writes the site; gives its files.

    Args:
        runtime: where onnxruntime-web is, if it is not to be fetched; see `find_runtime`.

    Raises:
        InfoganError: where the run is of vectors, which no page shows; where a package or the runtime is
            missing, or the folder is there already or cannot be written.
    """
    model = run.model()
    if model.G.low is None:
        raise InfoganError(
            f"{run.path} is of vectors, and the page shows images; --onnx exports the networks."
        )
    inversion = inversion_of(run, model)
    contents = {f"runtime/{name}": content for name, content in find_runtime(runtime, say).items()}
    contents |= make_graphs(model, inversion, say)
    contents["latents.bin"] = latents(model).tobytes()
    contents["model.json"] = (json.dumps(_info(run, model), indent=2, ensure_ascii=False) + "\n").encode()
    page = {name: file.content for name, file in page_files().items()}
    with new_folder(folder) as part:
        (part / "runtime").mkdir()
        for name, content in (page | contents).items():
            (part / name).write_bytes(content)
    return sorted(file for file in folder.rglob("*") if file.is_file())


def latents(model: Model) -> Float32[np.ndarray, "seeds width"]:
    """What `infogan traverse --rows 8` draws by each seed: z, row by row, then the values of the codes."""
    drawn = (sample_rows(model, ROWS, seed) for seed in range(SEEDS))
    return np.stack([np.concatenate([part.numpy().ravel() for part in rows]) for rows in drawn]).astype("<f4")


def _info(run: Run, model: Model) -> dict[str, Any]:
    """What the page is told of the run; backend-server.js says what that is."""
    latent = model.latent
    return {
        **describe(run, latent.codes, latent.names, latent.n_z),
        "names": run.code_names(),
        "backend": "onnx",
        "seeds": SEEDS,
        "square": run.config.data.square,
    }
