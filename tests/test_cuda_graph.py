"""Steps that are replayed as a CUDA graph are the eager ones; on a GPU only."""

from itertools import islice

import pytest
import torch
from trainers import CONFIG, EVERYTHING, assert_close_states, make_stacked, make_trainer, part_of, train

from infogan.config import Config
from infogan.training.components.cuda_graph import N_EAGER
from infogan.training.state import State, state_of
from infogan.utils.errors import NonFiniteError

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
EXACT = CONFIG.replace(device="cuda", precision="64-true", steps=20)
CONFIGS = [EXACT, EXACT.replace(resample_fake=True), EVERYTHING.replace(device="cuda", precision="64-true")]


def networks(state: State) -> State:
    return {name: value.cpu() for name, value in part_of(state, "G", "D", "rng").items()}


@pytest.mark.parametrize("config", CONFIGS, ids=["usual", "resampled", "all on"])
def test_captured_steps_are_eager_ones(config: Config) -> None:
    config = config.replace(steps=20, lr_decay_fraction=0.0)
    eager = make_trainer(config)
    for n in range(20):
        eager.step(*eager.batches.real(n))
        eager.n += 1
    assert_close_states(networks(train(config)), networks(state_of(eager)), 1e-5)


def test_captured_seeds_are_each_seed_alone() -> None:
    stacked = make_stacked(EXACT, (3, 5, 8))
    list(stacked.fit())
    for i, seed in enumerate((3, 5, 8)):
        assert_close_states(networks(state_of(stacked, i)), networks(train(EXACT.replace(seed=seed))), 1e-5)


def test_a_captured_step_stops_at_a_loss_that_is_not_finite() -> None:
    trainer = make_trainer(CONFIG.replace(device="cuda", steps=20))
    steps = trainer.fit()
    list(islice(steps, N_EAGER + 5))
    with torch.no_grad():
        trainer.seeds.D.get_parameter("d_head.weight")[0, 0] = torch.nan
    with pytest.raises(NonFiniteError, match=rf"^step {N_EAGER + 6}: adversarial_d of D is nan"):
        list(steps)
