"""What continuous codes change, by the moments of generated digits: slant, width and ink. Uses no labels.

    python benchmarks/moments.py NAME RUN [RUN ...]

Varies each continuous code from -2 to 2 in 21 steps, with z and the other codes fixed, for ten z per
category. Reports the median over these rows of |Spearman's rho| between code and moment, and the share of
rows with the more common sign, which is low if a code changes a moment in both directions. The moments are
those of `infogan.evaluation.control.moments`; ink is the mean brightness. Writes records/moments-NAME.json.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from record import record
from scipy.stats import spearmanr

from infogan.evaluation.control.moments import MOMENTS, image_moments
from infogan.method.codes import Code
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.utils.rng import make_rng

N_STEPS, N_Z = 21, 10
NAMES = ("slant", "width", "ink")


def moments(x: UInt8[np.ndarray, "n 1 h w"]) -> Float[np.ndarray, "n 3"]:
    """Slant, width and ink of each image."""
    return image_moments(x)[:, [MOMENTS.index(name) for name in ("slant", "width", "brightness")]]


def correlations(model: Model) -> dict[str, dict[str, dict[str, float]]]:
    """code -> moment -> median |Spearman's rho| over rows, and the share of rows with the commoner sign."""
    codes: tuple[Code, ...] = model.latent.codes
    category, n_categories = next((i, code.categories) for i, code in enumerate(codes) if code.categories)
    rng = make_rng(0, "moments")
    n = n_categories * N_Z
    rows = torch.stack([code.sample_value(n, rng) for code in codes], dim=1)
    rows[:, category] = torch.arange(n) % n_categories
    z = model.latent.sample_z(n, rng)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for i, (name, code) in enumerate(zip(model.latent.names, codes, strict=True)):
        if code.kind != "number":
            continue
        steps = torch.linspace(-2, 2, N_STEPS)
        values = rows.repeat_interleave(N_STEPS, dim=0)
        values[:, i] = steps.repeat(n)
        measured = moments(model.decode(values, z.repeat_interleave(N_STEPS, dim=0))).reshape(n, N_STEPS, 3)
        found[name] = {}
        for m, moment in enumerate(NAMES):
            rho = np.array([spearmanr(steps.numpy(), row).statistic for row in measured[:, :, m]])
            positive = float((rho > 0).mean())
            found[name][moment] = {
                "median": float(np.median(np.abs(rho))),
                "same_sign": max(positive, 1 - positive),
            }
    return found


def main() -> None:
    name, *paths = sys.argv[1:]
    runs: dict[str, Any] = {Path(path).name: correlations(Run.open(Path(path)).model()) for path in paths}
    best = {
        run: {moment: max(code[moment]["median"] for code in found.values()) for moment in NAMES}
        for run, found in runs.items()
    }
    record(f"moments-{name}", {"best": best, "runs": runs})


if __name__ == "__main__":
    main()
