"""The 8x8 digits of scikit-learn."""

from infogan.config.config import Config
from infogan.config.presets.recipes import clustered


def digits() -> Config:
    """1,797 digits of 8x8 pixels that come with scikit-learn: clustered first, trained in a minute."""
    return Config.from_options(
        images="digits",
        architecture="digits",
        codes="cat:10 unif:2 noise:8",
        min_std=0.3,  # with Q's deviation fixed at 1, both continuous codes stayed unused
        resample_fake=False,
        steps=2000,
        batch_size=64,
        precision="32-true",  # networks as small as these gain nothing from less
        **clustered("rotate:0.2 scale:0.1 shear:0.15 translate:0.1", pretraining_steps=600),
    )


def digits_code() -> Config:
    """The same digits without clustering, with Q's deviation fixed at 1 as in the original code."""
    return Config.from_options(
        images="digits",
        architecture="digits",
        codes="cat:10 unif:2 noise:8",
        fixed_std=1.0,
        resample_fake=False,
        steps=4000,
        batch_size=64,
        precision="32-true",
        lr_d=1e-4,  # D soon knows 1,437 images by heart, and G learns nothing after that
    )
