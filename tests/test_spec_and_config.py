"""What a person writes: spec strings, configs and their JSON, names of presets."""

import json
import math
from dataclasses import asdict, fields
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infogan.config import SHAPES, Config, Device, Precision
from infogan.config.presets import PRESETS, get_preset
from infogan.config.spec import DEFAULT_NOISE, Kind, parse_spec
from infogan.utils.errors import InfoganError

KINDS = get_args(Kind)

code_words = st.one_of(
    st.tuples(st.just("cat"), st.integers(2, 50)),
    st.tuples(st.sampled_from([kind for kind in KINDS if kind != "cat"]), st.integers(1, 5)),
)
spaces = st.text(" \t\n", min_size=1, max_size=3)


@settings(deadline=None)
@given(st.lists(code_words, min_size=1, max_size=6), st.none() | st.integers(0, 200), st.data())
def test_a_spec_parses_into_the_words_it_was_built_of(
    words: list[tuple[str, int]], noise: int | None, data: st.DataObject
) -> None:
    written = [f"{kind}:{number}" for kind, number in words]
    if noise is not None:
        written.insert(data.draw(st.integers(0, len(written))), f"noise:{noise}")
    text = "".join(data.draw(spaces) + word for word in written) + data.draw(spaces)

    expected = []
    for kind, number in words:
        expected += [(kind, number)] if kind == "cat" else [(kind, 1)] * number
    spec = parse_spec(text)
    assert spec.codes == tuple(expected)
    assert spec.n_noise == (DEFAULT_NOISE if noise is None else noise)


nearly_words = st.tuples(
    st.sampled_from([*KINDS, "noise", "Cat", "", "unfi"]),
    st.sampled_from([":", "", "::", " :", "="]),
    st.integers(-3, 300).map(str) | st.text(max_size=3),
).map("".join)


@settings(deadline=None)
@given(st.text() | st.lists(nearly_words, max_size=4).map(" ".join))
def test_any_text_is_a_spec_or_a_sentence(text: str) -> None:
    try:
        spec = parse_spec(text)
    except InfoganError:
        return
    assert spec.codes
    assert all(kind in KINDS and k >= 1 for kind, k in spec.codes)
    assert spec.n_noise >= 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no code"),
        ("noise:62", "names no code"),
        ("cat", "'cat' is not of the form KIND:NUMBER"),
        ("cat:ten", "'cat:ten' is not of the form"),
        ("cat:-3", "'cat:-3' is not of the form"),
        ("cat:²", "is not of the form"),
        ("cat:1", "at least 2 categories"),
        ("unif:0", "asks for no code"),
        ("cta:10", "did you mean 'cat'"),
        ("cat:10 noise:1 noise:1", "a second time"),
    ],
)
def test_a_bad_spec_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(InfoganError, match=sentence):
        parse_spec(text)


BASE = Config.from_options(images="digits", architecture="digits")
positive = st.floats(0, 1e9, exclude_min=True)
below_1 = st.floats(0, 1, exclude_max=True)
counts = st.integers(1, 10**9)

VALID: dict[str, st.SearchStrategy[Any]] = {
    "images": st.text(),
    "net": st.sampled_from(sorted(SHAPES)),
    "shape": st.none(),
    "square": st.sampled_from(["crop", "pad"]),
    "augment": st.booleans(),
    "codes": st.lists(code_words, min_size=1, max_size=3).map(
        lambda words: " ".join(f"{kind}:{number}" for kind, number in words)
    ),
    "noise": st.sampled_from(["uniform", "normal"]),
    "min_std": positive,
    "fixed_std": st.none() | positive,
    "leak": below_1,
    "lam": st.tuples(st.floats(0, 1e9)),
    "saturating": st.booleans(),
    "fresh_fake": st.booleans(),
    "inform_g": st.booleans(),
    "inform_trunk": st.booleans(),
    "motion": st.just(""),  # and what it takes else: test_what_images_are_moved_for
    "warm_up": st.just(0),
    "lam_real": st.floats(0, 1e9),
    "steps": counts,
    "batch": st.integers(2, 10**6),
    "lr_d": positive,
    "lr_g": positive,
    "lr_decay": st.floats(0, 1),
    "ema": below_1,
    "ema_d": below_1,
    "beta1": below_1,
    "beta2": below_1,
    "seed": st.integers(0, 2**63 - 1),
    "precision": st.sampled_from(get_args(Precision)),
    "device": st.sampled_from(get_args(Device)),
    "on_nonfinite": st.sampled_from(["stop", "rollback"]),
    "devices": counts,
    "nodes": counts,
    "batch_statistics": st.sampled_from(["whole", "part"]),
    "log_every": counts,
    "save_every": counts,
}


def test_the_table_of_valid_values_has_every_field() -> None:
    assert list(VALID) == [field.name for field in fields(Config)]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name: str) -> None:
    config = get_preset(name)
    assert Config.from_json(config.to_json()) == config


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional=VALID))
def test_valid_values_survive_json(values: dict[str, Any]) -> None:
    config = BASE.replace(**values)
    again = Config.from_json(config.to_json())
    assert again == config
    assert again.to_json() == config.to_json()


