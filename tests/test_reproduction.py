"""`infogan paper`: readers of real images, what codes change, which run is shown, records and page."""

import importlib.util
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import ROOT, fail, run, succeed
from scipy.stats import spearmanr

from infogan.config import Config
from infogan.config.presets import PRESETS, get_preset
from infogan.data import DATASETS, DatasetInfo, Factor, Factors, Images
from infogan.data.labels import Labels
from infogan.method.codes import Categorical, Circular, Uniform
from infogan.method.latent import Latent
from infogan.paper import baselines, choice, effects, measure, readers, states
from infogan.paper.effects import Effect, Rows, context_effect, digits_effect, factor_effect, unchanged
from infogan.paper.experiments import FIG3, FIGURES, Panel
from infogan.paper.page import write_page
from infogan.paper.quantities import QUANTITIES
from infogan.paper.readers import FactorReader, split_off, train_reader
from infogan.paper.runs import Request
from infogan.paper.yaw import with_yaw
from infogan.runs.run import Run

FACES = "faces"
FACTORS = (
    *(Factor(name, "number") for name in ("elevation", "light", "width")),
    Factor("azimuth", "angle"),
    Factor("glasses", "category"),
)


def faces(n: int, seed: int = 0) -> Images:
    """16x16 images of a bar: place, brightness, thickness and angle; and a bright corner as an attribute."""
    rng = np.random.default_rng(seed)
    v = np.column_stack([rng.uniform(-1, 1, (n, 3)), rng.uniform(0, 2 * math.pi, n), rng.integers(0, 2, n)])
    row, column = np.indices((16, 16)) / 7.5 - 1
    y = row[None] - 0.4 * v[:, 0, None, None]
    cos, sin = np.cos(v[:, 3])[:, None, None], np.sin(v[:, 3])[:, None, None]
    along, across = cos * column + sin * y, cos * y - sin * column
    bar = (np.abs(across) < 0.25 + 0.15 * v[:, 2, None, None]) & (along > -0.1) & (along < 0.8)
    x = bar * (160 + 80 * v[:, 1, None, None])
    x[:, :3, :3] = 255 * v[:, 4, None, None]
    labels = Labels((v[:, 0] > 0).astype(np.int64))
    return Images.from_arrays(x[:, None].astype(np.uint8), labels, factors=Factors(FACTORS, v))


def reader_of(*names: str, kinds: tuple[Any, ...] = ()) -> FactorReader:
    given = kinds or ("number",) * len(names)
    return FactorReader(names, given, np.ones(len(names)), {}, (), None, 0)


def rows_of(read: np.ndarray, labels: np.ndarray | None = None) -> Rows:
    return Rows(np.zeros((*read.shape[:2], 1, 4, 4), np.uint8), read, labels)


def panel(*targets: str) -> Panel:
    return Panel("a", "Pose", FACES, FACES, targets)


# Readers


def test_a_reader_reads_what_real_images_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "STEPS", 120)
    monkeypatch.setattr(readers, "BATCH_SIZE", 48)
    train, held_out = split_off(faces(1200))
    reader = train_reader(train, held_out, ("brightness",))
    assert reader.names == ("brightness", "elevation", "light", "width", "azimuth", "glasses")
    assert {name: q.measure for name, q in reader.quality.items()} == {
        **dict.fromkeys(("elevation", "light", "width"), "|Spearman|"),
        "azimuth": "circular correlation",
        "glasses": "accuracy",
        "label": "accuracy",
    }
    for name in ("elevation", "light", "azimuth", "glasses", "label"):
        assert reader.quality[name].value > 0.85, name
        assert reader.quality[name].chance < 0.6
    others = faces(300, seed=1)
    assert others.factors is not None
    read = dict(zip(reader.names, reader.read(others.x).factors.T, strict=True))
    assert np.array_equal(read["brightness"], QUANTITIES["brightness"](others.x))
    assert np.cos(read["azimuth"] - others.factors.values[:, 3]).mean() > 0.8
    assert read["glasses"].min() >= 0
    assert read["glasses"].max() <= 1
    ranges = dict(zip(reader.names, reader.ranges, strict=True))
    assert (ranges["azimuth"], ranges["glasses"]) == (2 * math.pi, 1.0)


