"""The map of the report: its numbers are right, and a browser shows what they say."""

import base64
import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from infogan.data.labels import Labels
from infogan.report.associations import Column, known_columns
from infogan.report.map import UNKNOWN, colouring, find_positions, image_map
from infogan.report.outliers import find_duplicates_and_outliers
from infogan.report.render import render
from infogan.report.sample import Sample

ROWS, COLS = 10, 20
N = ROWS * COLS
HOSTILE_NAME = "</script><script>alert(1)</script><b>.png"
PAD = 24  # of map.js


def make_sample() -> Sample:
    """Gray gradients, all different but the last two; their features lie on a grid, a little out of place."""
    rng = np.random.default_rng(0)
    y, x = np.divmod(np.arange(N), COLS)
    features = np.stack([3 * x, 2 * y, 0 * x], axis=1) + rng.normal(0, 0.05, (N, 3))
    levels = np.linspace(0, 200, N).astype(np.uint8)
    levels[-1] = levels[-2]
    pictures = (levels[:, None, None, None] + np.arange(0, 48, 4, dtype=np.uint8)).repeat(12, axis=2)
    return Sample(
        n_total=N,
        index=np.arange(N),
        x=pictures,
        names=tuple(HOSTILE_NAME if i == 45 else f"{i:03}.png" for i in range(N)),
        labels=None,
        factors=None,
        values=np.stack([np.arange(N) % 3, np.linspace(-1, 1, N)], axis=1).astype(float),
        spreads=np.zeros((N, 2)),
        features=features.astype(np.float32),
    )


SAMPLE = make_sample()
FOUND = find_duplicates_and_outliers(SAMPLE.x, SAMPLE.features)
CODES = [
    Column("c1", "category", SAMPLE.values[:, 0], ("zero", "", "two")),
    Column("c2 slant", "number", SAMPLE.values[:, 1]),
]
KNOWN = [
    Column("azimuth", "angle", np.linspace(0, 2 * np.pi, N) - np.pi),
    Column("size", "number", np.where(np.arange(N) < 5, np.nan, 100.0 * np.arange(N))),
]


def make_data(sample: Sample = SAMPLE) -> dict[str, Any]:
    made = image_map(sample, CODES, KNOWN, FOUND, 3)
    assert made is not None
    return made.data


def decode(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<u2").astype(int)


def nearest(i: int) -> list[int]:
    distance = np.square(SAMPLE.features.astype(float) - SAMPLE.features[i]).sum(axis=1)
    return distance.argsort()[1:9].tolist()


def test_positions_are_principal_components() -> None:
    xy, share = find_positions(SAMPLE.features)
    centred = SAMPLE.features - SAMPLE.features.mean(axis=0, dtype=float)
    _, s, axes = np.linalg.svd(centred)
    np.testing.assert_allclose(np.abs(xy), np.abs(centred @ axes[:2].T), atol=1e-4)
    assert share == pytest.approx((s[:2] ** 2).sum() / (s**2).sum())
    shown = decode(make_data()["xy"]).reshape(N, 2)
    assert shown.min(axis=0).tolist() == [0, 0]
    assert shown.max(axis=0).tolist() == [65535, 65535]
    assert abs(np.corrcoef(shown[:, 0], xy[:, 0])[0, 1] - 1) < 1e-6


def test_images_that_all_look_the_same_to_q_have_positions() -> None:
    xy, share = find_positions(np.ones((5, 3), np.float32))
    np.testing.assert_array_equal(xy, np.zeros((5, 2)))
    assert share == 0
    same = replace(SAMPLE, features=np.ones((N, 3), np.float32))
    assert set(decode(make_data(same)["xy"])) == {0}


def test_neighbours_are_those_of_all_features() -> None:
    found = decode(make_data()["neighbours"]).reshape(N, 8)
    assert [found[i].tolist() for i in range(N)] == [nearest(i) for i in range(N)]


def test_umap_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class UMAP:
        def __init__(self, n_components: int, random_state: int, n_jobs: int) -> None:
            assert n_components == 2

        def fit_transform(self, features: np.ndarray) -> np.ndarray:
            return -features[:, 1:]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=UMAP))
    xy, share = find_positions(SAMPLE.features)
    np.testing.assert_array_equal(xy, -SAMPLE.features[:, 1:])
    assert share is None
    assert find_positions(SAMPLE.features[:20]).share is not None  # too few for its neighbourhoods
    text = " ".join(make_page().split())
    assert "UMAP chose their places" in text
    assert "principal components" not in text


