"""The loop that ports of InfoGAN to PyTorch commonly run, written afresh to be measured against.

fp32, a DataLoader over PIL images, D's probability and BCELoss, D's gradients computed in G's step and
thrown away, Adam as it comes, the losses read by .item() after every update. The networks, their weights at
the start, the batch, the terms of the losses and the number of fake batches are those of the config.
"""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from infogan.config import Config
from infogan.method.model import make_model
from infogan.training.schedule import learning_rates
from infogan.utils.rng import make_rng


class Pictures(Dataset[Tensor]):
    """Images as PIL opens them, turned into tensors one by one."""

    def __init__(self, x: np.ndarray) -> None:
        self.pictures = [Image.fromarray(image.squeeze(0)) for image in x]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, i: int) -> Tensor:
        return torch.from_numpy(np.array(self.pictures[i])).float().div(255)[None]


def usual(config: Config, x: np.ndarray) -> Iterator[float]:
    """Endless updates; gives L_I(c1) of D's step, nats."""
    model = make_model(config)
    G, D, latent = model.G.train(), model.D.train(), model.latent
    optim_d = torch.optim.Adam(
        D.parameters(),
        learning_rates(config, with_targets=False).lr_d,
        (config.optimisation.beta1, config.optimisation.beta2),
        fused=False,
    )
    optim_g = torch.optim.Adam(
        G.parameters(),
        config.optimisation.lr_g,
        (config.optimisation.beta1, config.optimisation.beta2),
        fused=False,
    )
    loader = DataLoader(Pictures(x), config.optimisation.batch_size, shuffle=True, drop_last=True)
    bce = nn.BCELoss()
    rng = make_rng(config.run.seed, "latent")
    history: list[tuple[float, float]] = []  # to be plotted
    ones, zeros = torch.ones(config.optimisation.batch_size), torch.zeros(config.optimisation.batch_size)

    lam = torch.tensor(config.lam_per_code)

    def log_q(c: list[Tensor], q: tuple[Tensor, ...]) -> Tensor:
        terms = zip(latent.codes, c, q, strict=True)
        return torch.stack([code.log_q(c_i, q_i).mean() for code, c_i, q_i in terms])

    while True:
        for real in loader:
            c = latent.sample_c(config.optimisation.batch_size, rng)
            fake = G(latent.sample_z(config.optimisation.batch_size, rng), c)
            optim_d.zero_grad()
            loss_real = bce(torch.sigmoid(D(real).logit), ones)
            logit, q = D(fake.detach())
            known = log_q(c, q)
            loss_d = loss_real + bce(torch.sigmoid(logit), zeros) - lam @ known
            loss_d.backward()
            optim_d.step()
            optim_g.zero_grad()
            if config.optimisation.resample_fake:
                c = latent.sample_c(config.optimisation.batch_size, rng)
                fake = G(latent.sample_z(config.optimisation.batch_size, rng), c)
            logit, q = D(fake)
            target, sign = (zeros, -1) if config.terms.adversarial.saturating else (ones, 1)
            loss_g = sign * bce(torch.sigmoid(logit), target) - lam @ log_q(c, q)
            loss_g.backward()
            optim_g.step()
            L_I = known[0] + latent.codes[0].entropy()
            history.append((loss_d.item(), loss_g.item()))
            yield L_I.item()
