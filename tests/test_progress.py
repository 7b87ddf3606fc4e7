"""What is shown of progress, in a terminal and elsewhere."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from infogan.config.presets import get_preset
from infogan.method.latent import Latent
from infogan.runs.run import Run
from infogan.training import loggers
from infogan.training.loggers import Display
from infogan.utils.environment import WaitForCore
from infogan.utils.errors import InfoganError
from infogan.utils.progress import progress_bar

ROW = {
    "step": 100,
    "L_I_c1": 2.1,
    "L_I_c2": 0.7,
    "L_I_c3": 0.6,
    "loss_d": 1.0,
    "loss_g": 1.0,
    "images_per_s": 9.0,
}


def test_without_a_terminal_a_line_comes_every_tenth() -> None:
    text = io.StringIO()
    with progress_bar("pretraining", 30, Console(file=text)) as advance_to:
        for step in range(1, 31):
            advance_to(step)
    lines = text.getvalue().splitlines()
    assert lines == [f"pretraining: {step}/30 steps" for step in range(3, 31, 3)]
    with progress_bar("pretraining", 30, Console(file=text, quiet=True)) as advance_to:
        advance_to(30)
    assert text.getvalue().splitlines() == lines


def test_waiting_for_a_core_is_measured_between_two_questions(tmp_path: Path) -> None:
    file = tmp_path / "schedstat"
    file.write_text("1000 500 7\n")
    waited = WaitForCore(file)
    file.write_text("1600 1400 9\n")
    assert waited.share() == pytest.approx(0.6)
    assert waited.share() == 0
    assert WaitForCore(tmp_path / "missing").share() == 0


@pytest.mark.parametrize(("share", "is_said"), [(0.1, False), (0.6, True)])
def test_the_progress_says_when_the_machine_is_shared(
    share: float, is_said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loggers.WaitForCore, "share", lambda _: share)
    config = get_preset("digits-code").replace(steps=100, fixed_std=None, min_std=0.3)
    text = io.StringIO()
    display = Display(
        Run(tmp_path, config), Latent.from_config(config.codes), 0, Console(file=text, width=200)
    )
    display(ROW)
    assert ("machine shared: waits for a core 60% of the time" in text.getvalue()) == is_said
    assert "L_I in nats/at most c1 2.10/2.30 c2 0.70/0.98 c3 0.60/0.98" in text.getvalue()


def test_a_run_before_its_first_step_says_what_to_wait_for(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", get_preset("digits"), 10)
    with pytest.raises(InfoganError, match="has not come to the first step: wait for the end of pretraining"):
        run.model()
