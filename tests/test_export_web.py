"""The static site in a browser, against the same run in Python."""

import io
import json
import os
import struct
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from infogan.config import Config
from infogan.export import web
from infogan.export.onnxruntime_web import find_runtime
from infogan.export.web import N_SEEDS, export_web, latents
from infogan.figures.traversal import sample_rows, traverse
from infogan.method.inversion import Inversion, make_encoder
from infogan.method.networks import init_weights
from infogan.runs.inversion import load_inversion, save_inversion
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakeRun = Callable[..., Run]
CONFIG = Config.from_options(
    images="folder:/home/ann/photos", architecture="small", shape=(3, 24, 16), codes="cat:4 unif:2 noise:6"
)
ABORTED = "net::ERR_ABORTED"  # a test left the page while it was loading
CALL = """async ([call, ...args]) => {
  const { open } = await import("/backend-onnx.js");
  window.info ??= await (await fetch("/model.json")).json();
  window.backend ??= await open(window.info);
  const found = await window.backend[call](...args.map((a) => Array.isArray(a) ? Float32Array.from(a) : a));
  return JSON.parse(JSON.stringify(found, (_, v) => ArrayBuffer.isView(v) ? Array.from(v) : v));
}"""
ENCODE = """async ([bytes, type]) => {
  const { open } = await import("/backend-onnx.js");
  window.backend ??= await open(await (await fetch("/model.json")).json());
  try {
    const found = await window.backend.encode(new File([Uint8Array.from(bytes)], "picture", { type }));
    return Object.fromEntries(Object.entries(found).map(([k, v]) => [k, Array.from(v)]));
  } catch (error) {
    return error.message;
  }
}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, untrained_run: MakeRun) -> Run:
    made: Run = untrained_run(tmp_path_factory.mktemp("web") / "run", CONFIG, gain=6.0)
    model = made.model()
    E = make_encoder(model)
    init_weights(E, make_rng(0, "E"))
    save_inversion(made, Inversion(model, E))
    (made.path / "names.json").write_text('{"c2": "smile"}')
    return made


@pytest.fixture(scope="module")
def site(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = Path(os.environ["INFOGAN_RUNTIME"]) if "INFOGAN_RUNTIME" in os.environ else None
    folder = tmp_path_factory.mktemp("sites") / "site"
    try:
        find_runtime(source)
    except InfoganError as error:
        pytest.skip(str(error))
    export_web(run, folder, source)
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


@pytest.fixture
def opened(address: str, page: "Page") -> Iterator["Page"]:
    """The site's page; afterwards, checks that there were no errors, and no requests to other hosts."""
    errors: list[str] = []
    requests: list[str] = []
    page.set_default_timeout(30_000)
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda r: None if r.failure == ABORTED else errors.append(r.url))
    page.on("response", lambda r: errors.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    yield page
    assert not errors
    assert len(requests) > 5
    assert all(url.startswith((address, "data:", f"blob:{address}")) for url in requests)


def test_a_seed_shows_what_the_command_line_shows(opened: "Page", run: Run) -> None:
    model = run.model()
    for seed in (0, N_SEEDS - 1):
        sample = opened.evaluate(CALL, ["sample", seed])
        z, values = sample_rows(model, 8, seed)
        np.testing.assert_array_equal(np.array(sample["z"], np.float32).reshape(8, 6), z)
        np.testing.assert_array_equal(np.array(sample["values"], np.float32).reshape(8, 3), values)
    # 96 different images, more than the page decodes at once
    expected, latents_of_seeds = [], []
    for seed in (0, 1, N_SEEDS - 1):
        moved = traverse(model, 0, rows=8, seed=seed)
        z, values = (part.repeat_interleave(4, dim=0) for part in sample_rows(model, 8, seed))
        values[:, 0] = moved.values.repeat(8)
        expected.append(moved.images.astype(int).reshape(32, 3, 24, 16))
        latents_of_seeds.append((values, z))
    many = [torch.cat(parts).flatten().tolist() for parts in zip(*latents_of_seeds, strict=True)]
    images = np.array(opened.evaluate(CALL, ["decode", *many, 96])).reshape(96, 3, 24, 16)
    assert np.std(expected) > 20
    assert np.abs(images - np.concatenate(expected)).max() <= 2


def test_the_page_shows_images(opened: "Page") -> None:
    opened.wait_for_function(
        """() => [...document.querySelectorAll("canvas")].some((canvas) => {
            const { width, height } = canvas;
            if (!width || !height) return false;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return new Set(data).size > 20;
        })"""
    )
    assert "smile" in opened.content()


def test_a_random_walk_is_played(opened: "Page", run: Run) -> None:
    opened.wait_for_selector("#cells[data-shown]")
    opened.select_option("#film", "random-walk")
    opened.click("#play")
    opened.wait_for_selector("#player[open]")
    with opened.expect_download() as download:
        opened.click("#gif")
    model = run.model()
    z, values = sample_rows(model, 8, 0)
    with Image.open(download.value.path()) as film:
        assert film.n_frames == 6 * 12
        first = np.asarray(film.convert("RGB"))[::14, ::14].transpose(2, 0, 1).astype(int)
    assert np.abs(first - model.decode(values, z)[0]).mean() < 8  # the palette of a GIF has 256 colours


def test_an_image_is_encoded_as_in_python(opened: "Page", run: Run) -> None:
    """An image of the model's shape is not resized."""
    model = run.model()
    inversion = load_inversion(run, model)
    assert inversion is not None
    x = model.sample(1, make_rng(3, "own"))
    found = opened.evaluate(ENCODE, [list(png(x[0])), "image/png"])
    assert np.array_equal(np.array(found["image"]), x.ravel())
    encoding = model.encode(x)
    np.testing.assert_allclose(found["values"], encoding.values[0], atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(found["spreads"], encoding.spreads[0], atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(found["z"], inversion.estimate(x)[0], atol=1e-3)


def test_a_larger_image_is_cropped_in_the_centre(opened: "Page") -> None:
    wide: np.ndarray = np.zeros((3, 240, 400), np.uint8)
    wide[0, :, 120:280] = 255  # the crop, with the model's aspect ratio
    wide[1, 120:, 120:280] = 255
    found = opened.evaluate(ENCODE, [list(png(wide)), "image/png"])
    image = np.array(found["image"]).reshape(3, 24, 16)
    assert image[0].min() > 250
    assert image[1, 13:].min() > 250
    assert image[1, :11].max() < 5
    assert image[2].max() == 0


@pytest.mark.parametrize(
    ("content", "mime_type", "message"),
    [
        (b"no picture", "image/png", "This is not a picture"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
            "image/svg+xml",
            "This is not a picture",
        ),
        (b"", "", "This is not a picture"),
    ],
)
def test_a_file_that_is_no_image_is_refused(
    opened: "Page", content: bytes, mime_type: str, message: str
) -> None:
    assert opened.evaluate(ENCODE, [list(content), mime_type]).startswith(message)


def test_a_decompression_bomb_is_refused(opened: "Page") -> None:
    """A PNG of 12,000 x 12,000 pixels in few bytes."""
    file = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(file, "PNG")
    message = opened.evaluate(ENCODE, [list(file.getvalue()), "image/png"])
    assert "too many pixels" in message or "not a picture" in message


def test_the_browser_stores_names(opened: "Page", address: str) -> None:
    assert opened.evaluate(CALL, ["saveName", "c1", " digit "]) == {"c1": "digit", "c2": "smile"}
    opened.goto(address)
    opened.evaluate(CALL, ["inversionProgress"])
    assert opened.evaluate("window.info.names") == {"c1": "digit", "c2": "smile"}
    assert opened.evaluate(CALL, ["saveName", "c2", ""]) == {"c1": "digit"}


def png(x: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(x.transpose(1, 2, 0)).save(file, "PNG")
    return file.getvalue()


def test_the_files_of_a_site(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the page needs, and no private path."""
    monkeypatch.setattr(web, "find_runtime", lambda *_: {"ort.js": b"", "LICENSE.txt": b""})
    monkeypatch.setattr(web, "make_graphs", lambda *_: {"generator.onnx": b"", "encoder.onnx": b""})
    paths = {p.relative_to(tmp_path / "site").as_posix() for p in export_web(run, tmp_path / "site")}
    expected = {
        "index.html",
        "backend-onnx.js",
        "generator.onnx",
        "encoder.onnx",
        "model.json",
        "latents.bin",
    }
    assert expected | {"runtime/ort.js", "runtime/LICENSE.txt"} <= paths
    about = json.loads((tmp_path / "site" / "model.json").read_text())
    assert about["backend"] == "onnx"
    assert about["names"] == {"c2": "smile"}
    assert (about["shape"], about["n_z"], about["seeds"]) == ([3, 24, 16], 6, N_SEEDS)
    content = b"".join(p.read_bytes() for p in (tmp_path / "site").rglob("*") if p.is_file())
    assert b"/home/ann" not in content


def test_latents_are_stored_seed_by_seed(run: Run) -> None:
    model = run.model()
    content = latents(model).tobytes()
    assert len(content) == N_SEEDS * 8 * (6 + 3) * 4
    z, values = sample_rows(model, 8, 5)
    at = 5 * 8 * 9 * 4
    assert struct.unpack_from("<48f", content, at) == tuple(z.flatten().tolist())
    assert struct.unpack_from("<24f", content, at + 48 * 4) == tuple(values.flatten().tolist())


def test_vectors_have_no_page(tmp_path: Path, untrained_run: MakeRun) -> None:
    config = Config.from_options(
        images="digits", architecture="vectors", shape=(1, 1, 13), codes="cat:3 noise:4"
    )
    with pytest.raises(
        InfoganError, match="is of vectors, but the page shows images; export the networks as ONNX"
    ):
        export_web(untrained_run(tmp_path / "run", config), tmp_path / "site")
    assert not (tmp_path / "site").exists()
