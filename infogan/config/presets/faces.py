"""3D faces (Sec. 7.2, Tables 4 and 5, App. C.4)."""

from infogan.config.config import Config


def faces() -> Config:
    """3D faces: 5 continuous codes, at App. C's learning rates and azimuth's λ (Tables 4 and 5, App. C.4)."""
    return Config.from_options(images="faces3d", architecture="faces", codes="unif:5 noise:128", lam=(0.2,))


def faces_azimuth() -> Config:
    """3D faces with Table 5's settings for azimuth."""
    return faces().replace(lr_d=2e-4, lr_g=5e-4, lam=(0.2,))


def faces_elevation() -> Config:
    """3D faces with Table 5's settings for elevation."""
    return faces().replace(lr_d=4e-4, lr_g=3e-4, lam=(0.1,))


def faces_lighting() -> Config:
    """3D faces with Table 5's settings for lighting."""
    return faces().replace(lr_d=8e-4, lr_g=3e-4, lam=(0.1,))


def faces_width() -> Config:
    """3D faces with Table 5's settings for wide or narrow, the same as for lighting."""
    return faces_lighting()
