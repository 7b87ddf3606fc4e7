"""The scores of codes and factors take what callers have: data frames, lists, text, unknown values."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch

from infogan.evaluation import CodesAndFactors
from infogan.evaluation.disentanglement.information import mig
from infogan.utils.errors import InfoganError

RNG = np.random.default_rng(0)
FACTORS = np.c_[RNG.integers(0, 4, 400), RNG.integers(0, 5, 400)]
CODES = FACTORS + RNG.normal(0, 0.01, FACTORS.shape)
WORDS = np.array(["red", "green", "blue", "black"], object)[FACTORS[:, 0]]
PAIRS: dict[str, Callable[[], CodesAndFactors]] = {
    "data frames": lambda: CodesAndFactors.from_arrays(pd.DataFrame(CODES), pd.DataFrame(FACTORS)),
    "lists": lambda: CodesAndFactors.from_arrays(CODES.tolist(), FACTORS.tolist()),
    "floats": lambda: CodesAndFactors.from_arrays(CODES, FACTORS.astype(float)),
    "tensors": lambda: CodesAndFactors.from_arrays(torch.from_numpy(CODES), torch.from_numpy(FACTORS)),
    "words of the spec": lambda: CodesAndFactors.from_arrays(CODES, FACTORS, kinds=["unif", "gauss"]),
    "text as a factor": lambda: CodesAndFactors.from_arrays(
        CODES, pd.DataFrame({"colour": WORDS, "size": FACTORS[:, 1]})
    ),
    "nullable integers": lambda: CodesAndFactors.from_arrays(
        CODES, pd.DataFrame(FACTORS).astype("Int64")
    ),
    "categories of pandas": lambda: CodesAndFactors.from_arrays(
        CODES, pd.DataFrame(FACTORS).astype("category")
    ),
}  # fmt: skip


def mig_of(pair: CodesAndFactors) -> float:
    train, test = pair.train_test_split()
    return mig(train, test, np.random.default_rng(0))["mig"]


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS)
def test_forms_of_the_same_codes_and_factors(make: Callable[[], CodesAndFactors]) -> None:
    whole = CodesAndFactors.from_arrays(CODES, FACTORS)
    assert mig_of(make()) == pytest.approx(mig_of(whole), abs=1e-12)


def test_one_column_is_one_code_or_factor() -> None:
    pair = CodesAndFactors.from_arrays(CODES[:, 0], FACTORS[:, 0])
    assert (pair.codes.shape, pair.factors.shape) == ((400, 1), (400, 1))
    assert mig_of(pair) > 0.99


def test_a_category_may_be_called_anything() -> None:
    """-1 is the noise of HDBSCAN, which is a cluster like others."""
    expected = CodesAndFactors.from_arrays(FACTORS, FACTORS, kinds=["cat", "cat"])
    for first in (FACTORS[:, 0] - 1, FACTORS[:, 0] * 10**12, FACTORS[:, 0] / 2, WORDS):
        codes = pd.DataFrame({"a": first, "b": FACTORS[:, 1]})
        pair = CodesAndFactors.from_arrays(codes, FACTORS, kinds=["category", "category"])
        assert mig_of(pair) == pytest.approx(mig_of(expected), abs=1e-12)


@pytest.mark.parametrize("unknown", [-1, np.nan, None], ids=str)
def test_images_of_an_unknown_factor_are_left_out_with_a_warning(unknown: object) -> None:
    factors = FACTORS.astype(object)
    factors[::4, 0] = unknown
    with pytest.warns(UserWarning, match="100 of 400 images have an unknown factor"):
        pair = CodesAndFactors.from_arrays(CODES, factors)
    keep = np.arange(400) % 4 != 0
    expected = CodesAndFactors.from_arrays(CODES[keep], FACTORS[keep])
    np.testing.assert_array_equal(pair.factors, expected.factors)
    np.testing.assert_array_equal(pair.codes, expected.codes)


def test_minus_one_is_a_number_among_numbers() -> None:
    factors = np.linspace(-1, 1, 5)[FACTORS[:, 1]]
    assert len(CodesAndFactors.from_arrays(CODES, factors)) == 400


def test_factors_of_many_numbers_are_grouped_as_those_of_images() -> None:
    factors = RNG.uniform(size=(400, 2))
    pair = CodesAndFactors.from_arrays(factors, factors)
    assert np.unique(pair.factors[:, 0]).tolist() == list(range(10))
    assert mig_of(pair) > 0.5


@pytest.mark.parametrize(
    ("codes", "factors", "kinds", "message"),
    [
        (np.zeros((2, 3, 4)), FACTORS, None, "codes have shape"),
        ([[1, 2], [3]], FACTORS, None, "codes are no matrix"),
        (CODES, FACTORS[:7], None, "codes of 400 images, but factors of 7"),
        (CODES, FACTORS, ["cat"], "2 codes, 1 kinds"),
        (CODES, FACTORS, ["uniform", "cat"], "there is no kind 'uniform'; did you mean 'unif'"),
        (np.c_[CODES[:, 0], [np.nan] * 400], FACTORS, None, "code 2 is NaN or infinite for 400"),
        (pd.DataFrame({"hue": WORDS}), FACTORS, ["number"], "hue holds text; its kind is category"),
        (CODES, [f"id{i}" for i in range(400)], None, "400 values in 400 images"),
    ],
)
def test_codes_and_factors_that_do_not_fit(
    codes: object, factors: object, kinds: list[str] | None, message: str
) -> None:
    with pytest.raises(InfoganError, match=message):
        CodesAndFactors.from_arrays(codes, factors, kinds)
