"""The stage of clustering: what it finds in real images, and what adversarial training does with it."""

import io
import math
import re
import signal
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import run as run_command
from rich.console import Console
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from trainers import CONFIG, DIGITS, assert_close_states, assert_same_bits, copied

from infogan.config import Config
from infogan.data import Images, LoadOptions
from infogan.method.model import make_model
from infogan.pretraining import Targets
from infogan.pretraining.clustering import Clustering, clustering, over_clusters, steps
from infogan.runs.run import Run
from infogan.training import launch
from infogan.training.launch import make_stacked_trainer
from infogan.training.state import state_of
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError, NonFiniteError

CLUSTERED = CONFIG.replace(
    transforms="rotate:0.2 scale:0.1 shear:0.1 translate:0.08",
    pretraining_steps=400,
    pseudo_label_weight=2.0,
    batch_size=32,
    steps=8,
    log_every=2,
)
SHORT = CLUSTERED.replace(pretraining_steps=9)


def stage_of(config: Config, images: Images = DIGITS) -> Clustering:
    (stage,) = Trainer(config, make_model(config), images).stages()
    assert isinstance(stage, Clustering)
    return stage


def run(stage: Clustering) -> list[float]:
    """Runs a stage to its end; returns the mutual information after each step."""
    information = {step: float(stage.information) for step in stage.run(Targets())}
    assert list(information) == list(range(1, len(information) + 1))
    return list(information.values())


def targets_of(config: Config, images: Images = DIGITS) -> Targets:
    stage = stage_of(config, images)
    run(stage)
    return stage.outcome.targets


