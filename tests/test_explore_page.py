"""The explorer's page in a browser: it shows what Python's model generates, and asks no other host."""

import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Download, Page, Route
from sklearn.datasets import load_digits

from infogan.config import Config
from infogan.data.false_colour import false_colour
from infogan.explore.explorer import Explorer
from infogan.explore.serve import listen, make_server, url_of
from infogan.explore.server import make_app
from infogan.figures.traversal import make_grid, sample_rows, save_grid, traverse
from infogan.method.inversion import Inversion, make_encoder
from infogan.method.model import Model
from infogan.runs.inversion import save_inversion
from infogan.runs.labels import category_names
from infogan.runs.run import Run

CONFIG = Config.from_options(
    images="digits", architecture="small", shape=(1, 8, 8), codes="cat:5 bern:1 circ:1 unif:2 noise:6"
)
CAT, COIN, ANGLE, U, V = range(5)
DIGIT = (load_digits().images[33] * 255 / 16).astype(np.uint8)
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


class Shown(NamedTuple):
    """An explorer at an address."""

    url: str
    run: Run
    model: Model


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, untrained_run: Callable[..., Run]) -> Iterator[Shown]:
    run = untrained_run(tmp_path_factory.mktemp("page") / "knobs", CONFIG, gain=6.0)
    model = run.model()
    save_inversion(run, Inversion(model, make_encoder(model)))
    (run.path / "metrics.jsonl").write_text('{"step": 1.0, "L_I_c1": 0.8, "L_I_c4": 3.0}\n')
    explorer, listening = Explorer(run), listen("127.0.0.1", 0)
    server = make_server(make_app(explorer))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Shown(url_of(listening), run, model)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()
        explorer.close()


@pytest.fixture(autouse=True)
def quiet(page: Page, shown: Shown) -> Iterator[list[str]]:
    """Every test: no error in the console but those it puts here, and no request to anywhere else."""
    errors: list[str] = []
    asked: list[str] = []
    expected: list[str] = []
    page.set_default_timeout(15_000)
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.context.on("request", lambda request: asked.append(request.url))
    yield expected
    strange = [text for text in errors if not any(part in text for part in expected)]
    assert not strange
    assert asked
    assert not [url for url in asked if not url.startswith((shown.url + "/", f"blob:{shown.url}/"))]


def go(page: Page, shown: Shown, hash: str = "") -> None:
    page.goto("about:blank")
    page.goto(f"{shown.url}/{hash}")
    page.wait_for_selector("#cells[data-shown]")


def resolve(page: Page, shows: str) -> None:
    """Waits until what is painted is that state, as the address has it."""
    page.wait_for_function("(s) => document.getElementById('cells').dataset.shown === s", arg=shows)


def pixels(page: Page, selector: str = "#cells canvas") -> np.ndarray:
    """Red of the canvases, (n, h, w); that green and blue are the same is seen here."""
    found = page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].map((c) =>
             [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data])""",
        selector,
    )
    images = np.array([np.array(f[2:]).reshape(f[0], f[1], 4) for f in found])
    assert (images == images[..., :1])[..., :3].all()
    assert (images[..., 3] == 255).all()
    return images[..., 0]


def expected(shown: Shown, turned: dict[int, float], seed: int = 0) -> np.ndarray:
    """The eight draws with some codes set, as Python decodes them."""
    z, values = sample_rows(shown.model, 8, seed)
    for i, value in turned.items():
        values[:, i] = value
    return shown.model.decode(values, z)[:, 0]


def same(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Up to a level of gray, as the page's numbers may differ in their last bit."""
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


def knob(code: str) -> str:
    return f'#codes > [aria-label="{code}"]'


def test_the_samples_of_a_seed_are_pythons(page: Page, shown: Shown) -> None:
    go(page, shown)
    same(pixels(page), expected(shown, {}))
    page.fill("#seed", "7")
    page.press("#seed", "Enter")
    resolve(page, "seed=7")
    same(pixels(page), expected(shown, {}, seed=7))
    page.click("#shuffle")
    page.wait_for_function("() => !/seed=7(&|$)/.test(document.getElementById('cells').dataset.shown)")
    assert int(page.input_value("#seed")) != 7
    assert page.title() == "knobs · infogan"


