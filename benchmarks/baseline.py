"""Our updates against the loop that a user would write, in one process, by turns.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/baseline.py [PRESET] [--precision bf16-mixed] [-o record.json]

The baseline does what ports of InfoGAN to PyTorch commonly do, written afresh: fp32, a DataLoader over PIL
images, D's probability and BCELoss, the fake batch drawn once and D's gradients computed and thrown away in
G's step, Adam as it comes, and the losses read by .item() after every update. The networks, their weights
at the start, the batch and the terms of the losses are ours; only real images of noise are timed, as many as
MNIST has. Prints the median of the ratios of neighbouring turns.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from infogan.config import Config
from infogan.data import Images
from infogan.model import make_model
from infogan.presets import get_preset
from infogan.rng import make_rng
from infogan.train import Trainer

TURNS, UPDATES = 7, 5  # turns of each, of so many updates
N_IMAGES = 60_000


class Pictures(Dataset[Tensor]):
    """Images as PIL opens them, turned into tensors one by one."""

    def __init__(self, x: np.ndarray) -> None:
        self.pictures = [Image.fromarray(image.squeeze(0)) for image in x]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, i: int) -> Tensor:
        return torch.from_numpy(np.array(self.pictures[i])).float().div(255)[None]


def baseline(config: Config, x: np.ndarray) -> Iterator[float]:
    """Endless updates of the usual loop."""
    model = make_model(config)
    G, D, latent = model.G.train(), model.D.train(), model.latent
    optim_d = torch.optim.Adam(D.parameters(), config.lr_d, (config.beta1, config.beta2), fused=False)
    optim_g = torch.optim.Adam(G.parameters(), config.lr_g, (config.beta1, config.beta2), fused=False)
    loader = DataLoader(Pictures(x), config.batch, shuffle=True, drop_last=True)
    bce = nn.BCELoss()
    rng = make_rng(config.seed, "latent")
    ones, zeros = torch.ones(config.batch), torch.zeros(config.batch)

    def surprise(c: list[Tensor], q: tuple[Tensor, ...]) -> Tensor:
        log_q = [code.log_q(c_i, q_i).mean() for code, c_i, q_i in zip(latent.codes, c, q, strict=True)]
        return -torch.stack(log_q).sum()

    while True:
        for real in loader:
            c = latent.sample_c(config.batch, rng)
            fake = G(latent.sample_z(config.batch, rng), c)
            optim_d.zero_grad()
            loss_real = bce(torch.sigmoid(D(real).logit), ones)
            logit, q = D(fake.detach())
            loss_d = loss_real + bce(torch.sigmoid(logit), zeros) + surprise(c, q)
            loss_d.backward()
            optim_d.step()
            optim_g.zero_grad()
            if config.fresh_fake:
                c = latent.sample_c(config.batch, rng)
                fake = G(latent.sample_z(config.batch, rng), c)
            logit, q = D(fake)
            loss_g = bce(torch.sigmoid(logit), ones) + surprise(c, q)
            loss_g.backward()
            optim_g.step()
            yield loss_d.item() + loss_g.item()


def ours(config: Config, x: np.ndarray) -> Iterator[float]:
    """Endless updates of the trainer, whose numbers are read as the command line reads them."""
    trainer = Trainer(replace(config, updates=10**9), make_model(config), Images.stored(x))
    for update in trainer.fit():
        yield update.loss_d.item() if update.n % config.log_every == 0 else 0.0


def seconds(updates: Iterator[float]) -> float:
    start = time.perf_counter()
    for _ in range(UPDATES):
        next(updates)
    return (time.perf_counter() - start) / UPDATES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("preset", nargs="?", default="mnist")
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    config = replace(get_preset(args.preset), precision=args.precision, device="cpu")
    shape = make_model(config).G.shape
    x = np.random.default_rng(0).integers(0, 256, (N_IMAGES, *shape), np.uint8)
    theirs, own = baseline(config, x), ours(config, x)
    seconds(theirs), seconds(own)  # what is built once is not timed
    turns = [(seconds(theirs), seconds(own)) for _ in range(TURNS)]
    ratios = [a / b for a, b in turns]
    record = {
        "preset": args.preset,
        "config": asdict(config),
        "baseline_images_per_s": config.batch / statistics.median(a for a, _ in turns),
        "images_per_s": config.batch / statistics.median(b for _, b in turns),
        "ratio": {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)},
        "turns": turns,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "machine": platform.platform(terse=True),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip(),
    }
    text = json.dumps(record, indent=2)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
