"""Spec strings of codes: every text is parsed or refused with a sentence."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infogan.config.spec import DEFAULT_NOISE, CodeName, parse_spec, without_codes_under
from infogan.utils.errors import InfoganError

KINDS = get_args(CodeName)

words = st.one_of(
    st.tuples(st.just("cat"), st.integers(2, 50)),
    st.tuples(st.sampled_from([kind for kind in KINDS if kind != "cat"]), st.integers(1, 5)),
)
spaces = st.text(" \t\n", min_size=1, max_size=3)


@settings(deadline=None)
@given(st.lists(words, min_size=1, max_size=6), st.none() | st.integers(0, 200), st.data())
def test_a_spec_is_parsed_into_its_words(
    given: list[tuple[str, int]], noise: int | None, data: st.DataObject
) -> None:
    written = [f"{kind}:{number}" for kind, number in given]
    if noise is not None:
        written.insert(data.draw(st.integers(0, len(written))), f"noise:{noise}")
    spec = parse_spec("".join(data.draw(spaces) + word for word in written) + data.draw(spaces))
    expected = [[(kind, n)] if kind == "cat" else [(kind, 1)] * n for kind, n in given]
    assert spec.codes == tuple(code for codes in expected for code in codes)
    assert spec.n_noise == (DEFAULT_NOISE if noise is None else noise)


def test_codes_under_a_category_follow_it() -> None:
    spec = parse_spec("unif:1 cat:4>unif:2 cat:3>cat:5 noise:2")
    kinds = ("unif", 1), ("cat", 4), ("unif", 1), ("unif", 1), ("cat", 3), ("cat", 5)
    assert spec == (kinds, 2, {2: 1, 3: 1, 5: 4})
    assert without_codes_under("unif:1  cat:4>unif:2 noise:2") == "unif:1 cat:4 noise:2"


nearly_words = st.tuples(
    st.sampled_from([*KINDS, "noise", "Cat", "", "unfi"]),
    st.sampled_from([":", "", "::", " :", "=", ":2>"]),
    st.integers(-3, 300).map(str) | st.text(max_size=3),
).map("".join)


@settings(deadline=None)
@given(st.text() | st.lists(nearly_words, max_size=4).map(" ".join))
def test_any_text_is_a_spec_or_refused_with_a_sentence(text: str) -> None:
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
        ("unif:0", "unif:0"),
        ("cta:10", "did you mean 'cat'"),
        ("cat:10 noise:1 noise:1", "a second time"),
        ("cat:" + "9" * 5000, "10,000"),
        ("unif:999999999999", "10,000"),
        ("noise:10001", "10,000"),
        ("unif:6000 gauss:6000", "10,000"),
        ("cat:200>unif:60", "12,200 numbers"),
        ("cat:3>cat:2>cat:2", "'cat:3>cat:2>cat:2' nests twice"),
        ("unif:2>cat:3", "only a cat has codes under it"),
        ("cat:3>noise:2", "puts noise under a category"),
        ("cat:3>", "'cat:3>' is not of the form"),
        ("cat:3>cat:1", "at least 2 categories"),
        ("cat:3>cat:auto", "cat:auto has to be the first"),
    ],
)
def test_a_wrong_spec_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InfoganError, match=sentence):
        parse_spec(text)
