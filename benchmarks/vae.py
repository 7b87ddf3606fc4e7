"""A VAE beside the GAN of a preset, with L_I and without (λ = 0), after the same clustering.

    python benchmarks/vae.py mnist-quick 0 1

Times are of the processor, as other work may run beside it. Writes records/vae-PRESET.json, and for each
model runs/vae-PRESET-SEED-NAME.png: rows of all categories with the same z, then test images, what the model
makes of their c and z, and what it makes of the first one's z with all categories.
"""

import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from PIL import Image
from record import record

from infogan.config import Config
from infogan.config.presets import get_preset, with_settings
from infogan.data import Images, load
from infogan.evaluation.clustering import one_to_one_error
from infogan.evaluation.consistency import info_bounds, recover_codes, recovery_scores
from infogan.method.inversion import Inversion, make_encoder
from infogan.method.model import Model, make_model
from infogan.pretraining import Targets
from infogan.runs.weights import load_weights
from infogan.training.state import state_of
from infogan.training.trainer import Trainer
from infogan.utils.rng import make_rng

N_GAN_STEPS = 40  # timed, not trained to the end
N_TEST = 1000  # images that are reconstructed
N_CONTEXTS = 4  # rows of a picture


def cluster(config: Config, images: Images, file: Path) -> tuple[Targets, dict[str, Any]]:
    """Clusters, unless the file holds them already; returns them, and what is recorded of it."""
    if not file.is_file():
        began = time.process_time()
        (stage,) = Trainer(config, make_model(config), images).stages()
        for _ in stage.run(Targets()):
            pass
        about = {"clustering": stage.outcome.message, "seconds": time.process_time() - began}
        file.parent.mkdir(exist_ok=True)
        tables = {str(code): table for code, table in stage.outcome.targets.by_code.items()}
        safetensors.torch.save_file(tables, file, {"about": json.dumps(about)})
    with safetensors.safe_open(file, "pt") as found:
        by_code = {int(code): found.get_tensor(code) for code in found.keys()}  # noqa: SIM118  # no dictionary
        return Targets(by_code), json.loads(found.metadata()["about"])


def train(config: Config, images: Images, targets: Targets, n: int | None = None) -> tuple[Model, float]:
    """The model after n steps, or all, and seconds per step."""
    model = make_model(config)
    trainer = Trainer(config, model, images)
    trainer.use_targets([targets])
    began = time.process_time()
    steps = sum(1 for _ in islice(trainer.fit(), n))
    seconds = (time.process_time() - began) / steps
    load_weights(model, {name: value.detach().clone() for name, value in state_of(trainer).items()})
    return model.eval(), seconds


def score(model: Model, test: Images, file: Path) -> dict[str, Any]:
    assert test.labels is not None
    values = model.encode(test.pixels).values
    x = test.pixels.take(torch.arange(N_TEST)).numpy()
    z = Inversion(model, make_encoder(model)).estimate(x)
    reconstructed = model.decode(values[:N_TEST], z)
    draw(model, x, values, z, file)
    bounds = info_bounds(model, 128, make_rng(0, "evaluate"))
    return {
        "error": one_to_one_error(test.labels.numbers, values[:, 0].numpy().astype(int)),
        "rmse of reconstruction": float(np.sqrt(((reconstructed - x.astype(float)) ** 2).mean())) / 255,
        "L_I as a share of H(c)": {
            name: bounds[f"info_bound_{name}"]["value"] / code.entropy()
            for name, code in zip(model.latent.names, model.latent.codes, strict=True)
        },
        "recovery": {
            name: s["value"]
            for name, s in recovery_scores(model, recover_codes(model, make_rng(0, "recovery"))).items()
        },
    }


def draw(model: Model, x: np.ndarray, values: torch.Tensor, z: torch.Tensor, file: Path) -> None:
    k = model.latent.k
    free = model.latent.sample_z(N_CONTEXTS, make_rng(0, "picture"))
    all_categories = values[:1].expand(k, -1).clone()
    all_categories[:, 0] = torch.arange(k)
    neutral = all_categories.clone()
    neutral[:, 1:] = 0
    rows = [model.decode(neutral, one.expand(k, -1)) for one in free]
    rows += [x[:k], model.decode(values[:k], z[:k]), model.decode(all_categories, z[:1].expand(k, -1))]
    sheet = np.concatenate([np.concatenate(list(row), axis=2) for row in rows], axis=1)
    picture = Image.fromarray(sheet.transpose(1, 2, 0).squeeze())
    file.parent.mkdir(exist_ok=True)
    picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST).save(file)


def main() -> None:
    preset, *seeds = sys.argv[1:]
    config = get_preset(preset).replace(device="cpu")
    images, test = load(config.data.images), load(config.data.images, "test")
    rows: dict[str, Any] = {}
    for seed in seeds:
        gan = config.replace(seed=int(seed))
        vae = with_settings(gan, {"method": "vae"})
        targets, about = cluster(vae, images, Path("runs") / f"vae-{preset}-{seed}.safetensors")
        row = rows[seed] = {"clustering": about}
        print(seed, row, flush=True)
        _, per_step = train(gan, images, targets, N_GAN_STEPS)
        row["gan"] = {"seconds per step": per_step, "steps": gan.optimisation.steps}
        for name, lam in (("vae", vae.terms.info.lam), ("vae without L_I", (0.0,))):
            model, per_step = train(vae.replace(lam=lam), images, targets)
            file = Path("runs") / f"vae-{preset}-{seed}-{name.replace(' ', '-')}.png"
            row[name] = {"seconds per step": per_step, "steps": vae.optimisation.steps}
            row[name] |= score(model, test, file)
            print(seed, name, row[name], flush=True)
        record(f"vae-{preset}", {"seeds": rows})


if __name__ == "__main__":
    main()
