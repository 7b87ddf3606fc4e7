"""The explorer's responses, its refusals, and that no request ends it."""

import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from commands import fail
from PIL import Image
from starlette.testclient import TestClient

from infogan.config import Config
from infogan.explore.explorer import Explorer
from infogan.explore.serve import listen, url_of
from infogan.explore.server import make_app
from infogan.figures.traversal import traverse
from infogan.method.codes import Uniform
from infogan.method.inversion import Inversion, learn_inversion, make_encoder
from infogan.method.objective import with_best_std
from infogan.runs.inversion import load_inversion, save_inversion
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

ROOT = Path(__file__).parent.parent
MakeRun = Callable[..., Run]
ALL_KINDS = Config.from_options(
    images="folder:/home/somebody/micrographs",
    architecture="small",
    shape=(3, 8, 12),
    codes="cat:5 bern:1 circ:1 unif:1 gauss:1 noise:6",
)
PLAIN = Config.from_options(
    images="digits", architecture="digits", codes="cat:10 unif:2 noise:8", fixed_std=1.0
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, untrained_run: MakeRun) -> Run:
    """A run with codes of all kinds, and with something that reads z, so that nothing is learned beside."""
    made: Run = untrained_run(tmp_path_factory.mktemp("explore") / "model", ALL_KINDS, gain=6.0)
    model = made.model()
    save_inversion(made, Inversion(model, make_encoder(model)))
    return made


@pytest.fixture(scope="module")
def explorer(run: Run) -> Iterator[Explorer]:
    made = Explorer(run)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(explorer: Explorer) -> TestClient:
    return TestClient(make_app(explorer), base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


def rows_of(*rows: list[float]) -> bytes:
    return np.array(rows, "<f4").tobytes()


def png(x: np.ndarray) -> bytes:
    return picture(Image.fromarray(x), "PNG")


def picture(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def test_a_seed_gives_the_rows_of_traverse(client: TestClient, explorer: Explorer) -> None:
    """Decoding /sample with one code changed gives the traversal of that seed, to the bit."""
    model = explorer.model
    n_z, L = model.latent.n_z, len(model.latent.codes)
    for seed in (0, 7):
        numbers = np.frombuffer(client.get(f"/sample?seed={seed}").content, "<f4")
        z, values = numbers[: 8 * n_z].reshape(8, n_z), numbers[8 * n_z :].reshape(8, L)
        expected = traverse(model, 3, rows=8, steps=5, seed=seed)
        moved = values.repeat(5, axis=0)
        moved[:, 3] = np.tile(expected.values.numpy(), 8)
        body = np.concatenate([moved, z.repeat(5, axis=0)], axis=1).astype("<f4").tobytes()
        images = np.frombuffer(client.post("/decode", content=body).content, np.uint8)
        np.testing.assert_array_equal(images.reshape(expected.images.shape), expected.images)
        assert len(np.unique(images)) > 10  # there is something to compare


def test_model_json(client: TestClient, run: Run) -> None:
    info = client.get("/model.json").json()
    assert info["backend"] == "server"
    assert info["shape"] == [3, 8, 12]
    assert [code["kind"] for code in info["codes"]] == ["category", "switch", "angle", "number", "number"]
    assert [code["categories"] for code in info["codes"]] == [5, 2, None, None, None]
    assert info["codes"][0]["H"] == pytest.approx(math.log(5))
    assert info["about"] == "1 step of training on folder:micrographs"  # without the path
    assert all(code["carried"] is None for code in info["codes"])  # nothing was measured


def test_the_best_std_of_a_fixed_one() -> None:
    """L_I with std 1 and with the best std, both by the definition from c and Q's mean."""
    rng = torch.Generator().manual_seed(0)
    c = Uniform().sample_value(4000, rng).double()
    mean = c + 0.2 * torch.randn(4000, generator=rng, dtype=torch.float64)

    def bound(std: float) -> float:
        return math.log(2) + float(torch.distributions.Normal(mean, std).log_prob(c).mean())

    best = float((c - mean).square().mean().sqrt())
    found, std = with_best_std(bound(1.0), math.log(2), 1.0)
    assert std == pytest.approx(best)
    assert found == pytest.approx(bound(best))
    assert found > max(bound(0.8 * best), bound(1.25 * best), bound(1.0))


def test_the_last_line_of_metrics_fills_the_bars(tmp_path: Path, untrained_run: MakeRun) -> None:
    run = untrained_run(tmp_path / "run", PLAIN)
    lines = [
        {"step": n, "L_I_c1": L_I, "L_I_c2": -0.24, "L_I_c3": math.nan} for n, L_I in ((1.0, 0.1), (2.0, 1.5))
    ]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    explorer = Explorer(run)
    c1, c2, c3 = explorer.info()["codes"]
    explorer.close()
    assert c1["carried"] == pytest.approx(1.5 / math.log(10))
    assert c1["std"] is None
    assert 0.5 < c2["carried"] <= 1  # though with std 1 the bound is below 0
    assert 0.1 < c2["std"] < 0.3
    assert c3["carried"] is None


GOOD = [1.0, 0.0, 1.0, 0.5, -0.5, *[0.1] * 6]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "rows of 11 numbers"),
        (rows_of(GOOD)[:-4], "rows of 11 numbers"),
        (rows_of(GOOD) + b"x", "rows of 11 numbers"),
        (rows_of(*[GOOD] * 257), "at most 256"),
        (rows_of([*GOOD[:3], math.nan, *GOOD[4:]]), "numbers in"),
        (rows_of([*GOOD[:-1], math.inf]), "numbers in"),
        (rows_of([*GOOD[:-1], 1e30]), "numbers in"),
        (rows_of([5, *GOOD[1:]]), "c1 is a category, 0 .. 4"),
        (rows_of([-1, *GOOD[1:]]), "c1 is a category"),
        (rows_of([0.5, *GOOD[1:]]), "c1 is a category"),
        (rows_of([0, 2, *GOOD[2:]]), "c2 is a category, 0 .. 1"),
    ],
)
def test_invalid_rows_are_refused(client: TestClient, body: bytes, says: str) -> None:
    answer = client.post("/decode", content=body)
    assert 400 <= answer.status_code < 500
    assert says in answer.json()["error"]
    assert client.post("/decode", content=rows_of(GOOD)).status_code == 200  # the server still works


