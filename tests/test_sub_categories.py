"""Codes under a category, cat:10>cat:5: their maths, their clusters, and a run from training to report."""

import io
import math
import shutil
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
import torch
from rich.console import Console
from test_clustering import (
    SHORT,
    remove_newest_checkpoint,
    run,
    stage_of,
    two_partitions,  # noqa: F401  # a fixture
)
from torch import Tensor
from torch.testing import assert_close
from trainers import DIGITS, assert_close_states, assert_same_bits, make_stacked, make_trainer

from infogan import InfoGAN
from infogan.data import LoadOptions
from infogan.explore.model_info import model_info
from infogan.export.onnx_modules import Decoder, Encoder
from infogan.figures.traversal import traverse
from infogan.method.codes import Categorical
from infogan.method.latent import Latent, given_category
from infogan.method.model import Model, make_model
from infogan.method.networks.blocks import DiscriminatorOutput
from infogan.method.objective import info_bound, target_bound
from infogan.method.vae import draw, n_uniforms
from infogan.pretraining import Targets
from infogan.pretraining.clustering.sub_clusters import graph_of, sub_clusters
from infogan.report.associations import Column, association_table
from infogan.report.build import build_report
from infogan.report.findings import to_findings
from infogan.runs.run import Run
from infogan.scale.encoding.table import write_codes
from infogan.training import launch
from infogan.training.state import state_of

K, M, N = 4, 3, 4000
TREE = Latent.parse(f"cat:{K}>cat:{M} noise:1")
FLAT = Categorical(K * M)
NESTED = SHORT.replace(codes="cat:10>cat:3 cat:2>unif:1 noise:8", lam=(1.0,))


def outputs(latent: Latent, n: int) -> tuple[Tensor, ...]:
    """Q's outputs, if it knows nothing, in float64."""
    rng = torch.Generator().manual_seed(1)
    return latent.split_q(2 * torch.randn(n, latent.n_params, generator=rng, dtype=torch.float64))


def drawn(latent: Latent, n: int) -> tuple[Tensor, list[Tensor]]:
    """Values from the prior, and as G takes them, in float64."""
    rng = torch.Generator().manual_seed(0)
    values = torch.stack([code.sample_value(n, rng) for code in latent.codes], dim=1).double()
    return values, latent.embed(values)


def flat_outputs(q: tuple[Tensor, ...]) -> Tensor:
    """log Q(c1, c2|x) = log Q(c1|x) + log Q(c2|c1, x) of every pair."""
    of_both = q[0].log_softmax(dim=1)[:, :, None] + q[1].unflatten(1, (K, M)).log_softmax(dim=2)
    return of_both.flatten(1)


def test_the_bounds_add_up_to_that_of_all_pairs() -> None:
    """The chain rule: L_I(c1) + L_I(c2 | c1) = L_I(c1, c2), where c1 and c2 are independent under P(c)."""
    (values, c), q = drawn(TREE, N), outputs(TREE, N)
    cell = FLAT.embed(M * values[:, 0] + values[:, 1])
    found = info_bound(TREE.codes, c, TREE.given_parents(c, q))
    assert_close(found.sum(), info_bound([FLAT], [cell], [flat_outputs(q)]).sum())
    assert sum(code.entropy() for code in TREE.codes) == pytest.approx(FLAT.entropy())


def test_g_gets_the_category_and_the_pair_one_hot() -> None:
    values, c = drawn(TREE, 50)
    packed = TREE.pack(torch.zeros(50, 1), c)
    assert packed.shape == (50, TREE.width) == (50, 1 + K + K * M)
    cell = FLAT.embed(M * values[:, 0] + values[:, 1])
    assert_close(packed[:, 1:], torch.cat([Categorical(K).embed(values[:, 0]), cell], dim=1))


def test_what_g_is_given_is_what_a_certain_q_decodes() -> None:
    latent = Latent.parse("unif:1 cat:3>circ:1 cat:4>cat:3 cat:2>unif:2 noise:1", min_std=0.1)
    values, c = drawn(latent, 200)
    blocks = iter(torch.split(latent.pack(torch.zeros(200, 0), c), [1, 3, 6, 4, 12, 2, 2, 2], dim=1))
    q = []
    for code in latent.codes:
        block = next(blocks)
        if code.kind == "number":  # a mean and a deviation in each block
            block = torch.stack([block, torch.zeros_like(block)], dim=2).flatten(1)
        q.append(9 * block if code.kind == "category" else block)
    assert sum(part.shape[1] for part in q) == latent.n_params
    decoded = torch.stack([of.value for of in latent.decode(q)], dim=1)
    assert_close(decoded, values)


def test_kl_is_that_of_all_pairs() -> None:
    q = outputs(TREE, 50)
    assert_close(torch.stack(TREE.kl(q)).sum(dim=0), FLAT.kl(flat_outputs(q)))


