"""The formats that strangers' files come in, and what the package does with a file of each."""

import gzip
import json
import os
import signal
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import final

import fuzz_mutations as m
import fuzz_seeds as seeds

from infogan.config import BYTES
from infogan.data import LoadOptions, load
from infogan.data.datasets.svhn import read_svhn
from infogan.data.formats.idx import read_idx
from infogan.evaluation.score import read_evaluation
from infogan.explore.saved_names import SavedNames
from infogan.explore.upload import read_upload
from infogan.runs.run import Run
from infogan.training.session import Session
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console

Within = Callable[[bytes, m.Inner, Random], bytes]
SHAPE = (1, 8, 8)


@final
@dataclass(frozen=True)
class Format:
    """A kind of file."""

    seeds: Callable[[], list[bytes]]  # valid ones, the same bytes each time
    handle: Callable[[Path, bytes], None]  # has the package open one, in a folder that is empty
    within: tuple[Within, ...] = ()  # what lies inside, changed by bytes
    text_within: tuple[Within, ...] = ()  # the same, by tokens
    is_text: bool = False


def make_input(name: str, seed: int, i: int) -> bytes:
    """Input i of a format: the i-th valid file first, then mutations; no two calls differ."""
    kind, valid = format_of(name), _valid(name)
    if i < len(valid):
        return valid[i]
    rng = Random(f"{name} {seed} {i}")
    data = rng.choice(valid)
    by_bytes, by_tokens = partial(m.mutate, others=valid), partial(m.mutate_text, others=valid)
    ways: list[Callable[[], bytes]] = [
        lambda: (m.mutate_text if kind.is_text else m.mutate)(data, rng, valid),
        *(lambda way=way: way(data, by_bytes, rng) for way in kind.within),
        *(lambda way=way: way(data, by_tokens, rng) for way in kind.text_within),
    ]
    if kind.is_text:
        ways.append(lambda: m.mutate(data, rng, valid))
    try:
        mutated = rng.choice(ways)()
    except (ValueError, KeyError, IndexError, OverflowError, UnicodeError):  # no such thing lies in this seed
        return m.mutate(data, rng, valid)
    return m.mutate(mutated, rng, valid) if rng.random() < 0.1 else mutated


@cache
def _valid(name: str) -> list[bytes]:
    return format_of(name).seeds()


def _own(suffix: str) -> Callable[[Path, bytes], None]:
    """By one of the ways that pictures come by."""

    def handle(folder: Path, content: bytes) -> None:
        file = folder / f"x{suffix}"
        file.write_bytes(content)
        options = [
            LoadOptions(),
            LoadOptions(shape=SHAPE),
            LoadOptions(shape=(3, 8, 8), square="pad", skip_bad=True),
        ]
        uploads = [(SHAPE, "crop"), ((3, 8, 8), "pad")] if suffix != ".zip" else []
        source = f"folder:{file}" if suffix not in (".npy", ".npz") else f"npz:{file}"
        _one_of(
            content,
            *(lambda r=r: load(source, load_options=r).x for r in options),
            *(lambda s=s, q=q: read_upload(content, s, q, BYTES) for s, q in uploads),
        )

    return handle


def _one_of(content: bytes, *ways: Callable[[], object]) -> None:
    """Goes one of the ways, always the same for the same content."""
    ways[zlib.crc32(content) % len(ways)]()


def _with_file(name: str, read: Callable[[Path], object]) -> Callable[[Path, bytes], None]:
    def handle(folder: Path, content: bytes) -> None:
        (folder / name).write_bytes(content)
        read(folder / name)

    return handle


def _run(folder: Path) -> Run:
    (folder / "config.json").write_text(seeds.CONFIG.to_json())
    (folder / "checkpoints").mkdir()
    return Run.open(folder)


def _handle_checkpoint(folder: Path, content: bytes) -> None:
    run, (trainer, images) = _run(folder), seeds.small_trainer()
    (run.checkpoints / "0000001.safetensors").write_bytes(content)
    _one_of(content, run.model, Session([run], trainer, images, console(), stop_collapsed=False).recover)


def _handle_weights(folder: Path, content: bytes) -> None:
    run = _run(folder)
    (folder / "model.safetensors").write_bytes(content)
    run.model()


