"""Exports: ONNX against torch, a hub folder against its run, downloads, and errors."""

import json
import os
import shutil
import tarfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor, nn

import infogan.export.onnx as onnx_export
from infogan.config import Config
from infogan.data.cache import cache_folder
from infogan.estimator import InfoGAN
from infogan.export import onnxruntime_web
from infogan.export.hub import download_pretrained, save_pretrained
from infogan.export.new_folder import check_new_folder, new_folder
from infogan.export.onnx import export_onnx, make_graphs, to_onnx
from infogan.export.onnx_modules import Decoder
from infogan.method.codes import Circular
from infogan.method.inversion import Inversion, make_encoder
from infogan.method.model import Model, batch_norms, make_model
from infogan.method.networks import init_weights
from infogan.runs.checkpoints import write_checkpoint
from infogan.runs.inversion import load_inversion, save_inversion
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

ALL_CODES = "cat:3 unif:1 gauss:1 bern:2 circ:2 noise:4"


def make_varied(config: Config) -> Model:
    """A model whose images vary, and whose Q is certain, although it is untrained."""
    model = make_model(config)
    rng = make_rng(1, "varied")
    z, c = model.latent.sample_z(100, rng), model.latent.sample_c(100, rng)
    for net in (model.G, model.D):
        net.train()
        for norm in batch_norms(net):
            norm.momentum = 1.0
    with torch.no_grad():
        model.D(model.G(z, c))
        [*model.D.q_head.modules()][-1].weight.mul_(10)
    return Model(model.latent, model.G, model.D)


def with_inversion(model: Model) -> Inversion:
    E = make_encoder(model)
    if not model.D.encodes_z:  # which is E then, and not to be changed
        init_weights(E, make_rng(2, "E"))
    return Inversion(model, E)


def make_run(folder: Path, model: Model, config: Config, steps: int = 20) -> Run:
    """A run folder as training leaves it, with a single moment of Adam."""
    run = Run.create(folder, config, 1437)
    state = model.state_dict() | {"adam_g.0.exp_avg": torch.zeros(3)}
    write_checkpoint(run.checkpoints, steps, state, {})
    (run.path / "metrics.jsonl").write_text('{"step": 20.0, "L_I_c1": 1.25}\n')
    return run


RUN = Config.from_options(
    images="folder:/home/ann/photos", architecture="small", shape=(3, 12, 8), codes=ALL_CODES
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path / "run", make_varied(RUN), RUN)


def session(graph: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


CASES: dict[str, Config] = {
    "no noise": Config.from_options(images="digits", architecture="digits", codes="circ:1 cat:2 noise:0"),
    "all kinds of codes, colour, odd sides, normal z": Config.from_options(
        images="digits", architecture="small", shape=(3, 13, 21), codes=ALL_CODES, noise="normal"
    ),
    "vectors": Config.from_options(
        images="digits", architecture="vectors", shape=(1, 1, 13), codes="cat:3 unif:1 noise:4"
    ),
    "VAE": Config.from_options(
        images="digits", architecture="digits", codes="cat:3 unif:1 noise:4", method="vae"
    ),
    "one layer of Q": Config.from_options(
        images="digits", architecture="faces", codes="cat:3 unif:1 noise:4", fixed_std=1.0
    ),
}

BY_DAY = ("all kinds of codes, colour, odd sides, normal z", "vectors")


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(config, id=name, marks=() if name in BY_DAY else pytest.mark.night)
        for name, config in CASES.items()
    ],
)
def test_onnx_agrees_with_the_model(config: Config) -> None:
    """Against `decode` and `encode`, also for batch sizes that the export did not check."""
    model = make_varied(config)
    inversion = with_inversion(model)
    graphs = make_graphs(model, inversion, {})
    decoder, encoder = (session(graphs[f"{name}.onnx"]) for name in ("generator", "encoder"))
    scale = 1 if model.G.low is None else 255
    for n in (1, 2, 5, 64):
        rng = make_rng(n, "test")
        z, values = model.latent.sample_z(n, rng), model.sample_values(n, rng)
        x = model.decode(values, z)
        (images,) = decoder.run(None, {"z": z.numpy(), "values": values.numpy()})
        assert images.shape == x.shape
        assert np.abs(images * scale - x).max() < (1e-3 if scale == 1 else 0.5 + 255e-4)
        if scale == 255:
            assert images.min() >= 0
            assert images.max() <= 1
            assert images.std() > 0.01
        read = dict(
            zip(
                output_names(encoder),
                encoder.run(None, {"images": x.astype(np.float32) / np.float32(scale)}),
                strict=True,
            )
        )
        encoding = model.encode(x)
        c, c_read = (model.latent.embed(v) for v in (encoding.values, torch.from_numpy(read["values"])))
        for expected, found in zip([*c, encoding.spreads], [*c_read, read["spreads"]], strict=True):
            torch.testing.assert_close(torch.as_tensor(found), expected, atol=1e-4, rtol=1e-4)
        if model.latent.n_z:
            z_read = torch.from_numpy(read["z"])
            torch.testing.assert_close(z_read, inversion.estimate(x), atol=1e-4, rtol=1e-4)
    assert list(read) == ["values", "spreads", "z"][: 3 if model.latent.n_z else 2]


