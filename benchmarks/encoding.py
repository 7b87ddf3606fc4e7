"""Encoding by the million: images/s, memory for ten times as many images, and rows after a kill; one machine.

    python benchmarks/encoding.py

Synthetic 32x32 colour pictures, PNG in tar shards, read by an untrained network of the preset svhn; each row
is the command line in a process of its own, from its start to its end. `table` writes one file, as before
there were parts. The longest one is killed midway (SIGKILL) and gone on with. Writes records/encoding.json.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset
from PIL import Image
from record import record

from infogan.config.presets import get_preset
from infogan.data.shards.files import find_shards
from infogan.data.shards.index import write_index
from infogan.data.shards.writer import Sample, ShardLimit, write_shards
from infogan.method.model import make_model
from infogan.runs.checkpoints import write_checkpoint
from infogan.runs.run import Run
from infogan.scale.encoding.encode import state_of

SIZES = (100_000, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
MOST_GROWTH = 50.0  # MiB


def pictures(n: int) -> Iterator[Sample]:
    """Two colours that run into each other, other ones for each."""
    ramp = np.linspace(0, 1, 32)[:, None, None]
    rng = np.random.default_rng(0)
    for i in range(n):
        low, high = rng.integers(0, 256, (2, 3))
        x = np.broadcast_to(low + (high - low) * ramp, (32, 32, 3)).astype(np.uint8)
        file = BytesIO()
        Image.fromarray(x).save(file, "PNG", compress_level=1)
        yield Sample(i, "png", file.getvalue(), None)


def make_shards(folder: Path, n: int) -> Path:
    folder.mkdir()
    write_shards(pictures(n), folder, 0, ShardLimit(10_000, None))
    write_index([replace(shard, version="") for shard in find_shards(str(folder))], folder)
    return folder


def make_run(folder: Path) -> Path:
    config = get_preset("svhn").replace(device="cpu")
    run = Run.create(folder, config, n_images=1)
    write_checkpoint(run.checkpoints, 1, state_of(make_model(config)), {})
    return folder


def encode(run: Path, shards: Path, out: str, until: int | None = None) -> dict[str, float]:
    """Seconds of the command and what it held; killed once so many parts are there.

    Beside the peak, which is higher the longer one looks, the medians over a quarter of the time: the second
    one, as the first one starts, and the last one.
    """
    command = [sys.executable, "-m", "infogan", "--quiet", "encode", str(run), f"shards:{shards}", "-o", out]
    began = time.perf_counter()
    held: list[float] = []  # MiB, every tenth of a second
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        if found:
            held.append(int(found[1]) / 1024)
        if until is not None and len(list(Path(out).glob("part-*"))) >= until:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.1)
    assert process.returncode == (0 if until is None else -signal.SIGKILL)
    quarter = len(held) // 4
    return {
        "seconds": time.perf_counter() - began,
        "peak_MiB": max(held),
        "early_MiB": statistics.median(held[quarter : 2 * quarter]),
        "late_MiB": statistics.median(held[-quarter:]),
    }


def require_all(out: str, n: int) -> None:
    """Every image's row is there once."""
    column = pyarrow.dataset.dataset(out, format="parquet").to_table(columns=["image"])["image"].to_numpy()
    assert np.array_equal(np.sort(column), np.arange(n)), "a row is lost or repeated"


def main() -> None:
    few, many = SIZES
    found: dict[str, Any] = {"images": many}
    with tempfile.TemporaryDirectory() as place:
        run = make_run(Path(place) / "run")
        small, large = (make_shards(Path(place) / f"shards-{n}", n) for n in SIZES)
        for name, out in (("table", "codes.parquet"), ("parts", "few/")):
            found[name] = measured = encode(run, small, os.path.join(place, out))
            measured["images_per_s"] = few / measured["seconds"]
        out = os.path.join(place, "many/")
        killed = encode(run, large, out, until=many // 16_384 // 2)
        there = len(list(Path(out).glob("part-*")))
        rest = encode(run, large, out)
        require_all(out, many)
        found["many"] = {
            **{key: value for key, value in rest.items() if key.endswith("MiB")},
            "images_per_s": (many - there * 16_384) / rest["seconds"],
            "seconds": killed["seconds"] + rest["seconds"],
            "parts_before_the_kill": there,
            "MB_written": sum(p.stat().st_size for p in Path(out).iterdir()) / 1e6,
        }
    found["growth_MiB"] = max(killed["late_MiB"], rest["late_MiB"]) - found["parts"]["early_MiB"]
    assert found["growth_MiB"] < MOST_GROWTH, found
    record("encoding", found)


if __name__ == "__main__":
    main()
