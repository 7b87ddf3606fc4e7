"""L_I of a trained model, Eq. (5), on images that G makes after training."""

import math

import numpy as np
import torch

from infogan.evaluation.score import Score, halves, score
from infogan.method.model import Model, batch_statistics

N_IMAGES = 12_800
RESAMPLES = 100


@torch.inference_mode()
def info_bounds(model: Model, batch: int, rng: torch.Generator) -> dict[str, Score]:
    """L_I of each code in nats, with H(c), its ceiling where the code is discrete, in the protocol.

    Args:
        batch: the batch size of training, as Q sees generated images with the statistics of a batch.
        rng: draws z and c, on the CPU.
    """
    latent = model.latent
    surprise: list[torch.Tensor] = []
    for _ in range(N_IMAGES // batch):
        c = [c_i.to(model.device) for c_i in latent.sample_c(batch, rng)]
        x = model.G(latent.sample_z(batch, rng).to(model.device), c)
        with batch_statistics(model.D):
            q = model.D(x).q
        log_q = [code.log_q(c_i, q_i) for code, c_i, q_i in zip(latent.codes, c, q, strict=True)]
        surprise.append(-torch.stack(log_q))
    H_c_given_x = torch.cat(surprise, dim=1).double().cpu().numpy()
    chosen = list(halves(H_c_given_x.shape[1], RESAMPLES, np.random.default_rng(0)))
    return {
        f"info_bound_{name}": score(
            code.entropy() - samples.mean(),
            [code.entropy() - samples[half].mean() for half in chosen],
            f"nats, of H({name}) = {code.entropy():.3f}; {len(samples):,} generated images; "
            f"Q with the statistics of batches of {batch}, G with its running ones",
            lowest=-math.inf,
            highest=math.inf,
        )
        for name, code, samples in zip(latent.names, latent.codes, H_c_given_x, strict=True)
    }
