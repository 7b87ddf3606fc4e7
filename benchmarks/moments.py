"""What continuous codes turn, by moments of G's images: slant, width, ink; no label is looked at.

    python benchmarks/moments.py NAME RUN [RUN ...]

For each continuous code: from -2 to 2 in 21 steps, with z, the category and the other codes held, in 100 rows
(every category, ten z each). A row's |Spearman| between code and moment, then the median over the rows; and,
so that a code that turns two ways does not pass, how many rows have the commoner sign. Of an image with its
light as mass:

    slant = m11 / m02,   width = sqrt(m20 - m11^2 / m02)  (of the image made upright),   ink = mean light

m20 across, m02 down, about the centre of mass. Writes benchmarks/records/moments-NAME.json.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from record import record
from scipy.stats import spearmanr

from infogan.method.codes import Code
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.utils.rng import make_rng

STEPS, NOISES = 21, 10
MEASURES = ("slant", "width", "ink")


def moments(x: UInt8[np.ndarray, "n 1 h w"]) -> Float[np.ndarray, "n 3"]:
    """Slant, width and ink of each image."""
    light = x[:, 0].astype(float) / 255 + 1e-9
    mass = light / light.sum(axis=(1, 2), keepdims=True)
    down, right = np.indices(x.shape[2:]).astype(float)
    y = down - (mass * down).sum(axis=(1, 2), keepdims=True)
    across = right - (mass * right).sum(axis=(1, 2), keepdims=True)
    m20, m11, m02 = ((mass * t).sum(axis=(1, 2)) for t in (across**2, across * y, y**2))
    width = np.sqrt(np.maximum(m20 - m11**2 / m02, 0))
    return np.column_stack([-m11 / m02, width, light.mean(axis=(1, 2))])


def turned(model: Model) -> dict[str, dict[str, dict[str, float]]]:
    """code -> measure -> median |Spearman| over rows, and the share of rows with the commoner sign."""
    codes: tuple[Code, ...] = model.latent.codes
    category, kinds = next((i, code.categories) for i, code in enumerate(codes) if code.categories)
    rng = make_rng(0, "moments")
    n = kinds * NOISES
    held = torch.stack([code.sample_value(n, rng) for code in codes], dim=1)
    held[:, category] = torch.arange(n) % kinds
    z = model.latent.sample_z(n, rng)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for i, (name, code) in enumerate(zip(model.latent.names, codes, strict=True)):
        if code.kind != "number":
            continue
        steps = torch.linspace(-2, 2, STEPS)
        values = held.repeat_interleave(STEPS, dim=0)
        values[:, i] = steps.repeat(n)
        measured = moments(model.decode(values, z.repeat_interleave(STEPS, dim=0))).reshape(n, STEPS, 3)
        found[name] = {}
        for m, measure in enumerate(MEASURES):
            rho = np.array([spearmanr(steps.numpy(), row).statistic for row in measured[:, :, m]])
            positive = float((rho > 0).mean())
            found[name][measure] = {
                "median": float(np.median(np.abs(rho))),
                "same_sign": max(positive, 1 - positive),
            }
    return found


def main() -> None:
    name, *paths = sys.argv[1:]
    runs: dict[str, Any] = {Path(path).name: turned(Run.open(Path(path)).model()) for path in paths}
    best = {
        run: {measure: max(code[measure]["median"] for code in found.values()) for measure in MEASURES}
        for run, found in runs.items()
    }
    record(f"moments-{name}", {"best": best, "runs": runs})


if __name__ == "__main__":
    main()
