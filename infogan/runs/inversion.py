"""The encoder of z that `infogan explore` leaves in a run folder."""

from pathlib import Path

import safetensors
import safetensors.torch
from safetensors import SafetensorError

from infogan.method.inversion import Inversion, make_encoder
from infogan.method.model import Model
from infogan.runs.checkpoints import checksum
from infogan.runs.run import Run
from infogan.utils.io import wrap_write_errors, write_atomic

FILE = "inversion.safetensors"


def save_inversion(run: Run, inversion: Inversion) -> Path:
    """Leaves E in the run's folder, matrices in half precision, with the fingerprint of the G it belongs to.

    Raises:
        InfoganError: where it cannot be written.
    """
    state = {
        name: (value.half() if value.ndim > 1 else value).contiguous()
        for name, value in inversion.E.state_dict().items()
    }
    about = {"steps": str(run.steps), "generator": checksum(inversion.model.G.state_dict())}
    with wrap_write_errors(run.path):
        write_atomic(run.path / FILE, safetensors.torch.save(state, about))
    return run.path / FILE


def inversion_of(run: Run, model: Model) -> Inversion | None:
    """What `save_inversion` left; None where it is missing, damaged, or belongs to another checkpoint."""
    try:
        with safetensors.safe_open(run.path / FILE, "pt") as file:
            about = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if about.get("generator") != checksum(model.G.state_dict()):
            return None
        E = make_encoder(model)
        E.load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError):
        return None
    return Inversion(model, E)
