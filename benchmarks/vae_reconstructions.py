"""How well runs of a VAE and of a GAN reconstruct images that they know, and others: docs/results/vae.md.

python benchmarks/vae_reconstructions.py NAME folder:OTHERS RUN RUN ...

c is what Q reads and z the encoder's (of a GAN that of its inversion, trained here), then 40 steps of descent
on z, as in the explorer. Writes records/vae-reconstructions-NAME.json, and RUN/vae.png: known images and
their two reconstructions, other images and theirs, samples, and one z with the values of each code.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from record import record

from infogan.data import LoadOptions, load, load_options_for
from infogan.evaluation.consistency import info_bounds
from infogan.method.inversion import learn_inversion
from infogan.runs.run import Run
from infogan.utils.rng import make_rng

N = 10  # images in a row
N_MEASURED = 64


def measure(run: Run, others: str) -> dict[str, Any]:
    model = run.model()
    *_, last = learn_inversion(model)
    others_x = load(others, load_options=load_options_for(run.config, LoadOptions())).x
    rows: list[np.ndarray] = []
    result: dict[str, Any] = {"method": run.config.terms.method, "steps": run.steps}
    for name, x in (("known", run.images().x[:N_MEASURED]), ("other", others_x[:N_MEASURED])):
        values = model.encode(x).values
        for how, steps in (("encoder", 0), ("descent", 40)):
            made = model.decode(values, last.inversion.invert(x, values, steps))
            result[f"rmse, {name}, {how}"] = float(np.sqrt(((made - x.astype(float)) ** 2).mean())) / 255
            rows += [x[:N], made[:N]] if how == "encoder" else [made[:N]]
    samples = model.sample(2 * N, make_rng(0, "samples"))
    rows += [samples[:N], samples[N:]]
    z = model.latent.sample_z(1, make_rng(0, "sweep")).expand(N, -1)
    for i, code in enumerate(model.latent.codes):
        values = torch.zeros(N, len(model.latent.codes))
        sweep = code.sweep(N, -1, 1)
        values[:, i] = sweep[torch.arange(N) % len(sweep)]
        rows.append(model.decode(values, z))
    sheet = np.concatenate([np.concatenate(list(row), axis=2) for row in rows], axis=1).transpose(1, 2, 0)
    Image.fromarray(sheet.squeeze()).resize((2 * sheet.shape[1], 2 * sheet.shape[0])).save(
        run.path / "vae.png"
    )
    bounds = info_bounds(model, run.config.optimisation.batch_size, make_rng(0, "evaluate"))
    result["L_I as a share of H(c)"] = {
        name: bounds[f"info_bound_{name}"]["value"] / code.entropy()
        for name, code in zip(model.latent.names, model.latent.codes, strict=True)
    }
    return result


def main() -> None:
    name, others, *runs = sys.argv[1:]
    measured = {run: measure(Run.open(Path(run)), others) for run in runs}
    record(f"vae-reconstructions-{name}", {"runs": {Path(run).name: row for run, row in measured.items()}})


if __name__ == "__main__":
    main()
