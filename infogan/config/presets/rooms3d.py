"""A solid in a room: the factors of 3D Shapes (Burgess and Kim 2018), drawn here."""

from infogan.config.config import Config
from infogan.config.presets.recipes import with_targets


def rooms3d() -> Config:
    """Rooms with three angles, found linearly, and three numbers, by autoencoding, without a prior."""
    return Config.from_options(
        images="rooms3d",
        architecture="small",
        shape=(3, 32, 32),
        codes="circ:3 unif:3 noise:32",
        max_images=20_000,
        factor_steps=9000,
        lam=(0.3,),
        steps=4000,
        batch_size=64,
        **with_targets(),
    )