def test_every_knob_changes_the_images_as_python_does(page: Page, shown: Shown) -> None:
    go(page, shown)
    slider = f"{knob('c4')} input[type=range]"
    page.focus(slider)
    page.keyboard.press("ArrowRight")
    value = float(page.input_value(slider))
    resolve(page, f"c4={value:g}")
    same(pixels(page), expected(shown, {U: value}))
    assert np.abs(pixels(page).astype(int) - expected(shown, {})).max() > 8  # it was to be seen
    assert page.text_content(f"{knob('c4')} output") == f"{value:.2f}".replace("-", "−")

    page.click(f"{knob('c1')} label:nth-child(4)")
    resolve(page, f"c1=3&c4={value:g}")
    same(pixels(page), expected(shown, {CAT: 3, U: value}))
    page.keyboard.press("ArrowRight")  # a group of radio buttons
    resolve(page, f"c1=4&c4={value:g}")
    same(pixels(page), expected(shown, {CAT: 4, U: value}))

    was_on = page.is_checked(f"{knob('c2')} [role=switch]")
    page.focus(f"{knob('c2')} [role=switch]")
    page.keyboard.press("Space")
    resolve(page, f"c1=4&c2={0 if was_on else 1}&c4={value:g}")
    same(pixels(page), expected(shown, {CAT: 4, COIN: 0.0 if was_on else 1.0, U: value}))

    for code in ("c1", "c2", "c4"):  # each has a reset of its own
        assert page.is_enabled(f"{knob(code)} .reset")
        page.click(f"{knob(code)} .reset")
    resolve(page, "")
    same(pixels(page), expected(shown, {}))
    assert page.is_disabled("#reset")


def test_an_angle_wraps_around(page: Page, shown: Shown) -> None:
    go(page, shown, "#c3=5")
    slider = f"{knob('c3')} input[type=range]"
    page.focus(slider)
    for wanted in (0, 355, 0):
        page.keyboard.press(
            "ArrowRight" if wanted == 0 and page.input_value(slider) == "355" else "ArrowLeft"
        )
        resolve(page, f"c3={wanted}")
        same(pixels(page), expected(shown, {ANGLE: np.deg2rad(wanted)}))


def test_the_thumbnails_are_the_image_with_each_category(page: Page, shown: Shown) -> None:
    go(page, shown, "#image=3&c4=1")
    wanted = np.stack([expected(shown, {CAT: k, U: 1.0})[2] for k in range(5)])
    page.wait_for_function(
        "() => document.querySelector('.categories canvas').getContext('2d').getImageData(0, 0, 1, 1).data[3]"
    )
    same(pixels(page, f"{knob('c1')} canvas"), wanted)


def test_a_slider_shows_its_ends_and_what_is_between(page: Page, shown: Shown) -> None:
    """Below each slider is the selected image at five values; a click on one sets it."""
    go(page, shown, "#image=2&c1=3")
    for code, name, values in (
        (U, "c4", (-2, -1, 0, 1, 2)),
        (ANGLE, "c3", np.deg2rad([0, 90, 180, 270, 360])),
    ):
        wanted = np.stack([expected(shown, {CAT: 3, code: float(value)})[1] for value in values])
        page.wait_for_function(
            "(box) => document.querySelector(box).getContext('2d').getImageData(0, 0, 1, 1).data[3]",
            arg=f"{knob(name)} .scale canvas",
        )
        same(pixels(page, f"{knob(name)} .scale canvas"), wanted)
    page.click(f"{knob('c4')} .scale div:nth-child(2) canvas")
    resolve(page, "image=2&c1=3&c4=-1")


def test_categories_are_named_one_by_one(page: Page, shown: Shown) -> None:
    go(page, shown, "#c1=3&view=traversal")
    field = page.locator(f"{knob('c1')} .categories input.name").nth(3)
    assert field.get_attribute("placeholder") == "3"
    field.fill("round")
    field.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.column-label')[3].textContent === 'round'")
    assert shown.run.code_names() == {"c1=3": "round"}
    assert category_names(shown.run) == {"c1": {3: "round"}}
    page.reload()
    page.wait_for_function("() => document.querySelectorAll('.column-label')[3]?.textContent === 'round'")
    field.fill("")
    field.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.column-label')[3].textContent === '3'")
    assert shown.run.code_names() == {}


