"""A run that nothing happened to, for tests of what faults do to others."""

from pathlib import Path

import pytest
from training_commands import SHORT, run, train


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    path = tmp_path_factory.mktemp("runs") / "straight"
    assert run(*train("digits-code", path, **SHORT)) == (0, "")
    return path
