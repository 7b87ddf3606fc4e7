"""A training as a user sees it: stopped, resumed, rolled back; the same bits whatever happened in between."""

import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console
from torch import Tensor
from trainers import CONFIG, DIGITS

from infogan.config import Config
from infogan.data import Images, LoadOptions
from infogan.runs.fingerprint import fingerprint
from infogan.runs.locks import exclusive_lock
from infogan.runs.run import Run
from infogan.training import launch
from infogan.training.components.batches import Batches
from infogan.training.session import Outcome
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

RUN = CONFIG.replace(steps=30, save_every=8, log_every=5)
Rows = list[dict[str, float | int]]


def silent() -> Console:
    return Console(file=io.StringIO(), width=500)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def train(path: Path, config: Config = RUN, console: Console | None = None) -> Outcome:
    return launch.train(config, path, LoadOptions(), console or silent())


def resume(path: Path, console: Console | None = None, **changes: int) -> Outcome:
    return launch.resume(path, changes, LoadOptions(), console or silent())


def rows(run: Path) -> Rows:
    """metrics.jsonl without the speed."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "images_per_s"} for row in found]


def steps_of(run: Path) -> list[float | int]:
    return [row["step"] for row in rows(run)]


def last(run: Path) -> bytes:
    newest = Run.open(run).checkpoint()
    assert newest is not None
    return newest.read_bytes()


def assert_same_runs(a: Path, b: Path) -> None:
    assert last(a) == last(b)
    assert rows(a) == rows(b)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing stopped."""
    path = tmp_path_factory.mktemp("runs") / "straight"
    train(path)
    return path


@pytest.mark.parametrize("step", [3, 13, *(pytest.param(n, marks=pytest.mark.night) for n in (0, 8, 29))])
def test_stopped_between_two_rows_and_resumed(
    straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    real = Batches.real

    def stop(self: Batches, n: int) -> tuple[Tensor, ...]:
        if n == step:
            raise SystemExit
        return real(self, n)

    monkeypatch.setattr(Batches, "real", stop)
    with pytest.raises(SystemExit):
        train(tmp_path / "run")
    monkeypatch.undo()
    assert resume(tmp_path / "run").finished
    assert_same_runs(tmp_path / "run", straight)


def test_more_steps_are_as_if_asked_for_from_the_start(straight: Path, tmp_path: Path) -> None:
    """Also if the first goal is between two rows, whose last row is kept until then."""
    run = tmp_path / "run"
    train(run, RUN.replace(steps=18))
    assert steps_of(run) == [5, 10, 15, 18]
    with pytest.raises(InfoganError, match="has done its 18 steps; set a larger number"):
        resume(run)
    assert steps_of(run) == [5, 10, 15, 18]
    resume(run, steps=30)
    assert_same_runs(run, straight)


def test_killed_before_the_first_checkpoint_or_before_the_config(straight: Path, tmp_path: Path) -> None:
    Run.create(tmp_path / "a", RUN.replace(binary=False), n_images=1437)
    assert resume(tmp_path / "a").finished
    assert last(tmp_path / "a") == last(straight)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "config.json.part").write_text("{")
    (tmp_path / "b" / "run.json").write_text("{}")
    (tmp_path / "b" / "lock").touch()
    assert train(tmp_path / "b", RUN.replace(steps=1)).finished


def test_a_checkpoint_holds_its_config_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, RUN.replace(steps=8))
    found = Run.open(run).recover_checkpoint()
    assert found is not None
    assert Config.from_json(found.metadata["config"]) == Run.open(run).config
    assert found.metadata["images"].startswith("1437 ")
    file = run / "config.json"
    file.write_text(file.read_text().replace('"lr_g": 0.001', '"lr_g": 0.003'))
    with pytest.raises(
        InfoganError, match=r"has lr_g 0\.003, but 0000008\.safetensors was made with 0\.001; put that back"
    ):
        resume(run, steps=16)