def test_real_images_are_shown_beside_a_category_and_labelled(page: Page, shown: Shown) -> None:
    """The table is that of what the page shows: names of categories in gray, classes of images in colour."""
    values, spreads = (part[:, CAT].numpy() for part in shown.model.encode(shown.run.images().pixels))
    k = int(np.bincount(values.astype(int)).argmax())
    members = np.flatnonzero(values == k)
    certain = members[np.argsort(spreads[members], kind="stable")][:20]
    go(page, shown, f"#c1={k}")
    real = page.locator(f"{knob('c1')} .real")
    assert page.locator(".real").count() == 1  # switches and numbers have none
    real.locator("summary").press("Enter")
    page.wait_for_selector(".images .name")
    first = ".images:first-child"
    np.testing.assert_array_equal(pixels(page, f"{first} canvas"), shown.run.images().x[certain, 0])
    assert f"Q sees this category in {len(members):,} of 1,437 training images" in (real.text_content() or "")

    category = page.locator(f"{knob('c1')} .categories .name").nth(k)
    category.fill("round")
    category.press("Enter")
    page.wait_for_selector(f"{first} .name[placeholder=round]")
    assert real.locator("summary").text_content() == f"Real images of c1 = {k} · round"
    page.locator(f"{first} canvas").nth(1).click()  # which leads to the field below it
    page.keyboard.type("eight")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{first} .given")
    assert page.locator(".given").input_value() == "eight"
    with page.expect_download() as download:
        page.click("text=Save labels of c1")
    assert download.value.suggested_filename == "labels.csv"
    rows = sorted((int(i), "eight" if n == 1 else "round") for n, i in enumerate(certain))
    expected_text = "index,label\n" + "".join(f"{i},{name}\n" for i, name in rows)
    assert Path(download.value.path()).read_text() == expected_text
    assert "the class of 20 images" in (page.text_content("#notice") or "")

    page.locator(".given").fill("")
    page.keyboard.press("Enter")
    category.fill("")
    category.press("Enter")
    page.wait_for_selector(f"{first} .name[placeholder='–']")
    assert shown.run.code_names() == {}
    page.click(f"{knob('c1')} .categories label:nth-child({(k + 1) % 5 + 1})")  # another category
    page.wait_for_function(
        "(k) => document.querySelector('.real summary').textContent.endsWith(`= ${k}`)", arg=(k + 1) % 5
    )
    page.set_viewport_size({"width": 380, "height": 760})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_the_map_leads_to_the_codes_of_an_image(page: Page, shown: Shown) -> None:
    go(page, shown)
    page.click("#map")
    page.wait_for_selector(".map:not([hidden])")
    page.focus(".map-plane canvas")
    page.keyboard.press("Enter")
    number = int((page.text_content(".map-chosen h3") or "").removeprefix("image "))
    page.click("text=Vary its codes")
    resolve(page, "image=custom")
    np.testing.assert_array_equal(pixels(page, "#custom-original")[0], shown.run.images().x[number, 0])
    values, _ = shown.model.encode(shown.run.images().x[number][None])
    assert page.is_checked(f"{knob('c1')} label:nth-child({int(values[0, CAT]) + 1}) input")
    page.reload()  # the address leads to it
    resolve(page, "image=custom")
    np.testing.assert_array_equal(pixels(page, "#custom-original")[0], shown.run.images().x[number, 0])
    page.click("#custom-close")
    resolve(page, "")
    assert "real" not in page.url


