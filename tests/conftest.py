"""What several test files need: a run without training, and the browser of this machine."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # what is checked for shapes is to be loaded after this file
    from infogan.config import Config
    from infogan.runs.run import Run

CHROMIUM = Path("/usr/bin/chromium")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="try faults as often as the nightly target does")


@pytest.fixture(autouse=True)
def at_night(request: pytest.FixtureRequest) -> None:
    """Leaves out what is marked for the night."""
    if request.node.get_closest_marker("night") and not request.config.getoption("--nightly"):
        pytest.skip("of the nightly target")


@pytest.fixture(scope="session")
def nightly(request: pytest.FixtureRequest) -> bool:
    """Whether there is time: for 50 kills instead of 10, and 100,000 hostile files of a format."""
    return bool(request.config.getoption("--nightly"))


@pytest.fixture
def quick_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    import quick_scores

    quick_scores.use(monkeypatch.setattr)


@pytest.fixture
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder in place of the user's; it does not exist yet."""
    cache = tmp_path / "cache"
    monkeypatch.setattr("infogan.data.cache.platformdirs.user_cache_dir", lambda *_: str(cache))
    return cache


@pytest.fixture
def own_folder(tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder own in the working directory, and an empty cache."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


@pytest.fixture(scope="session")
def untrained_run() -> Callable[..., "Run"]:
    """Makes a run of the weights that a config's seed draws, times a gain, so that codes are to be seen."""
    from infogan.method.model import make_model
    from infogan.runs.checkpoints import write_checkpoint
    from infogan.runs.run import Run

    def make(path: Path, config: "Config", gain: float = 1.0) -> Run:
        run = Run.create(path, config, n_images=1)
        model = make_model(config)
        state = {
            f"{name}.{key}": value * gain if key.endswith("weight") and value.ndim > 1 else value
            for name, net in (("G", model.G), ("D", model.D))
            for key, value in net.state_dict().items()
        }
        write_checkpoint(run.checkpoints, 1, state, {})
        return run

    return make


@pytest.fixture(scope="session")
def base_url() -> None:
    """In place of pytest-base-url's, which pytest 9 warns of, and which no test here needs."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's own chromium; tests that open pages skip where it is missing."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # which chromium asks of root
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM), "args": root}