def test_what_images_are_moved_for() -> None:
    """There must be a motion, a discrete code and images; each is named with the way out."""
    config = BASE.replace(transforms="rotate:0.2", pretraining_steps=10)
    assert Config.from_json(config.to_json()) == config
    for changed, said in [
        ({"motion": ""}, "warm_up is 10, .* unless --transforms says"),
        ({"motion": "rotate:0"}, "warm_up is 10, .* unless --transforms says"),
        ({"warm_up": 0}, "motion is 'rotate:0.2', .* unless --pretraining-steps says"),
        ({"codes": "unif:2 circ:1"}, "motion is 'rotate:0.2', .* no code is discrete"),
        ({"net": "vectors", "shape": (1, 1, 5)}, "motion is 'rotate:0.2', .* vectors"),
    ]:
        with pytest.raises(InfoganError, match=f"config: {said}"):
            config.replace(**changed)


def test_one_lam_weighs_every_code() -> None:
    codes = "cat:10 unif:2"
    assert BASE.replace(codes=codes, lam=(0.5,)).lam_per_code == (0.5, 0.5, 0.5)
    assert BASE.replace(codes=codes, lam=(1.0, 0.1, 0.2)).lam_per_code == (1.0, 0.1, 0.2)


OUT_OF_RANGE: list[tuple[str, Any]] = [
    ("batch", 1),
    ("steps", 0),
    ("log_every", 0),
    ("save_every", -1),
    ("seed", -1),
    ("seed", 2**63),
    *[(name, bad) for name in ("lr_d", "lr_g", "min_std", "fixed_std") for bad in (0.0, -1.0)],
    *[(name, bad) for name in ("beta1", "beta2", "leak") for bad in (-0.1, 1.0)],
    *[
        (name, bad)
        for name in ("lr_d", "lr_g", "min_std", "fixed_std", "beta1", "beta2", "leak")
        for bad in (math.nan, math.inf)
    ],
    ("lam", (-1.0,)),
    ("lam", (math.nan,)),
    ("lam", (math.inf,)),
    ("lam", ()),
    ("lam", (1.0, 1.0)),
    ("lam", (1.0,) * 4),
    ("codes", "cat:1"),
    ("codes", ""),
    ("warm_up", -1),
    *[("lam_real", bad) for bad in (-1.0, math.nan, math.inf)],
    *[("lr_decay", bad) for bad in (-0.1, 1.1, math.nan)],
    *[("ema_d", bad) for bad in (-0.1, 1.0)],
    ("motion", "rotat:1"),
]


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InfoganError, match=rf"\b{name}\b"):
        BASE.replace(**{name: value})
    with pytest.raises(InfoganError, match=rf"\b{name}\b"):  # and so from a file
        Config.from_json(json.dumps(asdict(BASE) | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", None),
        ("net", "lenet"),
        ("codes", 10),
        ("noise", "gamma"),
        ("min_std", None),
        ("min_std", "0.02"),
        ("fixed_std", "1"),
        ("leak", True),
        ("lam", 1.0),
        ("lam", ["1"]),
        ("lam", [None]),
        ("saturating", 1),
        ("saturating", "yes"),
        ("steps", 5000.0),
        ("steps", True),
        ("batch", "128"),
        ("batch", None),
        ("seed", [0]),
        ("precision", 32),
        ("device", "tpu"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InfoganError, match=rf"\b{name}\b"):
        Config.from_json(json.dumps(asdict(BASE) | {name: value}))


@pytest.mark.parametrize("name", ["images", "net"])
def test_a_missing_field_is_named(name: str) -> None:
    values = asdict(BASE)
    del values[name]
    with pytest.raises(InfoganError, match=f"'{name}' is missing"):
        Config.from_json(json.dumps(values))


def test_fields_with_a_default_may_be_missing() -> None:
    assert Config.from_json('{"images": "digits", "net": "digits"}') == BASE


def test_an_unknown_field_suggests_the_nearest() -> None:
    with pytest.raises(InfoganError, match=r"'bacth'; did you mean 'batch'\?"):
        Config.from_json(json.dumps(asdict(BASE) | {"bacth": 64}))


@settings(deadline=None)
@given(st.text())
def test_text_that_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(InfoganError, match="config"):
        Config.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"mnist"', "{}"])
def test_json_that_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(InfoganError, match="config"):
        Config.from_json(text)


def test_whole_numbers_may_stand_for_real_ones() -> None:
    config = Config.from_json('{"images": "digits", "net": "digits", "lam": [1], "fixed_std": 1}')
    assert config == BASE.replace(lam=(1.0,), fixed_std=1.0)


def test_an_unknown_preset_suggests_the_nearest() -> None:
    with pytest.raises(InfoganError, match=r"'mnist-cod'; did you mean 'mnist-code'\?"):
        get_preset("mnist-cod")
    with pytest.raises(InfoganError, match="known are digits, mnist,"):
        get_preset("imagenet-21k")


@pytest.mark.parametrize("text", ["cat:" + "9" * 5000, "unif:999999999999", "noise:10001"])
def test_a_number_that_no_network_takes_is_refused(text: str) -> None:
    with pytest.raises(InfoganError, match="10,000"):
        parse_spec(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"seed": ' + "9" * 5000 + "}"])
def test_json_that_python_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(InfoganError, match="config"):
        Config.from_json(text)


@pytest.mark.parametrize("value", ["[true]", '["1"]', "1"])
def test_lam_is_a_list_of_numbers(value: str) -> None:
    with pytest.raises(InfoganError, match="lam"):
        Config.from_json(f'{{"images": "digits", "net": "digits", "lam": {value}}}')
