"""The parts of a config except the loss terms: data, networks, codes, pretraining, optimisation, run."""

import math
from dataclasses import dataclass, field
from typing import Literal

from infogan.config.fields import named, require
from infogan.config.knobs import parse_knobs
from infogan.config.pixels import PixelScale
from infogan.config.spec import parse_spec
from infogan.config.transforms import parse_transforms

Architecture = Literal[
    "mnist", "mnist-small", "digits", "svhn", "faces", "chairs", "sprites", "small", "vectors"
]
Shape = tuple[int, int, int]  # channels, height, width
SHAPES: dict[str, Shape] = {  # of the architectures that take images of one shape only
    "mnist": (1, 28, 28),
    "mnist-small": (1, 28, 28),
    "digits": (1, 8, 8),
    "svhn": (3, 32, 32),
    "faces": (1, 32, 32),
    "chairs": (1, 64, 64),
    "sprites": (1, 64, 64),
}
N_LATENTS = 10  # of the autoencoder that finds factors
Precision = Literal["auto", "32-true", "bf16-mixed", "64-true"]
Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True, kw_only=True)
class Data:
    """The images to learn from."""

    images: str
    """The images: mnist, digits, folder:PATH, npz:FILE, parquet:FILE, hf:NAME, shards:PATH."""
    max_images: int | None = None
    """Train on a random sample of so many images, or on all; evaluations use all in either case."""
    square: Literal["crop", "pad"] = "crop"
    """How your own images get the aspect ratio of the size: the middle is cut out, or the border filled."""
    pages: bool = False
    """Whether every page of a TIFF and every frame of an animation in a folder is an image."""
    skip_bad: bool = False
    """Whether images that cannot be read are left out, and counted, instead of ending the command."""
    labels: str = ""
    """A table (.csv, .jsonl, .parquet) that names the class of some images, by file name or row number. The
    categories of the first discrete code then carry these classes. Only so do labels reach training."""
    diffaug: bool = False
    """Whether D and Q see every image shifted and partly covered (DiffAugment), for small data sets."""
    pixel_scale: PixelScale = field(default_factory=PixelScale)

    def __post_init__(self) -> None:
        for option in ("images", "labels"):
            name = getattr(self, option)
            written = name.encode("utf-8", "replace").decode()
            require(written == name, option, ascii(name), "a name that UTF-8 can encode")
        require((n := self.max_images) is None or n >= 2, "max_images", n, "at least 2")


@dataclass(frozen=True, kw_only=True)
class Networks:
    """G, D and Q."""

    architecture: Architecture
    """The networks: mnist is Table 1; small takes images of any shape, vectors takes rows of numbers."""
    shape: Shape | None = None
    """Channels, height and width, for small and vectors; the other architectures have a fixed shape."""
    negative_slope: float = 0.1
    """The slope of D's leaky ReLU below 0: 0.1 in the paper, 0.01 in the original code."""
    q_trunk: Literal["shared", "own"] = "shared"
    """Whether Q shares D's trunk, as in the paper, or has one of its own, with which D does not interfere."""

    def __post_init__(self) -> None:
        require(0 <= self.negative_slope < 1, "negative_slope", self.negative_slope, "in [0, 1)")
        fixed = SHAPES.get(self.architecture)
        rule = (
            f"None, as the architecture {self.architecture} takes {fixed}"
            if fixed
            else f"set for the architecture {self.architecture}: channels, height, width"
        )
        require((self.shape is None) == (fixed is not None), "shape", self.shape, rule)
        require(all(0 < side <= 4096 for side in self.shape or ()), "shape", self.shape, "in 1 .. 4096")

    @property
    def image_shape(self) -> Shape:
        """Channels, height and width of the images that the networks take."""
        return self.shape or SHAPES[self.architecture]


