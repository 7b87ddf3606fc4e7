"""A model that encodes with the statistics of the batch at hand."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from trainers import CONFIG, assert_same_bits, copied

from infogan.data import Images
from infogan.method.model import BATCH, Model, batch_statistics, make_model, split_index
from infogan.utils.errors import InfoganError

PIXELS = np.random.default_rng(0).integers(0, 256, (2 * BATCH + 1, 1, 8, 8), np.uint8)


@pytest.fixture
def model() -> Iterator[Model]:
    """Of which neither a parameter nor a running statistic may change."""
    model = make_model(CONFIG)
    before = copied(model.state_dict())
    yield model
    assert_same_bits(model.state_dict(), before)
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("n", [2, 5, BATCH, BATCH + 1, BATCH + 2, 2 * BATCH + 1])
def test_images_are_encoded_in_batches_of_1024_and_a_last_single_one_joins_its_batch(
    model: Model, n: int
) -> None:
    x = PIXELS[:n]
    found = model.encode(x, "batch")
    assert found.values.shape == found.spreads.shape == (n, 3)
    starts = [0, BATCH, 2 * BATCH][: max(1, -(-(n - 1) // BATCH))]
    for start, end in zip(starts, [*starts[1:], n], strict=True):
        with batch_statistics(model.D), torch.no_grad():
            q = model.D(torch.from_numpy(x[start:end]).float() / 255).q
        for i, code in enumerate(model.latent.codes):
            assert_close(found.values[start:end, i], code.decode(q[i]).value)
    assert torch.equal(found.values, model.encode(Images.from_arrays(x).pixels, "batch").values)
    assert [len(part) for part in split_index(n, BATCH)] == [
        end - start for start, end in zip(starts, [*starts[1:], n], strict=True)
    ]


def test_one_image_has_no_batch_statistics(model: Model) -> None:
    with pytest.raises(InfoganError, match="one image has no batch statistics; use the running ones"):
        model.encode(PIXELS[:1], "batch")
    assert model.encode(PIXELS[:1]).values.shape == (1, 3)
    assert model.encode(PIXELS[:0], "batch").values.shape == (0, 3)


def test_running_statistics_make_an_image_independent_of_the_others(model: Model) -> None:
    together = model.encode(PIXELS[:600]).values
    for i in (0, 255, 256, 599):
        assert_close(model.encode(PIXELS[i : i + 1]).values[0], together[i], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together, model.encode(PIXELS[:600], "batch").values, atol=1e-3)
