"""Defaults for your own images and vectors, which depend on their number and shape."""

from infogan.config.config import Config
from infogan.config.knobs import parse_knobs
from infogan.config.parts import Shape
from infogan.config.presets.recipes import clustered, with_targets
from infogan.config.spec import parse_spec

DEFAULT_CODES = "cat:10 unif:4 noise:62"
# Almost any photograph stays what it is under these.
MILD_TRANSFORMS = "rotate:0.1 scale:0.1 translate:0.05 brightness:0.2"
DEFAULT_KNOBS = "illumination"
NUMBERS_FOR_KNOBS = 4  # so that as many as follow the light are free for the rest
FACTOR_STEPS = 3_000
MIN_IMAGES_FOR_STAGES = 1_000


def custom_images(
    images: str,
    n: int,
    shape: Shape,
    codes: str = "",
    transforms: str | None = None,
    knobs: str | None = None,
    factor_steps: int | None = None,
) -> Config:
    """Defaults for n images of any shape, chosen by trials on CelebA and MNIST (docs/results/own-images.md).

    With transforms, clustering comes first, as in the preset mnist-quick; with knobs, continuous codes learn
    to follow them; the others learn to follow what an autoencoder finds.

    Stages before adversarial training are the default from 1,000 images on; with fewer, those that are named.

    Args:
        codes: by default a category of ten, four uniform codes, and an angle if a knob is one.
        transforms: None: MILD_TRANSFORMS if there is a discrete code, and no knob is named. If the clusters
            are not stable, training goes on without them.
        knobs: None: DEFAULT_KNOBS if there are four numbers. A number that does not follow the light, as
            it does not vary, is left to the autoencoder.
        factor_steps: of the autoencoder. None: FACTOR_STEPS if a number follows no knob, and none is named.

    Raises:
        InfoganError: if codes, transforms or knobs cannot be read or do not fit, or there are transforms and
            no discrete code.
    """
    if not codes:
        angle = " circ:1" if "rotate" in parse_knobs(knobs or "") else ""
        codes = DEFAULT_CODES.replace(" noise", f"{angle} noise")
    kinds = [kind for kind, _ in parse_spec(codes).codes]
    has_stages, has_category = n >= MIN_IMAGES_FOR_STAGES, bool({"cat", "bern"} & set(kinds))
    if transforms is None:
        transforms = MILD_TRANSFORMS if has_stages and has_category and not knobs else ""
    if factor_steps is None:
        has_free_number = has_stages and {"unif", "gauss"} & set(kinds) and not knobs
        factor_steps = FACTOR_STEPS if has_free_number else 0
    if knobs is None:
        n_numbers = kinds.count("unif") + kinds.count("gauss")
        knobs = DEFAULT_KNOBS if has_stages and n_numbers >= NUMBERS_FOR_KNOBS else ""
    config = Config.from_options(
        images=images,
        architecture="small",
        shape=shape,
        codes=codes,
        lam=tuple(0.5 if kind in ("cat", "bern") else 0.1 for kind in kinds),
        min_std=0.3,  # so that a code is worth more when it shows than when it hides in a few pixels
        resample_fake=False,
        diffaug=n < 5_000,
        ema_decay=0.999,
        batch_size=min(64, max(2, n // 2)),
        steps=int(5_000 * max(1.0, n / 10_000) ** 0.5),
    )
    if transforms:
        config = config.replace(**clustered(transforms, pretraining_steps=1_000))
    if not (knobs or factor_steps):
        return config
    # The categories have this weight, numbers a fifth of it, as their λ is.
    weight = 5.0 if has_category else 1.0
    settings = with_targets() | {"pseudo_label_weight": weight}
    return config.replace(knobs=knobs, factor_steps=factor_steps, **settings)


def custom_vectors(images: str, n: int, shape: Shape, codes: str) -> Config:
    """The defaults for n rows of standardised numbers; chosen on digits (docs/tutorials/vectors.md)."""
    return Config.from_options(
        images=images,
        architecture="vectors",
        shape=shape,
        codes=codes,
        lam=(0.1,),
        fixed_std=1.0,  # with learned deviations the continuous codes took over
        resample_fake=False,
        batch_size=min(64, n),
        steps=int(1_000 * max(1.0, n / 2_000) ** 0.5),
        precision="32-true",  # networks as small as these gain nothing from less
    )