def train(config: Config, path: Path) -> str:
    """Trains a run; returns what the console shows."""
    console = Console(file=io.StringIO(), width=300)
    launch.train(config, path, LoadOptions(), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def remove_newest_checkpoint(run: Run) -> None:
    newest = run.checkpoint()
    assert newest is not None
    newest.unlink()


@pytest.fixture
def two_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that do not ask how good the clusters are, which take long under run-time type checks."""
    monkeypatch.setattr(clustering, "MIN_STABILITY", 0)
    monkeypatch.setattr(clustering, "N_PARTITIONS", 2)
    monkeypatch.setattr(over_clusters, "N_STARTS", 2)


@pytest.fixture(scope="module")
def found() -> tuple[Targets, list[float]]:
    stage = stage_of(CLUSTERED)
    information = run(stage)
    assert re.fullmatch(
        r"clustering stability \(mean NMI of 8 partitions\) 0\.[789]\d; mutual information under transforms "
        r"[12]\.\d\d of 2\.30 nats",
        stage.outcome.message,
    )
    return stage.outcome.targets, information


def test_the_digits_are_found_without_a_label(found: tuple[Targets, list[float]]) -> None:
    """Adversarial training alone errs on 10 % to 32 % of these 1,437 images (docs/results/digits.md)."""
    targets, information = found
    assert len(information) == 400
    assert np.mean(information[-20:]) > 1.9  # of log 10 = 2.30
    assert targets.by_code[0].shape == (1437, 10)
    assert (targets.by_code[0].float().sum(dim=1) - 1).abs().max() < 2e-3  # in half precision
    assert DIGITS.labels is not None
    counts = contingency_matrix(DIGITS.labels.numbers, targets.by_code[0].argmax(dim=1).numpy())
    assert counts[linear_sum_assignment(-counts)].sum() > 0.85 * 1437


def test_q_learns_the_clusters(found: tuple[Targets, list[float]]) -> None:
    """Of real images, after a few hundred steps."""
    config = CLUSTERED.replace(steps=200, lr_d=1e-3)
    trainer = Trainer(config, make_model(config), DIGITS)
    trainer.use_targets([found[0]])
    *_, (_, metrics) = trainer.fit()
    assert metrics["L_I_real_c1"] > 1.8  # of log 10 = 2.30
    category = trainer.model.encode(DIGITS.pixels).values[:, 0]
    assert (category == found[0].by_code[0].argmax(dim=1)).float().mean() > 0.9


def test_the_stage_is_deterministic_and_leaves_the_networks_alone(two_partitions: None) -> None:
    """Labels play no part; rows of the table sum to 1."""
    trainer = Trainer(SHORT, make_model(SHORT), DIGITS)
    before = copied(state_of(trainer))
    (stage,) = trainer.stages()
    assert isinstance(stage, Clustering)
    information = run(stage)
    table = stage.outcome.targets.by_code[0]
    assert_same_bits(state_of(trainer), before)
    assert (table.float().sum(dim=1) - 1).abs().max() < 2e-3
    torch.rand(7)  # no global state
    assert torch.equal(targets_of(SHORT, Images(DIGITS.pixels)).by_code[0], table)
    assert run(stage_of(SHORT.replace(seed=1))) != information
    assert stage_of(SHORT.replace(precision="64-true")).D.q_head[0].weight.dtype == torch.float64


def test_mutual_information_that_is_nan_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(steps, "LEARNING_RATE", math.inf)
    with pytest.raises(NonFiniteError, match="the mutual information is NaN; choose smaller transforms"):
        train(SHORT, tmp_path / "run")


@pytest.mark.parametrize("n", [10, 12])
def test_fewer_different_images_than_clusters(two_partitions: None, n: int) -> None:
    """Three for ten clusters: over-clusters and clusters without a member do no harm."""
    copies = Images.from_arrays(DIGITS.pixels.take(torch.arange(n) % 3).numpy())
    table = targets_of(CLUSTERED.replace(batch_size=4, pretraining_steps=6), copies).by_code[0]
    assert table.isfinite().all()


@pytest.mark.parametrize("rates", [{"lr_d": None}, {"lr_d": 3e-4, "lr_decay_fraction": 0.5}])
def test_without_clusters_training_is_the_one_without_pretraining(
    two_partitions: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rates: dict[str, float | None]
) -> None:
    """On images of noise, to the bit, resumed or not; the rates of the user are followed all the same."""
    monkeypatch.setattr(clustering, "MIN_STABILITY", 0.75)
    noise = np.random.default_rng(0).integers(0, 256, (400, 1, 8, 8), np.uint8)
    np.savez(tmp_path / "noise.npz", images=noise)
    config = CLUSTERED.replace(
        images=f"npz:{tmp_path / 'noise.npz'}", pretraining_steps=12, save_every=4, ema_decay_d=0.9, **rates
    )
    text = train(config, tmp_path / "run")
    assert re.search(r"clustering stability .* 0\.\d\d, below 0\.75: training without pseudo-labels", text)
    train(config.replace(pretraining_steps=0, transforms=""), tmp_path / "plain")
    run, expected = Run.open(tmp_path / "run"), Run.open(tmp_path / "plain")
    assert_same_bits(run.state(), expected.state())
    assert all("L_I_real_c1" not in row for row in run.metrics())
    remove_newest_checkpoint(run)
    launch.resume(run.path, {}, LoadOptions(), Console(quiet=True))
    assert_same_bits(run.state(), expected.state())


def test_a_killed_run_comes_to_the_same_bits(two_partitions: None, tmp_path: Path) -> None:
    """Within the stage it starts again; after it, the targets come from the checkpoint."""
    config = SHORT.replace(save_every=3, ema_decay=0.9, ema_decay_d=0.9, diffaug=True)
    train(config, tmp_path / "whole")
    whole = Run.open(tmp_path / "whole")
    expected = whole.state()
    trainer = Trainer(config, make_model(config), DIGITS)
    killed = Run.create(tmp_path / "killed", trainer.config, len(DIGITS))
    (stage,) = trainer.stages()
    list(islice(stage.run(Targets()), 5))
    assert killed.checkpoint() is None
    remove_newest_checkpoint(whole)  # so that it continues from step 6
    for run in (killed, whole):
        launch.resume(run.path, {}, LoadOptions(), Console(quiet=True))
        assert_same_bits(run.state(), expected)
    assert all(row["L_I_real_c1"] <= math.log(10) for row in whole.metrics())


def test_adversarial_training_starts_from_the_initial_networks(two_partitions: None, tmp_path: Path) -> None:
    """A pretrained trunk would make a weak D; only the table is handed over."""
    config = SHORT.replace(steps=1)
    train(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    remove_newest_checkpoint(run)
    assert run.steps == 0
    assert_same_bits(run.model().state_dict(), make_model(config).state_dict())
    assert torch.equal(run.state()["targets.0"], targets_of(config).by_code[0])


@pytest.mark.night
def test_stacked_seeds_find_what_each_finds_alone(two_partitions: None) -> None:
    """The stage to the bit, adversarial training up to rounding."""
    config = SHORT.replace(steps=4, ema_decay_d=0.9, precision="64-true")
    seeds = (3, 5)
    stacked = make_stacked_trainer(config, seeds, DIGITS)
    targets = []
    for stage in stacked.stages():
        list(stage.run(Targets()))
        targets.append(stage.outcome.targets)
    stacked.use_targets(targets)
    list(stacked.fit())
    for i, seed in enumerate(seeds):
        of_seed = config.replace(seed=seed)
        expected = targets_of(of_seed)
        assert torch.equal(targets[i].by_code[0], expected.by_code[0])
        alone = Trainer(of_seed, make_model(of_seed), DIGITS)
        alone.use_targets([expected])
        list(alone.fit())
        assert_close_states(state_of(stacked, i), state_of(alone))


@pytest.mark.parametrize(("stabilities", "n_tables"), [([0.4, 0.3], 0), ([0.6, 0.7], 2), ([0.6, 0.4], None)])
def test_seeds_are_stacked_if_all_have_clusters_or_none(
    two_partitions: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    stabilities: list[float],
    n_tables: int | None,
) -> None:
    monkeypatch.setattr(clustering, "MIN_STABILITY", 0.5)
    given = iter(stabilities)
    monkeypatch.setattr(clustering, "stability", lambda _: next(given))
    paths = {seed: tmp_path / str(seed) for seed in (0, 1)}
    is_refused = n_tables is None
    refusal = pytest.raises(InfoganError, match="targets for other codes in some seeds than in others")
    with refusal if is_refused else nullcontext():
        launch.train_stacked(SHORT.replace(steps=2), paths, LoadOptions(), Console(quiet=True))
    if not is_refused:
        assert sum("targets.0" in Run.open(path).state() for path in paths.values()) == n_tables


def test_a_learned_prior_is_the_share_of_each_cluster(two_partitions: None, tmp_path: Path) -> None:
    """G is drawn from it, L_I has its entropy, and the config and a resumed run keep it."""
    config = SHORT.replace(prior="learned", steps=4, save_every=2)
    train(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    shares, state = run.config.codes.shares, run.state()
    assert shares is not None
    assert state["targets.0"].double().mean(dim=0).numpy() == pytest.approx(shares, abs=1e-4)
    code = run.model().latent.codes[0]
    assert code.entropy() == pytest.approx(-sum(p * math.log(p) for p in shares if p))
    assert code.entropy() < math.log(10)
    remove_newest_checkpoint(run)
    launch.resume(run.path, {}, LoadOptions(), Console(quiet=True))
    assert_same_bits(run.state(), state)
    trainer = Trainer(run.config, make_model(run.config), DIGITS)
    trainer.use_targets([Targets({0: state["targets.0"]})])
    assert trainer.losses.latent.codes[0] == trainer.batches.latent_prior.codes[0] == code
    with pytest.raises(InfoganError, match="seeds with a learned prior are not stacked"):
        make_stacked_trainer(config, (0, 1), DIGITS)


def test_the_command_line(tmp_path: Path) -> None:
    words = "train digits-code --pretraining-steps 6 --steps 4 --pseudo-label-weight 2 --device cpu"
    done = run_command(*words.split(), "--transforms", "rotate:0.2 hflip:0.1", "--out", "run", cwd=tmp_path)
    assert done.status == 0, done.err
    assert re.search(r"clustering stability .*\npretraining took", done.err)
    assert Run.open(tmp_path / "run").config.pretraining.transforms == "rotate:0.2 hflip:0.1"
    refused = run_command("train", "digits-code", "--pretraining-steps", "6", "--out", "other", cwd=tmp_path)
    assert refused.status == 2
    assert "transforms" in refused.err
    assert not (tmp_path / "other").exists()


def test_ctrl_c_within_the_stage_ends_it_and_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Here between its first two parts."""
    monkeypatch.setattr(Clustering, "check_finite", lambda _: signal.raise_signal(signal.SIGINT))
    words = "train digits-code --pretraining-steps 6 --transforms rotate:0.2 --steps 3 --out run --device cpu"
    done = run_command(*words.split(), cwd=tmp_path)
    assert done.status == 130
    assert "stopped during pretraining, of which nothing is kept" in done.err
    assert "infogan train --resume run" in done.err
    assert Run.open(tmp_path / "run").checkpoint() is None


def test_large_images_are_clustered_at_a_lower_resolution(two_partitions: None) -> None:
    """Pictures of 96x72 as those of 64x48 that each pixel's mean makes of them; training sees 96x72."""
    small = SHORT.replace(architecture="small", codes="cat:2 noise:2", lam=(1.0,), shape=(1, 48, 64))
    large = small.replace(shape=(1, 72, 96))
    x = np.random.default_rng(0).integers(0, 256, (300, 1, 72, 96), np.uint8)
    images = Images.from_arrays(x)
    found = targets_of(large, images).by_code[0]
    assert torch.equal(found, targets_of(small, images.reduced((1, 48, 64))).by_code[0])
    long = small.replace(shape=(1, 8, 200))
    strips = Images.from_arrays(x[:, :, :8, :].repeat(3, axis=3)[..., :200].copy())
    assert targets_of(long, strips).by_code[0].shape == (300, 2)
