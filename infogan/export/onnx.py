"""G, Q and E as ONNX graphs, which onnxruntime runs in many languages and in browsers.

generator.onnx   z (n, n_z), values (n, L) -> images (n, ch, h, w)
encoder.onnx     images -> values, spreads (n, L), and z (n, n_z) if the run has an inversion
model.json       the shape, the codes, the noise, and how images become pixels

Values and spreads have the units of `Model.encode`; the graph embeds the codes itself. Images are in [0, 1],
vectors in their own units; n is dynamic. The encoder rounds images to 256 levels, as `Model.encode` does.
The metadata of both graphs describe images as model.json does.
"""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from infogan.data import public_name
from infogan.data.pixels import describe_pixels
from infogan.export.new_folder import new_folder
from infogan.export.onnx_bessel import bessel_translations
from infogan.export.onnx_check import check_graphs, sample_latents
from infogan.export.onnx_modules import Decoder, Encoder
from infogan.method.inversion import Inversion
from infogan.method.model import Model
from infogan.runs.inversion import load_inversion
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

OPSET = 20
NO_METADATA: Mapping[str, str] = {}

OnProgress = Callable[[str], None]


def export_onnx(run: Run, folder: Path, on_progress: OnProgress = lambda _: None) -> list[Path]:
    """Writes generator.onnx, encoder.onnx and model.json into a new folder; returns their paths.

    Args:
        on_progress: called with a description of each step.

    Raises:
        InfoganError: if a package is missing, the run has no checkpoint, the folder cannot be written, or
            onnxruntime and torch compute different outputs.
    """
    model = run.model()
    inversion = load_inversion(run, model)
    graphs = make_graphs(model, inversion, describe_images(run), on_progress)
    about = describe(run, model, inversion)
    contents = graphs | {"model.json": (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()}
    with new_folder(folder) as part:
        for name, content in contents.items():
            (part / name).write_bytes(content)
    return [folder / name for name in contents]


def make_graphs(
    model: Model,
    inversion: Inversion | None,
    images: Mapping[str, Any],
    on_progress: OnProgress = lambda _: None,
) -> dict[str, bytes]:
    """The contents of generator.onnx and encoder.onnx, checked against torch.

    Raises:
        InfoganError: if a package is missing, or onnxruntime and torch compute different outputs.
    """
    _require_packages()
    decoder, encoder = Decoder(model).eval(), Encoder(model, inversion).eval()
    outputs = ["values", "spreads", *([] if encoder.E is None else ["z"])]
    metadata = {"infogan": version("infogan"), "images": json.dumps(images)}
    with torch.no_grad():
        z, values = sample_latents(model, 2)
        graphs = {}
        on_progress("writing G as ONNX")
        graphs["generator.onnx"] = to_onnx(decoder, {"z": z, "values": values}, ["images"], metadata)
        on_progress("writing Q as ONNX")
        graphs["encoder.onnx"] = to_onnx(encoder, {"images": decoder(z, values)}, outputs, metadata)
        on_progress("comparing onnxruntime with torch")
        check_graphs(graphs, model, decoder, encoder)
    return graphs


def describe(run: Run, model: Model, inversion: Inversion | None) -> dict[str, Any]:
    """The content of model.json: what a program needs to know to use the graphs."""
    latent, config = model.latent, run.config
    return {
        "infogan": version("infogan"),
        "opset": OPSET,
        "images": public_name(config.data.images),
        "pixels": describe_images(run),
        "net": config.networks.architecture,
        "steps": run.steps,
        "shape": list(model.G.shape),
        "vectors": model.G.low is None,
        "noise": {"law": latent.noise, "n_z": latent.n_z},
        "reads_z": bool(inversion and latent.n_z),
        "codes": [
            {
                "name": name,
                "kind": code.kind,
                "categories": code.categories,
                "H_c": code.entropy(),
                "parent": latent.names[latent.parents[i]] if i in latent.parents else None,
            }
            for i, (name, code) in enumerate(zip(latent.names, latent.codes, strict=True))
        ],
    }


def describe_images(run: Run) -> dict[str, Any]:
    """Which numbers images are, and how files became such numbers; vectors have no range."""
    config = run.config
    if config.networks.architecture == "vectors":
        return {"range": None}
    return describe_pixels(config.data, config.networks.image_shape)


def to_onnx(
    net: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: list[str],
    metadata: Mapping[str, str] = NO_METADATA,
) -> bytes:
    """A network as an ONNX graph, with a dynamic batch size."""
    n = torch.export.Dim("n", min=1)
    with _quiet_torch_onnx():
        program = torch.onnx.export(
            net,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=outputs,
            opset_version=OPSET,
            dynamic_shapes=tuple({0: n} for _ in inputs),
            dynamo=True,
            verbose=False,
            custom_translation_table=bessel_translations(),
        )
    assert program is not None
    proto = program.model_proto
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    content: bytes = proto.SerializeToString()
    return content


def _require_packages() -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(name) is None:
            raise InfoganError(f"export: {name} is not installed; pip install 'infogan[export]'.")


@contextmanager
def _quiet_torch_onnx() -> Iterator[None]:
    """Hides the notices of torch.onnx: that torchvision is missing, that names were changed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
