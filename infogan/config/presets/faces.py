"""3D faces (Sec. 7.2, Tables 4 and 5, App. C.4)."""

from infogan.config.config import Config
from infogan.config.presets.recipes import with_targets


def faces_paper() -> Config:
    """3D faces: 5 continuous codes, at App. C's learning rates and azimuth's λ (Tables 4 and 5, App. C.4)."""
    return Config.from_options(images="faces3d", architecture="faces", codes="unif:5 noise:128", lam=(0.2,))


def faces_paper_azimuth() -> Config:
    """3D faces with Table 5's settings for azimuth."""
    return faces_paper().replace(lr_d=2e-4, lr_g=5e-4, lam=(0.2,))


def faces_paper_elevation() -> Config:
    """3D faces with Table 5's settings for elevation."""
    return faces_paper().replace(lr_d=4e-4, lr_g=3e-4, lam=(0.1,))


def faces_paper_lighting() -> Config:
    """3D faces with Table 5's settings for lighting, which are those for wide or narrow as well."""
    return faces_paper().replace(lr_d=8e-4, lr_g=3e-4, lam=(0.1,))


def faces() -> Config:
    """3D faces with knobs for light and for looking down, and numbers by autoencoding, one of them azimuth.

    It assumes that heads turn in depth as balls do, and that a mirror image looks just as natural: azimuth is
    what changes sign in it. Light from below does not vary in these images, so c2 goes to the autoencoder.
    """
    return Config.from_options(
        images="faces3d",
        architecture="small",
        shape=(1, 32, 32),
        codes="unif:6 noise:62",
        knobs="illumination pitch",
        knob_steps=3000,
        factor_steps=6000,
        mirror=1,
        lam=(0.3,),
        steps=4000,
        batch_size=64,
        **with_targets(),
    )