def _read_names(file: Path) -> None:
    run = _run(file.parent)
    run.code_names()
    SavedNames(file, ()).read()


def _read_environment(file: Path) -> None:
    run = _run(file.parent)
    run.environment()
    (file.parent / "config.json").write_text("{}")  # so that the version that wrote the run is looked up
    Run.open(file.parent)


def _read_metrics(file: Path) -> None:
    run = _run(file.parent)
    run.metrics()
    run.truncate_metrics(3)


def _read_evaluation(file: Path) -> None:
    run = _run(file.parent)
    (run.checkpoints / "0000001.safetensors").touch()
    (file.parent / "resamples.json").write_text(json.dumps({"test": {"purity": [0.5]}}))
    read_evaluation(run)


FORMATS: dict[str, Format] = {
    "idx": Format(seeds.idx, _with_file("x", read_idx)),
    "idx.gz": Format(
        lambda: [gzip.compress(x, mtime=0) for x in seeds.idx()], _with_file("x.gz", read_idx), (m.in_gzip,)
    ),
    "npy": Format(seeds.npy, _own(".npy")),
    "npz": Format(seeds.npz, _own(".npz"), (m.in_zip,), (m.in_zip,)),
    "mat": Format(seeds.mat, _with_file("x.mat", read_svhn), (m.in_mat,)),
    "png": Format(lambda: seeds.pictures("PNG"), _own(".png"), (m.in_png,)),
    "jpeg": Format(seeds.jpeg, _own(".jpg")),
    "webp": Format(lambda: seeds.pictures("WEBP", lossless=True) + seeds.pictures("WEBP"), _own(".webp")),
    "gif": Format(lambda: seeds.pictures("GIF"), _own(".gif")),
    "tiff": Format(seeds.tiff, _own(".tif")),
    "bmp": Format(lambda: seeds.pictures("BMP"), _own(".bmp")),
    "ppm": Format(lambda: seeds.pictures("PPM"), _own(".ppm")),
    "avif": Format(lambda: seeds.pictures("AVIF"), _own(".avif")),
    "jp2": Format(lambda: seeds.pictures("JPEG2000"), _own(".jp2")),
    "zip": Format(seeds.zips, _own(".zip"), (m.in_zip,)),
    "checkpoint": Format(seeds.checkpoints, _handle_checkpoint, (seeds.odd_checkpoint,), (m.in_safetensors,)),
    "weights": Format(seeds.checkpoints, _handle_weights, (), (m.in_safetensors,)),
    "config": Format(
        seeds.json_of(*map(asdict, seeds.CONFIGS)),
        _with_file("config.json", lambda f: Run.open(f.parent)),
        (m.in_json,),
        is_text=True,
    ),
    "names": Format(
        seeds.json_of({"c1": "digit"}, {}), _with_file("names.json", _read_names), (m.in_json,), is_text=True
    ),
    "environment": Format(
        seeds.json_of(seeds.RUN_JSON), _with_file("run.json", _read_environment), (m.in_json,), is_text=True
    ),
    "metrics": Format(seeds.metrics, _with_file("metrics.jsonl", _read_metrics), is_text=True),
    "evaluation": Format(
        seeds.json_of({"test": {"purity": seeds.SCORE}}),
        _with_file("evaluation.json", _read_evaluation),
        (m.in_json,),
        is_text=True,
    ),
}


def _plant(folder: Path, content: bytes) -> None:
    """Does wrong at the second of three inputs, as the content says."""
    what = {
        b"exception": lambda: 1 // 0,
        b"death": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        b"hang": lambda: time.sleep(60),
        b"memory": lambda: bytearray(2**31),
        b"message": lambda: _raise(Unprintable("x")),
    }
    what.get(content, lambda: None)()


class Unprintable(InfoganError):
    def __str__(self) -> str:
        return "\x1b[2J"


def _raise(error: Exception) -> None:
    raise error


def format_of(name: str) -> Format:
    """One of the formats, or `planted WHAT`, by which the fuzzer itself is tried."""
    word, _, what = name.partition(" ")
    return Format(lambda: [b"", what.encode(), b""], _plant) if word == "planted" else FORMATS[name]
