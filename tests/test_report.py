"""The report: its numbers are right, it loads nothing from the network, and all names are escaped."""

import base64
import hashlib
import io
import json
import math
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

from infogan.cli.report import report
from infogan.config import Config
from infogan.config.presets import get_preset
from infogan.data import DEFAULT_OPTIONS, Images, load, load_options_for
from infogan.data.images import InMemoryPixels, subsample_index
from infogan.evaluation.baselines import Representation, baselines_of
from infogan.evaluation.consistency import info_bounds
from infogan.evaluation.evidence import Evidence, gather_evidence
from infogan.evaluation.other_seeds import Match, runs_of_other_seeds
from infogan.evaluation.use_of_codes import adjusted_for_chance, confidence, perplexity, sensitivity, usage
from infogan.method.codes import Bernoulli, Categorical, Circular, Code, Uniform
from infogan.method.latent import Latent
from infogan.method.model import Model, make_model
from infogan.method.objective import max_info_bound
from infogan.report import write_report
from infogan.report.associations import Column, association_table, noise_level
from infogan.report.build import build_report
from infogan.report.charts import HEIGHT, WIDTH, make_chart, nice_ticks
from infogan.report.copies import find_copies
from infogan.report.examples import lowest_and_highest, most_confident, nearest_to_angles
from infogan.report.inline_images import inline_grid, inline_image
from infogan.report.metadata import join_metadata, make_column
from infogan.report.outliers import find_duplicates_and_outliers
from infogan.report.reliability import CRITERIA, OF_CONTINUOUS, VERDICTS, Verdict, judge
from infogan.report.render import render
from infogan.report.sample import sample_images
from infogan.runs.run import Run
from infogan.training.state import state_of
from infogan.training.trainer import Trainer
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

HOSTILE_NAME = "<script>alert(1)<q> \"onerror='x'&amp;.png"


@dataclass
class Element:
    """The images and the text below a heading, in order."""

    heading: str
    pictures: list[dict[str, str]] = field(default_factory=list)
    text: str = ""


