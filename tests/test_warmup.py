"""What comes before the game, and is added to it: Q finds what holds still in real images as they move."""

import io
import json
import math
import re
import signal
import subprocess
import sys
import time
from copy import deepcopy
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from infogan.pretraining.clustering.stage import warm_up
from infogan.pretraining.transforms import DRAWS, move
from rich.console import Console
from test_cli import ENV, call
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from infogan import data
from infogan.config.presets import digits
from infogan.config.transforms import parse_transforms
from infogan.data import DEFAULT_OPTIONS, Images
from infogan.evaluation.clustering import one_to_one_error
from infogan.method.model import Model, make_model
from infogan.method.networks import DiscriminatorQ, init_weights
from infogan.method.objective import discriminator_loss, gan_value, info_bound
from infogan.pretraining.clustering import over_clusters as cells
from infogan.pretraining.clustering import stage as warmup
from infogan.runs.run import Run
from infogan.training import launch
from infogan.training.seeds import StackedTrainer
from infogan.training.session import SINCE_LOG
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError, NonFiniteError

MOTION = "rotate:0.2 scale:0.1 shear:0.1 translate:0.08"
CONFIG = digits().replace(
    device="cpu",
    transforms=MOTION,
    pseudo_label_weight=2.0,
    pretraining_steps=600,
    batch_size=32,
    steps=8,
    log_every=2,
)
IMAGES = data.load("digits")


def warmed(config: object = CONFIG, images: Images = IMAGES) -> tuple[Model, list[float]]:
    assert isinstance(config, type(CONFIG))
    model = make_model(config)
    trainer = Trainer(config, model, images)
    steps = warm_up(model, images.pixels, trainer.config, trainer.fabric)
    kept = {step.n: float(step.kept) for step in steps}
    return model, [kept[n] for n in sorted(kept)]


@pytest.fixture
def few_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that do not ask how good the groups are, which take long under run-time type checks."""
    monkeypatch.setattr(warmup, "AGREED", 0)
    monkeypatch.setattr(warmup, "WAYS", 2)
    monkeypatch.setattr(cells, "STARTS", 2)


@pytest.fixture(scope="module")
def found() -> tuple[Model, list[float]]:
    return warmed()


def test_categories_of_real_digits_are_found_without_a_label(found: tuple[Model, list[float]]) -> None:
    """The game alone errs on 10 % to 32 % of these 1,437 images (docs/results.md)."""
    model, kept = found
    assert len(kept) == CONFIG.pretraining.steps
    assert np.mean(kept[-20:]) > 2.0  # of log 10 = 2.30
    category = model.encode(IMAGES.pixels).values[:, 0].numpy().astype(int)
    assert IMAGES.labels is not None
    assert one_to_one_error(IMAGES.labels, category) < 0.15


def test_the_same_seed_finds_the_same_and_labels_play_no_part(few_ways: None) -> None:
    short = CONFIG.replace(pretraining_steps=12)
    model, kept = warmed(short)
    blind, kept_blind = warmed(short, Images(IMAGES.pixels))
    assert kept_blind == kept
    for name, value in model.D.state_dict().items():
        assert torch.equal(blind.D.state_dict()[name], value), name
    assert warmed(short.replace(seed=1))[1] != kept
    exact, _ = warmed(short.replace(pretraining_steps=4, precision="64-true"))
    assert exact.D.state_dict()["q_head.0.weight"].dtype == torch.float64


def test_a_loss_that_is_no_number_ends_it_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(warmup, "RATE", math.inf)
    with pytest.raises(NonFiniteError, match="choose a smaller --transforms"):
        launch.train(
            CONFIG.replace(pretraining_steps=9), tmp_path / "run", DEFAULT_OPTIONS, Console(quiet=True)
        )


def test_fewer_images_than_categories_are_refused() -> None:
    few = Images.from_arrays(IMAGES.pixels.take(torch.arange(8)).numpy())
    config = CONFIG.replace(batch_size=4)
    with pytest.raises(
        InfoganError,
        match=r'10 categories among 8 images; choose fewer, .* or --transforms "" --pretraining-steps 0',
    ):
        Trainer(config, make_model(config), few)
    list(Trainer(config.replace(pretraining_steps=0, transforms=""), make_model(config), few).fit())


@pytest.mark.parametrize("n", [10, 12])
def test_images_of_which_there_are_twins_are_warmed_up_on(few_ways: None, n: int) -> None:
    """Three that are unlike, for ten categories: cells and groups without a member do no harm."""
    twins = Images.from_arrays(IMAGES.pixels.take(torch.arange(n) % 3).numpy())
    _, kept = warmed(CONFIG.replace(batch_size=4, pretraining_steps=6), twins)
    assert len(kept) == 6
    assert all(map(math.isfinite, kept))


def test_where_there_are_no_kinds_the_game_is_the_one_without(tmp_path: Path) -> None:
    """Of images of noise: to the bits of a training that looks for none, at half of D's rate, which stays."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 1, 8, 8), np.uint8)
    np.savez(tmp_path / "noise.npz", images=noise)
    config = CONFIG.replace(images=f"npz:{tmp_path / 'noise.npz'}", pretraining_steps=60, save_every=4)
    config = config.replace(lr_decay_fraction=0.5, ema_decay_d=0.9)
    console = Console(record=True, width=300, file=io.StringIO())
    launch.train(config, tmp_path / "run", DEFAULT_OPTIONS, console)
    said = console.export_text()
    assert re.search(r"warm-up: 20 updates in .* agree by 0\.\d\d, less than 0\.75, so there are none", said)
    run = Run.open(tmp_path / "run")
    assert [row["kinds"] for row in run.metrics()] == [0] * 4
    plain = config.replace(
        pretraining_steps=0, transforms="", lr_d=config.optimisation.lr_d / 2, lr_decay_fraction=0.0
    )
    launch.train(plain, tmp_path / "plain", DEFAULT_OPTIONS, Console(quiet=True))
    assert_same_training(tmp_path / "plain", run.path)

    newest = run.checkpoint()
    assert newest is not None
    newest.unlink()
    launch.resume(run.path, {}, DEFAULT_OPTIONS, Console(quiet=True))
    assert_same_training(tmp_path / "plain", run.path)