@pytest.mark.parametrize("ch", [2, 3, 5])
def test_images_of_any_channels_and_aspect_ratio(page: Page, shown: Shown, ch: int) -> None:
    go(page, shown)
    x = np.random.default_rng(0).integers(0, 256, (2, ch, 4, 7), np.uint8)
    drawn, saved = page.evaluate(
        """async ([x, ch]) => {
          const { draw, makeGridImage } = await import('./pixels.js');
          const images = Uint8Array.from(x);
          const canvas = document.createElement('canvas');
          draw(canvas, images, 1, [ch, 4, 7]);
          const whole = makeGridImage(images, 2, 1, [ch, 4, 7]);
          return [[...canvas.getContext('2d').getImageData(0, 0, 7, 4).data], [...whole.data]];
        }""",
        [x.ravel().tolist(), ch],
    )
    np.testing.assert_array_equal(
        np.reshape(drawn, (4, 7, 4))[..., :3], false_colour(x[1]).transpose(1, 2, 0)
    )
    wanted = make_grid(x[:, None]).repeat(8, axis=0).repeat(8, axis=1)
    np.testing.assert_array_equal(np.reshape(saved, (72, 56, 4))[..., :3], wanted)


def test_a_traversal_is_pythons_and_is_saved_as_one(page: Page, shown: Shown, tmp_path: Path) -> None:
    go(page, shown, "#view=traversal&x=c4&seed=2")
    moved = traverse(shown.model, U, rows=8, steps=10, seed=2)
    same(pixels(page), moved.images.reshape(-1, 8, 8))
    with page.expect_download() as download:
        page.click("#png")
    assert download.value.suggested_filename == "knobs.png"
    saved = np.asarray(Image.open(download.value.path()).convert("L"))
    save_grid(moved.images, tmp_path / "cli.png")
    same(saved, np.asarray(Image.open(tmp_path / "cli.png")))

    page.click("#cells button:nth-of-type(24)")  # the third row, the fourth value
    resolve(page, f"seed=2&image=3&view=traversal&x=c4&c4={float(-2 + 4 * 3 / 9)!r}")
    same(pixels(page), moved.images.reshape(-1, 8, 8))  # a traversal changes a set code, too
    assert page.get_attribute("#cells button:nth-of-type(24)", "aria-pressed") == "true"
    assert page.locator('#cells [aria-pressed="true"]').count() == 1


def test_a_plane_of_two_codes(page: Page, shown: Shown) -> None:
    go(page, shown)
    page.check("#views [value=plane]", force=True)
    page.select_option("#x", label="c4")
    page.select_option("#y", label="c1")
    resolve(page, "view=plane&x=c4&y=c1")
    z, values = sample_rows(shown.model, 8, 0)
    grid = values[:1].repeat(45, 1)
    grid[:, U] = torch.linspace(-2, 2, 9).repeat(5)
    grid[:, CAT] = torch.arange(5.0).repeat_interleave(9)
    same(pixels(page), shown.model.decode(grid, z[:1].repeat(45, 1))[:, 0])


def test_the_address_holds_the_state(page: Page, shown: Shown) -> None:
    go(page, shown)
    page.click("#cells button:nth-of-type(5)")
    resolve(page, "image=5")
    page.wait_for_url("**/#image=5")
    page.click(f"{knob('c1')} label:nth-child(2)")
    page.fill("#seed", "3")
    page.press("#seed", "Enter")
    page.wait_for_url("**/#seed=3&image=5&c1=1")
    before = pixels(page)
    page.go_back()
    resolve(page, "image=5")
    same(pixels(page), expected(shown, {}))
    page.go_forward()
    resolve(page, "seed=3&image=5&c1=1")
    go(page, shown, "#seed=3&image=5&c1=1")
    np.testing.assert_array_equal(pixels(page), before)
    same(before, expected(shown, {CAT: 1}, seed=3))


@pytest.mark.parametrize(
    ("given", "shows"),
    [
        ("#c1=77&c4=-9&seed=-5&image=99", "image=8&c1=4&c4=-2"),
        ("#c1=x&c4=NaN&c5=Infinity&seed=&view=moon&x=c9&y=<b>&what=ever&image=0", ""),
        ("#c3=-90&seed=1e99", "seed=999999&c3=270"),
        ("#%E0%A4%A&c4=1%zz&&==", ""),
        ("#image=custom&c2=0.4", "c2=0"),
    ],
)
def test_an_invalid_address_is_mended(page: Page, shown: Shown, given: str, shows: str) -> None:
    go(page, shown, given)
    resolve(page, shows)
    if "custom" in given:
        assert "drop it again" in (page.text_content("#notice") or "")


