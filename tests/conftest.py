"""Fixtures of several test files: runs without training, the browser, and what `--nightly` adds."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Imported here, because jaxtyping's import hook recompiles what a module of this package imports first.
LIBRARIES = "beartype.claw lightning_fabric pandas pyarrow.csv sklearn.cluster sklearn.ensemble uvicorn"
for library in LIBRARIES.split():
    importlib.import_module(library)

if TYPE_CHECKING:  # jaxtyping checks what is imported after this file
    from infogan.config import Config
    from infogan.runs.run import Run

CHROMIUM = Path("/usr/bin/chromium")
# The files that take longest come first, so that no process is left with one of them at the end.
LONG = """test_ddp test_cli test_docs_commands test_export test_sweep test_presets test_estimator test_session
test_shard_batches test_determinism test_clustering test_report test_hostile test_kills test_explore_page
test_disk_faults"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    names = LONG.split()
    items.sort(key=lambda item: names.index(item.path.stem) if item.path.stem in names else len(names))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="also run tests that take long")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips tests marked `night` unless `--nightly` is given, before any of their fixtures is made."""
    if item.get_closest_marker("night") and not item.config.getoption("--nightly"):
        pytest.skip("needs --nightly")


@pytest.fixture(scope="session")
def nightly(request: pytest.FixtureRequest) -> bool:
    """Whether there is time for 50 kills instead of 3, and for 100,000 hostile files per format."""
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
    """Makes a run with the initial weights of a config, times a gain that makes codes visible."""
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
    """Replaces the fixture of pytest-base-url, of which pytest 9 warns; no test needs it."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's chromium; tests that open pages are skipped if it is missing."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # chromium refuses to run as root otherwise
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM), "args": root}