def test_a_reader_is_the_same_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "STEPS", 3)
    train, held_out = split_off(faces(60))
    first, second = (train_reader(train, held_out) for _ in range(2))
    assert np.array_equal(first.read(held_out.x).factors, second.read(held_out.x).factors)


def test_what_is_split_off_has_no_image_of_the_rest() -> None:
    images = faces(100)
    train, held_out = split_off(images)
    assert (len(train), len(held_out)) == (80, 20)
    assert train.factors is not None
    assert held_out.factors is not None
    assert images.factors is not None
    together = np.concatenate([train.factors.values, held_out.factors.values])
    assert np.array_equal(np.sort(together, axis=0), np.sort(images.factors.values, axis=0))


# Effects


def test_a_code_finds_a_factor_that_it_moves_far_one_way_and_most() -> None:
    code, n = Uniform(), effects.N_ROWS
    read = np.zeros((n, 10, 2))
    read[:, :, 0] = np.linspace(0.5, -0.1, 10)
    read[:, :, 1] = np.linspace(0, 0.4, 10)
    reader = reader_of("azimuth", "light")
    found = factor_effect(rows_of(read), "c2", code, panel("azimuth"), "azimuth", reader)
    assert (found.code, found.columns, found.moves, found.same_direction) == ("c2", None, 0.6, 1.0)
    assert (found.others, found.found) == ({"light": 0.4}, True)

    turned = read.copy()
    turned[: n // 10 + 1, :, 0] *= -1  # in 11 % of the rows it goes the other way
    effect = factor_effect(rows_of(turned), "c2", code, panel("azimuth"), "azimuth", reader)
    assert (effect.same_direction, effect.found) == (0.89, False)
    assert not factor_effect(rows_of(0.8 * read), "c2", code, panel("azimuth"), "azimuth", reader).found
    more_light = read * [1, 2]
    assert not factor_effect(rows_of(more_light), "c2", code, panel("azimuth"), "azimuth", reader).found
    # A factor that the panel names too is no other factor.
    assert factor_effect(rows_of(more_light), "c2", code, panel("azimuth", "light"), "azimuth", reader).found
    assert best_of(read, more_light, turned) == 0


def best_of(*reads: np.ndarray) -> int:
    reader = reader_of("azimuth", "light")
    found = [factor_effect(rows_of(r), "c1", Uniform(), panel("azimuth"), "azimuth", reader) for r in reads]
    return found.index(choice.best_effect(found))


def test_an_angle_may_turn_all_the_way_round() -> None:
    turn = np.linspace(0, 1.5 * math.pi, 10) % (2 * math.pi)
    read = np.tile(np.where(turn > math.pi, turn - 2 * math.pi, turn), (effects.N_ROWS, 1))[:, :, None]
    reader = FactorReader(("azimuth",), ("angle",), np.array([2 * math.pi]), {}, (), None, 0)
    effect = factor_effect(rows_of(read), "c1", Uniform(), panel("azimuth"), "azimuth", reader)
    assert (effect.moves, effect.found) == (0.75, True)


def test_what_a_code_that_goes_around_moves_beside_the_angle() -> None:
    """Both ends of such a row meet, so a number that goes there and back has moved all the same."""
    turn = np.tile(2 * math.pi * np.arange(10) / 10, (effects.N_ROWS, 1))
    read = np.stack([(turn + math.pi) % (2 * math.pi) - math.pi, np.sin(turn)], axis=2)
    reader = FactorReader(
        ("azimuth", "width"), ("angle", "number"), np.array([2 * math.pi, 2.5]), {}, (), None, 0
    )
    effect = factor_effect(rows_of(read), "c1", Circular(), panel("azimuth"), "azimuth", reader)
    assert (effect.moves, effect.found) == (0.9, True)
    assert effect.others["width"] == pytest.approx(2 * math.sin(0.4 * math.pi) / 2.5, abs=1e-4)


def test_categories_are_ordered_by_other_rows_than_those_measured() -> None:
    n, rng = effects.N_ROWS, np.random.default_rng(0)
    of_category = np.array([0.9, 0.1, 0.5])
    read = np.tile(of_category, (2 * n, 1))[:, :, None]
    effect = factor_effect(
        rows_of(read), "c1", Categorical(3), panel("glasses"), "glasses", reader_of("glasses")
    )
    assert (effect.columns, effect.moves, effect.same_direction) == ([1, 2, 0], 0.8, 1.0)
    noise = rng.normal(size=(2 * n, 3, 1))  # an order that fits noise would always go upwards
    effect = factor_effect(
        rows_of(noise), "c1", Categorical(3), panel("glasses"), "glasses", reader_of("glasses")
    )
    assert 0.3 < effect.same_direction < 0.7


def test_how_often_the_label_stays() -> None:
    labels = np.array([[0, 0, 1], [2, 2, 2]])
    kept, chance = unchanged(labels) or (0.0, 0.0)
    assert kept == round((1 / 3 + 1) / 2, 4)
    assert chance == round(4 / 36 + 1 / 36 + 9 / 36, 4)
    assert unchanged(None) is None


def test_the_context_is_what_changes_beside_a_digit_that_stays() -> None:
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (50, 1, 8, 8)).astype(np.uint8)
    images = np.full((10, 5, 1, 8, 8), 128, np.uint8)
    images[..., :2] = rng.integers(0, 256, (10, 5, 1, 8, 2))
    images[..., -2:] = rng.integers(0, 256, (10, 5, 1, 8, 2))
    one_digit = np.tile(np.arange(10)[:, None], (1, 5))
    effect = context_effect(Rows(images, np.zeros((10, 5, 0)), one_digit), "c3", Categorical(5), real)
    assert effect.moves == pytest.approx(1, abs=0.1)
    assert (effect.others, effect.same_direction, effect.found) == ({"middle": 0.0}, 1.0, True)
    many_digits = np.tile(np.arange(5), (10, 1))
    assert not context_effect(
        Rows(images, np.zeros((10, 5, 0)), many_digits), "c3", Categorical(5), real
    ).found
    swapped = np.roll(images, 4, axis=-1)  # the middle changes
    assert not context_effect(
        Rows(swapped, np.zeros((10, 5, 0)), one_digit), "c3", Categorical(5), real
    ).found