def test_seeds_are_stacked_where_all_find_kinds_or_none(
    few_ways: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.replace(pretraining_steps=6, steps=2)
    monkeypatch.setattr(warmup, "AGREED", 0.5)
    agreed = iter([0.4, 0.3, 0.6, 0.4])
    monkeypatch.setattr(warmup, "agreement", lambda _: next(agreed))
    none = StackedTrainer(config, [0, 1], IMAGES)
    list(none.warm_up())
    list(none.fit())
    assert none.finder is None
    with pytest.raises(
        InfoganError, match="seed 1 found no kinds of images, where others did; leave out --stacked"
    ):
        list(StackedTrainer(config, [0, 1], IMAGES).warm_up())


def test_g_and_what_q_says_of_other_codes_stay_as_drawn(found: tuple[Model, list[float]]) -> None:
    drawn = make_model(CONFIG)
    for name, value in drawn.G.state_dict().items():
        assert torch.equal(found[0].G.state_dict()[name], value)
    last = list(drawn.D.q_head.children())[-1]
    now = list(found[0].D.q_head.children())[-1]
    assert torch.equal(last.weight[10:], now.weight[10:])
    assert not torch.equal(last.weight[:10], now.weight[:10])


def test_the_term_is_what_d_descends_and_nothing_else() -> None:
    """D's loss, written out from the same draws; G's does not know of the motion."""
    config = CONFIG.replace(precision="64-true", resample_fake=False)
    trainer = Trainer(config, make_model(config), IMAGES)
    assert isinstance(trainer.finder, DiscriminatorQ)
    init_weights(trainer.finder, torch.Generator().manual_seed(1))  # it may be any
    trainer.D.train()
    trainer.G.train()
    x = trainer.real_batch(0)
    fake = trainer.draw(learns=True)
    rng = torch.Generator()
    rng.set_state(trainer.rngs[0].get_state())
    before = make_model(config)
    D, finder = before.D.double().train(), deepcopy(trainer.finder)
    losses = trainer.step_d(x, fake)

    latent = before.latent
    x_moved = move(x, parse_transforms(MOTION), torch.rand(DRAWS, len(x), generator=rng), 0.0)
    real, judged, moved = D(x.double()), D(fake.x.detach().double()), D(x_moved.double())
    p = finder(x.double()).q[0].softmax(1)
    kinds = math.log(10) - (cross_entropy(real.q[0], p) + cross_entropy(moved.q[0], p)) / 2
    L_I = info_bound(latent.codes, fake.c, judged.q)
    lam = torch.ones(3, dtype=torch.float64)
    game = discriminator_loss(real.logit, judged.logit, L_I, lam)
    assert_close(losses.loss, (game - 2.0 * kinds).detach())
    assert_close(losses.kinds, kinds.detach())
    assert_close(losses.adversarial, gan_value(real.logit, judged.logit).detach())
    for name, value in finder.state_dict().items():
        assert torch.equal(trainer.finder.state_dict()[name], value), name


def test_without_the_term_no_draw_and_no_bit_is_another() -> None:
    """Averages that only look on leave the training as it was."""
    plain = CONFIG.replace(pretraining_steps=0, transforms="")
    states = []
    for config in (plain, plain.replace(ema_decay_d=0.9)):
        trainer = Trainer(config, make_model(config), IMAGES)
        list(trainer.fit())
        states.append(trainer.state())
    for name, value in states[0].items():
        assert torch.equal(states[1][name], value), name
    averaged = {name for name in states[1] if name.startswith("averaged_d.")}
    assert averaged
    assert any(not torch.equal(states[1][name], states[1]["D" + name[10:]]) for name in averaged)


def test_rates_fall() -> None:
    config = CONFIG.replace(pretraining_steps=0, transforms="", steps=40, lr_decay_fraction=0.25)
    trainer = Trainer(config, make_model(config), IMAGES)
    rates = []
    for _ in trainer.fit():
        rates.append((trainer.optim_d.param_groups[0]["lr"], trainer.optim_g.param_groups[0]["lr"]))
    share = [1.0] * 30 + [1 - i / 10 for i in range(10)]
    assert rates == [
        pytest.approx((config.optimisation.lr_d * s, config.optimisation.lr_g * s)) for s in share
    ]


def test_a_run_that_was_killed_comes_to_the_same_bits(few_ways: None, tmp_path: Path) -> None:
    """Within the warm-up it begins anew, after it it does not warm up again; metrics tell L_I of kinds."""
    config = CONFIG.replace(
        pretraining_steps=9, save_every=3, ema_decay=0.9, ema_decay_d=0.9, lr_decay_fraction=0.5
    )
    console = Console(quiet=True)
    launch.train(config, tmp_path / "whole", DEFAULT_OPTIONS, console)

    trainer = Trainer(config, make_model(config), IMAGES)
    run = Run.create(tmp_path / "parts", trainer.config, len(IMAGES))
    list(islice(warm_up(trainer.model, IMAGES.pixels, trainer.config, trainer.fabric), 5))  # and killed
    assert run.checkpoint() is None
    launch.resume(run.path, {}, DEFAULT_OPTIONS, console)
    assert_same_run(tmp_path / "whole", run.path)

    again = Run.open(tmp_path / "whole")
    newest = again.checkpoint()
    assert newest is not None
    newest.unlink()  # so that it goes on from update 6
    launch.resume(again.path, {}, DEFAULT_OPTIONS, console)
    assert_same_run(again.path, run.path)
    rows = again.metrics()
    assert all(row["kinds"] <= math.log(10) for row in rows)
    assert_close(part_of(again, "averaged_d"), dict(again.model().D.state_dict()))


def test_the_game_begins_with_networks_as_they_were_drawn(few_ways: None, tmp_path: Path) -> None:
    """D of a warmed trunk is a weak one; what was learned is the finder's, in the first checkpoint."""
    config = CONFIG.replace(pretraining_steps=9, steps=1, ema_decay_d=0.99)
    launch.train(config, tmp_path / "run", DEFAULT_OPTIONS, Console(quiet=True))
    run = Run.open(tmp_path / "run")
    newest = run.checkpoint()
    assert newest is not None
    newest.unlink()
    assert run.steps == 0
    drawn = make_model(config).D.state_dict()
    assert_close(dict(run.model().D.state_dict()), dict(drawn))
    assert_close(part_of(run, "finder"), dict(warmed(config)[0].D.state_dict()))


def test_q_learns_the_kinds_that_were_found(found: tuple[Model, list[float]]) -> None:
    """Of images that D and Q are shown in the game alone, after a few hundred updates."""
    config = CONFIG.replace(steps=400, lr_d=5e-4)
    trainer = Trainer(config, make_model(config), IMAGES)
    assert trainer.finder is not None
    trainer.finder.load_state_dict(found[0].D.state_dict())
    last = list(trainer.fit())[-1]
    assert last.kinds > 1.8  # of log 10 = 2.30
    read, kind = (model.encode(IMAGES.pixels).values[:, 0] for model in (trainer.model, found[0]))
    assert (read == kind).float().mean() > 0.9


def part_of(run: Run, name: str) -> dict[str, Tensor]:
    return {k[len(name) + 1 :]: v for k, v in run.state().items() if k.startswith(f"{name}.")}


def assert_same_run(a: Path, b: Path) -> None:
    assert_same_training(a, b)
    assert torch.equal(*(Run.open(path).state()[SINCE_LOG] for path in (a, b)))


def assert_same_training(a: Path, b: Path) -> None:
    one, other = Run.open(a).state(), Run.open(b).state()
    assert one.keys() == other.keys()
    for name in one.keys() - {SINCE_LOG}:  # which has a column more where kinds are looked for
        assert torch.equal(other[name], one[name]), name


def test_the_command_line(tmp_path: Path) -> None:
    words = "train digits --pretraining-steps 6 --steps 4 --batch-size 16 --pseudo-label-weight 2 --precision 32-true --device cpu"
    done = call(*words.split(), "--transforms", "rotate:0.2 hflip:0.1", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0
    assert re.search(r"warm-up: 6 updates in .* of at most 2\.30 nats", done.stderr)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["motion"] == "rotate:0.2 hflip:0.1"
    assert call("report", "run", cwd=tmp_path).returncode == 0
    assert "L_I of real images&#39; kinds, nats" in (tmp_path / "run" / "report.html").read_text()
    refused = call("train", "digits", "--pretraining-steps", "6", "--out", "other", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--transforms" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_ctrl_c_within_the_warm_up_ends_it_and_it_begins_anew(tmp_path: Path) -> None:
    words = "train digits --pretraining-steps 400 --transforms rotate:0.2 --steps 3 --out run"
    started = tmp_path / "run" / "run.json"
    with subprocess.Popen(
        [sys.executable, "-m", "infogan", *words.split()],
        cwd=tmp_path,
        env=ENV,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until = time.monotonic() + 60
            while not started.is_file() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(1)  # signals are kept from here on, and it takes longer than this
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "stopped within the warm-up" in said
    assert "infogan train --resume run" in said
    assert Run.open(tmp_path / "run").checkpoint() is None
    done = call("train", "--resume", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warm-up: 400 updates" in done.stderr
    assert Run.open(tmp_path / "run").steps == 3


def test_stacked_seeds_are_what_each_is_alone(few_ways: None) -> None:
    """The warm-up's weights to the bit, the game's up to rounding."""
    config = CONFIG.replace(
        pretraining_steps=9,
        steps=4,
        lr_decay_fraction=0.5,
        ema_decay=0.9,
        ema_decay_d=0.9,
        precision="64-true",
    )
    seeds = [3, 5]
    stacked = StackedTrainer(config, seeds, IMAGES)
    steps = [(step.n, step.kept) for step in stacked.warm_up()]
    warm = [{name: t.clone() for name, t in stacked.state(i).items()} for i in range(len(seeds))]
    told = list(stacked.fit())[-1]
    for i, seed in enumerate(seeds):
        of_seed = config.replace(seed=seed)
        alone = Trainer(of_seed, make_model(of_seed), IMAGES)
        own = [(step.n, step.kept) for step in alone.warm_up()]
        assert steps[len(own) * i : len(own) * (i + 1)] == own
        assert {n for n, _ in own} == set(range(1, 10))
        for name, value in alone.state().items():
            assert torch.equal(warm[i][name], value), name
        last = list(alone.fit())[-1]
        assert_close(told.kinds[i], last.kinds)
        assert_close(stacked.state(i), alone.state(), rtol=1e-6, atol=1e-8)
