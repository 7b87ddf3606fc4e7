"""A run that nothing happened to, for tests of what faults do to others."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from training_commands import SHORT, run, train


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """As in the processes that are started, so that bits can be compared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    path = tmp_path_factory.mktemp("runs") / "straight"
    assert run(*train("digits-code", path, **SHORT)) == (0, "")
    return path