def test_a_vae_draws_pairs_from_q() -> None:
    n = 20_000
    q = tuple(part[:1].expand(n, -1).clone().requires_grad_() for part in outputs(TREE, 1))
    u = torch.rand(n_uniforms(TREE), n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, c = draw(TREE, DiscriminatorOutput(torch.zeros(n, 2, dtype=torch.float64), q), u)
    p = flat_outputs(q)[0].exp()
    counts = (c[0][:, :, None] * c[1][:, None]).sum(dim=0).flatten()
    assert ((counts - n * p).abs() < 5 * (n * p).sqrt() + 1).all()
    gradients = torch.autograd.grad(c[1][:, 0].sum(), q)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_the_bound_of_targets_is_at_most_what_a_category_leaves() -> None:
    """H(c2|c1) of the targets, if Q agrees with certain ones: log 2 in one half, 0 in the other."""
    k = torch.eye(2).repeat_interleave(4, dim=0)
    c = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1], *[[1, 0]] * 4])
    q = 50 * (2 * torch.cat([c, c], dim=1) - 1)
    code = Categorical(2)
    assert_close(target_bound(code, c, given_category(k, q), parent=k), torch.tensor(math.log(2) / 2))
    worse = target_bound(code, c, given_category(k, q.roll(1, dims=1)), parent=k)
    assert worse < math.log(2) / 2


