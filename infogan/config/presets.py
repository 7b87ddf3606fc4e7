"""The experiments, a function each: `infogan train NAME` starts from what it returns."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from infogan.config.config import Config, Shape
from infogan.config.spec import parse_spec
from infogan.utils.errors import InfoganError, did_you_mean


def mnist() -> Config:
    """MNIST as the paper's text has it: Table 1, leak 0.1, a learned deviation, log(1 - D) (App. C.1)."""
    return Config(images="mnist", net="mnist", saturating=True)


def mnist_code() -> Config:
    """MNIST as the original code runs it: leak 0.01, Q's deviation fixed at 1, -log D, 5,000 updates."""
    return Config(images="mnist", net="mnist", leak=0.01, fixed_std=1.0)


def mnist_gan() -> Config:
    """The baseline of Fig. 1: mnist-code as a regular GAN, whose Q learns but whose G is not told."""
    return replace(mnist_code(), inform_g=False)


def mnist_small() -> Config:
    """MNIST on a laptop: a fifteenth of Table 1's work, D and Q at half the rate, otherwise mnist-code."""
    # At the full rate D won for good and G drew noise in six of ten seeds, at half in four (docs/results.md).
    return replace(mnist_code(), net="mnist-small", fresh_fake=False, lr_d=1e-4)


def fashion() -> Config:
    """Fashion-MNIST by the recipe of mnist-code."""
    return replace(mnist_code(), images="fashion")


# What takes the luck out of a recipe's categories; found on MNIST, seeds 0 to 4 (docs/results.md).
BEST: dict[str, Any] = {
    "motion": "rotate:0.25 scale:0.15 shear:0.2 shift:0.1",  # IIC's kinds, under which a digit stays the same
    "warm_up": 3000,
    "lam_real": 5.0,
    "lr_d": 4e-4,  # as D learns kinds too
    "lr_decay": 0.5,
    "ema": 0.999,
    "ema_d": 0.99,
}


def mnist_best() -> Config:
    """MNIST without luck: first what kinds of real images hold still as they move, then how to draw them."""
    small = Config(
        images="mnist",
        net="small",
        shape=(1, 28, 28),
        leak=0.01,
        fixed_std=1.0,
        fresh_fake=False,
        updates=3000,
    )
    return replace(small, **BEST)


def mnist_quick() -> Config:
    """MNIST in a minute and a half of two cores: mnist-best cut short."""
    return replace(mnist_best(), warm_up=600, updates=1500, ema=0.99)


def fashion_best() -> Config:
    """Fashion-MNIST by the recipe of mnist-best, nothing changed."""
    return replace(mnist_best(), images="fashion")


def digits() -> Config:
    """1,797 real digits of 8x8 pixels that come with scikit-learn: all of it in about a minute."""
    return Config(
        images="digits",
        net="digits",
        codes="cat:10 unif:2 noise:8",
        fixed_std=1.0,
        fresh_fake=False,
        updates=4000,
        batch=64,
        precision="32-true",  # networks as small as these gain nothing by less
        lr_d=1e-4,  # D knows 1,437 images by heart soon enough, and G learns nothing after that
    )


def svhn() -> Config:
    """SVHN: 4 categorical codes of 10 and 4 continuous ones (Table 2, App. C.2)."""
    return Config(
        images="svhn",
        net="svhn",
        codes="cat:10 cat:10 cat:10 cat:10 unif:4 noise:124",
        lam=(0.3,) * 4 + (0.1,) * 4,  # at 1 a code, eight of them drown out D, and G draws noise
    )


def celeba() -> Config:
    """CelebA, 32x32: 10 categorical codes of 10 (Table 3, App. C.3)."""
    return Config(
        images="celeba",
        net="svhn",
        codes="cat:10 " * 10 + "noise:128",
        lam=(0.25,),  # see svhn
    )


def faces() -> Config:
    """3D faces: 5 continuous codes, at App. C's own rates and azimuth's λ (Tables 4 and 5, App. C.4)."""
    return Config(images="faces3d", net="faces", codes="unif:5 noise:128", lam=(0.2,))


def faces_azimuth() -> Config:
    """3D faces as run for azimuth (Table 5)."""
    return replace(faces(), lr_d=2e-4, lr_g=5e-4, lam=(0.2,))