@pytest.mark.parametrize("seed", ["-1", "1000000", "1.5", "x", "²", "9" * 30])
def test_an_invalid_seed_is_refused(client: TestClient, seed: str) -> None:
    answer = client.get("/sample", params={"seed": seed})
    assert answer.status_code == 400
    assert "seed" in answer.json()["error"]


def test_an_upload_is_encoded_and_reconstructed(client: TestClient, explorer: Explorer) -> None:
    """A generated image: Q's codes to the last digit, and a z that is better than random ones."""
    model = explorer.model
    x = model.sample(1, torch.Generator().manual_seed(3))
    found = client.post("/encode", content=png(x[0].transpose(1, 2, 0))).json()
    np.testing.assert_array_equal(np.array(found["image"], np.uint8).reshape(x.shape), x)
    encoding = model.encode(x)
    torch.testing.assert_close(torch.tensor(found["values"]), encoding.values[0])
    torch.testing.assert_close(torch.tensor(found["spreads"]), encoding.spreads[0])

    def error(z: torch.Tensor) -> float:
        return float(np.square(model.decode(encoding.values, z).astype(float) - x).mean())

    by_chance = [error(model.latent.sample_z(1, torch.Generator().manual_seed(s))) for s in range(20)]
    assert error(torch.tensor([found["z"]])) < min(by_chance)


def test_pictures_are_rotated_and_resized(client: TestClient) -> None:
    """A picture taken with the camera on its side: once upright, its left half is black."""
    upright = np.zeros((80, 120, 3), np.uint8)
    upright[:, 60:] = 255
    on_its_side = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))  # 90 degrees to the left
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it to the right to see it
    for file in (picture(on_its_side, "JPEG", exif=exif), picture(Image.fromarray(upright), "WEBP")):
        image = np.array(client.post("/encode", content=file).json()["image"]).reshape(3, 8, 12)
        assert image[:, :, :5].max() < 40
        assert image[:, :, 7:].min() > 215


