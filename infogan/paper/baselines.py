"""What simpler methods read off the same real images: principal components, k-means, a beta-TCVAE.

Like an InfoGAN they learn from pixels alone; factors and labels come in when what they read is compared.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from infogan.config.parts import N_LATENTS
from infogan.data import Factor, Factors, Images
from infogan.evaluation.baselines import Representation, fit_pca_and_k_means
from infogan.evaluation.disentanglement.association import pairwise_association
from infogan.method.codes import Kind
from infogan.method.model import Model
from infogan.paper.quantities import QUANTITIES
from infogan.pretraining.autoencoding.autoencoding import BATCH_SIZE, BETA, LEARNING_RATE, unit
from infogan.pretraining.autoencoding.vae import VAE, beta_tcvae_loss
from infogan.pretraining.encoder import SIDE, resized
from infogan.utils.rng import make_rng

VAE_STEPS = 1000
MAX_IMAGES = 10_000  # that they learn from
VIEWPOINT = ("azimuth", "elevation")  # the factors that are not the shape of a chair


def read_baselines(train: Images, held_out: Images, n_components: int) -> dict[str, Representation]:
    """What each baseline, trained on the pixels of some images, reads off others."""
    x, y = train.subsample(MAX_IMAGES).x, held_out.x
    latents = _vae_latents(x, y)
    names = [f"latent {i}" for i in range(1, N_LATENTS + 1)]
    return {
        **fit_pca_and_k_means(x, y, n_components),
        "beta-TCVAE": Representation(latents, ["number"] * N_LATENTS, names),
    }


def read_codes(model: Model, images: Images) -> Representation:
    """What Q reads off real images."""
    values = model.encode(images.pixels).values.double().numpy()
    return Representation(values, [code.kind for code in model.latent.codes], list(model.latent.names))


def known_factors(images: Images, quantities: tuple[str, ...]) -> Factors | None:
    """The factors of real images, their label as one, and some quantities; None if nothing is known."""
    columns = [(Factor(name, "number"), QUANTITIES[name](images.x)) for name in quantities]
    if images.labels is not None:
        columns.append((Factor("label", "category"), images.labels.numbers.astype(float)))
    if images.factors is not None:
        columns += zip(images.factors.columns, images.factors.values.T, strict=True)
    if not columns:
        return None
    factors, values = zip(*columns, strict=True)
    return Factors(factors, np.column_stack(values))


def best_codes(read: Representation, factors: Factors) -> dict[str, tuple[str, float]]:
    """For each factor the code with the strongest association, and its strength in [0, 1].

    |Spearman's rho| of two numbers, otherwise as `ASSOCIATION_NAMES` says. Categories count for numbers only
    if there is no other code. If the images show shapes from all sides, `azimuth within a shape` is added.
    """
    kinds: list[Kind] = [factor.kind for factor in factors.columns]
    strength = pairwise_association(read.values, read.kinds, factors.values, kinds)
    names = [factor.name for factor in factors.columns]
    is_category = np.array([kind == "category" for kind in read.kinds])
    if not is_category.all():  # a category that follows a number is no number
        strength[np.ix_(is_category, np.array([kind != "category" for kind in kinds]))] = 0
    best = {
        name: (read.names[int(of.argmax())], round(float(of.max()), 4))
        for name, of in zip(names, strength.T, strict=True)
    }
    within = _best_code_within_shapes(read, factors)
    return best if within is None else {**best, "azimuth within a shape": within}


def _best_code_within_shapes(read: Representation, factors: Factors) -> tuple[str, float] | None:
    """The code with the strongest association with the azimuth, the mean over shapes, and its strength.

    None unless the images show shapes from all sides.
    """
    if Factor("azimuth", "angle") not in factors.columns:
        return None
    names = [factor.name for factor in factors.columns]
    j = names.index("azimuth")
    shape = factors.values[:, [i for i, name in enumerate(names) if name not in VIEWPOINT]]
    group = np.unique(shape, axis=0, return_inverse=True)[1].ravel()
    each = [
        pairwise_association(read.values[rows], read.kinds, factors.values[rows, j : j + 1], ["angle"])[:, 0]
        for rows in (group == g for g in range(group.max() + 1))
        if rows.sum() > 2
    ]
    if not each:
        return None
    mean = np.mean(each, axis=0)
    return read.names[int(mean.argmax())], round(float(mean.max()), 4)


def _vae_latents(
    x: UInt8[np.ndarray, "n ch h w"], y: UInt8[np.ndarray, "m ch h w"]
) -> Float[np.ndarray, "m d"]:
    """The means of q(z|y) of a beta-TCVAE that is trained on x; the rate falls along a cosine."""
    vae, rng = VAE(x.shape[1], 0, N_LATENTS, make_rng(0, "baseline weights")), make_rng(0, "baseline")
    pixels, no_targets = _small(x), torch.empty(BATCH_SIZE, 0)
    adam = torch.optim.Adam(vae.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, LEARNING_RATE, VAE_STEPS)
    for _ in range(VAE_STEPS):
        index = torch.randint(len(pixels), (BATCH_SIZE,), generator=rng)
        noise = torch.randn(BATCH_SIZE, N_LATENTS, generator=rng)
        adam.zero_grad()
        loss = beta_tcvae_loss(vae, unit(pixels[index]), no_targets, noise, BETA, signs=None)
        torch.autograd.backward(loss)
        adam.step()
        schedule.step()
    with torch.inference_mode():
        means = [vae.encode(unit(part)).mean for part in torch.split(_small(y), 500)]
    latents: np.ndarray = torch.cat(means).double().numpy()
    return latents


def _small(x: UInt8[np.ndarray, "n ch h w"]) -> UInt8[Tensor, "n ch 32 32"]:
    parts = torch.split(torch.from_numpy(x), 1000)
    return torch.cat([resized(part.float(), SIDE).round().clamp(0, 255).byte() for part in parts])