def test_a_panel_about_a_discrete_code_takes_one_if_there_is_one() -> None:
    of_svhn, (_, context) = Latent.parse("cat:3 unif:2"), FIGURES["fig5"].panels
    assert [measure._may_show(context, i, of_svhn) for i in range(3)] == [True, False, False]
    assert measure._may_show(context, 0, Latent.parse("unif:2"))
    assert measure._may_show(panel("azimuth"), 0, of_svhn)


def test_digits_in_the_order_of_the_digits() -> None:
    order = [2, 0, 1]
    labels = np.tile([1, 2, 0], (4, 1))  # category 0 shows a 1
    rows = Rows(np.zeros((4, 3, 1, 4, 4), np.uint8), np.zeros((4, 3, 0)), labels)
    effect = digits_effect(rows, "c1", order, 0.05, expected=True)
    assert (effect.moves, effect.same_direction, effect.found) == (0.95, 1.0, True)
    assert not digits_effect(rows, "c1", order, 0.05, expected=False).found
    assert digits_effect(rows, "c1", [0, 1, 2], 0.9, expected=False).found


# The choice


def effect(moves: float, found: bool = True) -> Effect:
    return Effect("c1", None, "azimuth", moves, 1.0, {}, None, found)


def test_the_best_and_the_middle_of_the_seeds() -> None:
    of_seeds = {
        "a": effect(0.9),
        "b": effect(2.0, found=False),
        "c": effect(0.7),
        "d": effect(0.1, found=False),
    }
    assert choice.best_and_middle(of_seeds) == ("a", "b")
    assert choice.best_and_middle({"a": effect(0.3)}) == ("a", "a")