def bomb() -> bytes:
    """50,000 x 50,000 pixels by its header, a few bytes by its size."""
    small = bytearray(png(np.zeros((1, 1), np.uint8)))
    small[16:24] = (50_000).to_bytes(4, "big") * 2
    import zlib

    small[29:33] = zlib.crc32(small[12:29]).to_bytes(4, "big")
    return bytes(small)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><rect width="9" height="9"/></svg>'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a picture"),
        (b"hello", "not a picture"),
        (SVG, "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (bomb(), "more than 40,000,000 pixels"),
        (png(np.zeros((6400, 6400), np.uint8)), "more than 40,000,000 pixels"),
        (png(np.random.default_rng(0).integers(0, 256, (99, 99), np.uint8))[:3000], "cannot be read"),
        (picture(Image.fromarray(np.full((9, 9), 300, np.float32)), "TIFF"), "float32 from 300"),
    ],
)
def test_an_unreadable_upload_is_refused(client: TestClient, content: bytes, says: str) -> None:
    answer = client.post("/encode", content=content)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert client.get("/model.json").status_code == 200


def test_a_large_upload_is_refused_before_it_is_read(client: TestClient) -> None:
    response = client.post("/encode", content=b"x", headers={"Content-Length": "20000001"})
    assert response.status_code == 413
    assert "20 MB" in response.json()["error"]
    large = client.post("/encode", content=bytes(20_000_001))
    assert large.status_code == 413


def test_names_are_saved_or_left_as_they_were(client: TestClient, run: Run) -> None:
    file = run.path / "names.json"
    named = client.put("/names", json={"code": "c1", "name": "  smile \u00e9 "})
    assert named.json() == {"c1": "smile é"} == json.loads(file.read_text())
    assert client.put("/names", json={"code": "c4", "name": "x" * 60}).status_code == 200
    before = file.read_bytes()
    for invalid, says in [
        ({"code": "c4", "name": "x" * 61}, "at most 60"),
        ({"code": "c9", "name": "x"}, "no code, category or image 'c9'"),
        ({"code": "c1=9", "name": "x"}, "no code, category or image 'c1=9'"),
        ({"code": "c4", "name": "a\u202eb"}, "invisible"),
        ({"code": "c4", "name": 3}, "names takes"),
        (["c4"], "names takes"),
    ]:
        answer = client.put("/names", json=invalid)
        assert answer.status_code == 400
        assert says in answer.json()["error"]
    assert client.put("/names", content=b"\xff{").status_code == 400
    assert client.put("/names", content=b"x" * 3000).status_code == 413
    assert file.read_bytes() == before
    assert client.get("/model.json").json()["names"] == {"c1": "smile é", "c4": "x" * 60}
    assert client.put("/names", json={"code": "c4", "name": " "}).json() == {"c1": "smile é"}
    client.put("/names", json={"code": "c1", "name": ""})
    assert json.loads(file.read_text()) == {}


