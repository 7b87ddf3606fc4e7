"""What the information term costs: "essentially comes for free" (Sec. 5), measured.

    python benchmarks/information.py RUN [RUN ...]

Milliseconds per update of mnist-code against the same GAN without Q, by turns; and, from the metrics of
finished runs, the update at which L_I and the losses of the GAN settle: from there on every mean over 100
updates is within a tenth of the way from the first to the last, the last being the mean over the last 1,000.
Writes benchmarks/records/information.json.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from record import record, spread
from speed import TURNS, seconds
from torch import Tensor, nn

from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.method.objective import gan_value, generator_loss
from infogan.training.device import settle
from infogan.training.trainer import Losses, Trainer


class Nobody(nn.Module):
    """In Q's place."""

    def __init__(self, n_params: int) -> None:
        super().__init__()
        self.n_params = n_params

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), self.n_params)


class Plain(Trainer):
    """A GAN without Q and L_I."""

    def losses_d(
        self, real: Any, judged: Any, c: list[Tensor], moved: Any = None, found: Any = None
    ) -> Losses:
        V = gan_value(real.logit, judged.logit)
        return Losses(-V, V, V.new_zeros(()), self.lam.new_zeros(self.lam.shape))

    def losses_g(self, judged: Any, c: list[Tensor]) -> Losses:
        nothing = self.lam.new_zeros(self.lam.shape)
        loss = generator_loss(judged.logit, nothing, nothing)
        return Losses(loss, loss, loss.new_zeros(()), nothing)


def settled(run: Path, key: str) -> int | None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    updates = np.array([row["update"] for row in rows])
    value = np.array([row[key] for row in rows])
    means = np.array([value[(updates > u) & (updates <= u + 100)].mean() for u in range(0, updates[-1], 100)])
    last = means[-10:].mean()
    outside = np.flatnonzero(np.abs(means - last) > 0.1 * abs(means[0] - last))
    return int(100 * (outside[-1] + 1)) if len(outside) < len(means) else None


def main() -> None:
    config = settle(replace(get_preset("mnist-code"), device="cpu", updates=10**9))
    x = Images.from_arrays(np.random.default_rng(0).integers(0, 256, (4096, 1, 28, 28), np.uint8))
    model = make_model(config)
    bare = make_model(config)
    bare.D.q_head = Nobody(bare.latent.n_params)
    with_q, without = (t.fit() for t in (Trainer(config, model, x), Plain(config, bare, x)))
    seconds(with_q), seconds(without)
    turns = [(seconds(with_q), seconds(without)) for _ in range(TURNS)]
    runs = {
        Path(run).name: {
            key: settled(Path(run), key) for key in ("L_I_c1", "L_I_c2", "L_I_c3", "loss_d", "loss_g")
        }
        for run in sys.argv[1:]
    }
    record(
        "information",
        {
            "ms_infogan": spread([1e3 * a for a, _ in turns]),
            "ms_without_q": spread([1e3 * b for _, b in turns]),
            "ratio": spread([a / b for a, b in turns]),
            "settled_at": runs,
        },
    )


if __name__ == "__main__":
    main()
