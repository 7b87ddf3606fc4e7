"""Everything that decides a run: one frozen record, checked when it is made, and its JSON."""

import json
import math
import sys
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from infogan.config.spec import parse_motion, parse_spec
from infogan.utils.errors import InfoganError, did_you_mean

Net = Literal["mnist", "mnist-small", "digits", "svhn", "faces", "chairs", "sprites", "small", "vectors"]
Shape = tuple[int, int, int]  # channels, height, width
SHAPES: dict[str, Shape] = {  # of the networks that take one only
    "mnist": (1, 28, 28),
    "mnist-small": (1, 28, 28),
    "digits": (1, 8, 8),
    "svhn": (3, 32, 32),
    "faces": (1, 32, 32),
    "chairs": (1, 64, 64),
    "sprites": (1, 64, 64),
}
Precision = Literal["auto", "32-true", "bf16-mixed", "64-true"]
Device = Literal["auto", "cpu", "cuda", "mps"]
MOST_TEXT = 100_000  # characters of a config, far above any that is meant


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run. Where the paper's text and the original code part ways, a field says which way to go.

    Raises:
        InfoganError: for a value out of range.
    """

    images: str
    """The images to learn from: mnist, digits, folder:PATH, npz:FILE, parquet:FILE, hf:NAME, shards:PATH."""
    net: Net
    """The networks: mnist is Table 1; small takes images of any shape, vectors takes rows of numbers."""
    shape: Shape | None = None
    """Channels, height and width, for small and vectors; the other networks have one of their own."""
    square: Literal["crop", "pad"] = "crop"
    """How pictures of one's own become squares: the middle is cut out, or the border is filled up."""
    augment: bool = False
    """Whether D and Q see every image, real or generated, shifted and with a part covered, for small sets."""
    codes: str = "cat:10 unif:2 noise:62"
    """The codes and the noise, as KIND:NUMBER words; kinds are cat, unif, gauss, bern, circ, noise."""
    noise: Literal["uniform", "normal"] = "uniform"
    """The law of the noise z: Unif(-1, 1), as in the original code, or N(0, 1)."""
    std_floor: float = 0.02
    """The least standard deviation that Q may claim for a continuous code."""
    fixed_std: float | None = None
    """Q's standard deviation where it is not learned; the original code fixes 1."""
    leak: float = 0.1
    """The slope of D's leaky ReLU below 0: 0.1 in the text, 0.01 in the code."""
    lam: tuple[float, ...] = (1.0,)
    """λ, the weight of L_I: one number for all codes, or one a code."""
    saturating: bool = False
    """Whether G descends log(1 - D), as in the text, or -log D, as in the code."""
    fresh_fake: bool = True
    """Whether G's step draws a fake batch of its own, or takes the one that D's step has seen."""
    inform_g: bool = True
    """Whether L_I reaches G; without it this is a regular GAN beside a Q that learns (Fig. 1)."""
    inform_trunk: bool = True
    """Whether L_I reaches the trunk that D and Q share, or Q's head alone."""
    motion: str = ""
    """How far a real image may be moved and still show the same, as KIND:SIZE words such as "rotate:0.2
    shift:0.1": rotate (radians), scale, shear, shift (of a side), light, mirror (the share of images).
    It is what `warm_up` goes by; of images of one's own it turns on the whole of mnist-best's recipe."""
    warm_up: int = 0
    """Updates before the first, in which kinds of real images are looked for, by what holds still as they
    move; where ways of finding them do not agree there are none, and the training goes on without."""
    lam_real: float = 1.0
    """The weight of L_I of real images: of Q's first discrete code for the kind that the warm-up found."""
    updates: int = 5000
    """How many times D and G step, one after the other."""
    batch: int = 128
    """Images in a batch; as many real as fake."""
    lr_d: float = 2e-4
    """Adam's learning rate for D, Q and their trunk; half of that where a warm-up found no kinds."""
    lr_g: float = 1e-3
    """Adam's learning rate for G."""
    lr_decay: float = 0.0
    """The share of the updates, at the end, over which both rates fall to 0 along a line;
    to go on with a larger goal raises them again. They do not where a warm-up found no kinds."""
    ema: float = 0.0
    """The decay, an update, of the moving average of G's weights that a run is shown by; 0 is none."""
    ema_d: float = 0.0
    """The same of the weights of D and Q, by which a run reads images."""
    beta1: float = 0.5
    """Adam's decay of the mean gradient."""
    beta2: float = 0.999
    """Adam's decay of the mean squared gradient."""
    seed: int = 0
    """Decides the weights, the order of images, and every draw."""
    precision: Precision = "auto"
    """Arithmetic; auto is bf16-mixed on processors and GPUs that have bf16, else 32-true."""
    device: Device = "auto"
    """Where to train; auto takes the fastest there is."""
    on_nonfinite: Literal["stop", "rollback"] = "stop"
    """What a loss that is no finite number does: end the training, or take it back to the newest checkpoint,
    from where it goes on with other draws of z and c, three times at most."""
    devices: int = 1
    """Processes on a machine that share every batch, each with a GPU or some cores of its own."""
    nodes: int = 1
    """Machines that do."""
    batch_statistics: Literal["whole", "part"] = "whole"
    """Whether batch norm takes the statistics of the whole batch, or of the part that a process has."""
    log_every: int = 20
    """Updates between two lines of metrics.jsonl, which hold means over them."""
    save_every: int = 1000
    """Updates between two checkpoints."""

    def __post_init__(self) -> None:
        n_codes = len(parse_spec(self.codes).codes)
        written = self.images.encode("utf-8", "replace").decode()
        _require(written == self.images, "images", ascii(self.images), "a name that UTF-8 can write")
        for name, least in {
            "batch": 2,
            "updates": 1,
            "log_every": 1,
            "save_every": 1,
            "devices": 1,
            "nodes": 1,
            "seed": 0,
            "warm_up": 0,
        }.items():
            value = getattr(self, name)
            _require(value >= least, name, value, f"at least {least}")
        for name in ("lr_d", "lr_g", "std_floor"):
            value = getattr(self, name)
            _require(0 < value < math.inf, name, value, "a positive number")
        for name in ("beta1", "beta2", "leak", "ema", "ema_d"):
            value = getattr(self, name)
            _require(0 <= value < 1, name, value, "in [0, 1)")
        fixed = self.fixed_std
        _require(fixed is None or 0 < fixed < math.inf, "fixed_std", fixed, "a positive number")
        _require(self.seed < 2**63, "seed", self.seed, "below 2^63")
        _require(all(0 <= value < math.inf for value in self.lam), "lam", self.lam, "0 or more")
        _require(0 <= self.lam_real < math.inf, "lam_real", self.lam_real, "0 or more")
        _require(0 <= self.lr_decay <= 1, "lr_decay", self.lr_decay, "in [0, 1]")
        rule = '0 unless --motion says how images move, such as "rotate:0.2 shift:0.1"'
        _require(any(parse_motion(self.motion)) or not self.warm_up, "warm_up", self.warm_up, rule)
        if self.motion:
            self._require_kinds()
        _require(not (self.augment and self.net == "vectors"), "augment", True, "off for vectors")
        takes_any = self.net not in SHAPES
        _require((self.shape is not None) == takes_any, "shape", self.shape, _shape_rule(self.net))
        _require(all(0 < side <= 4096 for side in self.shape or ()), "shape", self.shape, "in 1 .. 4096")
        _require(len(self.lam) in (1, n_codes), "lam", self.lam, f"1 number, or {n_codes}, one a code")

    def _require_kinds(self) -> None:
        """A motion is there to find kinds by, of images, which a discrete code reads."""
        codes = [kind for kind, _ in parse_spec(self.codes).codes]
        for holds, where in (
            (self.net != "vectors", "for vectors, which do not move"),
            ("cat" in codes or "bern" in codes, f"where no code is discrete, as in --codes {self.codes!r}"),
            (self.warm_up, "unless --warm-up says for how many updates kinds of images are looked for"),
        ):
            _require(bool(holds), "motion", repr(self.motion), f"left out {where}")

    @property
    def lam_per_code(self) -> tuple[float, ...]:
        """λ, an entry a code."""
        return self.lam if len(self.lam) > 1 else self.lam * len(parse_spec(self.codes).codes)

    @property
    def net_shape(self) -> Shape:
        """The channels, height and width of the images that the networks take."""
        return self.shape or SHAPES[self.net]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str) -> "Config":
        """The config that `to_json` wrote.

        Raises:
            InfoganError: where the text is not JSON, a field is unknown, missing or of another type.
        """
        if len(text) > MOST_TEXT:
            raise InfoganError(f"the config is {len(text):,} characters, where {MOST_TEXT:,} are the most.")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InfoganError(f"the config is not JSON: {error}.") from error
        if not isinstance(values, dict):
            raise InfoganError("the config is not a JSON object of fields.")
        known = {field.name: field for field in fields(Config)}
        for name, value in values.items():
            if name not in known:
                raise InfoganError(f"config: unknown field {name[:40]!r}; " + did_you_mean(name[:40], known))
            values[name] = _typed(name, value, known[name].type)
        missing = {"images", "net"} - set(values)
        if missing:
            raise InfoganError(f"config: the field {min(missing)!r} is missing.")
        return Config(**values)