def png(x: np.ndarray) -> dict[str, Any]:
    file = io.BytesIO()
    Image.fromarray(x).save(file, "PNG")
    return {"name": "digit.png", "mimeType": "image/png", "buffer": file.getvalue()}


def test_a_custom_image_is_encoded_reconstructed_and_edited(page: Page, shown: Shown) -> None:
    go(page, shown)
    page.set_input_files("#file", png(DIGIT))
    resolve(page, "image=custom")
    np.testing.assert_array_equal(pixels(page, "#custom-original")[0], DIGIT)
    again = pixels(page, "#custom-reconstruction")
    np.testing.assert_array_equal(pixels(page, "#custom-edited"), again)
    values, spreads = shown.model.encode(DIGIT[None, None])
    assert page.is_checked(f"{knob('c1')} label:nth-child({int(values[0, CAT]) + 1}) input")
    for code, i in (("c4", U), ("c5", V)):
        head = page.text_content(f"{knob(code)} .head") or ""
        assert f"± {spreads[0, i]:.2f}{values[0, i]:.2f}".replace("-", "−") in head

    slider = f"{knob('c4')} input[type=range]"
    page.fill(slider, "1.5")
    resolve(page, "image=custom&c4=1.5")
    edited = pixels(page, "#custom-edited")
    assert np.abs(edited - again).max() > 8
    np.testing.assert_array_equal(pixels(page, "#custom-reconstruction"), again)
    page.check("#views [value=traversal]", force=True)
    page.select_option("#x", label="c4")
    resolve(page, "image=custom&view=traversal&x=c4&c4=1.5")
    assert page.locator("#cells button").count() == 9 * 10
    page.click("#custom-close")
    resolve(page, "view=traversal&x=c4&c4=1.5")
    assert page.is_hidden("#custom")


def test_an_image_can_be_dropped_and_pasted(page: Page, shown: Shown) -> None:
    go(page, shown)
    for event, field in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        page.evaluate(
            """([event, field, bytes]) => {
              const data = new DataTransfer();
              data.items.add(new File([Uint8Array.from(bytes)], 'a.png', { type: 'image/png' }));
              const Kind = event === 'drop' ? DragEvent : ClipboardEvent;
              window.dispatchEvent(new Kind(event, { [field]: data, cancelable: true }));
            }""",
            [event, field, list(png(DIGIT)["buffer"])],
        )
        page.wait_for_selector("#custom:visible")
        resolve(page, "image=custom")
        np.testing.assert_array_equal(pixels(page, "#custom-original")[0], DIGIT)
        page.click("#custom-close")
        resolve(page, "")


def test_an_unreadable_file_is_reported(page: Page, shown: Shown, quiet: list[str]) -> None:
    go(page, shown)
    quiet.append("400 (Bad Request)")  # which the browser itself logs
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>document.title = "x"</script></svg>'
    page.set_input_files("#file", {"name": "a.svg", "mimeType": "image/svg+xml", "buffer": svg})
    page.wait_for_function("() => document.getElementById('notice').textContent.includes('not a picture')")
    assert page.is_hidden("#custom")
    page.click("#notice")
    assert page.is_hidden("#notice")
    page.click("#cells button:nth-of-type(2)")
    resolve(page, "image=2")
    assert page.title() == "knobs · infogan"


def test_names_are_saved(page: Page, shown: Shown) -> None:
    go(page, shown)
    name = f"{knob('c4')} .name"
    page.fill(name, "<b>slant</b>")
    with page.expect_response("**/names"):
        page.press(name, "Enter")
    file = shown.run.path / "names.json"
    assert json.loads(file.read_text()) == {"c4": "<b>slant</b>"}
    page.reload()
    page.wait_for_selector("#cells[data-shown]")
    assert page.input_value(name) == "<b>slant</b>"
    assert page.text_content("#x option:nth-child(4)") == "c4 · <b>slant</b>"
    page.fill(name, "other")
    page.press(name, "Escape")
    assert page.input_value(name) == "<b>slant</b>"
    page.fill(name, "")
    with page.expect_response("**/names"):
        page.press(name, "Enter")
    assert json.loads(file.read_text()) == {}


