"""CelebA (Sec. 7.2, Table 3, App. C.3)."""

from infogan.config.config import Config
from infogan.config.presets.recipes import with_targets


def celeba_paper() -> Config:
    """CelebA, 32x32: 10 categorical codes of 10 (Table 3, App. C.3)."""
    return Config.from_options(
        images="celeba",
        architecture="svhn",
        codes="cat:10 " * 10 + "noise:128",
        lam=(0.25,),  # at 1 per code, ten of them drown out D
    )


def celeba() -> Config:
    """CelebA with knobs for light and for how a head is turned, and numbers by autoencoding.

    It assumes that heads turn in depth as balls do, and that a mirror image looks just as natural.
    """
    return Config.from_options(
        images="celeba",
        architecture="small",
        shape=(3, 32, 32),
        codes="cat:10 unif:8 noise:62",
        knobs="brightness illumination yaw shear",
        knob_steps=3000,
        factor_steps=6000,
        mirror=0,
        lam=(0.1,),
        steps=4000,
        batch_size=64,
        **with_targets(),
    )
