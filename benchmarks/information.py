"""What the information term costs: "essentially comes for free" (Sec. 5), measured.

    python benchmarks/information.py RUN [RUN ...]

Milliseconds per update of mnist-code against the same GAN without Q, by turns; and, from the metrics of
finished runs, the update at which L_I and the losses of the GAN settle: from there on every mean over 100
updates is within a tenth of the way from the first to the last, the last being the mean over the last 1,000.
Writes benchmarks/records/information.json.
"""

import json
import sys
from pathlib import Path

import numpy as np
from record import record, spread
from speed import TURNS, seconds
from torch import Tensor, nn

from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import make_model
from infogan.training.device import resolve
from infogan.training.trainer import Trainer


class Nobody(nn.Module):
    """In Q's place."""

    def __init__(self, n_params: int) -> None:
        super().__init__()
        self.n_params = n_params

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), self.n_params)


def settled(run: Path, key: str) -> int | None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = np.array([row["step"] for row in rows])
    value = np.array([row[key] for row in rows])
    means = np.array([value[(steps > u) & (steps <= u + 100)].mean() for u in range(0, steps[-1], 100)])
    last = means[-10:].mean()
    outside = np.flatnonzero(np.abs(means - last) > 0.1 * abs(means[0] - last))
    return int(100 * (outside[-1] + 1)) if len(outside) < len(means) else None


def main() -> None:
    config = resolve(get_preset("mnist-code").replace(device="cpu", steps=10**9))
    x = Images.from_arrays(np.random.default_rng(0).integers(0, 256, (4096, 1, 28, 28), np.uint8))
    model = make_model(config)
    bare = make_model(config)
    bare.D.q_head = Nobody(bare.latent.n_params)
    plain = Trainer(config, bare, x)  # a GAN without Q and L_I
    plain.losses.terms = [term for term in plain.losses.terms if not term.name.startswith("info")]
    with_q, without = Trainer(config, model, x).fit(), plain.fit()
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
