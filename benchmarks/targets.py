"""What the pretraining of a preset reads off images with known factors, before any adversarial training.

    python benchmarks/targets.py chairs 0 1
    python benchmarks/targets.py faces 0 1 knobs="illumination shear" factor_steps=3000

trains the preset's stages alone, with other settings where they are named, for each seed, and prints the
association (|Spearman's rho| or its like for angles) of the targets of every code with every factor. Factors
serve these scores alone. Writes records/targets-PRESET.json, where rows with the same settings are replaced.
"""

import json
import sys
from typing import Any

import numpy as np
from record import RECORDS, record

from infogan.config import Config, options_of, parse_text
from infogan.config.presets import get_preset
from infogan.data import DEFAULT_OPTIONS, Images, load
from infogan.data.options import load_options_for
from infogan.evaluation.disentanglement.association import code_factor_association
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.training.trainer import Trainer

MAX_IMAGES = 12_000


def read(config: Config, images: Images) -> dict[str, Any]:
    assert images.factors is not None
    trainer = Trainer(config, make_model(config), images)
    found: dict[str, Any] = {}
    targets = Targets()
    for stage in trainer.stages():
        for _ in stage.run(targets):
            pass
        targets = stage.outcome.targets
        found["message"] = stage.outcome.message
    latent = trainer.model.latent
    for i, table in sorted(targets.by_code.items()):
        columns, code = table.double().numpy(), latent.codes[i]
        values = columns[:, 0]
        if code.kind != "number":
            values = (
                np.arctan2(columns[:, 1], columns[:, 0]) if code.kind == "angle" else columns.argmax(axis=1)
            )
        row = code_factor_association(values[:, None], [code], images.factors)[0]
        names = (factor.name for factor in images.factors.columns)
        found[latent.names[i]] = {name: round(float(r), 3) for name, r in zip(names, row, strict=True)}
    return found


def main() -> None:
    preset, *words = sys.argv[1:]
    seeds = [int(word) for word in words if "=" not in word]
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    options = options_of(Config)
    changes = {name: parse_text(name, text, options[name].kind) for name, text in pairs.items()}
    config = get_preset(preset).replace(device="cpu", **changes)
    images = load(config.data.images, load_options=load_options_for(config, DEFAULT_OPTIONS))
    images = images.subsample(MAX_IMAGES)
    path = RECORDS / f"targets-{preset}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    rows = [row for row in rows if not (row["changes"] == pairs and row["seed"] in seeds)]
    for seed in seeds:
        rows.append({"changes": pairs, "seed": seed, "found": read(config.replace(seed=seed), images)})
        print(rows[-1], flush=True)
        record(f"targets-{preset}", {"images": len(images), "rows": rows})


if __name__ == "__main__":
    main()