class Page(HTMLParser):
    """The page by headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts = [Element("")]
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.in_heading = self.in_code = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag in ("h1", "h2", "h3", "h4"):
            self.parts.append(Element(""))
            self.in_heading = True
        self.in_code = tag in ("style", "script")
        if tag == "img":
            self.parts[-1].pictures.append(found)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h1", "h2", "h3", "h4"):
            self.in_heading = False
        if tag in ("style", "script"):
            self.in_code = False
        if tag in ("td", "th", "small"):
            self.parts[-1].text += " "

    def handle_data(self, data: str) -> None:
        if self.in_heading:
            self.parts[-1].heading += data
        elif not self.in_code:
            self.parts[-1].text += data

    def __getitem__(self, heading: str) -> Element:
        (found,) = [part for part in self.parts if part.heading == heading] or [
            part for part in self.parts if part.heading.startswith(heading)
        ]
        return found

    @property
    def text(self) -> str:
        return " ".join(f"{part.heading} {part.text}" for part in self.parts)


def pixels(attributes: dict[str, str]) -> np.ndarray:
    """A picture of the page, (h, w) or (h, w, bands)."""
    kind, _, data = attributes["src"].partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image)


def train(config: Config, path: Path) -> Run:
    images = load(config.data.images, load_options=load_options_for(config, DEFAULT_OPTIONS))
    trainer = Trainer(config, make_model(config), images)
    run = Run.create(path, config, len(images))
    with (path / "metrics.jsonl").open("w") as file:
        for step, values in trainer.fit():
            row = {name: float(value) for name, value in values.items()}
            file.write(json.dumps({"step": step, **row, "images_per_s": 1.0}) + "\n")
    run.save(trainer.n, state_of(trainer), {})
    return run


def digits_config() -> Config:
    return get_preset("digits-code").replace(
        codes="cat:10 unif:1 circ:1 noise:8", fixed_std=None, steps=120, device="cpu"
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """120 steps on digits, with a name for c2."""
    trained = train(digits_config(), tmp_path_factory.mktemp("digits") / "run")
    trained.write_json("names.json", {"c2": "slant <i>"})
    return trained


def build(run: Run, model: Model, images: Images) -> str:
    return render(build_report(run, model, images, None, lambda _: None))


@pytest.fixture(scope="module")
def digits_page(run: Run) -> Page:
    path, findings = write_report(run)
    assert path == run.path / "report.html"
    page = Page(path.read_text())
    assert json.loads(json.dumps(findings)) == findings
    for code in findings["codes"]:
        assert code["verdict"] in VERDICTS
        assert code["verdict"] in page.text.lower()
    (label,) = findings["associations"]
    assert label["images"] == findings["images"] == 1437
    assert set(label["codes"]) == {"c1", "c2", "c3"}
    assert list(label["baselines"]) == ["PCA, 2 components", "k-means, 10 clusters"]
    return page


@pytest.fixture(scope="module")
def encoded(run: Run) -> tuple[Images, np.ndarray, np.ndarray]:
    images = run.images()
    values, spreads = run.model().encode(images.pixels)
    return images, values.numpy(), spreads.numpy()


Encoded = tuple[Images, np.ndarray, np.ndarray]


def test_categories_show_their_sizes_and_most_confident_members(digits_page: Page, encoded: Encoded) -> None:
    images, values, spreads = encoded
    for k in range(10):
        members = np.flatnonzero(values[:, 0] == k)
        part = digits_page[f"Category {k}:"]
        assert part.heading == f"Category {k}: {len(members):,} image{'s' * (len(members) != 1)}, " + (
            f"{len(members) / 1437:.1%}"
        )
        expected = sorted(members, key=lambda i: spreads[i, 0])[:24]
        shown = [pixels(p) for p in part.pictures]
        np.testing.assert_array_equal(shown, images.x[expected, 0])
        for p, i in zip(part.pictures, expected, strict=True):
            assert p["alt"] == f"image {i}: c1 is {k}"
        if len(members):
            assert images.labels is not None
            commonest = np.bincount(images.labels.numbers[members])
            assert f"Labels: {commonest.argmax()} ({commonest.max() / len(members):.0%})" in part.text
    effective = math.exp(-sum(p * math.log(p) for p in np.bincount(values[:, 0].astype(int)) / 1437 if p))
    assert f"effective number of {effective:.1f} categories" in " ".join(digits_page.text.split())


def test_lowest_and_highest_images_of_a_number(digits_page: Page, encoded: Encoded) -> None:
    images, values, _ = encoded
    order = values[:, 1].argsort(kind="stable")
    for heading, expected in (("Lowest c2", order[:12]), ("Highest c2", order[::-1][:12])):
        part = digits_page[heading]
        np.testing.assert_array_equal([pixels(p) for p in part.pictures], images.x[expected, 0])
        assert f"{values[expected[0], 1]:+.2f}" in part.text
        assert ", ".join(f"image {i}" for i in expected) in part.text


def test_images_around_the_circle_of_an_angle(digits_page: Page, encoded: Encoded) -> None:
    images, values, _ = encoded
    shown = [pixels(p) for p in digits_page["Around the circle of c3"].pictures]
    for degrees, found in zip(range(0, 360, 30), shown, strict=True):
        gap = np.degrees(values[:, 2]) - degrees
        nearest = np.minimum(np.abs(gap), 360 - np.abs(gap)).argmin()
        np.testing.assert_array_equal(found, images.x[nearest, 0])


def test_a_traversal_changes_one_code(digits_page: Page, run: Run) -> None:
    """Four rows of ten images, the last of each at the largest value of c2."""
    (traversal,) = digits_page["c2 slant <i>, a number"].pictures
    found = pixels(traversal)
    assert found.shape == (4 * 9 - 1, 10 * 9 - 1, 2)
    images = np.stack([found[r * 9 : r * 9 + 8, c * 9 : c * 9 + 8] for r in range(4) for c in range(10)])
    assert (images[..., 1] == 255).all()
    assert (found[8, :, 1] == 0).all()  # gaps are transparent
    model, rng = run.model(), make_rng(0, "traverse")
    z, values = model.latent.sample_z(4, rng), model.sample_values(4, rng)
    last = values.clone()
    last[:, 1] = 3**0.5 * torch.rand(100_000, generator=make_rng(0, "prior of c2")).mul(2).sub(1).std()
    np.testing.assert_array_equal(images.reshape(4, 10, 8, 8, 2)[:, 9, ..., 0], model.decode(last, z)[:, 0])


def test_the_map_has_a_colour_for_each_code_and_the_label(run: Run, encoded: Encoded) -> None:
    images, values, _ = encoded
    html = (run.path / "report.html").read_text()
    data = json.loads(re.findall(r'id="map-data">(.*?)</script>', html)[0])
    columns = [*data["codes"], *data["known"]]
    assert [column["name"] for column in columns] == ["c1", "c2 slant <i>", "c3", "label"]
    assert images.labels is not None
    for column, expected in zip(columns, [*values.T, images.labels.numbers], strict=True):
        q = np.frombuffer(base64.b64decode(column["values"]), "<u2")
        np.testing.assert_allclose(column["low"] + column["step"] * q, expected, atol=column["step"])
    assert data["names"][3] == "image 3"


def test_associations_are_cramers_v(digits_page: Page, encoded: Encoded) -> None:
    images, values, _ = encoded
    assert images.labels is not None
    table = np.zeros((10, 10))
    np.add.at(table, (values[:, 0].astype(int), images.labels.numbers), 1)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / 1437
    full = expected > 0
    chi2 = ((table - expected)[full] ** 2 / expected[full]).sum()
    dof = min((expected.sum(axis=0) > 0).sum(), (expected.sum(axis=1) > 0).sum()) - 1
    cells = [tag for tag in digits_page.tags if tag[0] == "td" and "strong" in tag[1].get("class", "")]
    assert len(cells) == 3  # c1, and both baselines, as this model was hardly trained
    assert f"{math.sqrt(chi2 / 1437 / dof):.2f}" in digits_page["Associations"].text


def test_it_opens_with_what_varies_and_ends_with_what_was_trained(digits_page: Page) -> None:
    headings = [part.heading for part in digits_page.parts if part.heading]
    assert headings[1] == "What varies"
    assert headings.index("Data and model") > headings.index("Duplicates and outliers")
    assert "codes" in digits_page["What varies"].text.split(".")[0]


def test_the_page_names_the_model(digits_page: Page, run: Run) -> None:
    text = digits_page["Data and model"].text
    environment = json.loads((run.path / "run.json").read_text())
    for fact in ("digits", "1,437", "8 × 8 pixels, gray", "cat:10 unif:1 circ:1 noise:8", "120 of 120"):
        assert fact in text
    assert environment["begun"] in text
    assert f"torch {environment['versions']['torch']}" in text
    real, generated = (pixels(p) for p in digits_page["Real and generated images"].pictures)
    assert real.shape == generated.shape == (6 * 9 - 1, 10 * 9 - 1, 2)
    of_set = {one.tobytes() for one in run.images().x[:, 0]}
    assert all(
        real[r : r + 8, c : c + 8, 0].tobytes() in of_set for r in range(0, 53, 9) for c in range(0, 89, 9)
    )


def test_the_page_loads_nothing_from_the_network(digits_page: Page, run: Run) -> None:
    html = (run.path / "report.html").read_text()
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    assert "url(" not in html
    policies = [a["content"] for t, a in digits_page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    data, script = re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert policies == [f"default-src 'none'; {allowed}"]
    assert json.loads(data)["n"] == 1437
    tags = {tag for tag, _ in digits_page.tags}
    assert not tags & {"link", "iframe", "object", "embed", "form", "base"}
    for tag, attributes in digits_page.tags:
        assert not any(name.startswith("on") for name in attributes)
        if "href" in attributes:
            assert attributes["href"].startswith("#")
        if tag == "img":
            assert attributes["src"].startswith("data:image/png;base64,")
            assert attributes["alt"]
    anchors = {a["href"][1:] for _, a in digits_page.tags if "href" in a}
    assert anchors <= {a.get("id") for _, a in digits_page.tags}
    assert len(html) < 3_000_000


def test_curves_end_where_the_metrics_do(digits_page: Page, run: Run) -> None:
    last = run.metrics()[-1]
    labels = [a["aria-label"] for tag, a in digits_page.tags if tag == "svg"]
    assert len(labels) == 6  # three codes, losses, diversity, speed
    assert labels[0] == f"L_I of c1, nats over 120 steps: L_I ends at {last['L_I_c1']:.3g}"
    assert f"D ends at {last['loss_d']:.3g}; G ends at {last['loss_g']:.3g}" in labels[3]


def test_scores_of_an_evaluation_are_shown(scored: Run, tmp_path: Path) -> None:
    found = Page(write_report(scored, tmp_path / "new" / "page.html").path.read_text())
    text = " ".join(found["Scores, test images"].text.split())
    assert "nmi 0.123 0.100 to 0.200 a <b>protocol</b>" in text
    assert "recovery c1" not in text
    assert "at least 0.90 of 2.30 nats (39 %)" in " ".join(found.text.split())


def with_scores(run: Run, codes: int) -> Run:
    """Adds scores to a run, so that the report does not measure them."""
    score = {"value": 0.12345, "low": 0.1, "high": 0.2, "protocol": "a <b>protocol</b>"}
    high = score | {"value": 0.9}
    generated = {f"{s}_c{i}": high for s in ("info_bound", "recovery") for i in range(1, codes + 1)}
    evaluation = {"generated": generated, "test": {"nmi": score, "recovery_c1": score}}
    run.write_json("resamples.json", {split: {n: [0.1] for n in of} for split, of in evaluation.items()})
    if run.checkpoint() is None:
        (run.path / "checkpoints").mkdir()
        (run.path / "checkpoints" / "0000001.safetensors").touch()
    run.write_json("evaluation.json", evaluation)
    return run


@pytest.fixture(scope="module")
def scored(run: Run, digits_page: Page) -> Run:
    """The same run with an evaluation, after the report was written without one."""
    return with_scores(run, 3)


def test_the_bound_and_the_recovery_are_measured(digits_page: Page, run: Run) -> None:
    """Measured again with another seed: close, as the page uses 12,800 and 5,000 images."""
    model = run.model()
    bounds = info_bounds(model, run.config.optimisation.batch_size, make_rng(1, "again"))
    text = " ".join(digits_page.text.split())
    share_of_entropy = re.search(r"at least (\S+) of 2.30 nats \((\d+) %\)", text)
    assert share_of_entropy
    assert float(share_of_entropy[1]) == pytest.approx(bounds["info_bound_c1"]["value"], abs=0.05)
    assert int(share_of_entropy[2]) == pytest.approx(100 * float(share_of_entropy[1]) / math.log(10), abs=1)
    drawn = model.sample_values(2000, make_rng(1, "drawn"))
    back = model.encode(model.decode(drawn, model.latent.sample_z(2000, make_rng(2, "z")))).values
    right = float((back[:, 0] == drawn[:, 0]).float().mean())
    (recovery,) = re.findall(r"(\d\.\d\d)recovery.{,400}? Its categories", text)
    assert float(recovery) == pytest.approx((right - 0.1) / 0.9, abs=0.05)


def test_what_continuous_codes_change_is_a_criterion_for_them_alone(digits_page: Page) -> None:
    of_category, of_number = (" ".join(digits_page[c].text.split()) for c in ("c1", "c3"))
    for name in OF_CONTINUOUS:
        assert re.search(rf"\d\.\d\d{name}", of_number)
        assert name not in of_category


# A folder of images


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """67 images: 64 discs, noise, a near-duplicate, and a duplicate with a hostile name."""
    folder = tmp_path_factory.mktemp("folder") / "pictures"
    (folder / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = ["file;size;colour;note;<u>same;empty;taken"]
    for i in range(64):
        name = f"more/{i:03}<q>.png" if i % 2 else f"{i:03}<q>.png"
        size = rng.uniform(1, 3.5)
        Image.fromarray(disc(size, rng)).save(folder / name)
        colour = "red" if size > 2.2 else "blue"
        rows.append(f"{name};{size:.3f};{colour};text {i};1;;2026-01-{i % 28 + 1:02}")
    quoted = HOSTILE_NAME.replace('"', '""')
    rows.append(f'"{quoted}";2.0;red;more text;1;;2026-02-01')
    with Image.open(folder / "010<q>.png") as image:
        image.save(folder / HOSTILE_NAME)
        near = np.array(image)
    near[0, 0] += 6
    Image.fromarray(near).save(folder / "near.png")
    Image.fromarray(rng.integers(0, 2, (8, 8, 3), dtype=np.uint8) * 255).save(folder / "noise.png")
    (folder.parent / "table.csv").write_text("\n".join(rows) + "\n")
    return folder


def disc(size: float, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:8, :8] - 3.5
    inside = np.clip(size - np.hypot(x, y), 0, 1)[..., None]
    ground, colour = rng.uniform(0, 90, 3), rng.uniform(120, 255, 3)
    return np.rint(ground * (1 - inside) + colour * inside).astype(np.uint8)


@pytest.fixture(scope="module")
def folder_run(folder: Path) -> Run:
    config = Config.from_options(
        images=f"folder:{folder}",
        architecture="small",
        shape=(3, 8, 8),
        codes="cat:3 unif:1 noise:4",
        steps=60,
        batch_size=16,
        device="cpu",
        precision="32-true",
    )
    return train(config, folder.parent / "run")


@pytest.fixture(scope="module")
def folder_page(folder_run: Run, folder: Path) -> Page:
    path, _ = write_report(folder_run, folder.parent / "report.html", folder.parent / "table.csv")
    return Page(path.read_text())


def test_duplicates_near_duplicates_and_outliers_are_found(folder_page: Page) -> None:
    duplicates = folder_page["Duplicates"]
    assert "2 images are equal" in duplicates.text
    assert f"010<q>.png = {HOSTILE_NAME}" in duplicates.text
    first, second = map(pixels, duplicates.pictures)
    np.testing.assert_array_equal(first, second)
    near = folder_page["Near-duplicates"]
    assert "is 1 pair." in near.text
    assert f"010<q>.png, near.png: {100 * 18 / 255 / 192:.2f} %" in near.text
    a, b = (pixels(p).astype(int) for p in near.pictures)
    assert np.abs(a - b).sum() == 18
    assert "noise.png" in [p["alt"] for p in folder_page["Outliers"].pictures[:3]]
    assert len(folder_page["Outliers"].pictures) == 24


def test_a_table_is_joined_by_file_name(folder_page: Page, folder_run: Run, folder: Path) -> None:
    text = " ".join(folder_page["Associations"].text.split())
    assert "65 of 67 images have a row among the 65 of table.csv, matched by whole name" in text
    assert "Left out: note (text with 65 values), <u>same (constant), empty (empty)." in text
    images = folder_run.images()
    assert images.names is not None
    c2 = dict(zip(images.names, folder_run.model().encode(images.pixels).values[:, 1].tolist(), strict=True))
    lines = [line.rsplit(";", 6) for line in (folder.parent / "table.csv").read_text().splitlines()[1:]]
    size = {name.strip('"').replace('""', '"'): float(value) for name, value, *_ in lines}
    rho = abs(spearmanr([c2[name] for name in size], list(size.values())).statistic)
    row = re.search(r"size number 65 (\d\.\d\d) (\d\.\d\d) ", text)
    assert row
    assert float(row[2]) == pytest.approx(rho, abs=0.00501)
    assert "colour category 65" in text
    assert "taken number 65" in text


def test_names_are_escaped(folder_page: Page, folder: Path) -> None:
    html = (folder.parent / "report.html").read_text()
    assert len(re.findall("<script", html)) == 2  # of the map
    assert "<q>" not in html
    assert "<u>" not in html
    alts = [a["alt"] for tag, a in folder_page.tags if tag == "img"]
    assert HOSTILE_NAME in alts  # whole, as text
    assert not any(name.startswith("on") for _, a in folder_page.tags for name in a)
    assert HOSTILE_NAME in folder_page.text


def test_the_name_of_a_code_is_escaped(digits_page: Page, run: Run) -> None:
    assert "c2 slant <i>, a number" in [part.heading for part in digits_page.parts]
    assert "<i>" not in (run.path / "report.html").read_text()


# Metadata


NAMES = ("a/001.png", "a/002.png", "b/003.png", "b/010.jpg", "c/001.png")


def table(path: Path, **columns: list[object]) -> Path:
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("key", "by", "expected"),
    [
        (["./a/001.png", "a\\002.png", "b/003.png", "zzz"], "whole name", [10, 20, 30, None, None]),
        (
            ["x/002.png", "003.png", "010.jpg", "001.png"],
            "name without folders",
            [None, 10, 20, 30, None],
        ),
        (["002", "003", "010.tif", None], "name without folders and extension", [None, 10, 20, 30, None]),
        ([2, 3, 10, 99], "number in the name", [None, 10, 20, 30, None]),
    ],
)
def test_names_are_matched(tmp_path: Path, key: list[object], by: str, expected: list[float | None]) -> None:
    """001.png without its folder is ambiguous, and matches nothing."""
    path = table(tmp_path / "t.parquet", age=[10, 20, 30, 40], key=key)
    joined = join_metadata(path, NAMES, 5, np.arange(5))
    assert f"matched by {by} with its column “key”." in joined.message
    (age,) = joined.columns
    assert [None if math.isnan(v) else v for v in age.values] == expected


def test_a_sample_gets_its_own_rows(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", age=[10, 20, 30, 40], key=["010", "003", "002", "010"])
    (age,) = join_metadata(path, NAMES, 5, np.array([1, 3])).columns
    assert age.values.tolist() == [30, 10]  # the first row of a name


def test_images_without_names_are_joined_by_number(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", other=[0, 1, 2, 3], Index=[3, 1, 0, 7])
    joined = join_metadata(path, None, 4, np.arange(4))
    (other,) = joined.columns
    np.testing.assert_array_equal(other.values, [2, 1, math.nan, 0])
    assert "3 of 4 images" in joined.message


def test_tables_that_do_not_match(tmp_path: Path) -> None:
    strange = table(tmp_path / "s.parquet", name=["x.png", "y.png"], age=[77, 88])
    with pytest.raises(
        InfoganError, match=r"0 of the 2 rows of .*'a/001.png', .*'name' holds 'x.png', 'y.png'"
    ):
        join_metadata(strange, NAMES, 5, np.arange(5))
    few = table(
        tmp_path / "f.parquet", name=["002", *map(str, range(500, 600))], age=[i % 50 for i in range(101)]
    )
    with pytest.raises(InfoganError, match="1 of the 101 rows"):
        join_metadata(few, NAMES, 5, np.arange(5))
    with pytest.raises(
        InfoganError, match="no file names, so the table needs a column of whole numbers from 0 to 4"
    ):
        join_metadata(strange, None, 5, np.arange(5))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", None, "there is no file"),
        ("t.csv", b"", "cannot be read as a table"),
        ("t.csv", b"a,b\n", "has no rows"),
        ("t.csv", b"a,b\n1,2,3\n", "cannot be read as a table"),
        ("t.parquet", b"no table", "cannot be read as a table"),
        ("t.xlsx", b"", "is not a .csv"),
    ],
)
def test_unreadable_tables(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InfoganError, match=message):
        join_metadata(tmp_path / name, NAMES, 5, np.arange(5))


def test_kinds_of_columns() -> None:
    rows = np.array([0, 2, -1, 1])

    def made(values: list[object]) -> Column | str:
        return make_column("x", pa.chunked_array([values]), rows)

    nan = math.nan
    for values, kind, expected in (
        ([1.5, math.inf, 3.0], "number", [1.5, 3.0, nan, nan]),
        (["b", None, "a"], "category", [1.0, 0.0, nan, nan]),
        (["b", "b", "a"], "category", [1.0, 0.0, nan, 1.0]),
        ([True, False, None], "category", [1.0, nan, nan, 0.0]),
    ):
        column = made(values)
        assert isinstance(column, Column)
        assert column.kind == kind
        np.testing.assert_array_equal(column.values, expected)
    assert str(made([{"a": 1}, None, None])).startswith("of type struct")
    assert made([None, None, None]) == "empty"
    assert made([3, 3, 3]) == "constant"
    assert made(["p", "q", "r"]) == "text with 3 values"


def test_a_header_declares_what_the_values_are() -> None:
    def made(header: str, values: list[object]) -> Column | str:
        return make_column(header, pa.chunked_array([values]), np.arange(4))

    for header, values, name, kind, expected in (
        ("object:category", [7, 3, 7, 3], "object", "category", [1, 0, 1, 0]),
        ("azimuth:angle", [0, 90, 180, 270], "azimuth", "angle", np.arange(4) * math.pi / 2),
        ("azimuth:angle", [0.0, 1.5, 3.0, 4.5], "azimuth", "angle", [0.0, 1.5, 3.0, 4.5]),
        ("a:b:number", [1, 2, 3, 4], "a:b", "number", [1, 2, 3, 4]),
        ("at 12:30", [1, 2, 3, 4], "at 12:30", "number", [1, 2, 3, 4]),
    ):
        column = made(header, values)
        assert isinstance(column, Column)
        assert (column.name, column.kind) == (name, kind)
        np.testing.assert_allclose(column.values, expected)
    assert made("size:number", ["a", "b", "a", "b"]) == "declared as number, but text"


# Associations and reliability


def test_independent_codes_rarely_exceed_the_noise_level() -> None:
    """In at most one table in twenty: 300 tables of 24 images, three kinds of codes and of columns."""
    rng = np.random.default_rng(0)
    latent = Latent((Categorical(4), Uniform(), Circular()), 0)
    alarms = 0
    for _ in range(300):
        values = np.stack([rng.integers(0, 4, 24), rng.random(24), rng.uniform(0, 6.28, 24)], axis=1)
        columns = [
            Column("a", "category", rng.integers(0, 3, 24).astype(float)),
            Column("b", "number", rng.normal(size=24)),
            Column("c", "angle", rng.uniform(0, 6.28, 24)),
        ]
        alarms += any(
            row.strongest is not None for row in association_table(values.astype(float), latent, columns)
        )
    assert alarms / 300 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


def test_the_noise_level_is_that_of_permutations() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 300).astype(float), rng.integers(0, 3, 300).astype(float)
    found = [
        association_table(
            a[:, None], Latent((Categorical(4),), 0), [Column("b", "category", rng.permutation(b))]
        )[0]
        .associations[0]
        .value
        for _ in range(1000)
    ]
    assert noise_level(299.0 * 2, 3 * 2, n_cells=1) == pytest.approx(np.quantile(found, 0.95), rel=0.06)
    assert noise_level(299.0 * 2, 3 * 2, n_cells=20) > noise_level(299.0 * 2, 3 * 2, n_cells=1)
    assert noise_level(4.0, 3 * 2, n_cells=1) == 1


def test_missing_values_are_left_out() -> None:
    values = np.linspace(-1, 1, 40)[:, None]
    known = np.where(np.arange(40) % 4 == 0, math.nan, -values[:, 0])
    (row,) = association_table(values, Latent((Uniform(),), 0), [Column("x", "number", known)])
    assert (row.n, row.strongest) == (30, 0)
    assert row.associations[0].value == pytest.approx(1)


def test_simpler_methods_stand_beside_the_codes() -> None:
    """Images whose brightness is known: a component follows it, no code does, two clusters in part."""
    rng = np.random.default_rng(0)
    light = rng.permutation(200)
    x = np.broadcast_to(light[:, None, None, None], (200, 1, 40, 40)).astype(np.uint8)
    latent = Latent((Categorical(2), Uniform()), 0)
    values = np.stack([rng.integers(0, 2, 200), rng.random(200)], axis=1)
    column = Column("light", "number", light.astype(float))
    (row,) = association_table(values, latent, [column], baselines_of(latent, x))
    pca, k_means = row.baselines
    assert (pca.method, pca.name) == ("PCA, 1 component", "component 1")
    assert pca.association.value == pytest.approx(1)
    assert (k_means.method, k_means.name) == ("k-means, 2 clusters", "cluster")
    # The correlation ratio of ranks with two halves: means differ by n / 2, of ranks with variance n^2 / 12.
    assert k_means.association.value == pytest.approx(math.sqrt(12 / 16), abs=0.01)
    assert row.strongest is None
    assert row.is_ahead(pca)
    assert row.is_ahead(k_means)


def test_a_code_that_is_as_good_is_not_behind() -> None:
    rng = np.random.default_rng(0)
    known = rng.random(100)
    latent = Latent((Uniform(),), 0)
    column = Column("x", "number", known)
    reads = {"PCA": Representation(known[:, None], ["number"], ["component 1"])}
    (row,) = association_table(known[:, None], latent, [column], reads)
    assert row.strongest == 0
    assert not row.is_ahead(row.baselines[0])


GOOD = {"recovery": 0.9, "sensitivity": 0.5, "usage": 0.9, "stability": 0.9, "confidence": 0.9}


def test_the_worst_criterion_decides() -> None:
    found = Evidence([Match("b-1", "c4", 0.9)], coverage=0.9)
    assert judge(GOOD, found) == Verdict(
        "reliable", ("it is found by 1 of 1 other seed (best 0.90, with c4 of b-1) too",)
    )
    for name, criterion in CRITERIA.items():
        doubtful = judge(GOOD | {name: criterion.upper - 0.001}, found)
        assert doubtful.word == "doubtful"
        assert len(doubtful.reasons) == 1
        assert criterion.failure in doubtful.reasons[0]
        if criterion.lower:
            assert judge(GOOD | {name: criterion.lower - 0.001}, found).word == "not reliable"
        assert judge(GOOD | {name: None}, found).word == "reliable"
    both = judge(GOOD | {"recovery": 0.1, "confidence": 0.4}, found, n_empty=1)
    assert (both.word, len(both.reasons)) == ("not reliable", 3)
    assert judge(GOOD, found, n_empty=2).word == "doubtful"
    assert "2 of its categories" in judge(GOOD, found, n_empty=2).reasons[0]


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (Evidence(coverage=0.9), "no other seed has been trained"),
        (
            Evidence([Match("b-1", "c2", 0.4)], coverage=0.9),
            "it is found by only 0 of 1 other seed (best 0.40, with",
        ),
        (Evidence([Match(f"b-{i}", "c2", 0.3 * i) for i in (1, 2, 3)]), "only 1 of 3 other seeds (best 0.90"),
        (Evidence([Match("b-1", "c2", 0.9)], coverage=0.4), "do not look like the real ones (coverage 0.40)"),
        (Evidence([Match("b-1", "c2", 0.4)], target="clusters"), "only 0 of 1 other seed"),
    ],
)
def test_one_run_alone_proves_nothing(evidence: Evidence, reason: str) -> None:
    """Targets that a stage found count only as long as no other seed says otherwise."""
    verdict = judge(GOOD, evidence)
    assert verdict.word == "self-consistent"
    assert reason in verdict.reasons[0]
    assert judge(GOOD, Evidence(target="clusters", coverage=0.9)) == Verdict("reliable", ("clusters",))


def test_runs_of_other_seeds_are_those_that_differ_in_nothing_else(tmp_path: Path) -> None:
    config = digits_config()
    different = {
        "other": ({"seed": 1, "device": "auto", "log_every": 7}, 120),
        "same-seed": ({"device": "auto"}, 120),
        "unfinished": ({"seed": 2}, 100),
        "other-lam": ({"seed": 3, "lam": (0.3,)}, 120),
        "run": ({}, 120),
    }
    for name, (changes, steps) in different.items():
        run = Run.create(tmp_path / name, config.replace(**changes), 10)
        (run.checkpoints / f"{steps:07}.safetensors").touch()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    found = runs_of_other_seeds(Run.open(tmp_path / "run"))
    assert [other.path.name for other in found] == ["other"]


def test_evidence_for_each_code(run: Run, encoded: Encoded, tmp_path: Path) -> None:
    """Another seed whose Q is the same finds every code; a target counts if its code follows it."""
    images, values, _ = encoded
    index = np.arange(0, 1437, 5)
    config = run.config.replace(transforms="translate:0.1", pretraining_steps=1, lam=(1.0,))
    one, state = Run.create(tmp_path / "one", config, 10), run.state()
    categories = torch.eye(10)[torch.from_numpy(values[:, 0]).long()]
    targets = {"targets.0": categories, "targets.1": torch.from_numpy(values[:, 1:2]).float()}
    one.save(120, {**state, **targets}, {})
    arguments = (run.model(), images.x[index], values[index].astype(float), index, 1437)
    first, second, third = gather_evidence(one, *arguments)
    assert first.target == "it follows stable clusters of real images (1.00)"
    assert (second.target, third.target) == ("", "")  # the factor stage does not say what is stable
    assert first.coverage is not None
    assert first.coverage < 0.5  # after 120 steps
    one.save(120, {**state, "targets.0": categories[torch.randperm(1437)]}, {})
    assert gather_evidence(one, *arguments)[0].target == ""

    learned = subsample_index(1437, 700)
    sample = Run.create(tmp_path / "sample", config.replace(max_images=700), 10)
    sample.save(120, {**state, "targets.0": categories[learned]}, {})
    assert gather_evidence(sample, *arguments)[0].target == first.target

    other = Run.create(tmp_path / "two", config.replace(seed=1), 10)
    other.save(120, state, {})
    for i, of_code in enumerate(gather_evidence(one, *arguments), 1):
        assert [match[:2] for match in of_code.matches] == [("two", f"c{i}")]
        assert of_code.matches[0].agreement == pytest.approx(1)


def test_criteria_by_hand() -> None:
    assert adjusted_for_chance(0.1, Categorical(10)) == pytest.approx(0)
    assert adjusted_for_chance(0.55, Categorical(10)) == pytest.approx(0.5)
    assert adjusted_for_chance(0.75, Bernoulli()) == pytest.approx(0.5)
    assert adjusted_for_chance(0.7, Uniform()) == 0.7
    assert perplexity(np.array([5, 5, 0, 5])) == pytest.approx(3)
    assert perplexity(np.array([7, 0])) == pytest.approx(1)
    assert usage(np.array([0.0, 1.0, 1.0, 0.0]), Categorical(4), 0.0) == pytest.approx(1 / 3)
    assert usage(np.array([-0.5, 0.5]), Uniform(), 1.0) == pytest.approx(0.5)
    assert usage(np.array([0.0, math.pi / 2, math.pi, 1.5 * math.pi]), Circular(), 0.0) == pytest.approx(1)
    assert usage(np.array([1.0, 1.0]), Circular(), 0.0) == pytest.approx(0)
    assert max_info_bound(Categorical(10), 1.0) == pytest.approx(math.log(10))
    assert max_info_bound(Circular(), 1.0) is None
    assert max_info_bound(Uniform(), 1.0) == pytest.approx(math.log(2) - 0.5 * math.log(2 * math.pi))


@pytest.mark.parametrize(
    ("code", "spreads", "prior_std", "min_std", "expected"),
    [
        (Categorical(10), [0.45, 0.45], 0.0, 0.02, 0.5),
        (Uniform(), [0.25], 0.5, 0.0, 0.5),
        (Uniform(), [0.3], 0.5, 0.1, 0.5),  # halfway between the smallest and that of a guess
        (Uniform(), [0.1], 0.5, 0.1, 1.0),
        (Uniform(), [0.9], 0.5, 0.1, 0.0),
        (Circular(), [math.inf, 9.0], 0.0, 0.02, 0.0),
    ],
)
def test_confidence(
    code: Code, spreads: list[float], prior_std: float, min_std: float, expected: float
) -> None:
    assert confidence(np.array(spreads), code, prior_std, min_std) == pytest.approx(expected)


@pytest.mark.parametrize("min_std", [0.02, 0.5])
def test_confidence_of_an_angle(min_std: float) -> None:
    """0 if Q knows nothing (kappa = 0), 1 at its highest concentration, and monotone in between.

    The circular standard deviation is unbounded: compared with pi / sqrt(3), that of a linear uniform
    variable, a Q with kappa = 0.3 would have no confidence at all.
    """
    code = Circular(min_std)
    q = torch.stack([torch.tensor([0.0, 0.3, 1.0, 2.0, 5.0, 1e6]), torch.zeros(6)], dim=1).double()
    found = [confidence(s[None].numpy(), code, 0.0, min_std) for s in code.decode(q).spread]
    assert found[0] == 0
    assert found[-1] == pytest.approx(1, abs=1e-6)
    assert (np.diff(found) > 0.05).all()
    if min_std == 0.02:
        assert found[2] == pytest.approx(0.4464, abs=1e-3)  # R = I1(1) / I0(1) for kappa = 1


def test_a_code_that_g_ignores_is_not_reliable() -> None:
    model = make_model(digits_config())
    (first, *_) = [m for m in model.G.modules() if isinstance(m, torch.nn.Linear)]
    with torch.no_grad():
        first.weight[:, 8 + 10] = 0  # c2, behind z and c1
    found = sensitivity(model, make_rng(0, "test"))
    assert found[1] == 0
    assert min(found[0], found[2]) > 0.05
    assert judge(GOOD | {"sensitivity": float(found[1])}, Evidence()).word == "not reliable"


def test_the_sensitivity_to_the_only_code_is_one() -> None:
    """If G ignores z, changing the only code changes everything."""
    model = make_model(Config.from_options(images="x", architecture="digits", codes="unif:1 noise:1"))
    (first, *_) = [m for m in model.G.modules() if isinstance(m, torch.nn.Linear)]
    with torch.no_grad():
        first.weight[:, 0] = 0
    assert sensitivity(model, make_rng(0, "test")) == pytest.approx([1.0], abs=0.1)
    # Resampling everything keeps one of two categories in half of the cases, changing it never does.
    coin = make_model(Config.from_options(images="x", architecture="digits", codes="cat:2 noise:1"))
    (first, *_) = [m for m in coin.G.modules() if isinstance(m, torch.nn.Linear)]
    with torch.no_grad():
        first.weight[:, 0] = 0
    assert sensitivity(coin, make_rng(0, "test")) == pytest.approx([2.0], abs=0.2)


# Parts


def test_examples_of_few_images() -> None:
    low, high = lowest_and_highest(np.array([3.0, 1.0, 2.0, 5.0, 4.0]), 12)
    assert low.tolist() == [1, 2]
    assert high.tolist() == [3, 4]
    values, spreads = np.array([0.0, 1, 0, 0]), np.array([0.3, 0.0, 0.1, 0.2])
    assert most_confident(values, spreads, 0, 2).tolist() == [2, 3]
    assert nearest_to_angles(np.array([0.1, 3.0, 6.2]), np.array([0.0, 3.3])).tolist() == [2, 1]


def test_duplicates_and_an_outlier() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (250, 1, 4, 4), dtype=np.uint8)
    x[7], x[9] = x[3], x[3]
    features = rng.normal(size=(250, 5)).astype(np.float32)
    features[7], features[9] = features[3], features[3]
    features[212] += 100
    found = find_duplicates_and_outliers(x, features)
    assert found.duplicates == [[3, 7, 9]]
    assert found.near_duplicates == []
    assert 212 in found.outliers[:2]  # one by Q's features, one by its pixels
    assert sorted(found.outliers) == sorted(set(range(250)) - {7, 9})
    apart = np.linalg.norm(features[found.outliers, None] - features[found.outliers], axis=2)
    mean = np.sort(apart, axis=1)[:, 1:6].mean(axis=1)
    by_features = ~np.array(found.by_pixels)
    assert 0 < by_features.sum() < 248
    np.testing.assert_allclose(found.scores[by_features], (mean / np.median(mean))[by_features], rtol=1e-4)
    alone = find_duplicates_and_outliers(x[:1], features[:1])
    assert (alone.duplicates, alone.outliers.tolist()) == ([], [0])


def scenes(n: int, rng: np.random.Generator, side: int = 64) -> np.ndarray:
    """Colour pictures of soft blobs, all different, without noise."""
    y, x = np.mgrid[:side, :side] / side
    pictures = np.zeros((n, 3, side, side))
    for picture in pictures:
        for _ in range(6):
            place, width, colour = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.3), rng.uniform(-1, 1, 3)
            blob = np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / width**2)
            picture += colour[:, None, None] * blob
    return np.clip(128 + 90 * pictures, 0, 255)


def halved(pictures: np.ndarray) -> np.ndarray:
    n, ch, h, w = pictures.shape
    return pictures.reshape(n, ch, h // 2, 2, w // 2, 2).mean(axis=(3, 5)).round().astype(np.uint8)


def test_noise_and_blank_frames_are_outliers_whatever_q_makes_of_them() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (1, 3, 64, 64))
    x = halved(np.concatenate([scenes(200, rng), noise, np.zeros((1, 3, 64, 64))]))
    found = find_duplicates_and_outliers(x, rng.normal(size=(202, 5)).astype(np.float32))
    assert {200, 201} <= set(found.outliers[:6])


def test_mirrored_copies_and_crops_are_found() -> None:
    rng = np.random.default_rng(0)
    large = scenes(200, rng)
    crops = [(large[i, :, 5:61, top : top + 56], i) for i, top in ((3, 0), (4, 8), (5, 3))]  # 88 % of a side
    cut = np.stack([np.stack([np.asarray(Image.fromarray(c).resize((64, 64))) for c in x]) for x, _ in crops])
    x = halved(np.concatenate([large, large[10:13, :, :, ::-1], cut]))
    found = find_copies(x, np.arange(len(x)))
    expected = {(i, 190 + i, "mirrored") for i in (10, 11, 12)} | {
        (i, 203 + k, "cropped") for k, (_, i) in enumerate(crops)
    }
    assert {copy[:3] for copy in found} == expected
    assert min(copy.correlation for copy in found) > 0.97
    assert find_copies(x[..., :8, :8], np.arange(len(x))) == []  # too small to tell


def test_dark_frames_are_not_copies() -> None:
    """Frames of a few gray levels differ by little, even of different scenes; a real copy differs by less."""
    rng = np.random.default_rng(0)
    x = np.concatenate([halved(scenes(60, rng)), halved(scenes(40, rng) / 40)])
    x = np.concatenate([x, x[60:61]])
    x[-1, 0, 0, 0] += 1
    found = find_duplicates_and_outliers(x, np.repeat(x.mean(axis=(2, 3)), 2, axis=1).astype(np.float32))
    assert [pair[:2] for pair in found.near_duplicates] == [(60, 100)]
    assert found.copies == []


def test_a_large_set_is_sampled_with_its_numbers(scored: Run) -> None:
    names = tuple(f"{i}.png" for i in range(1437))
    images = replace(scored.images(), names=names)
    model = scored.model()
    sample = sample_images(model, images, max_images=100)
    assert (len(sample), sample.n_total) == (100, 1437)
    np.testing.assert_array_equal(sample.x, images.x[sample.index])
    assert images.labels is not None
    assert sample.labels is not None
    np.testing.assert_array_equal(sample.labels.numbers, images.labels.numbers[sample.index])
    assert sample.title(7) == f"{sample.index[7]}.png"
    html = render(build_report(scored, model, images, None, lambda _: None) | {"sample": sample})
    assert "a random sample" not in html
    assert "Among the 100 sampled images, of 1,437." in html


def test_pictures_keep_their_pixels_and_large_ones_become_small() -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 12), dtype=np.uint8)
    one = inline_image(x, "alt")
    np.testing.assert_array_equal(pixels({"src": one.uri}), x.transpose(1, 2, 0))
    assert one.width == 60  # five times 12, the whole multiple next to 56
    large = np.full((1, 100, 200), 7, np.uint8)
    np.testing.assert_array_equal(pixels({"src": inline_image(large, "alt").uri}), np.full((32, 64), 7))
    many = pixels({"src": inline_grid(np.stack([[x, x]]), "alt").uri})
    np.testing.assert_array_equal(many[:, 13:25, :3], x.transpose(1, 2, 0))
    assert (many[..., 3] == 0).sum() == 8


def test_charts_put_values_where_they_belong() -> None:
    one = make_chart("t", [0.0, 50.0, 100.0], {"a": [0.0, 5.0, 10.0]}, ("top", 10.0))
    points = [tuple(map(float, p.split(","))) for p in one.curves[0].points.split()]
    assert points[0] == (0, HEIGHT)
    assert points[-1][0] == WIDTH
    assert points[1] == pytest.approx((WIDTH / 2, (points[0][1] + points[2][1]) / 2), abs=0.6)
    assert one.reference is not None
    assert one.reference.position == pytest.approx(points[-1][1], abs=3)
    assert nice_ticks(0.0, 10.0, 4) == [0, 5, 10]
    assert nice_ticks(-0.3, 0.05, 3) == [-0.2, 0]
    broken = make_chart("t", [1.0, 2.0], {"a": [math.nan, math.nan]})
    assert broken.curves[0].points == ""
    long = make_chart("t", [float(i) for i in range(1, 5001)], {"a": [1.0] * 5000})
    assert len(long.curves[0].points.split()) == 200


def test_vectors_and_a_fixed_std_are_reported_in_words(tmp_path: Path) -> None:
    """With a fixed std of 1, L_I is below 0 even for a perfect Q, but the information is not."""
    config = Config.from_options(
        images="rows.csv",
        architecture="vectors",
        shape=(1, 1, 6),
        codes="cat:3 unif:1 noise:2",
        batch_size=8,
        fixed_std=1.0,
    )
    model = make_model(config)
    x = np.random.default_rng(0).normal(size=(50, 1, 1, 6)).astype(np.float32)
    x[4] = x[2]
    run = with_scores(Run(tmp_path, config), 2)
    scores = json.loads((tmp_path / "evaluation.json").read_text())
    scores["generated"]["info_bound_c2"]["value"] = math.log(2) - math.log(2 * math.pi) / 2 - 0.02
    run.write_json("evaluation.json", scores)
    html = build(run, model, vectors(x))
    found = Page(html)
    assert not [tag for tag, _ in found.tags if tag == "img"]
    assert "image 2 = image 4" in found["Duplicates"].text
    sizes = np.bincount(model.encode(x).values[:, 0].numpy().astype(int), minlength=3)
    for k, n in enumerate(sizes):
        assert found[f"Category {k}:"].heading.startswith(f"Category {k}: {n} image")
    assert "Lowest c2" in html
    bound = math.log(2) - math.log(2 * math.pi * math.e * 0.04) / 2  # with the best std, 0.2
    text = " ".join(found["c2, a number"].text.split())
    assert f"generated images contain at least {bound:.2f} nats" in text
    assert "deviation fixed at 1, as in training, L_I is -0.25 nats, and cannot exceed -0.23." in text


def vectors(x: np.ndarray) -> Images:
    return Images(InMemoryPixels(torch.from_numpy(x)))


# The command


def test_the_command_prints_where_the_page_is(
    scored: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = scored.images().labels
    assert labels is not None
    by_number = table(tmp_path / "t.parquet", image=list(range(1437)), digit=labels.numbers.tolist())
    target = tmp_path / "page.html"
    report(scored.path, out=target, metadata=by_number, json=True)
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["report"] == str(target)
    assert [(row["column"], row["kind"]) for row in found["associations"]][-1] == ("digit", "number")
    text = " ".join(Page(target.read_text())["Associations"].text.split())
    assert "1,437 of 1,437 images have a row" in text
    assert "digit number 1,437" in text
    with pytest.raises(InfoganError, match="there is no file"):
        report(scored.path, out=tmp_path / "other.html", metadata=tmp_path / "none.csv")
    assert not (tmp_path / "other.html").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InfoganError, match="cannot be written"):
        report(scored.path, out=tmp_path / "file" / "page.html")


def test_a_run_without_names_labels_or_metrics(run: Run, tmp_path: Path) -> None:
    bare = with_scores(Run(tmp_path, run.config), 3)
    x = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), dtype=np.uint8)
    html = build(bare, run.model(), Images.from_arrays(x))
    assert "Nothing is known about these images" in html
    assert "no metrics.jsonl" in html
    assert "not recorded" in html
    (bare.path / "metrics.jsonl").write_text('{"step": 9, "L_I_c1": 2, "L_I_real_c1": 1.5}\n')
    tags = Page(build(bare, run.model(), Images.from_arrays(x))).tags
    assert [a["cx"] for tag, a in tags if tag == "circle"] == ["300.0", "300.0"]  # a curve of one point
    labels = [a.get("aria-label") for _, a in tags]
    assert "L_I of c1, nats over 9 steps: L_I ends at 2; on real images ends at 1.5" in labels
