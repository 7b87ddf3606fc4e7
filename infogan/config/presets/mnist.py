"""MNIST and Fashion-MNIST (Sec. 7.1, Table 1, App. C.1)."""

from infogan.config.config import Config
from infogan.config.presets.recipes import clustered


def mnist() -> Config:
    """The ten digits of MNIST in every seed, their slant and their width: clusters and knobs come first."""
    return mnist_quick().replace(
        transforms="rotate:0.25 scale:0.15 translate:0.1",
        knobs="shear ratio",
        q_learns_from="real",
        fixed_std=None,
        min_std=0.1,
        lam=(1.0, 0.3, 0.3),
        pretraining_steps=4500,
        steps=3000,
        ema_decay=0.999,
    )


def mnist_quick() -> Config:
    """The ten digits of MNIST in a minute and a half on two cores, without knobs."""
    return Config.from_options(
        images="mnist",
        architecture="small",
        shape=(1, 28, 28),
        negative_slope=0.01,
        fixed_std=1.0,
        resample_fake=False,
        steps=1500,
        **clustered(pretraining_steps=600) | {"ema_decay": 0.99},
    )


def mnist_quick_gan() -> Config:
    """The baseline of Fig. 2b for our recipe: mnist-quick as a regular GAN; L_I does not reach G."""
    return mnist_quick().replace(
        transforms="",
        pretraining_steps=0,
        pseudo_label_weight=0.0,
        info_to_generator=False,
    )


def mnist_text() -> Config:
    """MNIST as the paper's text has it: Table 1, slope 0.1, a learned deviation, log(1 - D) (App. C.1)."""
    return Config.from_options(images="mnist", architecture="mnist", saturating=True)


def mnist_code() -> Config:
    """MNIST as the original code runs it: slope 0.01, Q's deviation fixed at 1, -log D, 5,000 steps."""
    return Config.from_options(images="mnist", architecture="mnist", negative_slope=0.01, fixed_std=1.0)


def mnist_gan() -> Config:
    """The baseline of Fig. 1: mnist-code as a regular GAN; Q learns, but L_I does not reach G."""
    return mnist_code().replace(info_to_generator=False)


def mnist_small() -> Config:
    """MNIST on a laptop: a fifteenth of Table 1's work, D and Q at half the rate, otherwise mnist-code."""
    # At the full rate G drew noise in six of ten seeds, at half in four (docs/results/choosing-a-run.md).
    return mnist_code().replace(architecture="mnist-small", resample_fake=False, lr_d=1e-4)


def fashion() -> Config:
    """Fashion-MNIST by the recipe of mnist, without knobs."""
    return mnist_quick().replace(images="fashion", pretraining_steps=4500, steps=3000, ema_decay=0.999)


def fashion_code() -> Config:
    """Fashion-MNIST by the recipe of mnist-code."""
    return mnist_code().replace(images="fashion")
