"""CelebA (Sec. 7.2, Table 3, App. C.3)."""

from infogan.config.config import Config


def celeba_paper() -> Config:
    """CelebA, 32x32: 10 categorical codes of 10 (Table 3, App. C.3)."""
    return Config.from_options(
        images="celeba",
        architecture="svhn",
        codes="cat:10 " * 10 + "noise:128",
        lam=(0.25,),  # at 1 per code, ten of them drown out D
    )