@pytest.mark.parametrize("seed", [0, 1])
def test_sub_clusters_are_groups_of_neighbours(seed: int) -> None:
    """Three groups; images that are not clustered go with their neighbours."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(3), 60))
    x = np.eye(3)[group] + rng.normal(0, 0.1, (180, 3))
    nodes = rng.permutation(180)[:120]
    near = np.array([rng.permutation(np.flatnonzero(group[nodes] == of))[:5] for of in group[nodes]])
    shares, kept = sub_clusters(x, nodes, graph_of(near, 120), 3)
    assert_close(shares.sum(axis=1), np.ones(180))
    assert kept == 1
    found = shares.argmax(axis=1)
    assert {len(np.unique(found[group == of])) for of in range(3)} == {1}
    assert len(np.unique(found)) == 3


@pytest.mark.usefixtures("two_partitions")
def test_codes_under_categories_change_no_category() -> None:
    """To the bit; a category with few images has no sub-clusters."""
    some, tables = DIGITS.subsample(300), []
    for codes in ("cat:10 noise:8", "cat:10>cat:3 noise:8"):
        stage = stage_of(SHORT.replace(codes=codes, lam=(1.0,)), some)
        run(stage)
        tables.append(stage.outcome.targets.by_code)
    assert torch.equal(tables[0][0], tables[1][0])
    sub, category = tables[1][1].float(), tables[0][0].argmax(dim=1)
    assert sub.shape == (300, 3)
    assert_close(sub.sum(dim=1), torch.ones(300), atol=2e-3, rtol=0)
    sizes = category.bincount(minlength=10)
    assert (sub[category == sizes.argmax()].amax(dim=1) > 0.5).float().mean() > 0.8
    assert_close(
        sub[sizes[category] < 30], torch.full(((sizes[category] < 30).sum(), 3), 1 / 3), atol=1e-3, rtol=0
    )


def test_stacked_seeds_learn_what_each_learns_alone() -> None:
    config = NESTED.replace(pretraining_steps=0, transforms="", steps=2, precision="64-true")
    p = torch.rand(len(DIGITS), 13, generator=torch.Generator().manual_seed(0))
    targets = Targets({0: p[:, :10].softmax(dim=1), 1: p[:, 10:].softmax(dim=1)})
    stacked = make_stacked(config, [3, 4])
    alone = [make_trainer(config.replace(seed=seed)) for seed in (3, 4)]
    for trainer in (stacked, *alone):
        trainer.use_targets([targets] * len(trainer.seeds.numbers))
        list(trainer.fit())
    for i in range(2):
        assert_close_states(state_of(stacked, i), state_of(alone[i]))


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with targets for c1 and c2, saved after 2 of 4 steps, and continued."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infogan.pretraining.clustering.clustering.MIN_STABILITY", 0)
        patch.setattr("infogan.pretraining.clustering.clustering.N_PARTITIONS", 2)
        patch.setattr("infogan.pretraining.clustering.over_clusters.N_STARTS", 2)
        path = tmp_path_factory.mktemp("nested") / "run"
        console = Console(file=io.StringIO(), width=300)
        launch.train(NESTED.replace(steps=4, save_every=2, log_every=1), path, LoadOptions(), console)
        assert isinstance(console.file, io.StringIO)
        assert "neighbours in the same sub-cluster" in console.file.getvalue()
    return Run.open(path)


def test_a_resumed_run_comes_to_the_same_bits(nested: Run, tmp_path: Path) -> None:
    copy = Run.open(shutil.copytree(nested.path, tmp_path / "copy"))
    assert copy.state()["targets.1"].shape == (len(DIGITS), 3)
    remove_newest_checkpoint(copy)
    assert copy.steps == 2
    launch.resume(copy.path, {}, LoadOptions(), Console(quiet=True))
    assert_same_bits(copy.state(), nested.state())
    assert {"L_I_c2", "L_I_c4", "L_I_real_c2"} <= set(copy.metrics()[-1])


def test_codes_are_written_and_read_as_any_category(nested: Run, tmp_path: Path) -> None:
    model = nested.model()
    write_codes(tmp_path / "codes.csv", model, DIGITS)
    table = pyarrow.csv.read_csv(tmp_path / "codes.csv")
    assert table.column_names == ["image", *(f"c{i}{end}" for i in (1, 2, 3, 4) for end in ("", "_spread"))]
    assert set(table["c2"].to_pylist()) <= {0, 1, 2}
    values = model.encode(DIGITS.pixels).values[:20]
    z = model.latent.sample_z(20, torch.Generator().manual_seed(0))
    x = torch.from_numpy(model.decode(values, z))
    assert_close(255 * Decoder(model)(z, values), x.float(), atol=0.6, rtol=0)
    read = Encoder(model, None)(x.float() / 255)[0]
    assert torch.equal(read, model.encode(x.numpy()).values)


def test_a_traversal_has_a_row_for_each_category(nested: Run) -> None:
    model: Model = nested.model()
    traversal = traverse(model, 1, rows=10)
    assert traversal.values.tolist() == [0, 1, 2]
    assert traversal.images.shape[:2] == (10, 3)
    assert [code["parent"] for code in model_info(nested, model.latent)["codes"]] == [None, 0, None, 2]
    assert make_model(NESTED).latent == model.latent


@pytest.mark.usefixtures("quick_scores")
def test_a_report_shows_them_as_a_tree(nested: Run) -> None:
    report = build_report(nested, nested.model(), DIGITS, None, lambda _: None)
    values = report["sample"].values
    section = report["sections"][1]
    assert section.kind == "one of 3 categories under each category of c1"
    assert len(section.branches) == 10
    for k, branch in enumerate(section.branches):
        n = int((values[:, 0] == k).sum())
        assert branch.title.startswith(f"Category {k} of c1: {n:,} image")
        sizes = [int(((values[:, 0] == k) & (values[:, 1] == j)).sum()) for j in range(3)]
        assert [gallery.title.split(", ")[0] for gallery in branch.galleries] == [
            f"Category {j}: {size:,} {'image' if size == 1 else 'images'}" for j, size in enumerate(sizes)
        ]
    found = to_findings(report)["codes"]
    assert [code["under"] for code in found] == [None, "c1", None, "c3"]
    assert (
        np.array(found[1]["images_per_category"]).sum() == sum(found[0]["images_per_category"]) == len(DIGITS)
    )
    assert [gallery.title for gallery in report["sections"][3].branches[1].galleries] == [
        "Lowest c4",
        "Highest c4",
    ]


def test_a_code_under_a_category_is_compared_within_it() -> None:
    """A column that is c2 in one category and its opposite in the other: no association without c1."""
    values = np.random.default_rng(0).integers(0, 2, (400, 2)).astype(float)
    latent = Latent.parse("cat:2>cat:2")
    column = Column("x", "category", np.abs(values[:, 0] - values[:, 1]))
    (row,) = association_table(values, latent, [column])
    assert row.associations[1].value == pytest.approx(1)
    assert not row.associations[0].is_significant
    (row,) = association_table(values, Latent(latent.codes, 0), [column])
    assert not row.associations[1].is_significant


def test_the_estimator_has_them() -> None:
    estimator = InfoGAN("cat:2>cat:3 noise:4", max_iter=1, random_state=0, device="cpu")
    x = np.random.default_rng(0).normal(size=(30, 4))
    codes = estimator.fit_transform(x)
    assert codes.shape == (30, 2)
    assert estimator.inverse_transform(np.array([[1.0, 2.0]])).shape == (1, 4)
    assert estimator.predict_proba(x).shape == (30, 2)


def test_targets_of_both_codes_are_learned() -> None:
    """Q's conditional bound on real images rises, in D's step alone."""
    config = SHORT.replace(codes="cat:2>cat:2 noise:8", lam=(1.0,), steps=30, lr_d=2e-3)
    trainer = make_trainer(config.replace(transforms="", pretraining_steps=0))
    x = DIGITS.x.reshape(len(DIGITS), -1).astype(float)
    ink = [x[:, half].sum(axis=1) for half in (slice(32), slice(32, 64))]
    is_dark = [torch.from_numpy(of > np.median(of)) for of in ink]
    tables = {i: torch.stack([~of, of], dim=1).half() for i, of in enumerate(is_dark)}
    trainer.use_targets([Targets(tables)])
    bounds = [float(metrics["L_I_real_c2"]) for _, metrics in trainer.fit()]
    assert np.mean(bounds[-5:]) > np.mean(bounds[:5]) + 0.2
