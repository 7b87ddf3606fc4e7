"""The description of a run for the page, model.json; `page/backend-server.js` documents its fields."""

import math
from typing import Any

from infogan.data import public_name
from infogan.data.false_colour import describe_channels
from infogan.data.pixels import PICTURE_CHANNELS
from infogan.method.codes import Code
from infogan.method.latent import Latent
from infogan.method.objective import with_best_std
from infogan.runs.labels import labelled_categories
from infogan.runs.run import Run

N_SEEDS = 1_000_000


def model_info(run: Run, latent: Latent) -> dict[str, Any]:
    """All of model.json except `backend` and `names`."""
    last = next(iter(run.metrics()[-1:]), {})
    steps = f"{run.steps:,} step{'' if run.steps == 1 else 's'}"
    shape = run.config.networks.image_shape
    drawn = "" if shape[0] in PICTURE_CHANNELS else f"; {describe_channels(shape[0])}"
    return {
        "title": run.path.resolve().name,
        "about": f"{steps} of training on {public_name(run.config.data.images)}{drawn}",
        "shape": list(shape),
        "n_z": latent.n_z,
        "seeds": N_SEEDS,
        "codes": [
            _code_info(name, code, last.get(f"L_I_{name}"), run.config.codes.fixed_std)
            | {
                "category_names": list(labelled_categories(run).get(name, {}).values()),
                "parent": latent.parents.get(i),
            }
            for i, (name, code) in enumerate(zip(latent.names, latent.codes, strict=True))
        ],
    }


def _code_info(name: str, code: Code, L_I: float | None, fixed_std: float | None) -> dict[str, Any]:
    is_switch = code.categories == 2 and code.width == 1
    if L_I is not None and not math.isfinite(L_I):
        L_I = None
    std = None
    if L_I is not None and fixed_std is not None and code.kind == "number":
        L_I, std = with_best_std(L_I, code.entropy(), fixed_std)
    return {
        "name": name,
        "kind": "switch" if is_switch else code.kind,
        "categories": code.categories,
        "H": code.entropy(),
        "L_I": L_I,
        "carried": None if L_I is None else min(1.0, max(0.0, L_I / code.entropy())),
        "std": std,
    }