@pytest.mark.parametrize("column", [*CODES, *KNOWN], ids=lambda column: column.name)
def test_colours_decode_to_the_values(column: Column) -> None:
    made = colouring(column)
    q = decode(made["values"])
    known = np.isfinite(column.values)
    np.testing.assert_array_equal(q != UNKNOWN, known)
    found = made["low"] + made["step"] * q[known]
    expected = column.values[known] % (2 * np.pi) if column.kind == "angle" else column.values[known]
    np.testing.assert_allclose(
        found, expected, atol=0 if column.kind == "category" else made["step"] / 2 + 1e-9
    )
    if column.kind == "number":
        assert made["ends"] == pytest.approx(np.percentile(column.values[known], [2, 98]))


def test_categories_keep_the_names_of_labels() -> None:
    numbers = np.array([-1, 0, 2, 2, *[0] * (N - 4)])
    (label,) = known_columns(replace(SAMPLE, labels=Labels(numbers, ("cat", "dog", "owl"))))
    assert colouring(label)["categories"] == ["cat", "owl"]
    assert decode(colouring(label)["values"])[:4].tolist() == [UNKNOWN, 0, 1, 1]


def test_thumbnails_are_the_images_in_rows() -> None:
    data = make_data()
    kind, _, encoded = data["sprite"].partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        sprite = np.asarray(image.convert("L")).astype(int)
    assert data["tile"] == [12, 12]
    for i in (0, 14, 15, N - 1):  # in rows of ceil(sqrt(200)) = 15
        row, col = divmod(i, 15)
        tile = sprite[12 * row : 12 * row + 12, 12 * col : 12 * col + 12]
        assert np.abs(tile - SAMPLE.x[i, 0]).mean() < 6
    large = replace(SAMPLE, x=np.zeros((N, 3, 80, 160), np.uint8))
    assert make_data(large)["tile"] == [64, 32]


def test_vectors_have_no_map() -> None:
    assert image_map(replace(SAMPLE, x=np.zeros((N, 1, 1, 4), np.float32)), CODES, KNOWN, FOUND, 3) is None
    per_image = ("index", "x", "names", "values", "spreads", "features")
    two = replace(SAMPLE, **{name: getattr(SAMPLE, name)[:2] for name in per_image})
    assert image_map(two, CODES, KNOWN, FOUND, 3) is None


# In a browser


def make_page() -> str:
    """A report with nothing but a map."""
    nothing: dict[str, Any] = {
        **dict.fromkeys(("facts", "samples", "sections", "headings", "rows", "charts"), ()),
        **dict.fromkeys(("duplicates", "near_duplicates", "copies", "outliers"), ()),
        **dict.fromkeys(("n_groups", "n_duplicates", "n_near_duplicates", "n_copies", "max_difference"), 0),
        **dict.fromkeys(("n_real", "n_generated"), 0),
    }
    made = image_map(SAMPLE, CODES, KNOWN, FOUND, 3)
    others = {"criteria": {}, "scores": {}, "verdicts": ["bad", "fair", "good", "best"], "metadata": None}
    others |= {"max_runs": 4, "min_agreement": 0.7, "min_coverage": 0.5}
    return render({"title": "map", "drawn": "", "sample": SAMPLE, "map": made, **nothing, **others})


class Map(NamedTuple):
    """The map in a page."""

    page: Page
    canvas: Locator

    def place(self, i: int) -> tuple[float, float]:
        """Of an image in the window, before anything moves."""
        box = self.canvas.bounding_box()
        assert box
        u, v = decode(make_data()["xy"]).reshape(N, 2)[i] / 65535 - 0.5
        w, h = box["width"] - 2, box["height"] - 2  # within the border
        return box["x"] + 1 + w / 2 + u * (w - 2 * PAD), box["y"] + 1 + h / 2 - v * (h - 2 * PAD)

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(f"#map {selector}").all_text_contents()]

    def status(self, text: str) -> None:
        self.page.wait_for_function(
            "(text) => document.querySelector('.map-status').textContent === text", arg=text
        )

    def drawn(self) -> str:
        """What is painted, after the next frame."""
        drawn: str = self.canvas.evaluate(
            """async (canvas) => {
                 for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
                 return canvas.toDataURL();
               }"""
        )
        return drawn


