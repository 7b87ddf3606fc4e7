"""Sprites: the factors of dSprites (Matthey et al. 2017), drawn here."""

from infogan.config.config import Config


def sprites() -> Config:
    """The factors of dSprites, drawn here: a code for the shape, 4 continuous ones and an angle."""
    return Config.from_options(
        images="sprites",
        architecture="sprites",
        codes="cat:3 unif:4 circ:1 noise:16",
        batch_size=64,
        resample_fake=False,
    )
