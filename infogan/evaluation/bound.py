"""L_I of a trained model, Eq. (5), on generated images."""

import math

import numpy as np
import torch

from infogan.evaluation.score import Score, make_score, sample_halves
from infogan.method.model import Model, batch_statistics

N_IMAGES = 12_800
N_RESAMPLES = 100


@torch.inference_mode()
def info_bounds(model: Model, batch_size: int, rng: torch.Generator) -> dict[str, Score]:
    """`info_bound_c1` ...: L_I of each code in nats; the protocol names H(c), its ceiling if c is discrete.

    Args:
        batch_size: that of training: batch norm of Q takes the statistics of each batch, as in training.
            If it exceeds 12,800, one batch is generated.
        rng: draws z and c, on the CPU.
    """
    latent = model.latent
    batches: list[torch.Tensor] = []
    for _ in range(max(1, N_IMAGES // batch_size)):  # whole batches only: one image has no statistics
        c = [c_i.to(model.device) for c_i in latent.sample_c(batch_size, rng)]
        x = model.G(latent.sample_z(batch_size, rng).to(model.device), c)
        with batch_statistics(model.D):
            q = model.D(x).q
        log_q = [code.log_q(c_i, q_i) for code, c_i, q_i in zip(latent.codes, c, q, strict=True)]
        batches.append(-torch.stack(log_q))
    H_c_given_x = torch.cat(batches, dim=1).double().cpu().numpy()
    halves = list(sample_halves(H_c_given_x.shape[1], N_RESAMPLES, np.random.default_rng(0)))
    return {
        f"info_bound_{name}": make_score(
            code.entropy() - samples.mean(),
            [code.entropy() - samples[half].mean() for half in halves],
            f"nats, of H({name}) = {code.entropy():.3f}; {len(samples):,} generated images; "
            f"Q with the statistics of batches of {batch_size}, G with its running ones",
            min_value=-math.inf,
            max_value=math.inf,
        )
        for name, code, samples in zip(latent.names, latent.codes, H_c_given_x, strict=True)
    }