def test_changed_images_are_reported_but_not_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path / "run", RUN.replace(steps=8))
    fewer = Images.from_arrays(DIGITS.x[:-1])
    monkeypatch.setattr(Run, "images", lambda self, split="", load_options=None: fewer)
    console = silent()
    resume(tmp_path / "run", console, steps=9)
    assert "warning: digits has changed since" in printed(console)


def test_the_fingerprint_changes_with_the_images() -> None:
    changed = DIGITS.x.copy()
    changed[0, 0, 0, 0] ^= 1
    found = [fingerprint(Images.from_arrays(x)) for x in (DIGITS.x, DIGITS.x, DIGITS.x[:-1], changed)]
    assert found[0] == found[1]
    assert len(set(found)) == 3


def poison(monkeypatch: pytest.MonkeyPatch, what: str, times: int, at: int = 10) -> list[int]:
    """Makes a step's images or the gradient of D or G NaN, so many times; returns the steps begun."""
    step, begun = Trainer.step, []

    def poisoned(self: Trainer, x: Tensor, *targets: Tensor) -> dict[str, Tensor]:
        begun.append(self.n)
        if self.n != at or begun.count(at) > times:
            return step(self, x, *targets)
        if what == "images":
            return step(self, x * math.nan, *targets)
        hook = next(getattr(self.seeds, what).parameters()).register_hook(
            lambda gradient: gradient * math.nan
        )
        try:
            return step(self, x, *targets)
        finally:
            hook.remove()

    monkeypatch.setattr(Trainer, "step", poisoned)
    return begun


WRONG = [
    ("images", "adversarial_d of D is nan"),
    ("D", "the gradient of D is nan"),
    ("G", "the gradient of G is nan"),
]


@pytest.mark.parametrize(("what", "message"), WRONG)
def test_a_step_that_is_not_finite_leaves_the_last_good_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, message: str
) -> None:
    poison(monkeypatch, what, times=1)
    with pytest.raises(InfoganError, match=rf"^step 11: {message}.* keeps the state after step 8\."):
        train(tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert run.steps == 8
    assert all(value.isfinite().all() for value in run.state().values())
    monkeypatch.undo()
    assert resume(tmp_path / "run").finished


@pytest.mark.parametrize(("what", "message"), WRONG)
def test_rollback_continues_with_other_draws(
    straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, message: str
) -> None:
    config, console = RUN.replace(on_nonfinite="rollback"), silent()
    begun = poison(monkeypatch, what, times=2)
    assert train(tmp_path / "a", config, console).finished
    assert begun == [*range(11), *range(8, 11), *range(8, 30)]
    assert f"step 11: {message}" in printed(console)
    assert "after step 8. Continuing from there with other random draws, attempt 2 of 3." in printed(console)
    assert steps_of(tmp_path / "a") == steps_of(straight)
    assert rows(tmp_path / "a")[0] == rows(straight)[0]
    assert rows(tmp_path / "a")[-1] != rows(straight)[-1]
    assert all(value.isfinite().all() for value in Run.open(tmp_path / "a").state().values())
    begun.clear()
    train(tmp_path / "b", config)
    assert_same_runs(tmp_path / "a", tmp_path / "b")


def test_rollback_gives_up_after_three_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = poison(monkeypatch, "images", times=99)
    with pytest.raises(InfoganError, match="step 11"):
        train(tmp_path / "run", RUN.replace(on_nonfinite="rollback"))
    assert begun.count(10) == 4
    assert Run.open(tmp_path / "run").steps == 8


def test_a_second_process_is_refused(straight: Path) -> None:
    with (
        exclusive_lock(straight),
        pytest.raises(InfoganError, match="straight is being trained by another process"),
    ):
        resume(straight, steps=40)


def test_the_codes_of_a_regular_gan_raise_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is to be done about codes that L_I does not bring to G; about an InfoGAN's there is."""
    monkeypatch.setattr("infogan.training.health.PATIENCE_AT_START", 0)
    for info_to_generator in (True, False):
        console, terms = silent(), {"info_to_generator": info_to_generator}
        train(tmp_path / str(info_to_generator), RUN.replace(steps=10, lam=(0.0,), **terms), console)
        assert ("carries" in printed(console)) == info_to_generator
