"""A training loop as in common PyTorch ports of InfoGAN, to compare speed with.

It uses fp32 and weights in PyTorch's default layout, a DataLoader over PIL images, BCELoss on probabilities,
Adam with its defaults, and .item() on the losses after every step; in G's step it computes gradients of D
that nothing uses. Networks, initial weights, batch size, loss terms and the number of fake batches are those
of the config; terms other than the GAN's and L_I are left out.
"""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from infogan.config import Config
from infogan.method.model import make_model
from infogan.training.components.schedule import learning_rates
from infogan.utils.rng import make_rng


class PILImages(Dataset[Tensor]):
    """PIL images, converted to tensors one by one."""

    def __init__(self, x: np.ndarray) -> None:
        channels_last = x.transpose(0, 2, 3, 1)
        self.images = [
            Image.fromarray(image.squeeze(2) if x.shape[1] == 1 else image) for image in channels_last
        ]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        image = np.array(self.images[i])
        return torch.from_numpy(image[None] if image.ndim == 2 else image.transpose(2, 0, 1)).float().div(255)


def reference_loop(config: Config, x: np.ndarray, device: torch.device) -> Iterator[float]:
    """Training steps without an end; yields L_I(c1) of each, in nats.

    Args:
        x: (n, channels, height, width), uint8, with one channel or three.
    """
    settings, batch_size = config.optimisation, config.optimisation.batch_size
    model = make_model(config)
    G, D, latent = model.G.train().to(device), model.D.train().to(device), model.latent
    for weight in (*G.parameters(), *D.parameters()):
        weight.data = weight.contiguous()
    betas, lr_d = (settings.beta1, settings.beta2), learning_rates(config, with_targets=False).lr_d
    optim_d = torch.optim.Adam(D.parameters(), lr_d, betas, fused=False)
    optim_g = torch.optim.Adam(G.parameters(), settings.lr_g, betas, fused=False)
    loader = DataLoader(PILImages(x), batch_size, shuffle=True, drop_last=True)
    bce = nn.BCELoss()
    rng = make_rng(config.run.seed, "latent", device)
    history: list[tuple[float, float]] = []  # to plot
    ones, zeros = torch.ones(batch_size, device=device), torch.zeros(batch_size, device=device)

    lam = torch.tensor(config.lam_per_code, device=device)

    def log_q(c: list[Tensor], q: tuple[Tensor, ...]) -> Tensor:
        terms = zip(latent.codes, c, q, strict=True)
        return torch.stack([code.log_q(c_i, q_i).mean() for code, c_i, q_i in terms])

    while True:
        for real in loader:
            c = latent.sample_c(batch_size, rng)
            fake = G(latent.sample_z(batch_size, rng), c)
            optim_d.zero_grad()
            loss_real = bce(torch.sigmoid(D(real.to(device)).logit), ones)
            logit, q = D(fake.detach())
            log_q_fake = log_q(c, q)
            loss_d = loss_real + bce(torch.sigmoid(logit), zeros) - lam @ log_q_fake
            loss_d.backward()
            optim_d.step()
            optim_g.zero_grad()
            if settings.resample_fake:
                c = latent.sample_c(batch_size, rng)
                fake = G(latent.sample_z(batch_size, rng), c)
            logit, q = D(fake)
            target, sign = (zeros, -1) if config.terms.adversarial.saturating else (ones, 1)
            loss_g = sign * bce(torch.sigmoid(logit), target) - lam @ log_q(c, q)
            loss_g.backward()
            optim_g.step()
            L_I = log_q_fake[0] + latent.codes[0].entropy()
            history.append((loss_d.item(), loss_g.item()))
            yield L_I.item()
