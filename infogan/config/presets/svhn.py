"""SVHN (Sec. 7.2, Table 2, App. C.2)."""

from infogan.config.config import Config
from infogan.config.presets.recipes import with_targets


def svhn_paper() -> Config:
    """SVHN: 4 categorical codes of 10 and 4 continuous ones (Table 2, App. C.2)."""
    return Config.from_options(
        images="svhn",
        architecture="svhn",
        codes="cat:10 cat:10 cat:10 cat:10 unif:4 noise:124",
        lam=(0.3,) * 4 + (0.1,) * 4,  # at 1 per code, eight of them drown out D, and G draws noise
    )


def svhn() -> Config:
    """SVHN with knobs for light, size, width and slant, and a category."""
    return Config.from_options(
        images="svhn",
        architecture="small",
        shape=(3, 32, 32),
        codes="cat:10 unif:6 noise:62",
        knobs="brightness illumination scale ratio shear",
        knob_steps=4000,
        lam=(0.1,),
        steps=4000,
        batch_size=64,
        **with_targets(),
    )
