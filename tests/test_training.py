"""A training from outside: stopped, rolled back, warned; the same bits whatever came between."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from infogan.training.diversity import diversity
from rich.console import Console
from torch import Tensor

from infogan.config import Config
from infogan.config.presets import digits
from infogan.data import Images, LoadOptions, load
from infogan.method.codes import Categorical, Code, Uniform
from infogan.runs.run import Run
from infogan.training import launch
from infogan.training.health import PATIENCE_AT_START, WHILE, HealthMonitor, share_of_entropy
from infogan.training.session import Outcome, mark
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError

CONFIG = digits().replace(
    batch_size=16, steps=30, save_every=8, log_every=5, device="cpu", precision="32-true"
)
Lines = list[dict[str, float | int]]


def console() -> Console:
    return Console(file=io.StringIO(), width=500)


def said(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def begin(path: Path, config: Config = CONFIG, to: Console | None = None) -> Outcome:
    return launch.train(config, path, LoadOptions(), to or console())


def lines(run: Path) -> Lines:
    """metrics.jsonl but for the clock's."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "images_per_s"} for row in rows]


def last(run: Path) -> bytes:
    newest = Run.open(run).checkpoint()
    assert newest is not None
    return newest.read_bytes()


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing stopped."""
    path = tmp_path_factory.mktemp("runs") / "straight"
    begin(path)
    return path


def failing(monkeypatch: pytest.MonkeyPatch, at: int, kind: type[BaseException]) -> None:
    """Has the real batch of an update raise, once."""
    whole = Trainer.real_batch

    def real_batch(self: Trainer, n: int) -> Tensor:
        if n == at:
            monkeypatch.setattr(Trainer, "real_batch", whole)
            raise kind
        return whole(self, n)

    monkeypatch.setattr(Trainer, "real_batch", real_batch)


def poisoned(monkeypatch: pytest.MonkeyPatch, at: int, times: int) -> list[int]:
    """Has the real batch of an update be no numbers, so many times; gives the updates that were asked for."""
    whole = Trainer.real_batch
    asked: list[int] = []

    def real_batch(self: Trainer, n: int) -> Tensor:
        asked.append(n)
        x = whole(self, n)
        return x * torch.nan if n == at and asked.count(at) <= times else x

    monkeypatch.setattr(Trainer, "real_batch", real_batch)
    return asked


@pytest.mark.parametrize("at", [0, 3, 8, 13, 29])
def test_stopped_between_two_lines_and_resumed(
    straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    failing(monkeypatch, at, SystemExit)
    with pytest.raises(SystemExit):
        begin(tmp_path / "run")
    outcome = launch.resume(tmp_path / "run", {}, LoadOptions(), console())
    assert outcome.finished
    assert last(tmp_path / "run") == last(straight)
    assert lines(tmp_path / "run") == lines(straight)


def test_a_larger_goal_is_the_run_that_had_it_from_the_start(straight: Path, tmp_path: Path) -> None:
    """Also where the first goal lies between two lines."""
    begin(tmp_path / "run", CONFIG.replace(steps=18))
    assert [row["step"] for row in lines(tmp_path / "run")] == [5, 10, 15, 18]
    launch.resume(tmp_path / "run", {"steps": 30}, LoadOptions(), console())
    assert lines(tmp_path / "run") == lines(straight)
    assert last(tmp_path / "run") == last(straight)


def test_what_is_done_keeps_its_last_line(tmp_path: Path) -> None:
    begin(tmp_path / "run", CONFIG.replace(steps=18))
    with pytest.raises(InfoganError, match="has done its 18 updates"):
        launch.resume(tmp_path / "run", {}, LoadOptions(), console())
    assert [row["step"] for row in lines(tmp_path / "run")] == [5, 10, 15, 18]


def test_killed_before_the_first_checkpoint(straight: Path, tmp_path: Path) -> None:
    Run.create(tmp_path / "run", CONFIG, n_images=1437)
    assert launch.resume(tmp_path / "run", {}, LoadOptions(), console()).finished
    assert last(tmp_path / "run") == last(straight)


def test_killed_before_there_was_a_config(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json.part").write_text("{")
    (tmp_path / "run" / "run.json").write_text("{}")
    (tmp_path / "run" / "lock").touch()
    assert begin(tmp_path / "run", CONFIG.replace(steps=1)).finished


def test_the_checkpoint_tells_its_config(straight: Path) -> None:
    found = Run.open(straight).recover_checkpoint()
    assert found is not None
    assert Config.from_json(found.metadata["config"]) == Run.open(straight).config
    assert found.metadata["images"].startswith("1437 ")


def test_a_config_that_was_changed_is_told(tmp_path: Path) -> None:
    begin(tmp_path / "run", CONFIG.replace(steps=8))
    file = tmp_path / "run" / "config.json"
    file.write_text(file.read_text().replace('"lr_g": 0.001', '"lr_g": 0.003'))
    with pytest.raises(InfoganError, match=r"says lr_g 0\.003 where 0000008\.safetensors was made by 0\.001"):
        launch.resume(tmp_path / "run", {"steps": 16}, LoadOptions(), console())


def test_other_images_are_told_not_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(tmp_path / "run", CONFIG.replace(steps=8))
    images = load("digits")
    fewer = Images.from_arrays(images.x[:-1])
    monkeypatch.setattr(Run, "images", lambda self, split="", load_options=None: fewer)
    to = console()
    launch.resume(tmp_path / "run", {"steps": 9}, LoadOptions(), to)
    assert "began with other images than digits holds now" in said(to)


def test_mark_sees_one_more_and_a_change() -> None:
    images = load("digits")
    assert mark(images) == mark(load("digits"))
    assert mark(Images.from_arrays(images.x[:-1])) != mark(images)
    other = images.x.copy()
    other[0, 0, 0, 0] ^= 1
    assert mark(Images.from_arrays(other)) != mark(images)


def test_stop_keeps_the_last_good_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, at=10, times=9)
    with pytest.raises(
        InfoganError, match=r"update 11: the adversarial term of D's loss is nan.* after update 8"
    ):
        begin(tmp_path / "run")
    assert Run.open(tmp_path / "run").steps == 8
    assert all(value.isfinite().all() for value in Run.open(tmp_path / "run").state().values())


def test_rollback_goes_on_with_other_draws(
    straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.replace(on_nonfinite="rollback")
    asked = poisoned(monkeypatch, at=10, times=2)
    to = console()
    assert begin(tmp_path / "a", config, to).finished
    assert asked == [*range(11), *range(8, 11), *range(8, 30)]
    assert "update 11: the adversarial term of D's loss is nan" in said(to)
    assert "after update 8. Going on from there with other draws, attempt 2 of 3." in said(to)
    assert [row["step"] for row in lines(tmp_path / "a")] == [row["step"] for row in lines(straight)]
    assert lines(tmp_path / "a")[0] == lines(straight)[0]
    assert lines(tmp_path / "a")[-1] != lines(straight)[-1]
    asked.clear()
    begin(tmp_path / "b", config)
    assert last(tmp_path / "a") == last(tmp_path / "b")
    assert lines(tmp_path / "a") == lines(tmp_path / "b")


def test_rollback_ends_where_it_does_not_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = poisoned(monkeypatch, at=10, times=99)
    with pytest.raises(InfoganError, match="update 11"):
        begin(tmp_path / "run", CONFIG.replace(on_nonfinite="rollback"))
    assert asked.count(10) == 4
    assert Run.open(tmp_path / "run").steps == 8


def test_a_second_process_is_refused(straight: Path) -> None:
    from infogan.runs.locks import exclusive_lock

    with exclusive_lock(straight), pytest.raises(InfoganError, match="straight is being trained by another"):
        launch.resume(straight, {"steps": 40}, LoadOptions(), console())


def test_diversity() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(64, 1, 8, 8, generator=rng)
    assert diversity(x, x) == 1
    assert diversity(x, x[:1].expand(64, 1, 8, 8)) == 0
    torch.testing.assert_close(diversity(x, x / 2), torch.tensor(0.5))
    torch.testing.assert_close(
        diversity(x.expand(3, -1, -1, -1, -1), x.expand(3, -1, -1, -1, -1)), torch.ones(3)
    )
    assert diversity(torch.zeros(4, 1, 2, 2), x[:4, :, :2, :2]).isfinite()


CODES: dict[str, Code] = {"c1": Categorical(10), "c2": Uniform()}


def rows(*segments: tuple[int, dict[str, float]]) -> Iterator[dict[str, float | int]]:
    """A line every 20 updates, up to the update of each segment with its values."""
    n = 0
    for until, values in segments:
        while n < until:
            n += 20
            yield {"step": n, "L_I_c1": 2.2, "L_I_c2": 0.6, "diversity": 0.9, **values}


@pytest.mark.parametrize(
    ("segments", "warnings"),
    [
        ([(4000, {})], []),
        ([(PATIENCE_AT_START, {"L_I_c1": 0.0, "diversity": 0.1}), (4000, {})], []),
        (
            [(PATIENCE_AT_START + 20, {"L_I_c1": 0.0}), (4000, {})],
            ["since update 20, c1 carries 0% of its H(c), and never"],
        ),
        ([(PATIENCE_AT_START + 20, {"diversity": 0.1})], ["since update 20, G's images are nearly one"]),
        ([(2000, {}), (3000, {"L_I_c2": 0.2})], ["since update 2020, c2 carries 29% of its H(c), after 87%"]),
        ([(2000, {}), (2000 + WHILE, {"L_I_c2": 0.0, "diversity": 0.2}), (4000, {})], []),
        ([(2000, {}), (2020 + WHILE, {"diversity": 0.1})], ["since update 2020, G's images are nearly one"]),
        ([(2000, {}), (3000, {"L_I_c1": -0.5, "diversity": 0.2})], ["c1 carries 0%", "G's images"]),
    ],
)
def test_watch(segments: list[tuple[int, dict[str, float]]], warnings: list[str]) -> None:
    heard: list[str] = []
    watch = HealthMonitor(CODES, None, heard.append)
    for row in rows(*segments):
        watch(row)
    assert len(heard) == len(warnings)
    for warning in warnings:
        assert any(warning in one for one in heard), heard


@pytest.mark.parametrize(("L_I", "share"), [(-0.3926, 0.0), (-0.2258, 1.0)])
def test_carried_where_the_standard_deviation_is_fixed(L_I: float, share: float) -> None:
    """Of Q that knows nothing, and of a perfect one, with std 1 (maths.md)."""
    assert share_of_entropy(Uniform(), L_I, 1.0) == pytest.approx(share, abs=0.01)
