"""The error of reconstructed images: with a random z, with E's estimate of z, and after 40 steps of descent.

    python benchmarks/inversion.py [RUN] [IMAGES]

The mean squared error of pixels in [0, 1] over 256 real and 256 generated images, with codes by Q. By default
of the shipped run and mnist:test. Writes records/inversion.json.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from record import record

from infogan.data import DEFAULT_OPTIONS, load, load_options_for
from infogan.method.inversion import Inversion
from infogan.method.model import Model
from infogan.runs.find import shipped_run_path
from infogan.runs.inversion import load_inversion
from infogan.runs.run import Run
from infogan.utils.rng import make_rng

N_IMAGES = 256


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
    run = Run.open(Path(sys.argv[1])) if len(sys.argv) > 1 else Run.open(shipped_run_path())
    source = sys.argv[2] if len(sys.argv) > 2 else "mnist:test"
    model = run.model()
    inversion = load_inversion(run, model)
    assert inversion is not None, "run `infogan explore` first, which trains the inversion"
    real = load(source, load_options=load_options_for(run.config, DEFAULT_OPTIONS)).subsample(N_IMAGES).x
    generated = model.sample(N_IMAGES, make_rng(0, "inversion"))
    record(
        "inversion",
        {"real": errors(model, inversion, real), "generated": errors(model, inversion, generated)},
    )


if __name__ == "__main__":
    main()
