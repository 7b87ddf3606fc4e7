"""A check that onnxruntime computes what torch computes."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor

from infogan.export.onnx_modules import Decoder, Encoder
from infogan.method.model import Model
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

TOLERANCE = 1e-4  # between onnxruntime and torch
BATCH_SIZES = (1, 2, 7, 64)


def sample_latents(model: Model, n: int) -> tuple[Tensor, Tensor]:
    """z and code values from their priors, the same for each n."""
    rng = make_rng(n, "export")
    return model.latent.sample_z(n, rng).to(model.device), model.sample_values(n, rng).to(model.device)


def check_graphs(graphs: Mapping[str, bytes], model: Model, decoder: Decoder, encoder: Encoder) -> None:
    """Raises InfoganError if onnxruntime's images, values, spreads or z differ from torch's."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    sessions = {
        name: onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        for name, graph in graphs.items()
    }
    decoder_64, encoder_64 = deepcopy(decoder).double(), deepcopy(encoder).double()
    for n in BATCH_SIZES:
        z, values = sample_latents(model, n)
        images = decoder(z, values)
        outputs = sessions["generator.onnx"].run(None, {"z": z.cpu().numpy(), "values": values.cpu().numpy()})
        found = [torch.from_numpy(output) for output in outputs]
        _require_close("generator.onnx", found, [images], [decoder_64(z.double(), values.double())])
        outputs = sessions["encoder.onnx"].run(None, {"images": images.cpu().numpy()})
        found = [torch.from_numpy(output) for output in outputs]
        # Values as G takes them, since the angles 0 and 2 pi are the same.
        found, expected, exact = (
            [*model.latent.embed(values), *others]
            for values, *others in (found, encoder(images), encoder_64(images.double()))
        )
        _require_close("encoder.onnx", found, expected, exact)


def _require_close(name: str, found: list[Tensor], expected: list[Tensor], exact: list[Tensor]) -> None:
    """Raises InfoganError if outputs differ by more than the tolerance and torch's own rounding error.

    The rounding error is the difference to `exact`, in double precision. It is large for an angle about which
    Q is uncertain.
    """
    for f, x, x_64 in zip(found, expected, exact, strict=True):
        rounding = (x - x_64).abs().nan_to_num(0).max() if x.numel() else 0.0
        difference = f.to(x.device) - x
        is_close = difference.abs() <= TOLERANCE * (1 + x.abs()) + 10 * rounding
        is_close |= f.to(x.device) == x  # two infinities are equal, but their difference is NaN
        if not is_close.all():
            raise InfoganError(
                f"export: {name} differs from torch by {difference.abs().max():.2g}, which is more than "
                f"{TOLERANCE:g}, so nothing was written; update onnx, onnxscript and onnxruntime."
            )