def test_the_choice_without_labels_sees_pixels_alone(
    tmp_path: Path, untrained_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Images] = []

    def scores(models: dict[str, Any], images: Images, _: Any) -> dict[str, dict[str, float]]:
        seen.append(images)
        return {name: {"udr_and_recovery": float(name == "f-1")} for name in models}

    monkeypatch.setattr(choice, "label_free_scores", scores)
    paths = [untrained_run(tmp_path / f"f-{seed}", tiny().replace(seed=seed)).path for seed in (0, 1)]
    assert choice.choose_without_labels(paths, faces(20).pixels, str) == "f-1"
    assert (seen[0].labels, seen[0].factors) == (None, None)
    assert choice.choose_without_labels(paths[:1], faces(20).pixels, str) is None


@pytest.mark.parametrize(
    ("seeds", "state"),
    [
        ([(0.9, True), (0.8, True), (0.2, False)], "better"),
        ([(0.9, True), (0.3, False), (0.2, False)], "reproduced"),
        ([(0.9, True), (0.8, True)], "reproduced"),  # two seeds have no middle worth the name
        ([(0.4, False), (0.3, False), (0.2, False)], "worse"),
    ],
)
def test_states_of_a_panel(seeds: list[tuple[float, bool]], state: str) -> None:
    of_seeds = {f"faces-{i}": effect(*seed) for i, seed in enumerate(seeds)}
    best, middle = choice.best_and_middle(of_seeds)
    shown = {"measure": "factor", "best": best, "middle": middle}
    record: dict[str, Any] = {"reader": {}}
    record |= {"panels": {"a": shown | {"effects": {run: e.to_json() for run, e in of_seeds.items()}}}}
    items = {item.name: item for item in states.list_items({"fig3": record}, "ours")}
    assert items["fig3a"].state == state
    assert items["fig3b"].state == items["fig4a"].state == "not run"
    assert all(
        item.state == "not run" for item in states.list_items({"fig3": record}, "paper") if "fig" in item.name
    )


# The command


def tiny() -> Config:
    return get_preset("digits-code").replace(
        images="faces3d", architecture="small", shape=(1, 16, 16), codes="unif:2 noise:4", lam=(0.1,),
        fixed_std=None, steps=4, log_every=2, save_every=2, batch_size=16, device="cpu",
    )  # fmt: skip


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, quick_scores: None, user_cache: Path) -> None:
    """Tiny trainings on hand-made images in place of faces3d, and readers that learn little."""
    info = DatasetInfo(
        name="faces3d", description="", licence="", shape=(1, 16, 16), splits={"train": 120, "test": 60},
        load=lambda _, split: faces(120 if split == "train" else 60, seed=len(split)), factors=FACTORS,
    )  # fmt: skip
    monkeypatch.setitem(DATASETS, "faces3d", info)
    for name in (FACES, *(panel.paper_preset for panel in FIG3.panels)):
        monkeypatch.setitem(PRESETS, name, tiny)
    monkeypatch.setattr("infogan.scale.sweep.job.load_or_evaluate", lambda *_: None)
    monkeypatch.setattr(readers, "STEPS", 4)
    monkeypatch.setattr(baselines, "VAE_STEPS", 2)
    monkeypatch.setattr(effects, "N_ROWS", 6)
    monkeypatch.setattr("infogan.paper.draw.N_ROWS", 6)