def test_a_full_disk_is_reported(
    tmp_path: Path, untrained_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained_run(tmp_path / "run", PLAIN)
    explorer = Explorer(run)

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("infogan.explore.saved_names.write_atomic", full)
    client = TestClient(make_app(explorer), base_url="http://localhost")
    answer = client.put("/names", json={"code": "c1", "name": "digit"})
    explorer.close()
    assert answer.status_code == 400
    assert "No space left" in answer.json()["error"]
    assert client.get("/model.json").json()["names"] == {}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:8000", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_other_host_names_are_refused(client: TestClient, host: str, status: int) -> None:
    assert client.get("/model.json", headers={"Host": host}).status_code == status


def test_other_origins_are_refused(client: TestClient, explorer: Explorer) -> None:
    name = {"code": "c1", "name": "x"}
    for origin, status in [
        ("http://127.0.0.1:8000", 200),
        ("http://127.0.0.1:9000", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
    ]:
        assert client.put("/names", json=name, headers={"Origin": origin}).status_code == status
        assert client.post("/decode", content=rows_of(GOOD), headers={"Origin": origin}).status_code == status
    client.put("/names", json={"code": "c1", "name": ""})


def test_the_content_security_policy(client: TestClient) -> None:
    for path in ("/", "/page.js", "/model.json"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    page = client.get("/").text
    assert "https://" not in page.replace('xmlns="http', "")
    assert not re.search(r"<script(?! type=\"module\" src=)", page)
    assert not re.search(r"\son\w+=|\sstyle=", page)


def test_unknown_routes_and_methods_get_a_sentence(client: TestClient) -> None:
    assert client.get("/nowhere").json()["error"] == "There is nothing at /nowhere."
    for path in ("/../names.json", "/%2e%2e/server.py", "/..%2fserver.py"):
        assert client.get(path).status_code == 404
    assert client.get("/decode").json()["error"] == "/decode does not accept GET."
    assert client.get("/decode/", follow_redirects=False).status_code == 404
    answer = client.put("/page.js", content=b"")
    assert answer.status_code == 405
    assert answer.json()["error"] == "/page.js does not accept PUT."


def test_an_internal_error_is_reported(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Explorer, "sample", broken)
        answer = client.get("/sample?seed=0")
    assert answer.status_code == 500
    assert "failed" in answer.json()["error"]
    assert client.get("/sample?seed=0").status_code == 200


def test_the_encoder_of_z_is_trained_between_requests_and_saved(
    tmp_path: Path, untrained_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained_run(tmp_path / "run", PLAIN, gain=3.0)
    monkeypatch.setattr(
        "infogan.explore.explorer.learn_inversion", lambda model: learn_inversion(model, steps=5)
    )
    explorer = Explorer(run)
    client = TestClient(make_app(explorer), base_url="http://localhost")
    try:
        time.sleep(0.2)
        assert client.get("/inversion-progress").json() == {"progress": 0.0}  # waits for the first image
        upload = png(explorer.model.sample(1, torch.Generator().manual_seed(0))[0, 0])
        assert len(client.post("/encode", content=upload).json()["z"]) == 8  # before any training
        end = time.monotonic() + 60
        while (
            client.get("/inversion-progress").json()["progress"] < 1
            or not (run.path / "inversion.safetensors").is_file()
        ):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert load_inversion(run, run.model()) is not None
    finally:
        explorer.close()
    again = Explorer(run)
    again.close()
    assert again.inversion_progress == 1.0


def test_closing_during_the_training_leaves_no_thread(tmp_path: Path, untrained_run: MakeRun) -> None:
    before = threading.active_count()
    explorer = Explorer(untrained_run(tmp_path / "run", PLAIN))
    explorer.submit(explorer.decode, rows_of([0.0] * 11)).result()
    while explorer.inversion_progress == 0:
        time.sleep(0.02)
    explorer.close()
    assert threading.active_count() == before
    assert not (tmp_path / "run" / "inversion.safetensors").exists()


def test_vectors_are_refused(tmp_path: Path, untrained_run: MakeRun) -> None:
    config = Config.from_options(
        images="npz:x.npz", architecture="vectors", shape=(1, 1, 9), codes="cat:3 noise:4"
    )
    with pytest.raises(InfoganError, match=r"vectors.*infogan encode"):
        Explorer(untrained_run(tmp_path / "run", config))


@pytest.mark.parametrize("text", ["[1]", '{"c1": 3}', "{", '{"c1"'])
def test_damaged_names_are_reported_at_the_start(tmp_path: Path, untrained_run: MakeRun, text: str) -> None:
    run = untrained_run(tmp_path / "run", PLAIN)
    (run.path / "names.json").write_text(text)
    with pytest.raises(InfoganError, match=r"names\.json.*delete it"):
        Explorer(run)


def test_a_port_in_use_is_reported() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        assert url_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(InfoganError, match=f"port {port} is in use.*choose another port"):
            listen("127.0.0.1", port)
    for host, port in (("127.0.0.1", 65536), ("127.0.0.1", -1), ("203.0.113.7", 0), ("no such host", 0)):
        with pytest.raises(InfoganError, match=r"^(port|host) "):
            listen(host, port)


def explore(*args: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "infogan", "explore", *map(str, args)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
        },
    )


def test_the_command_prints_its_address_and_stops_on_ctrl_c(run: Run) -> None:
    process = explore(run.path, "--port", "0", "--no-browser")
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"model .*http://127\.0\.0\.1:(\d+)", line)
        assert found, line
        port = int(found[1])
        refused = fail("explore", run.path, "--port", str(port), "--no-browser", cwd=run.path)
        assert refused.startswith(f"infogan: port {port} is in use, perhaps by another")
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200  # from here on it hears signals
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)
    finally:
        timer.cancel()
        process.kill()
    assert process.returncode == 0
    assert rest == ("", "")