def test_a_gif_plays_forth_and_back(page: Page, shown: Shown) -> None:
    go(page, shown, "#x=c4&c1=2")
    download = play(page)
    assert download.suggested_filename == "knobs-c4.gif"
    with Image.open(download.path()) as film:
        assert film.info["loop"] == 0
        assert film.n_frames == 40
        frames = []
        for i in range(film.n_frames):
            film.seek(i)
            frames.append(np.asarray(film.convert("L")))
    for i, value in ((0, -2.0), (20, 2.0), (30, 0.0), (39, -1.8)):
        images = expected(shown, {CAT: 2, U: value}).reshape(2, 4, 1, 8, 8)
        same(frames[i], make_grid(images)[..., 0].repeat(7, axis=0).repeat(7, axis=1))


def play(page: Page) -> Download:
    """Plays the chosen film, and saves it."""
    page.click("#play")
    page.wait_for_selector("#player[open]")
    assert page.evaluate("document.getElementById('film-image').decode().then(() => true)")
    with page.expect_download() as download:
        page.click("#gif")
    page.keyboard.press("Escape")
    page.wait_for_selector("#player", state="hidden")
    return download.value


def film_frames(download: Download) -> list[np.ndarray]:
    """The frames of a film of one image, without its enlargement."""
    with Image.open(download.path()) as film:
        frames = []
        for i in range(film.n_frames):
            film.seek(i)
            frames.append(np.asarray(film.convert("L")))
    scale = frames[0].shape[0] // 8
    return [frame[scale // 2 :: scale, scale // 2 :: scale] for frame in frames]


def test_films_go_from_image_to_image(page: Page, shown: Shown) -> None:
    """They stop at the images that the page shows, and turn one into the other in between."""
    go(page, shown, "#c1=2&image=3")
    images = expected(shown, {CAT: 2})
    page.select_option("#film", "5")
    download = play(page)
    assert download.suggested_filename == "knobs-to-image-6.gif"
    frames = film_frames(download)
    assert len(frames) == 48
    same(frames[0], images[2])
    same(frames[24], images[5])
    values, angle, n_of_walk, firsts = page.evaluate(
        """async () => {
          const { between, filmFrames } = await import('./film.js');
          const codes = ['number', 'angle', 'category'].map((kind) => ({ kind }));
          const [a, b] = [[0, 0.2, 3], [1, 6.2, 4]].map((values) => ({ values, z: [1, 0] }));
          b.z = [0, 1];
          const found = between(a, b, 0.25, { codes });
          const walk = filmFrames('walk', {}, [a, b, a], { codes });
          const firsts = [0, 12, 24, 35].map((i) => walk[i].bases[0].values[0]);
          return [found.values, Math.atan2(found.z[1], found.z[0]), walk.length, firsts];
        }"""
    )
    assert n_of_walk == 36
    assert firsts == pytest.approx([0, 1, 0, 0])
    assert values == pytest.approx([0.25, 0.2 + 0.25 * (6.0 - 2 * np.pi), 3])
    assert angle == pytest.approx(np.pi / 8)
    assert page.locator("#film option[value='2']").get_attribute("disabled") is not None  # itself


def test_a_film_goes_from_an_image_to_ones_own(page: Page, shown: Shown) -> None:
    go(page, shown)
    assert page.locator("#film option[value=custom]").get_attribute("disabled") is not None
    page.set_input_files("#file", png(DIGIT))
    resolve(page, "image=custom")
    page.click("#cells button:nth-of-type(3)")
    resolve(page, "image=3")
    page.select_option("#film", "custom")
    assert page.locator("#film option[value=custom]").text_content() == "image 3 to your image"
    download = play(page)
    assert download.suggested_filename == "knobs-to-your-image.gif"
    frames = film_frames(download)
    same(frames[0], expected(shown, {})[2])
    same(frames[24], pixels(page, "#custom-reconstruction")[0])


def test_a_random_walk_keeps_the_codes(page: Page, shown: Shown) -> None:
    """It passes the selected image's codes with noises of one seed, and ends where it began."""
    go(page, shown, "#c1=2&image=3")
    page.select_option("#film", "random-walk")
    with page.expect_request("**/sample?seed=*") as asked:
        download = play(page)
    assert download.suggested_filename == "knobs-random-walk.gif"
    frames = film_frames(download)
    assert len(frames) == 6 * 12
    same(frames[0], expected(shown, {CAT: 2})[2])
    _, values = sample_rows(shown.model, 8, 0)
    z, _ = sample_rows(shown.model, 8, int(asked.value.url.partition("=")[2]))
    values = values[2:3].repeat(8, 1)
    values[:, CAT] = 2
    same(np.stack(frames[12::12]), shown.model.decode(values, z)[:5, 0])


def test_a_gif_of_many_colours_is_close(page: Page, shown: Shown) -> None:
    """More colours than a palette holds, and more pixels than the table of LZW: noise over slow shades."""
    go(page, shown)
    rng = np.random.default_rng(0)
    shade = np.stack(np.meshgrid(np.linspace(0, 200, 160), np.linspace(0, 200, 120)), axis=-1)
    rgb = np.concatenate([shade, 100 + 0 * shade[..., :1]], axis=-1)
    rgb = (rgb + rng.integers(0, 30, rgb.shape)).astype(np.uint8)
    rgba = np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], axis=-1)
    made = page.evaluate(
        """async ([pixels, width, height]) => {
          const { toGif } = await import('./gif.js');
          const picture = new ImageData(Uint8ClampedArray.from(pixels), width, height);
          return [...new Uint8Array(await toGif([picture, picture], 8).arrayBuffer())];
        }""",
        [rgba.ravel().tolist(), 160, 120],
    )
    with Image.open(io.BytesIO(bytes(made))) as film:
        film.seek(1)
        error = np.abs(np.asarray(film.convert("RGB")).astype(int) - rgb)
    assert error.mean() < 8
    assert error.max() < 64


