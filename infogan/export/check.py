"""Whether onnxruntime says what torch says."""

from collections.abc import Mapping
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from infogan.export.graphs import Decoder, Encoder
from infogan.method.model import Model
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

TOLERANCE = 1e-4  # between onnxruntime and torch
BATCHES = (1, 2, 7, 64)  # that are compared


def draw_latents(model: Model, n: int) -> tuple[Tensor, Tensor]:
    """z and values from their priors, the same each time."""
    rng = make_rng(n, "export")
    return model.latent.sample_z(n, rng).to(model.device), model.sample_values(n, rng).to(model.device)


def compare(graphs: Mapping[str, bytes], model: Model, decoder: Decoder, encoder: Encoder) -> None:
    """Raises InfoganError where onnxruntime draws or reads anything else than torch does."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    sessions = {
        name: onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        for name, graph in graphs.items()
    }
    exact_decoder, exact_encoder = deepcopy(decoder).double(), deepcopy(encoder).double()
    for n in BATCHES:
        z, values = draw_latents(model, n)
        images = decoder(z, values)
        drawn = sessions["generator.onnx"].run(None, {"z": z.cpu().numpy(), "values": values.cpu().numpy()})
        _agree("generator.onnx", [images], drawn, [exact_decoder(z.double(), values.double())])
        read = sessions["encoder.onnx"].run(None, {"images": images.cpu().numpy()})
        found = [torch.from_numpy(part) for part in read]
        said = (encoder(images), found, exact_encoder(images.double()))
        # Codes as G takes them, since an angle of 0 is one of 2 pi.
        wanted, seen, exact = ([*model.latent.embed(part[0]), *part[1:]] for part in said)
        _agree("encoder.onnx", wanted, [part.cpu().numpy() for part in seen], exact)


def _agree(name: str, wanted: list[Tensor], found: list[np.ndarray], exact: list[Tensor]) -> None:
    """Raises InfoganError unless what was found is what torch wants, as far as torch is sure of it itself.

    Of an angle that Q knows nothing of, the rounding of single precision decides.
    """
    for w, f, e in zip(wanted, found, exact, strict=True):
        unsure = (w - e).abs().nan_to_num(0).max() if w.numel() else 0.0
        off = torch.from_numpy(f).to(w.device) - w
        bound = TOLERANCE * (1 + w.abs()) + 10 * unsure
        # Two infinities of one sign are the same, though their difference is none.
        good = (off.abs() <= bound) | (torch.from_numpy(f).to(w.device) == w)
        if not good.all():
            raise InfoganError(
                f"export: {name} differs from torch by {off.abs().max():.2g} where {TOLERANCE:g} is the "
                "most, so nothing was written; update onnx, onnxscript and onnxruntime."
            )
