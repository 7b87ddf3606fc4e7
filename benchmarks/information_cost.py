"""What the information term costs, which "essentially comes for free" (Sec. 5).

    python benchmarks/information_cost.py [RUN ...]

Milliseconds per step of mnist-code and of the same GAN without Q, by turns; and, from the metrics of
finished runs, the step from which L_I and the losses have converged: each later mean over 100 steps differs
from the mean over the last 1,000 by at most a tenth of what the first one does. Writes
records/information_cost.json.
"""

import sys
from pathlib import Path

import numpy as np
from record import record, spread
from speed import MAX_STEPS, N_TURNS, seconds_per_step
from torch import Tensor, nn

from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.runs.run import Run
from infogan.training.components.device import resolve
from infogan.training.trainer import Trainer


class ZeroHead(nn.Module):
    """Replaces Q's head."""

    def __init__(self, n_params: int) -> None:
        super().__init__()
        self.n_params = n_params

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), self.n_params)


def converged_at(run: Run, name: str) -> int | None:
    """The step from which a metric has converged."""
    rows = run.metrics()
    steps, values = np.array([row["step"] for row in rows]), np.array([row[name] for row in rows])
    means = np.array([values[(steps > n) & (steps <= n + 100)].mean() for n in range(0, steps[-1], 100)])
    last = means[-10:].mean()
    outside = np.flatnonzero(np.abs(means - last) > 0.1 * abs(means[0] - last))
    return int(100 * (outside[-1] + 1)) if len(outside) < len(means) else None


def main() -> None:
    config = resolve(get_preset("mnist-code").replace(device="cpu", steps=MAX_STEPS))
    images = Images.from_arrays(np.random.default_rng(0).integers(0, 256, (4096, 1, 28, 28), np.uint8))
    model = make_model(config)
    model_without_q = make_model(config)
    model_without_q.D.q_head = ZeroHead(model.latent.n_params)
    plain = Trainer(config, model_without_q, images)
    plain.losses.terms = [term for term in plain.losses.terms if not term.name.startswith("info")]
    with_q, without_q = Trainer(config, model, images).fit(), plain.fit()
    seconds_per_step(with_q), seconds_per_step(without_q)  # warm-up
    turns = [(seconds_per_step(with_q), seconds_per_step(without_q)) for _ in range(N_TURNS)]
    names = ("L_I_c1", "L_I_c2", "L_I_c3", "loss_d", "loss_g")
    runs = {
        Path(path).name: {name: converged_at(Run.open(Path(path)), name) for name in names}
        for path in sys.argv[1:]
    }
    record(
        "information_cost",
        {
            "ms_infogan": spread([1e3 * a for a, _ in turns]),
            "ms_without_q": spread([1e3 * b for _, b in turns]),
            "ratio": spread([a / b for a, b in turns]),
            "converged_at": runs,
        },
    )


if __name__ == "__main__":
    main()