@pytest.fixture
def shown(page: Page, tmp_path: Path) -> Iterator[Map]:
    """The page of 200 images; no error in the console, and nothing is asked for."""
    (tmp_path / "report.html").write_text(make_page())
    errors: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(15_000)
    page.goto((tmp_path / "report.html").as_uri())
    shown = Map(page, page.locator(".map-plane > canvas"))
    shown.status("200 images in view, 200 as pictures")
    shown.canvas.scroll_into_view_if_needed()
    yield shown
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_hover_shows_an_image_and_a_click_its_neighbours(shown: Map) -> None:
    shown.page.mouse.move(*shown.place(45))
    assert shown.texts(".map-card") == [f"{HOSTILE_NAME}c1: zero, c2 slant: −0.55"]
    levels = shown.page.locator(".map-card canvas").evaluate(
        "(c) => [...c.getContext('2d').getImageData(0, 0, 12, 12).data].filter((_, i) => i % 4 === 0)"
    )
    assert np.abs(np.array(levels).reshape(12, 12) - SAMPLE.x[45, 0]).mean() < 6

    before = shown.drawn()
    shown.page.mouse.click(*shown.place(103))
    assert shown.texts(".map-chosen h3") == ["103.png"]
    assert shown.texts(".map-chosen p") == ["c1: 1, c2 slant: 0.04, azimuth: 6°, size: 10,300"]
    assert shown.texts(".map-chosen button") == [SAMPLE.title(j) for j in nearest(103)]
    shown.page.mouse.move(0, 0)
    assert shown.drawn() != before
    shown.page.locator(".map-chosen button").first.click()
    assert shown.texts(".map-chosen h3") == [SAMPLE.title(nearest(103)[0])]
    shown.page.keyboard.press("Escape")
    assert shown.texts(".map-chosen h3") == []
    shown.page.keyboard.press("Enter")  # the image nearest to the middle
    middle = np.square(decode(make_data()["xy"]).reshape(N, 2) / 65535 - 0.5)
    assert shown.texts(".map-chosen h3")[0] in [
        SAMPLE.title(i) for i in middle.sum(axis=1).argsort()[:4].tolist()
    ]


def test_zooming_and_moving(shown: Map) -> None:
    x, y = shown.place(45)
    shown.page.mouse.move(x, y)
    shown.page.mouse.wheel(0, -50)  # the page scrolls, as the map has no focus
    shown.page.wait_for_timeout(100)
    shown.status("200 images in view, 200 as pictures")
    shown.canvas.scroll_into_view_if_needed()
    x, y = shown.place(45)
    shown.page.mouse.move(x, y)
    shown.page.mouse.down()
    shown.page.mouse.move(x + 40, y + 10, steps=4)
    shown.page.mouse.up()
    assert shown.texts(".map-chosen h3") == []  # that was no click
    shown.page.mouse.move(0, 0)
    shown.page.mouse.move(x + 40, y + 10)
    assert HOSTILE_NAME in shown.texts(".map-card")[0]

    shown.page.mouse.wheel(0, -600)  # four times, around the pointer
    shown.page.wait_for_function("() => parseInt(document.querySelector('.map-status').textContent) < 60")
    shown.page.mouse.move(x + 41, y + 10)
    assert HOSTILE_NAME in shown.texts(".map-card")[0]
    shown.page.get_by_role("button", name="Reset").click()
    shown.status("200 images in view, 200 as pictures")
    shown.canvas.focus()
    for key in ("+", "+", "ArrowRight"):
        shown.page.keyboard.press(key)
    shown.page.wait_for_function("() => parseInt(document.querySelector('.map-status').textContent) < 120")
    shown.page.keyboard.press("0")
    shown.status("200 images in view, 200 as pictures")

    x, y = shown.place(45)
    fingers = shown.page.context.new_cdp_session(shown.page)
    for kind, reach in (("touchStart", 20), ("touchMove", 40), ("touchMove", 80), ("touchEnd", 0)):
        places = [{"x": x - reach, "y": y, "id": 0}, {"x": x + reach, "y": y, "id": 1}] if reach else []
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    shown.page.wait_for_function("() => parseInt(document.querySelector('.map-status').textContent) < 60")
    shown.page.mouse.move(x, y)
    assert HOSTILE_NAME in shown.texts(".map-card")[0]


def test_colours_and_marks(shown: Map) -> None:
    assert shown.texts("option") == ["c1", "c2 slant", "azimuth", "size"]
    assert shown.texts(".map-legend > span") == ["zero (67)", "1 (67)", "two (66)"]
    assert shown.texts(".map-marks label") == ["2 equal to another image", "3 outliers"]
    pictures = [shown.drawn()]
    for box in shown.page.locator(".map-marks input").all():
        box.uncheck()
        pictures.append(shown.drawn())
    for label, legend in (("c2 slant", "≤ −0.96≥ 0.96"), ("azimuth", "0°360°"), ("size", "≤ 888≥ 19,512")):
        shown.page.select_option("#map select", label=label)
        assert shown.texts(".map-legend") == [legend]
        pictures.append(shown.drawn())
    assert len(set(pictures)) == len(pictures)  # each was to be seen


def test_without_scripts_the_page_says_what_is_missing(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(make_page())
    page = browser.new_page(java_script_enabled=False)
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator(".without-script").is_visible()
    assert not page.locator(".map").is_visible()
    page.close()
