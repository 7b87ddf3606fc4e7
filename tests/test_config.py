"""Configs: one table of all options, their JSON and text, and what is refused."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infogan.config import SHAPES, Config, check_options, options_of, parse_text, to_text
from infogan.config.presets import PRESETS, custom_images, custom_vectors, get_preset
from infogan.utils.errors import InfoganError

BASE = Config.from_options(images="digits", architecture="digits", codes="cat:10 unif:2")
OPTIONS = options_of(Config)
WITH = {  # what else must be set for an option to have another value than its default
    "shape": {"architecture": "small", "shape": (1, 8, 8)},
    "transforms": {"transforms": "rotate:0.1", "pretraining_steps": 10},
    "pretraining_steps": {"transforms": "rotate:0.1", "pretraining_steps": 10},
    "mirror": {"factor_steps": 10},
    "labels": {"transforms": "rotate:0.1", "pretraining_steps": 10},
    "prior": {"transforms": "rotate:0.1", "pretraining_steps": 10},
}

Row = tuple[list[Any], list[Any], list[Any]]
FLAG: Row = ([True, False], [1, "yes", None], [])
COUNT: Row = ([1, 10**9], [1.0, True, "3", None], [0, -1])
SHARE: Row = ([0.0, 0.9, 5e-324], ["0", True, None], [-0.1, 1.0, math.nan, math.inf])
WEIGHT: Row = ([0.0, 2.5, 1e-7], ["1", None, False], [-1.0, math.nan, math.inf])
POSITIVE: Row = ([1e-5, 3.0, 1e16], ["0.1", True, [1.0]], [0.0, -1.0, math.nan, math.inf])

# option -> values in range, values of another type, values out of range
TABLE: dict[str, Row] = {
    "images": (["folder:/a b/ü:x", "none", "npz:1"], [None, 3], ["\ud800"]),
    "max_images": ([None, 2, 10**6], ["2", 2.0, True], [1]),
    "square": (["crop", "pad"], ["cut", None], []),
    "pages": FLAG,
    "skip_bad": FLAG,
    "labels": (["", "a b/ü.csv"], [None, 3], ["\ud800"]),
    "diffaug": FLAG,
    "binary": ([None, True, False], [1, "yes"], []),
    "bit_depth": ([None, 8, 10, 12, 14, 16], [12.0, "12", True], [0, 7, 32]),
    "architecture": (sorted(SHAPES), ["lenet", None], []),
    "shape": ([(3, 64, 40)], [[1, 8], [1, 8, 8.0], "1", 8], [(1, 0, 8), (1, 8, 9999), None]),
    "negative_slope": SHARE,
    "q_trunk": (["shared", "own"], ["none", None], []),
    "codes": (["cat:2", "unif:2 circ:1 noise:0"], [10, None], ["cat:1", ""]),
    "noise": (["uniform", "normal"], ["gamma", 0], []),
    "min_std": POSITIVE,
    "fixed_std": ([None, 1.0, 0.25], ["1"], [0.0, -1.0, math.nan]),
    "prior": (["uniform", "learned"], ["fixed", None], []),
    "shares": ([None, (0.1,) * 10], ["0.1", [True]], [(0.5, 0.5), (0.2,) * 10, (-0.1, 1.1, *(0.0,) * 8)]),
    "saturating": FLAG,
    "lam": (
        [(0.5,), (1.0, 0.1, 0.0)],
        [1.0, ["1"], [None], [True], None],
        [(-1.0,), (math.nan,), (math.inf,), (), (1.0, 1.0), (1.0,) * 4],
    ),
    "info_to_generator": FLAG,
    "info_to_trunk": FLAG,
    "method": (["gan", "vae"], ["mcmc", None], []),
    "pixel_std": POSITIVE,
    "pseudo_label_weight": WEIGHT,
    "q_learns_from": (["real", "both"], ["fake", None], []),
    "r1_weight": WEIGHT,
    "orthogonal_jacobian_weight": WEIGHT,
    "transforms": (["rotate:0.2 hflip:0.5"], [0.1, None], ["rotat:1", "rotate", "rotate:9"]),
    "knobs": (["shear", "ratio brightness"], [1, None], ["slant", "shear shear", "rotate shear"]),
    "knob_steps": COUNT,
    "pretraining_steps": ([1, 10**9], [1.0, True, "3", None], [-1]),
    "factor_steps": ([0, 10**9], [1.0, True, "3", None], [-1]),
    "mirror": ([None, 0, 10], [1.0, True, "3"], [-1, 11]),
    "steps": COUNT,
    "batch_size": ([2, 10**6], ["128", None, 2.0], [1]),
    "lr_d": ([None, *POSITIVE[0]], *POSITIVE[1:]),
    "lr_g": POSITIVE,
    "lr_decay_fraction": ([None, 0.0, 0.5, 1.0], ["0.5", True], [-0.1, 1.1, math.nan]),
    "ema_decay": SHARE,
    "ema_decay_d": SHARE,
    "beta1": SHARE,
    "beta2": SHARE,
    "resample_fake": FLAG,
    "seed": ([0, 2**63 - 1], [[0], 0.0, None], [-1, 2**63]),
    "precision": (["auto", "32-true", "bf16-mixed", "64-true"], [32, None], []),
    "device": (["auto", "cpu", "cuda", "mps"], ["tpu", None], []),
    "devices": COUNT,
    "nodes": COUNT,
    "sync_batchnorm": FLAG,
    "on_nonfinite": (["stop", "rollback"], ["ignore", None], []),
    "log_every": COUNT,
    "save_every": COUNT,
}


def cases(column: int) -> Any:
    return pytest.mark.parametrize(
        ("name", "value"), [(name, value) for name, row in TABLE.items() for value in row[column]]
    )


def with_json(name: str, value: Any) -> str:
    """The JSON of a config in which an option has this value."""
    tree = json.loads(BASE.replace(**WITH.get(name, {})).to_json())
    *parents, last = OPTIONS[name].path
    part = tree
    for parent in parents:
        part = part[parent]
    part[last] = value
    return json.dumps(tree)


def test_the_table_has_every_option_once_and_each_has_a_help() -> None:
    assert sorted(TABLE) == sorted(OPTIONS)
    assert len({option.path for option in OPTIONS.values()}) == len(OPTIONS)
    assert all(option.help for option in OPTIONS.values())


@cases(0)
def test_a_value_survives_json_and_text(name: str, value: Any) -> None:
    config = BASE.replace(**WITH.get(name, {})).replace(**{name: value})
    assert config.options()[name] == value
    assert Config.from_json(config.to_json()) == config
    assert Config.from_json(config.to_json()).to_json() == config.to_json()
    assert Config.from_options(**config.options()) == config
    assert parse_text(name, to_text(value), OPTIONS[name].kind) == value
    assert check_options({name: value}) == {name: value}


@cases(1)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: Any) -> None:
    match = rf"^config: {name} is .*, but must be "
    with pytest.raises(InfoganError, match=match):
        Config.from_json(with_json(name, value))
    with pytest.raises(InfoganError, match=match):
        check_options({name: value})
    with pytest.raises(InfoganError, match=match):
        Config.from_options(**BASE.options() | {name: value})


@cases(2)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    config = BASE.replace(**WITH.get(name, {}))
    for make in (lambda: config.replace(**{name: value}), lambda: Config.from_json(with_json(name, value))):
        with pytest.raises(InfoganError, match=rf"\b{name}\b"):
            make()


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.kind is not str])
def test_a_text_that_is_no_value_is_refused_by_name(name: str) -> None:
    for text in ("many", "1:x", "", "[1"):
        with pytest.raises(InfoganError, match=rf"\b{name}\b"):
            parse_text(name, text, OPTIONS[name].kind)


@given(st.floats(0, 1e300), st.floats(0, 1e300), st.integers(0, 2**63 - 1))
def test_numbers_survive_text_to_the_last_bit(a: float, b: float, n: int) -> None:
    assert parse_text("lr_g", to_text(a), float) == a
    assert parse_text("lam", to_text((a, b)), tuple[float, ...]) == (a, b)
    assert parse_text("seed", to_text(n), int) == n


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json_and_text(name: str) -> None:
    config = get_preset(name)
    assert Config.from_json(config.to_json()) == config
    texts = {name: to_text(value) for name, value in config.options().items()}
    options = {name: parse_text(name, text, OPTIONS[name].kind) for name, text in texts.items()}
    assert Config.from_options(**options) == config


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"transforms": ""}, "pretraining_steps is 10, but must be 0 unless transforms are set"),
        ({"transforms": "rotate:0"}, "pretraining_steps is 10, but must be 0 unless transforms are set"),
        ({"pretraining_steps": 0}, "transforms is 'rotate:0.1', but must be empty unless pretraining_steps"),
        ({"codes": "unif:2 circ:1"}, "transforms is 'rotate:0.1', but must be empty if no code is discrete"),
        ({"architecture": "vectors", "shape": (1, 1, 5)}, "transforms is 'rotate:0.1', .* for vectors"),
        ({"shape": (1, 8, 8)}, "shape is .*, but must be None, as the architecture digits takes"),
        ({"architecture": "small"}, "shape is None, but must be set for the architecture small"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InfoganError, match=f"^config: {sentence}"):
        BASE.replace(**WITH["transforms"]).replace(**options)


def test_one_lam_is_for_every_code() -> None:
    assert BASE.replace(lam=(0.5,)).lam_per_code == (0.5, 0.5, 0.5)
    assert BASE.replace(lam=(1.0, 0.1, 0.2)).lam_per_code == (1.0, 0.1, 0.2)


def test_json_may_leave_out_defaults_and_the_point_of_a_number() -> None:
    text = """{"data": {"images": "digits"}, "networks": {"architecture": "digits"},
        "codes": {"spec": "cat:10 unif:2", "fixed_std": 1}, "terms": {"info": {"lam": [1]}}}"""
    assert Config.from_json(text) == BASE.replace(lam=(1.0,), fixed_std=1.0)


def test_what_is_missing_or_unknown_is_named() -> None:
    for name in ("images", "architecture"):
        options = BASE.options()
        del options[name]
        with pytest.raises(InfoganError, match=f"'{name}' is missing"):
            Config.from_options(**options)
    for replace in (BASE.replace, lambda **options: check_options(options)):
        with pytest.raises(InfoganError, match=r"'bacth_size'; did you mean 'batch_size'\?"):
            replace(bacth_size=64)
    with pytest.raises(InfoganError, match=r"unknown field 'bacth_size'; did you mean 'batch_size'\?"):
        Config.from_json(BASE.to_json().replace("batch_size", "bacth_size"))
    with pytest.raises(InfoganError, match=r"'mnist-cod'; did you mean 'mnist-code'\?"):
        get_preset("mnist-cod")
    with pytest.raises(InfoganError, match="known are digits, "):
        get_preset("imagenet-21k")


@given(st.text())
def test_text_that_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(InfoganError, match="config"):
        Config.from_json(text)


TOO_DEEP, TOO_LONG = "[" * 99_999, f'{{"seed": {"9" * 5000}}}'  # for Python's parser
WRONG_JSON = ["", "{", "[]", "3", "null", '"mnist"', "{}", '{"data": []}', TOO_DEEP, TOO_LONG, " " * 200_000]


@pytest.mark.parametrize("text", WRONG_JSON, ids=range(len(WRONG_JSON)))
def test_json_that_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(InfoganError, match="config"):
        Config.from_json(text)


@pytest.mark.parametrize("n", [2, 3, 200, 5_000, 10_000, 1_000_000])
def test_the_defaults_for_your_own_images_follow_their_number(n: int) -> None:
    """A batch is at most all images, and more images are never seen fewer times in all."""
    codes = "cat:3 unif:2 circ:1"
    config, more = (custom_images("folder:a", many, (3, 32, 32), codes) for many in (n, 4 * n))
    optimisation, of_more = config.optimisation, more.optimisation
    assert 2 <= optimisation.batch_size <= n
    assert of_more.steps * of_more.batch_size >= optimisation.steps * optimisation.batch_size
    assert config.data.diffaug == (n < 5_000)
    assert len(config.lam_per_code) == 4
    assert config.lam_per_code[0] > config.lam_per_code[1]  # as in Table 7, discrete codes weigh more
    stages = config.pretraining
    assert [bool(stages.transforms), bool(stages.factor_steps), stages.has_stages] == [n >= 1_000] * 3
    assert not stages.knobs  # two numbers are too few to give both to the light
    with_four = custom_images("folder:a", n, (3, 32, 32)).pretraining
    assert with_four.knobs == ("illumination" if n >= 1_000 else "")
    named = custom_images("folder:a", n, (3, 32, 32), codes, knobs="scale").pretraining
    assert (named.knobs, named.factor_steps) == ("scale", 0)
    off = custom_images("folder:a", n, (3, 32, 32), transforms="", knobs="", factor_steps=0).pretraining
    assert not off.has_stages
    assert not custom_images("folder:a", n, (3, 32, 32), codes, "").pretraining.transforms
    assert not named.transforms
    assert not custom_images("folder:a", n, (3, 32, 32), "unif:2").pretraining.transforms
    assert custom_vectors("csv:a", n, (1, 1, 5), codes).optimisation.batch_size <= max(2, n)
