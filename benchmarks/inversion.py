"""How near images come to themselves when z is read off them.

    python benchmarks/inversion.py [RUN] [SOURCE]

Mean squared error of pixels in [0, 1] over 256 images, the codes by Q: with a random z, with the estimate of
E, and after 40 steps of descent; of real images and of G's own. The run that ships and mnist:test where none
are named. Writes benchmarks/records/inversion.json.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from record import record

from infogan.data import DEFAULT_OPTIONS, load
from infogan.method.inversion import Inversion
from infogan.method.model import Model
from infogan.runs.find import shipped
from infogan.runs.inversion import inversion_of
from infogan.runs.run import Run, fit
from infogan.utils.rng import make_rng

N = 256


def errors(model: Model, inversion: Inversion, x: np.ndarray) -> dict[str, float]:
    values = model.encode(x).values
    zs: dict[str, torch.Tensor] = {
        "random": model.latent.sample_z(len(x), make_rng(1, "inversion")),
        "estimate": inversion.estimate(x),
        "descent": inversion.invert(x, values),
    }
    return {
        name: float(np.square((model.decode(values, z).astype(float) - x) / 255).mean())
        for name, z in zs.items()
    }


def main() -> None:
    run = Run.open(Path(sys.argv[1])) if len(sys.argv) > 1 else Run.open(shipped())
    source = sys.argv[2] if len(sys.argv) > 2 else "mnist:test"
    model = run.model()
    inversion = inversion_of(run, model)
    assert inversion is not None, "let `infogan explore` learn to read z first"
    real = load(source, load_options=fit(DEFAULT_OPTIONS, run.config)).subsample(N).x
    own = model.sample(N, make_rng(0, "inversion"))
    record("inversion", {"real": errors(model, inversion, real), "own": errors(model, inversion, own)})


if __name__ == "__main__":
    main()