@dataclass(frozen=True, kw_only=True)
class Codes:
    """The codes c, the noise z, and Q's distributions."""

    spec: str = named("codes", "cat:10 unif:2 noise:62")
    """The codes and the noise, as words KIND:NUMBER; kinds are cat, unif, gauss, bern, circ, noise. With
    transforms, cat:auto lets clustering find the number of categories. cat:10>cat:5 is a category of 10 and
    under each one of 5 of its own; any kind of code can be under a cat."""
    noise: Literal["uniform", "normal"] = "uniform"
    """The distribution of the noise z: Unif(-1, 1), as in the original code, or N(0, 1)."""
    min_std: float = 0.02
    """The smallest standard deviation that Q may claim for a continuous code."""
    fixed_std: float | None = None
    """Q's standard deviation if it is not learned; the original code fixes it at 1."""
    prior: Literal["uniform", "learned"] = "uniform"
    """P(c) of the first discrete code: uniform, as in the paper, or learned: the shares of the clusters that
    clustering finds in real images, which may then differ in size. It needs transforms and a cat code."""
    shares: tuple[float, ...] | None = None
    """P(c) of the first cat code, one number per category, if it is not uniform; prior=learned finds it."""

    def __post_init__(self) -> None:
        parse_spec(self.spec)
        require(0 < self.min_std < math.inf, "min_std", self.min_std, "a positive number")
        require((std := self.fixed_std) is None or 0 < std < math.inf, "fixed_std", std, "a positive number")
        k, shares = next((k for kind, k in parse_spec(self.spec).codes if kind == "cat"), 0), self.shares
        is_distribution = not shares or (
            min(shares) >= 0 and abs(sum(shares) - 1) < 1e-3 and len(shares) == k
        )
        rule = f"{k} shares that sum to 1" if k else "None without a cat code"
        require(is_distribution, "shares", shares, rule)
        rule = "uniform unless the first discrete code is a cat, such as cat:10"
        is_cat = "cat" in self.kinds and "bern" not in self.kinds[: self.kinds.index("cat")]
        require(is_cat or self.prior == "uniform", "prior", self.prior, rule)

    @property
    def kinds(self) -> list[str]:
        """The kind of each code, as the spec names it."""
        return [kind for kind, _ in parse_spec(self.spec).codes]

    @property
    def kinds_alone(self) -> list[str]:
        """The same with "" for codes under a category, which mean too many things for a knob or a factor."""
        return ["" if i in parse_spec(self.spec).parents else kind for i, kind in enumerate(self.kinds)]


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """What is learned from real images before adversarial training."""

    transforms: str = ""
    """Random transforms that do not change what an image shows, as words NAME:SIZE such as "rotate:0.2
    translate:0.1": rotate (radians), scale, shear, translate (share of a side), brightness, hflip
    (probability). Clustering looks for what is invariant to them. For your own images they also turn on
    the whole recipe of the preset mnist-quick, and there are mild ones from 1,000 images on, if a code is
    discrete and none is a knob; "" turns them off."""
    knobs: str = ""
    """Transforms that continuous codes follow, such as "translate scale rotate": translate (2 codes), scale,
    ratio (of width to height), shear, brightness, illumination (from the right, from below; 2 codes), yaw and
    pitch (turned in depth, to the right and downwards), rotate (a circ code). The codes learn to read them
    off real images. A knob that cannot be read is said to be so and not used."""
    steps: int = named("pretraining_steps", 0)
    """Steps of clustering before adversarial training; if the clusters are not stable, they are not used."""
    knob_steps: int = 1000
    """Steps in which the knobs are learned, before adversarial training."""
    factor_steps: int = 0
    """Steps in which an autoencoder, trained three times, learns what varies in real images, before
    adversarial training; its numbers become targets for the unif and gauss codes that no knob uses, and
    its angles for the circ codes that none uses. Several angles are first looked for linearly."""
    mirror: int | None = None
    """How many numbers change sign in the mirror image, as the direction of view does; an autoencoder looks
    for these first, in half of the steps. Its angles change sign as well, and other numbers stay the
    same. It assumes that mirror images look as natural: a prior to name. None assumes nothing."""

    def __post_init__(self) -> None:
        require(self.steps >= 0, "pretraining_steps", self.steps, "at least 0")
        any_transform = any(parse_transforms(self.transforms))
        rule = '0 unless transforms are set, such as "rotate:0.2 translate:0.1"'
        require(any_transform or not self.steps, "pretraining_steps", self.steps, rule)
        parse_knobs(self.knobs)
        require(self.knob_steps >= 1, "knob_steps", self.knob_steps, "at least 1")
        require(self.factor_steps >= 0, "factor_steps", self.factor_steps, "at least 0")
        mirror = self.mirror
        require(mirror is None or 0 <= mirror <= N_LATENTS, "mirror", mirror, f"in 0 .. {N_LATENTS}")
        rule = "unset unless factor_steps says how long to learn"
        require(bool(self.factor_steps or not mirror), "mirror", mirror, rule)

    @property
    def has_stages(self) -> bool:
        """Whether anything is learned before adversarial training."""
        return bool(self.steps or self.knobs or self.factor_steps)


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How G, D and Q are trained."""

    steps: int = 5000
    """How many times D and G are updated, one after the other."""
    batch_size: int = 128
    """Images in a batch; as many real as generated."""
    lr_d: float | None = None
    """Adam's learning rate for D, Q and their trunk; None: 4e-4 if pretraining found targets, else 2e-4, or
    1e-4 for gray images with the architecture small."""
    lr_g: float = 1e-3
    """Adam's learning rate for G."""
    lr_decay_fraction: float | None = None
    """The fraction of the steps, at the end, over which both learning rates fall linearly to 0; None is 0.5
    if pretraining found clusters, else 0. If you resume with more steps, they rise again."""
    ema_decay: float = 0.0
    """The decay per step of the moving average of G's weights, which a run generates with; 0 for none."""
    ema_decay_d: float = 0.0
    """The same for the weights of D and Q, which a run encodes with."""
    beta1: float = 0.5
    """Adam's decay of the mean gradient."""
    beta2: float = 0.999
    """Adam's decay of the mean squared gradient."""
    resample_fake: bool = True
    """Whether G's step draws a new batch of generated images, or reuses the batch of D's step."""

    def __post_init__(self) -> None:
        require(self.batch_size >= 2, "batch_size", self.batch_size, "at least 2")
        require(self.steps >= 1, "steps", self.steps, "at least 1")
        for name in ("lr_d", "lr_g"):
            value = getattr(self, name)
            require(value is None or 0 < value < math.inf, name, value, "a positive number")
        for name in ("beta1", "beta2", "ema_decay", "ema_decay_d"):
            value = getattr(self, name)
            require(0 <= value < 1, name, value, "in [0, 1)")
        fraction = self.lr_decay_fraction
        require(fraction is None or 0 <= fraction <= 1, "lr_decay_fraction", fraction, "in [0, 1]")


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Seed, machine, logs and checkpoints."""

    seed: int = 0
    """Decides the weights, the order of images, and every random draw."""
    precision: Precision = "auto"
    """Arithmetic; auto is bf16-mixed on processors and GPUs that have bf16, else 32-true."""
    device: Device = "auto"
    """Where to train; auto takes the fastest available."""
    devices: int = 1
    """Processes per machine that share every batch, each with its own GPU or cores."""
    nodes: int = 1
    """Machines that share every batch."""
    sync_batchnorm: bool = True
    """Whether batch norm takes the statistics of the whole batch, or of each process's part."""
    on_nonfinite: Literal["stop", "rollback"] = "stop"
    """What to do if a loss or gradient is NaN or infinite: stop, or go back to the newest checkpoint and
    continue with other random draws, three times at most."""
    log_every: int = 20
    """Steps between two lines of metrics.jsonl; a line holds the means over these steps."""
    save_every: int = 1000
    """Steps between two checkpoints."""

    def __post_init__(self) -> None:
        for name in ("devices", "nodes", "log_every", "save_every"):
            value = getattr(self, name)
            require(value >= 1, name, value, "at least 1")
        require(0 <= self.seed < 2**63, "seed", self.seed, "in 0 .. 2^63 - 1")