def test_a_figure_is_trained_measured_drawn_and_listed(tmp_path: Path, quick: None) -> None:
    printed = succeed("paper", "fig3", "--seeds", "1", cwd=tmp_path)
    assert printed.startswith("fig3a 3D faces: Azimuth (pose): ")
    out = tmp_path / "runs" / "paper"
    assert {path.name for path in out.glob("*.png")} == {"fig3.png", "fig3-middle.png"}
    weights = (out / f"{FACES}-0" / "checkpoints" / "0000004.safetensors").stat().st_mtime_ns

    # Runs that are there are taken, missing ones trained.
    files = json.loads(succeed("paper", "fig3", "--seeds", "2", "--json", cwd=tmp_path))
    names = ["fig3.json", "fig3.png", "fig3-middle.png", "fig3-unlabelled.png"]
    assert [Path(file).name for file in files] == names
    assert (out / f"{FACES}-0" / "checkpoints" / "0000004.safetensors").stat().st_mtime_ns == weights
    record = json.loads((out / "fig3.json").read_text())
    assert [run["seed"] for run in record["presets"][FACES]["runs"].values()] == [0, 1]
    assert record["presets"][FACES]["paper_preset"] == "faces-paper-azimuth"
    assert record["presets"][FACES]["differences"] == {}
    assert set(record["panels"]) == set("abcd")
    assert set(record["panels"]["a"]["effects"]) == {f"{FACES}-0", f"{FACES}-1"}
    assert set(record["reader"]) == {*(factor.name for factor in FACTORS), "label"}
    assert list(record["read"]) == [FACES, "PCA, 2 components", "k-means, 10 clusters", "beta-TCVAE"]
    listed = {item["name"]: item["state"] for item in json.loads(succeed("paper", "--json", cwd=tmp_path))}
    assert listed["table1"] == "reproduced"
    assert listed["fig3a"] in ("reproduced", "worse")
    page = write_page({"fig3": record}, {"fig3": "fig3.png"})
    assert "    infogan paper fig3 --seeds 2\n" in page
    assert "![fig3: best of the seeds, chosen with labels as in the paper](fig3.png)" in page