def test_all_controls_are_reached_by_keys(page: Page, shown: Shown) -> None:
    go(page, shown, "#c1=1&view=plane&x=c4&y=c5")
    wanted = page.evaluate(
        """() => { let n = 0;
          for (const e of document.querySelectorAll('button, input, select'))
            if (!e.disabled && e.tabIndex >= 0 && e.checkVisibility()
                && !(e.type === 'radio' && !e.checked)) e.dataset.wanted = n++;
          return n; }"""
    )
    reached = set()
    for _ in range(wanted + 8):
        page.keyboard.press("Tab")
        number, outlined = page.evaluate(
            """() => { const e = document.activeElement;
              const seen = [e, e.nextElementSibling, e.parentElement].filter(Boolean);
              const outlined = (s) => getComputedStyle(s).outlineStyle !== 'none';
              return [e.dataset.wanted ?? null, seen.some(outlined)]; }"""
        )
        reached.add(number)
        assert outlined or number is None
    assert reached - {None} == {str(n) for n in range(wanted)}
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select')].filter((e) =>
          !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)"""
    )
    assert unnamed == []

    page.focus('#cells button[tabindex="0"]')
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    resolve(page, "view=plane&x=c4&y=c5&c1=1&c4=-1.5&c5=-1.5")


def test_a_narrow_window_needs_no_sideways_scrolling(page: Page, shown: Shown) -> None:
    page.set_viewport_size({"width": 380, "height": 760})
    for view in ("samples", "traversal", "plane"):
        go(page, shown, f"#view={view}&x=c4&y=c1")
        page.set_input_files("#file", png(DIGIT))
        page.wait_for_selector("#custom:visible")
        assert page.evaluate("document.documentElement.scrollWidth") <= 380
        widths = page.eval_on_selector_all(".pictures, .codes", "(all) => all.map((e) => e.clientWidth)")
        assert min(widths) > 330
        wide = page.evaluate(
            """() => [...document.querySelectorAll('main *')].filter((e) => e.checkVisibility()
                 && e.getBoundingClientRect().right > 380.5).map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert wide == []


