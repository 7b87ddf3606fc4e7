"""Everything that decides a run: one frozen tree, checked when it is made, and its JSON."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from infogan.config.fields import Option, option_name, options_of, parse, require
from infogan.config.knobs import assign_knobs, codes_without_knobs
from infogan.config.parts import Codes, Data, Networks, Optimisation, Pretraining, RunSettings
from infogan.config.spec import parse_spec
from infogan.config.terms import Terms
from infogan.utils.errors import InfoganError, did_you_mean

T = TypeVar("T")
MAX_CHARACTERS = 100_000  # of a config's JSON, far above any real one


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run. Where the paper's text and the original code differ, a field says which one to follow.

    Settings are nested by part, and each also has a flat name, its option: `config.optimisation.steps` is
    `steps` in `replace`, `from_options`, `--set` and on the command line.

    Raises:
        InfoganError: if a value is out of range.

    Example:
        >>> Config.from_options(images="mnist", architecture="mnist", steps=100).replace(seed=1).run.seed
        1
    """

    data: Data
    networks: Networks
    codes: Codes = field(default_factory=Codes)
    terms: Terms = field(default_factory=Terms)
    pretraining: Pretraining = field(default_factory=Pretraining)
    optimisation: Optimisation = field(default_factory=Optimisation)
    run: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        is_vectors = self.networks.architecture == "vectors"
        require(not (self.data.diffaug and is_vectors), "diffaug", True, "off for vectors")
        if self.terms.method == "vae":
            self._check_vae()
        lam, n_codes = self.terms.info.lam, len(self.codes.kinds)
        require(len(lam) in (1, n_codes), "lam", lam, f"1 number, or {n_codes}, one per code")
        transforms, steps = self.pretraining.transforms, self.pretraining.steps
        if self.pretraining.knobs:
            require(
                not is_vectors,
                "knobs",
                repr(self.pretraining.knobs),
                "empty for vectors, which have no plane",
            )
            assign_knobs(self.pretraining.knobs, self.codes.kinds_alone, transforms)
        if factor_steps := self.pretraining.factor_steps:
            require(not is_vectors, "factor_steps", factor_steps, "0 for vectors, which are no pictures")
            free = codes_without_knobs(self.pretraining.knobs, self.codes.kinds_alone, transforms)
            rule = f"0 if no unif, gauss or circ code is without a knob, as in codes={self.codes.spec!r}"
            require(any(free.values()), "factor_steps", factor_steps, rule)
        rule = "uniform unless transforms say how to cluster, as its shares are learned"
        require(bool(transforms) or self.codes.prior == "uniform", "prior", self.codes.prior, rule)
        rule = "empty unless transforms say how to cluster, as labels name clusters"
        require(bool(transforms) or not self.data.labels, "labels", repr(self.data.labels), rule)
        if not transforms:
            return
        require(not is_vectors, "transforms", repr(transforms), "empty for vectors, which have no plane")
        has_categories = bool({"cat", "bern"} & set(self.codes.kinds))
        rule = f"empty if no code is discrete, as in codes={self.codes.spec!r}"
        require(has_categories, "transforms", repr(transforms), rule)
        rule = "empty unless pretraining_steps says how long to cluster"
        require(bool(steps), "transforms", repr(transforms), rule)

    def _check_vae(self) -> None:
        terms, codes = self.terms, self.codes
        require(not self.data.diffaug, "diffaug", True, "off with method=vae, which has no D to augment for")
        r1 = terms.r1.weight
        require(not r1, "r1_weight", r1, "0 with method=vae, which has no D to penalise")
        rule = "false with method=vae, which has no adversarial loss"
        require(not terms.adversarial.saturating, "saturating", True, rule)
        rule = "true with method=vae; for a VAE without L_I set lam to 0"
        require(terms.info.to_generator, "info_to_generator", False, rule)
        rule = "none with method=vae, which draws codes with the deviation that Q learns"
        require(codes.fixed_std is None, "fixed_std", codes.fixed_std, rule)
        rule = "with noise of width 1 or more for method=vae, such as noise:62"
        require(parse_spec(codes.spec).n_noise > 0, "codes", repr(codes.spec), rule)

    @property
    def lam_per_code(self) -> tuple[float, ...]:
        """λ, one entry per code."""
        lam = self.terms.info.lam
        return lam if len(lam) > 1 else lam * len(self.codes.kinds)

    @staticmethod
    def from_options(**options: Any) -> "Config":
        """The config with these settings, by their flat names, and the defaults for the others.

        Raises:
            InfoganError: if a name is unknown, `images` or `architecture` is missing, or a value is out of
                range or of another type.
        """
        return _build(Config, check_options(options))

    def replace(self, **options: Any) -> "Config":
        """This config with other values for some settings, by their flat names.

        Raises:
            InfoganError: as `from_options`.
        """
        return Config.from_options(**self.options() | options)

    def with_pixel_scale_of(self, run: "Config") -> "Config":
        """This config with the pixel scale that was found for a run, unless it is set here."""
        scale = {name: getattr(run.data.pixel_scale, name) for name in ("binary", "bit_depth")}
        return self.replace(**{name: value for name, value in scale.items() if self.options()[name] is None})

    def options(self) -> dict[str, Any]:
        """All settings by their flat names."""
        return {name: _get(self, option) for name, option in options_of(Config).items()}

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str) -> "Config":
        """The config that `to_json` wrote.

        Raises:
            InfoganError: if the text is not JSON, or a field is unknown, missing or of another type.
        """
        if len(text) > MAX_CHARACTERS:
            raise InfoganError(
                f"the config has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read."
            )
        try:
            tree = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InfoganError(f"the config is not JSON: {error}.") from error
        return _build(Config, _flatten(Config, tree, "the config"))


def check_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their flat names, each as its type holds it.

    Raises:
        InfoganError: if a name is unknown or a value is of another type.
    """
    known = options_of(Config)
    for name in options:
        if name not in known:
            raise InfoganError(f"config: unknown setting {name[:40]!r}; " + did_you_mean(name[:40], known))
    return {name: parse(name, value, known[name].kind) for name, value in options.items()}


def _build(cls: type[T], options: Mapping[str, Any]) -> T:
    values: dict[str, Any] = {}
    for each in fields(cls):  # type: ignore[arg-type]
        name = option_name(each)
        if is_dataclass(each.type):
            values[each.name] = _build(each.type, options)  # type: ignore[arg-type]
        elif name in options:
            values[each.name] = options[name]
        elif each.default is MISSING:
            raise InfoganError(f"config: the setting {name!r} is missing.")
    return cls(**values)


def _get(config: Config, option: Option) -> Any:
    value: Any = config
    for name in option.path:
        value = getattr(value, name)
    return value


def _flatten(cls: type, tree: Any, where: str) -> dict[str, Any]:
    """The settings in a nested JSON object, by their flat names."""
    if not isinstance(tree, dict):
        raise InfoganError(f"{where} is not a JSON object of fields.")
    known = {each.name: each for each in fields(cls)}
    options: dict[str, Any] = {}
    for name, value in tree.items():
        if name not in known:
            raise InfoganError(f"config: unknown field {name[:40]!r}; " + did_you_mean(name[:40], known))
        each = known[name]
        if is_dataclass(each.type):
            options |= _flatten(each.type, value, f"{name} in the config")  # type: ignore[arg-type]
        else:
            options[option_name(each)] = parse(option_name(each), value, each.type)
    return options