def output_names(graph: onnxruntime.InferenceSession) -> list[str]:
    return [output.name for output in graph.get_outputs()]


class Spread(nn.Module):
    def forward(self, q: Tensor) -> Tensor:
        return Circular(0.02).decode(q).spread


def test_the_spread_of_an_angle_at_any_concentration() -> None:
    """ONNX has no Bessel functions; the translations agree with torch's in single precision."""
    kappa = torch.cat([torch.linspace(0.001, 20, 4000), torch.logspace(1, 5, 1000)])
    q = torch.stack([kappa, torch.zeros_like(kappa)], dim=1)
    (found,) = session(to_onnx(Spread(), {"q": q[:2]}, ["spread"])).run(None, {"q": q.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), Spread()(q), atol=1e-4, rtol=1e-4)


def test_export_onnx(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = run.model()
    save_inversion(run, with_inversion(model))
    messages: list[str] = []
    paths = export_onnx(run, tmp_path / "out", messages.append)
    assert capfd.readouterr() == ("", "")  # torch.onnx is quiet
    assert [p.name for p in paths] == ["generator.onnx", "encoder.onnx", "model.json"]
    assert messages
    about = json.loads(paths[2].read_text())
    assert about["images"] == "folder:photos"
    assert about["shape"] == [3, 12, 8]
    assert about["noise"] == {"law": "uniform", "n_z": 4}
    assert about["reads_z"] is True
    kinds = ["category", "number", "number", "category", "category", "angle", "angle"]
    assert [code["kind"] for code in about["codes"]] == kinds
    assert [code["categories"] for code in about["codes"]] == [3, None, None, 2, 2, None, None]
    assert about["codes"][0]["H_c"] == pytest.approx(np.log(3))
    graph = session(paths[0].read_bytes())
    assert [(i.name, i.shape[1:]) for i in graph.get_inputs()] == [("z", [4]), ("values", [7])]
    assert all(isinstance(i.shape[0], str) for i in graph.get_inputs())  # n is dynamic
    with pytest.raises(InfoganError, match="out already exists and is not empty"):
        export_onnx(run, tmp_path / "out")

    def other(*args: object, **kwargs: object) -> bytes:
        """The graph from before its networks are changed."""
        net = args[0]
        if isinstance(net, Decoder):
            with torch.no_grad():
                next(net.G.parameters())[0] += 0.1
        return paths[0].read_bytes()

    monkeypatch.setattr(onnx_export, "to_onnx", other)
    with pytest.raises(InfoganError, match=r"generator\.onnx differs from torch by .*nothing was written"):
        export_onnx(run, tmp_path / "other")
    assert not list(tmp_path.glob("other*"))


def test_a_missing_package_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(InfoganError, match=r"onnxscript is not installed; pip install 'infogan\[export\]'"):
        export_onnx(run, tmp_path / "out")


def test_a_hub_folder_equals_its_run(run: Run, tmp_path: Path) -> None:
    model = run.model()
    save_inversion(run, with_inversion(model))
    (run.path / "names.json").write_text('{"c2": "sm|le"}')
    score = {"value": 0.5, "low": 0.25, "high": 0.75, "protocol": "some protocol"}
    scores = {"info_bound_c1": score, "association_c1_x": score}
    run.write_json("evaluation.json", {"generated": scores})
    run.write_json("resamples.json", {"generated": {name: [0.5] for name in scores}})
    save_pretrained(run, tmp_path / "hub")
    shared = Run.open(tmp_path / "hub")
    again = shared.model()
    rng = make_rng(0, "test")
    z, values = model.latent.sample_z(9, rng), model.sample_values(9, rng)
    x = model.decode(values, z)
    assert np.array_equal(again.decode(values, z), x)
    assert torch.equal(again.encode(x).spreads, model.encode(x).spreads)
    inversion = load_inversion(shared, again)
    assert inversion is not None
    weights = safetensors.torch.load_file(tmp_path / "hub" / "model.safetensors")
    assert {name.partition(".")[0] for name in weights} == {"G", "D"}
    assert shared.steps == run.steps == 20
    assert shared.code_names() == {"c2": "sm|le"}
    card = (tmp_path / "hub" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: infogan\n")
    assert "named sm\\|le" in card
    assert "L_I = 1.250" in card
    assert "| generated | info\\_bound\\_c1 | 0.5000 | 0.2500 to 0.7500 | some protocol |" in card
    assert "association" not in card
    for name in ("samples", *model.latent.names):
        assert f"(figures/{name}.png)" in card
        with Image.open(tmp_path / "hub" / "figures" / f"{name}.png") as picture:
            assert picture.mode == "RGB"
            assert min(picture.size) >= 36
    content = b"".join(p.read_bytes() for p in (tmp_path / "hub").rglob("*") if p.is_file())
    assert b"photos" in content
    assert b"/home/ann" not in content  # private
    save_pretrained(shared, tmp_path / "again")
    files = [
        {p.relative_to(top): p.read_bytes() for p in top.rglob("*") if p.is_file()}
        for top in (tmp_path / "hub", tmp_path / "again")
    ]
    assert files[0] == files[1]


def test_a_hub_folder_is_an_estimator(tmp_path: Path) -> None:
    """Even if no estimator trained it."""
    config = Config.from_options(
        images="folder:/home/ann/photos", architecture="small", shape=(3, 12, 16), codes="cat:3 unif:1"
    )
    model = make_varied(config)
    save_pretrained(make_run(tmp_path / "run", model, config), tmp_path / "hub")
    estimator = InfoGAN.from_pretrained(tmp_path / "hub")
    x = model.sample(6, make_rng(0, "test"))
    values = model.encode(x).values.numpy()
    X = x.transpose(0, 2, 3, 1)
    assert np.array_equal(estimator.transform(X), values)
    assert np.array_equal(estimator.predict(X), values[:, 0])
    assert estimator.sample(2).shape == (2, 12, 16, 3)


def test_averaged_weights_are_exported(tmp_path: Path) -> None:
    config = Config.from_options(images="digits", architecture="digits", ema_decay=0.9)
    model, average = make_varied(config), make_model(config)
    run = make_run(tmp_path / "run", model, config)
    state = run.state()
    state |= {f"G_ema.{k}": v for k, v in average.G.state_dict().items()}
    write_checkpoint(run.checkpoints, run.steps, state, {})
    save_pretrained(run, tmp_path / "hub")
    weights = safetensors.torch.load_file(tmp_path / "hub" / "model.safetensors")
    assert all(torch.equal(weights[f"G.{k}"], v) for k, v in average.G.state_dict().items())
    assert {name.partition(".")[0] for name in weights} == {"G", "D"}


def test_results_of_other_weights_are_not_exported(run: Run, tmp_path: Path) -> None:
    other = Config.from_options(
        images="digits", architecture="small", shape=(3, 12, 8), codes=ALL_CODES, seed=5
    )
    save_inversion(run, with_inversion(make_model(other)))
    run.write_json("evaluation.json", {"generated": {}})
    checkpoint = run.checkpoint()
    assert checkpoint is not None
    os.utime(run.path / "evaluation.json", (0, checkpoint.stat().st_mtime - 10))
    names = {p.name for p in save_pretrained(run, tmp_path / "hub")}
    assert not names & {"evaluation.json", "inversion.safetensors"}
    assert "Not measured" in (tmp_path / "hub" / "README.md").read_text()


def test_vectors_are_exported_without_figures(tmp_path: Path) -> None:
    config = Config.from_options(
        images="digits", architecture="vectors", shape=(1, 1, 13), codes="cat:3 noise:4"
    )
    paths = save_pretrained(make_run(tmp_path / "run", make_varied(config), config), tmp_path / "hub")
    assert not any(p.suffix == ".png" for p in paths)
    assert "rows of 13 numbers" in (tmp_path / "hub" / "README.md").read_text()
    assert "png" not in (tmp_path / "hub" / "README.md").read_text()


def fail(folder: Path) -> None:
    (folder / "partial").write_text("")
    raise ZeroDivisionError


def test_new_folders_are_complete_or_missing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "new") as part:
        fail(part)
    assert not list(tmp_path.iterdir())
    with new_folder(tmp_path / "a" / "b" / "new") as part:
        (part / "complete").write_text("")
    assert (tmp_path / "a" / "b" / "new" / "complete").is_file()
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as part:
        (part / "complete").write_text("")
    assert [p.name for p in tmp_path.rglob("*")] == ["empty", "complete"]
    with pytest.raises(InfoganError, match="not empty"):
        check_new_folder(tmp_path / "empty")
    with pytest.raises(InfoganError, match="already exists"):
        check_new_folder(tmp_path / "empty" / "complete")


def test_a_local_folder_is_not_downloaded(tmp_path: Path) -> None:
    assert download_pretrained(tmp_path) == tmp_path
    assert download_pretrained(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["nothing", "./no/thing", "/no/thing", "~/nothing", "a/b/c", "a/"])
def test_names_that_are_not_repositories_are_refused(name: str) -> None:
    with pytest.raises(InfoganError, match=r"there is no folder .* OWNER/NAME on the Hugging Face Hub"):
        download_pretrained(name)


def test_a_repository_is_found_offline(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the cache of huggingface_hub."""
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InfoganError, match="does not answer, and its local cache does not hold ann/digits"):
        download_pretrained("ann/digits")
    with pytest.raises(InfoganError, match=r"cannot provide ann/di--gits \(.*\)\.$"):
        download_pretrained("ann/di--gits")
    repository = tmp_path / "cache" / "models--ann--digits"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40)
    (repository / "snapshots").mkdir()
    save_pretrained(run, repository / "snapshots" / ("a" * 40))
    x = run.model().sample(2, make_rng(0, "x"))
    assert np.array_equal(Run.open(download_pretrained("ann/digits")).model().sample(2, make_rng(0, "x")), x)


@pytest.fixture
def small_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive like npm's, of three small files whose checksums are accepted."""
    contents = {name: name.encode() for name in onnxruntime_web.SHA256}
    monkeypatch.setattr(onnxruntime_web, "SHA256", {n: sha256(c).hexdigest() for n, c in contents.items()})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    dist = tmp_path / "package" / "dist"
    dist.mkdir(parents=True)
    for name, content in contents.items():
        (dist / name).write_bytes(content)
    with tarfile.open(tmp_path / "runtime.tgz", "w:gz") as packed:
        packed.add(tmp_path / "package", "package")
    return tmp_path / "runtime.tgz"


EXPECTED = {
    "ort.js": b"ort.wasm.min.mjs",
    "ort-wasm.js": b"ort-wasm-simd-threaded.mjs",
    "ort-wasm.wasm": b"ort-wasm-simd-threaded.wasm",
}


def fake_npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a fake npm on the path, and no other."""
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin" if script else str(folder))


def test_the_runtime_is_read_from_an_archive_or_a_folder(small_runtime: Path) -> None:
    for source in (small_runtime, *(small_runtime.parent / p for p in (".", "package", "package/dist"))):
        found = onnxruntime_web.find_runtime(source)
        assert "Microsoft" in found.pop("LICENSE.txt").decode()
        assert found == EXPECTED
    (small_runtime.parent / "package" / "dist" / "ort.wasm.min.mjs").write_bytes(b"other")
    for source in (small_runtime.parent, small_runtime.parent / "nowhere"):
        with pytest.raises(InfoganError, match="does not hold exactly the files"):
            onnxruntime_web.find_runtime(source)
    small_runtime.write_bytes(small_runtime.read_bytes()[:100])
    with pytest.raises(InfoganError, match=r"runtime\.tgz cannot be read"):
        onnxruntime_web.find_runtime(small_runtime)


def test_npm_downloads_the_runtime_once(
    small_runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(
        tmp_path / "good",
        f'[ "$1 $2" = "pack {onnxruntime_web.PACKAGE}" ] && cp {small_runtime} "$5"',
        monkeypatch,
    )
    messages: list[str] = []
    assert EXPECTED.items() <= onnxruntime_web.find_runtime(None, messages.append).items()
    assert messages
    fake_npm(tmp_path / "bad", "exit 1", monkeypatch)
    assert EXPECTED.items() <= onnxruntime_web.find_runtime().items()
    (cache_folder() / onnxruntime_web.PACKAGE / "ort.wasm.min.mjs").write_bytes(b"other")
    with pytest.raises(InfoganError, match="npm failed"):
        onnxruntime_web.find_runtime()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", r"npm failed \(npm error code ENOTFOUND\)"),
        ("exit 0", r"npm failed \(without an error message\)"),
        ('echo other > "$5/other.tgz"', "npm downloaded files with other checksums"),
    ],
)
def test_npm_that_fails(
    script: str, reason: str, small_runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(tmp_path / "npm", script, monkeypatch)
    with pytest.raises(
        InfoganError, match=reason + ".*install npm.*or download the archive elsewhere.*set runtime"
    ):
        onnxruntime_web.find_runtime()


def test_without_npm(small_runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfoganError, match="npm, which downloads it, is not installed; install npm"):
        onnxruntime_web.find_runtime()
    shutil.rmtree(cache_folder(), ignore_errors=True)