@pytest.mark.parametrize("view", ["samples", "traversal", "plane"])
def test_in_a_narrow_window_the_pictures_leave_the_controls_free(page: Page, shown: Shown, view: str) -> None:
    """Whichever control gets the focus: it can be seen, and so can the user's image."""
    page.set_viewport_size({"width": 400, "height": 800})
    go(page, shown, f"#view={view}&x=c4&y=c5")
    page.set_input_files("#file", png(DIGIT))
    page.wait_for_selector("#custom:visible")
    covered = page.evaluate(
        """() => [...document.querySelectorAll('.codes input:not([type=radio])')].reverse().filter((e) => {
             e.focus();
             const isSeen = (o) => {
               const box = o.getBoundingClientRect();
               return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === o;
             };
             return !(isSeen(e) && isSeen(document.getElementById('custom-edited')));
           }).map((e) => e.ariaLabel)"""
    )
    assert covered == []
    pictures = page.locator(".pictures").bounding_box()
    assert pictures is not None
    assert pictures["height"] < 440


def test_the_colour_scheme_of_the_system(page: Page, shown: Shown) -> None:
    lightness = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        go(page, shown)
        colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        lightness.append(sum(map(int, re.findall(r"\d+", colour))))
    assert lightness[0] > 600
    assert lightness[1] < 150


def test_the_latest_change_wins_with_few_requests(page: Page, shown: Shown) -> None:
    go(page, shown)
    asked = []

    def slow(route: Any) -> None:
        asked.append(1)
        page.wait_for_timeout(60)
        route.continue_()

    page.route("**/decode", slow)
    page.evaluate(
        """async (selector) => { const slider = document.querySelector(selector);
          for (let i = 1; i <= 40; i++) {
            slider.value = i / 20; slider.dispatchEvent(new Event('input'));
            await new Promise((go) => setTimeout(go, 4)); } }""",
        f"{knob('c4')} input[type=range]",
    )
    resolve(page, "c4=2")
    assert len(asked) < 15
    same(pixels(page), expected(shown, {U: 2.0}))
    page.unroute_all(behavior="wait")  # for the request that `slow` may still hold


def test_a_stopped_server_is_reported(page: Page, shown: Shown, quiet: list[str]) -> None:
    go(page, shown)
    quiet.append("ERR_FAILED")
    page.route("**/decode", lambda route: route.abort())
    page.click("#cells button:nth-of-type(2)")
    page.wait_for_function("() => document.getElementById('notice').textContent.includes('still running')")
    page.unroute("**/decode")
    page.click("#cells button:nth-of-type(3)")
    resolve(page, "image=3")


def test_a_busy_server_is_asked_again(page: Page, shown: Shown, quiet: list[str]) -> None:
    """The user sees only a lasting 503, with the server's message."""
    quiet.append("503")
    busy = {"left": 2, "asked": 0}

    def answer(route: Route) -> None:
        busy["asked"] += 1
        if busy["left"]:
            busy["left"] -= 1
            error = '{"error": "Too many ask."}'
            route.fulfill(status=503, headers={"Retry-After": "0.1"}, body=error)
        else:
            route.continue_()

    page.route("**/decode", answer)
    go(page, shown)
    same(pixels(page), expected(shown, {}))
    assert busy["asked"] >= 3
    assert page.is_hidden("#notice")
    page.wait_for_timeout(500)  # until the thumbnails are there
    busy.update(left=1000, asked=0)
    page.click("#shuffle")
    page.wait_for_selector("#notice:not([hidden])")
    assert page.text_content("#notice") == "Too many ask."
    assert 3 <= busy["asked"] <= 12  # by the view, and by the thumbnails


def test_the_bars_show_the_information(page: Page, shown: Shown) -> None:
    go(page, shown)
    bars = page.eval_on_selector_all(
        ".carried",
        "(bars) => bars.map((b) => [b.parentElement.textContent, b.style.getPropertyValue('--carried')])",
    )
    assert [text for text, _ in bars] == ["0.80 of 1.61 nats of information", "3.00 nats of information"]
    assert [float(part) for _, part in bars] == pytest.approx([0.8 / np.log(5), 1.0])