def test_a_stop_is_told_and_nothing_measured(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infogan.paper.runs.sweep", lambda *_, **__: ({}, True))
    stopped = run("paper", "fig3", "--recipe", "paper", cwd=tmp_path)
    assert stopped.status == 130
    assert stopped.err.endswith("repeat the command to continue.\n")
    assert not (tmp_path / "runs").exists()


def test_bad_input_is_told_before_any_training(
    tmp_path: Path, quick: None, untrained_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infogan.paper.runs.sweep", pytest.fail)
    assert "unknown figure 'fig33'; did you mean 'fig3'?" in fail("paper", "fig33", cwd=tmp_path)
    assert "seeds must be at least 1" in fail("paper", "fig3", "--seeds", "0", cwd=tmp_path)
    untrained_run(tmp_path / "runs" / "paper" / f"{FACES}-1", tiny().replace(codes="unif:3 noise:4"))
    message = fail("paper", "fig3", cwd=tmp_path)
    assert (
        f"{FACES}-1 is no run of the preset {FACES}: its codes is unif:3 noise:4, not unif:2 noise:4"
        in message
    )
    assert "is a run, but must be" in fail("paper", "fig3", "--out", f"runs/paper/{FACES}-1", cwd=tmp_path)
    monkeypatch.delenv("INFOGAN_DATA", raising=False)
    message = fail("paper", "fig6", cwd=tmp_path)
    assert "fig6 needs celeba, which is not on this machine: put celeba/img_align_celeba.zip or" in message
    assert "fig3, fig4 can be had" in message
    assert "fig5 needs svhn" in fail("paper", "sec7.2", "--out", "elsewhere", cwd=tmp_path)


def test_fig1_compares_what_is_left_of_l_i(tmp_path: Path, untrained_run: Callable[..., Run]) -> None:
    config = get_preset("digits-code").replace(device="cpu")
    for preset, end in (("mnist-code", 2.29), ("mnist-gan", 0.1)):
        for seed in (0, 1):
            made = untrained_run(tmp_path / f"{preset}-{seed}", config.replace(seed=seed))
            rows = [{"step": step, "L_I_c1": end * min(1, step / 40)} for step in range(20, 420, 20)]
            (made.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    request = Request("ours", range(2), tmp_path, readers_options(), measure_options())
    record = measure.measure_bounds(FIGURES["fig1"], request)
    assert [run["last"] for run in record["panels"]["b"]["runs"].values()] == [0.1, 0.1]
    items = {item.name: item for item in states.list_items({"fig1": record}, "ours")}
    assert items["fig1"].state == items["sec7.1"].state == "reproduced"
    assert "2.29 (2.29 to 2.29) of 2.30 nats" in items["fig1"].why
    from infogan.paper.draw import draw

    (figure,) = draw(FIGURES["fig1"], record, tmp_path).values()
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "InfoGAN, 2 seeds"


def readers_options() -> Any:
    from infogan.data import LoadOptions

    return LoadOptions()


def measure_options() -> Any:
    from infogan.scale.sweep import SweepOptions

    return SweepOptions()


def test_the_rows_of_a_picture_are_the_first_that_were_measured(
    untrained_run: Callable[..., Run], tmp_path: Path
) -> None:
    model = untrained_run(tmp_path / f"{FACES}-0", tiny(), gain=3.0).model()
    reader = train_reader_of_quantities()
    rows = effects.read_rows(model, 0, FIG3.limit, reader)
    assert np.array_equal(effects.draw_rows(model, 0, FIG3.limit, effects.N_ROWS)[:5], rows.images[:5])
    assert np.array_equal(rows.read[3, :, 0], QUANTITIES["brightness"](rows.images[3]))


def train_reader_of_quantities() -> FactorReader:
    plain = Images.from_arrays(faces(20).x)
    return train_reader(plain, plain, ("brightness",))


def test_a_code_within_a_shape_beats_one_that_starts_anywhere() -> None:
    """Chairs: a code that turns with the azimuth from a start of each shape's own."""
    rng = np.random.default_rng(0)
    shape = np.repeat(rng.normal(size=8), 31)
    azimuth = np.tile(2 * math.pi * np.arange(31) / 31, 8)
    start = np.repeat(rng.uniform(0, 2 * math.pi, 8), 31)
    factors = Factors(
        (Factor("width", "number"), Factor("azimuth", "angle")), np.column_stack([shape, azimuth])
    )
    read = baselines.Representation(((azimuth + start) % (2 * math.pi))[:, None], ["angle"], ["c1"])
    best = baselines.best_codes(read, factors)
    assert best["azimuth within a shape"] == ("c1", 1.0)
    assert best["azimuth"][1] < 0.9


def test_the_page_is_what_the_records_say() -> None:
    spec = importlib.util.spec_from_file_location("paper_page", ROOT / "benchmarks" / "paper_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text("utf-8") == module.page()


def test_the_table_of_figures_names_presets_that_exist() -> None:
    presets = {
        p for figure in FIGURES.values() for recipe in ("ours", "paper") for p in figure.presets_of(recipe)
    }
    assert presets <= set(PRESETS)


@pytest.mark.night
def test_how_far_heads_are_turned_is_read_beside_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Balls with a spot on their front, which are turned by up to 0.35 to the left or right."""
    monkeypatch.setattr("infogan.paper.yaw.STEPS", 300)
    turn = np.random.default_rng(0).uniform(-0.35, 0.35, 600)
    axis = (np.arange(32) + 0.5) / 16 - 1
    disc = np.clip(11 - 16 * np.sqrt(axis**2 + axis[:, None] ** 2), 0, 1)
    spot = np.exp(-30 * ((axis - 0.7 * turn[:, None, None]) ** 2 + axis[:, None] ** 2))
    x = (110 * disc + 140 * disc * spot).round().astype(np.uint8)[:, None]
    known = Factors((Factor("size", "number"),), np.ones((600, 1)))
    found = with_yaw(Images.from_arrays(x, factors=known)).factors
    assert found is not None
    assert [column.name for column in found.columns] == ["azimuth", "size"]
    assert spearmanr(found.values[:, 0], turn).statistic > 0.9
    assert (found.values[:, 1] == 1).all()
