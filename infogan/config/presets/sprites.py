"""Sprites: the factors of dSprites (Matthey et al. 2017), drawn here."""

from infogan.config.config import Config
from infogan.config.presets.recipes import with_targets


def sprites() -> Config:
    """Sprites, 32x32: a category for shape, and knobs for place, size and angle, which follow transforms."""
    return sprites_code().replace(
        architecture="small",
        shape=(1, 32, 32),
        codes="cat:3 unif:3 circ:1 noise:16",
        knobs="translate scale rotate",
        knob_steps=3000,
        max_images=100_000,
        lam=(1.0, 0.3, 0.3, 0.3, 0.3),
        # At 64x64 D became too strong, and shapes stayed rough (docs/results/sprites.md).
        **with_targets() | {"pseudo_label_weight": 3.0},
    )


def sprites_code() -> Config:
    """The factors of dSprites without a prior: a code for the shape, 4 continuous ones and an angle."""
    return Config.from_options(
        images="sprites",
        architecture="sprites",
        codes="cat:3 unif:4 circ:1 noise:16",
        batch_size=64,
        resample_fake=False,
    )
