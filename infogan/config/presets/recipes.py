"""Settings that several presets share."""

from collections.abc import Mapping
from typing import Any

from infogan.config.config import Config

# Transforms under which a digit stays the same digit, as in IIC (Ji et al. 2019).
SMALL_TRANSFORMS = "rotate:0.25 scale:0.15 shear:0.2 translate:0.1"


def clustered(transforms: str = SMALL_TRANSFORMS, *, pretraining_steps: int) -> dict[str, object]:
    """Settings that find categories in every seed; chosen on MNIST, seeds 0 to 4 (docs/results/mnist.md)."""
    return {
        "transforms": transforms,
        "pretraining_steps": pretraining_steps,
        "pseudo_label_weight": 5.0,
        "q_learns_from": "both",
        "lr_d": None,
        "ema_decay": 0.999,
        "ema_decay_d": 0.99,
    }


def with_targets() -> dict[str, object]:
    """The settings of adversarial training after stages that find targets for continuous codes.

    Chosen on SVHN, CelebA and faces3d, seed 0, by looking at the images (docs/results/faces.md).
    """
    return {
        "q_learns_from": "real",
        "pseudo_label_weight": 1.0,  # at 3 for each code heads are noisy, at 5 G generates noise
        "min_std": 0.1,
        "lr_d": None,
        "ema_decay": 0.999,
        "ema_decay_d": 0.99,
        "resample_fake": False,
    }


def with_settings(config: Config, settings: Mapping[str, Any]) -> Config:
    """`config.replace(**settings)`; a change to a VAE first replaces what only a GAN has.

    Q's deviation is then learned, as codes are drawn with it, and the encoder learns as fast as the decoder.
    A λ that is enough beside D's logits is lost among the nats of all pixels, so it is at least 1. Half of
    the steps are enough (docs/results/vae.md).
    """
    if settings.get("method") == "vae" and config.terms.method == "gan":
        config = config.replace(
            fixed_std=None,
            min_std=max(0.1, config.codes.min_std),
            saturating=False,
            info_to_generator=True,
            lam=tuple(max(1.0, lam) for lam in config.terms.info.lam),
            r1_weight=0.0,
            diffaug=False,
            lr_d=1e-3,
            q_learns_from="real",
            steps=max(1, config.optimisation.steps // 2),
        )
    return config.replace(**settings)
