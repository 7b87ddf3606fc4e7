"""The 8x8 digits of scikit-learn."""

from infogan.config.config import Config


def digits() -> Config:
    """1,797 real digits of 8x8 pixels that come with scikit-learn: trained in about a minute."""
    return Config.from_options(
        images="digits",
        architecture="digits",
        codes="cat:10 unif:2 noise:8",
        fixed_std=1.0,
        resample_fake=False,
        steps=4000,
        batch_size=64,
        precision="32-true",  # networks as small as these gain nothing from less
        lr_d=1e-4,  # D soon knows 1,437 images by heart, and G learns nothing after that
    )
