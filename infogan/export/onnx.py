"""G, Q and E as ONNX graphs, which onnxruntime runs in any language and in a browser; model.json beside.

Both speak as `Model` does: codes are values, as people read them, so that the embedding is inside the graph.

generator.onnx   z (n, n_z), values (n, L) -> images (n, ch, h, w)
encoder.onnx     images -> values, spreads (n, L), and z (n, n_z) where the run has an inversion

Images are numbers from 0 to 1, vectors are as they are; n is free.
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
from infogan.export.bessel import bessel
from infogan.export.check import compare, draw_latents
from infogan.export.folder import new_folder
from infogan.export.graphs import Decoder, Encoder
from infogan.method.inversion import Inversion
from infogan.method.model import Model
from infogan.runs.inversion import inversion_of
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

OPSET = 20


def export_onnx(run: Run, folder: Path, say: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Writes generator.onnx, encoder.onnx and model.json, and makes sure that they say what torch says.

    Raises:
        InfoganError: where a package is missing, the run has no checkpoint, the folder cannot be written, or
            onnxruntime's answers are other than torch's.
    """
    model = run.model()
    inversion = inversion_of(run, model)
    graphs = make_graphs(model, inversion, say)
    about = describe(run, model, inversion)
    contents = graphs | {"model.json": (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()}
    with new_folder(folder) as part:
        for name, content in contents.items():
            (part / name).write_bytes(content)
    return [folder / name for name in contents]


def make_graphs(
    model: Model, inversion: Inversion | None, say: Callable[[str], None] = lambda _: None
) -> dict[str, bytes]:
    """The two graphs, by the name of their file.

    Raises:
        InfoganError: where a package is missing, or onnxruntime's answers are other than torch's.
    """
    _check_packages()
    decoder, encoder = Decoder(model).eval(), Encoder(model, inversion).eval()
    read = ["values", "spreads", *([] if encoder.E is None else ["z"])]
    with torch.no_grad():
        z, values = draw_latents(model, 2)
        graphs = {}
        say("writing G as ONNX")
        graphs["generator.onnx"] = graph_of(decoder, {"z": z, "values": values}, ["images"])
        say("writing Q as ONNX")
        graphs["encoder.onnx"] = graph_of(encoder, {"images": decoder(z, values)}, read)
        say("comparing onnxruntime with torch")
        compare(graphs, model, decoder, encoder)
    return graphs


def describe(run: Run, model: Model, inversion: Inversion | None) -> dict[str, Any]:
    """What a program has to know to use the graphs; the content of model.json."""
    latent, config = model.latent, run.config
    return {
        "infogan": version("infogan"),
        "opset": OPSET,
        "images": public_name(config.data.images),
        "net": config.networks.architecture,
        "steps": run.steps,
        "shape": list(model.G.shape),
        "vectors": model.G.low is None,
        "square": config.data.square,
        "noise": {"law": latent.noise, "n_z": latent.n_z},
        "reads_z": bool(inversion and latent.n_z),
        "codes": [
            {
                "name": name,
                "kind": code.kind,
                "categories": code.categories,
                "H_c": code.entropy(),
            }
            for name, code in zip(latent.names, latent.codes, strict=True)
        ],
    }


def graph_of(net: nn.Module, inputs: Mapping[str, Tensor], outputs: list[str]) -> bytes:
    """A net as ONNX; the first axis of all inputs and outputs is free."""
    n = torch.export.Dim("n", min=1)
    with quiet():
        program = torch.onnx.export(
            net,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=outputs,
            opset_version=OPSET,
            dynamic_shapes=tuple({0: n} for _ in inputs),
            dynamo=True,
            verbose=False,
            custom_translation_table=bessel(),
        )
    assert program is not None
    content: bytes = program.model_proto.SerializeToString()
    return content


def _check_packages() -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(name) is None:
            raise InfoganError(f"export: ONNX takes {name}, which is missing; pip install 'infogan[export]'.")


@contextmanager
def quiet() -> Iterator[None]:
    """What torch.onnx says of itself stays unsaid: that torchvision is missing, that names were changed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
