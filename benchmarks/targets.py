"""What the pretraining of a preset reads off images with known factors, before any adversarial training.

    python benchmarks/targets.py faces-paper "ratio shear scale" 0 1

trains the stages alone for the preset's images, with other knobs, for each seed, and prints |Spearman's rho|
of the targets of every code with every factor. Factors serve these scores alone. Writes
records/targets-PRESET-KNOBS.json.
"""

import sys
from typing import Any

from knobs import rho
from record import record

from infogan.config.knobs import KNOBS
from infogan.config.presets import get_preset
from infogan.data import load
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.training.trainer import Trainer

MAX_IMAGES = 12_000
KNOB_STEPS = 1_000


def read(preset: str, knobs: str, seed: int) -> dict[str, Any]:
    images = load(get_preset(preset).data.images).subsample(MAX_IMAGES)
    assert images.factors is not None
    n = sum(len(KNOBS[knob]) for knob in knobs.split())
    config = get_preset(preset).replace(
        codes=f"unif:{n} noise:32",
        knobs=knobs,
        knob_steps=KNOB_STEPS,
        pseudo_label_weight=1.0,
        lam=(1.0,),
        device="cpu",
        seed=seed,
    )
    found: dict[str, Any] = {}
    for stage in Trainer(config, make_model(config), images).stages():
        for _ in stage.run(Targets()):
            pass
        found["message"] = stage.outcome.message
        for code, table in stage.outcome.targets.tables.items():
            values = table.double().numpy().ravel()
            found[f"c{code + 1}"] = {
                factor.name: round(rho(values, v), 3)
                for factor, v in zip(images.factors.columns, images.factors.values.T, strict=True)
            }
    print(seed, found, flush=True)
    return found


def main() -> None:
    preset, knobs, *seeds = sys.argv[1:]
    rows = {seed: read(preset, knobs, int(seed)) for seed in seeds}
    record(f"targets-{preset}-{knobs.replace(' ', '-')}", {"steps": KNOB_STEPS, "seeds": rows})


if __name__ == "__main__":
    main()
