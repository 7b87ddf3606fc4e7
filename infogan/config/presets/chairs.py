"""3D chairs (Sec. 7.2, Tables 6 and 7, App. C.5)."""

from infogan.config.config import Config
from infogan.config.presets.recipes import with_targets


def chairs_paper() -> Config:
    """3D chairs: 3 categorical codes of 20 and a continuous one, with Table 7's settings for rotation."""
    return Config.from_options(
        images="chairs3d",
        architecture="chairs",
        codes="cat:20 cat:20 cat:20 unif:1 noise:128",
        lam=(1.0, 1.0, 1.0, 10.0),
    )


def chairs_paper_width() -> Config:
    """3D chairs with Table 7's settings for width: λ 0.05 for the continuous code, else 2."""
    return chairs_paper().replace(lam=(2.0, 2.0, 2.0, 0.05))


def chairs() -> Config:
    """3D chairs with an angle for the side that they are seen from, and numbers found by autoencoding.

    It assumes that a mirror image looks just as natural.
    """
    return Config.from_options(
        images="chairs3d",
        architecture="small",
        shape=(1, 64, 64),
        codes="circ:1 unif:4 noise:62",
        factor_steps=9000,
        mirror=0,
        lam=(0.3,),
        steps=4000,
        batch_size=64,
        **with_targets(),
    )


def chairs_32() -> Config:
    """3D chairs at half the resolution, for two cores."""
    return chairs().replace(shape=(1, 32, 32))