def _shape_rule(net: str) -> str:
    if net in SHAPES:
        return f"left out, as the networks {net} take {SHAPES[net]}"
    return f"named for the networks {net}: channels, height, width"


def _require(holds: bool, name: str, value: Any, rule: str) -> None:
    if not holds:
        raise InfoganError(f"config: {name} is {value}, but must be {rule}.")


def _typed(name: str, value: Any, kind: Any) -> Any:
    """The value if JSON's type fits the field's; JSON knows no tuples, and may write 1.0 as 1."""
    if kind == tuple[float, ...]:
        _require(isinstance(value, list), name, value, "a list of numbers")
        return tuple(_typed(name, v, float) for v in value)
    if kind == Shape | None and value is not None:
        whole = isinstance(value, list) and len(value) == 3 and all(type(v) is int for v in value)
        _require(whole, name, value, "three whole numbers")
        return tuple(value)
    if kind in (float | None, Shape | None) and value is None:
        return None
    if kind in (float, float | None):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        _require(number and abs(value) <= sys.float_info.max, name, value, "a finite number")
        return float(value)
    if kind in (int, bool, str):
        _require(type(value) is kind, name, value, f"of type {kind.__name__}")
    else:
        _require(value in get_args(kind), name, value, f"one of {', '.join(get_args(kind))}")
    return value