def faces_elevation() -> Config:
    """3D faces as run for elevation (Table 5)."""
    return replace(faces(), lr_d=4e-4, lr_g=3e-4, lam=(0.1,))


def faces_lighting() -> Config:
    """3D faces as run for lighting (Table 5)."""
    return replace(faces(), lr_d=8e-4, lr_g=3e-4, lam=(0.1,))


def faces_width() -> Config:
    """3D faces as run for wide or narrow: the same network as lighting (Table 5)."""
    return faces_lighting()


def chairs() -> Config:
    """3D chairs: 3 categorical codes of 20 and a continuous one, as run for rotation (Tables 6 and 7)."""
    return Config(
        images="chairs3d",
        net="chairs",
        codes="cat:20 cat:20 cat:20 unif:1 noise:128",
        lam=(1.0, 1.0, 1.0, 10.0),
    )


def chairs_rotation() -> Config:
    """3D chairs as run for rotation: λ 10 for the continuous code, 1 for the discrete ones (Table 7)."""
    return chairs()


def chairs_width() -> Config:
    """3D chairs as run for width: λ 0.05 for the continuous code, 2 for the discrete ones (Table 7)."""
    return replace(chairs(), lam=(2.0, 2.0, 2.0, 0.05))


def sprites() -> Config:
    """dSprites' factors, drawn here: a code for the shape, 4 continuous ones and an angle."""
    return Config(
        images="sprites",
        net="sprites",
        codes="cat:3 unif:4 circ:1 noise:16",
        batch=64,
        fresh_fake=False,
    )


OWN_CODES = "cat:10 unif:4 noise:62"


def own(images: str, n: int, shape: Shape, codes: str = OWN_CODES, motion: str = "") -> Config:
    """n images of one's own, of any shape; decided by trials on CelebA's and MNIST's (docs/results.md).

    With a motion, under which they stay what they are, by what takes the luck out of mnist-best. That is not
    done unasked, as it takes somebody to say how images may be moved.

    Raises:
        InfoganError: where codes or motion cannot be read, or there is a motion and no discrete code.
    """
    kinds = [kind for kind, _ in parse_spec(codes).codes]
    game = Config(
        images=images,
        net="small",
        shape=shape,
        codes=codes,
        lam=tuple(0.5 if kind in ("cat", "bern") else 0.1 for kind in kinds),
        std_floor=0.3,  # so that a code is worth more when it shows than when it hides in a few pixels
        lr_d=1e-4
        if shape[0] == 1
        else 2e-4,  # with its fully connected layer D won for good in one seed of four
        fresh_fake=False,
        augment=n < 5_000,
        ema=0.999,
        batch=min(64, max(2, n // 2)),
        updates=int(5_000 * max(1.0, n / 10_000) ** 0.5),
    )
    if not motion:
        return game
    return replace(game, **BEST | {"motion": motion, "warm_up": 1_000})


def own_vectors(images: str, n: int, shape: Shape, codes: str) -> Config:
    """n rows of numbers, standardised; decided by trials on digits (docs/tutorials/vectors.md)."""
    return Config(
        images=images,
        net="vectors",
        shape=shape,
        codes=codes,
        lam=(0.1,),
        fixed_std=1.0,  # with learned deviations the continuous codes took over
        fresh_fake=False,
        batch=min(64, n),
        updates=int(1_000 * max(1.0, n / 2_000) ** 0.5),
        precision="32-true",  # networks as small as these gain nothing by less
    )


PRESETS: dict[str, Callable[[], Config]] = {
    preset.__name__.replace("_", "-"): preset
    for preset in (
        digits,
        mnist,
        mnist_code,
        mnist_gan,
        mnist_small,
        mnist_best,
        mnist_quick,
        fashion,
        fashion_best,
        svhn,
        celeba,
        faces,
        faces_azimuth,
        faces_elevation,
        faces_lighting,
        faces_width,
        chairs,
        chairs_rotation,
        chairs_width,
        sprites,
    )
}


def get_preset(name: str) -> Config:
    """The config of that name.

    Raises:
        InfoganError: where there is none.
    """
    if name not in PRESETS:
        raise InfoganError(f"unknown preset {name!r}; " + did_you_mean(name, PRESETS))
    return PRESETS[name]()
