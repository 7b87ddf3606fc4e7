"""The inversion in a run folder, which `infogan explore` and `infogan export` write."""

from pathlib import Path

import safetensors
import safetensors.torch
from safetensors import SafetensorError

from infogan.method.inversion import Inversion, make_encoder
from infogan.method.model import Model
from infogan.runs.checkpoints import checksum
from infogan.runs.run import Run
from infogan.utils.io import wrap_write_errors, write_atomic

INVERSION_FILE = "inversion.safetensors"


def save_inversion(run: Run, inversion: Inversion) -> Path:
    """Writes E to the run folder, matrices in half precision, with the checksum of the G that it inverts.

    Raises:
        InfoganError: if it cannot be written.
    """
    state = {
        name: (value.half() if value.ndim > 1 else value).contiguous()
        for name, value in inversion.E.state_dict().items()
    }
    metadata = {"steps": str(run.steps), "generator": checksum(inversion.model.G.state_dict())}
    with wrap_write_errors(run.path):
        write_atomic(run.path / INVERSION_FILE, safetensors.torch.save(state, metadata))
    return run.path / INVERSION_FILE


def load_inversion(run: Run, model: Model) -> Inversion | None:
    """What `save_inversion` wrote; None if it is missing, damaged or belongs to another checkpoint.

    A VAE has an encoder of z among its weights, and no such file.
    """
    if model.D.encodes_z:
        return Inversion(model, make_encoder(model))
    try:
        with safetensors.safe_open(run.path / INVERSION_FILE, "pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get("generator") != checksum(model.G.state_dict()):
            return None
        E = make_encoder(model)
        E.load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError):
        return None
    return Inversion(model, E)
