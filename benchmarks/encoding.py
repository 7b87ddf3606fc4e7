"""Encoding of many images: images/s, memory with ten times as many images, and completeness after a kill.

    python benchmarks/encoding.py [IMAGES]

Synthetic 32x32 colour PNG in tar shards, encoded by an untrained network of the preset svhn. Each
measurement is a whole run of the command line; the longest is killed midway (SIGKILL) and started again.
`table` writes one file, `parts` a folder. Writes records/encoding.json.
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

N_IMAGES = (100_000, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
MAX_GROWTH = 50.0  # MiB
IMAGES_PER_PART = 16_384


def make_samples(n: int) -> Iterator[Sample]:
    """Gradients between two random colours."""
    ramp = np.linspace(0, 1, 32)[:, None, None]
    rng = np.random.default_rng(0)
    for i in range(n):
        low, high = rng.integers(0, 256, (2, 3))
        x = np.broadcast_to(low + (high - low) * ramp, (32, 32, 3)).astype(np.uint8)
        file = BytesIO()
        Image.fromarray(x).save(file, "PNG", compress_level=1)
        yield Sample(i, "png", file.getvalue(), None, None)


def make_shards(folder: Path, n: int) -> Path:
    folder.mkdir()
    write_shards(make_samples(n), folder, 0, ShardLimit(10_000, None))
    write_index([replace(shard, version="") for shard in find_shards(str(folder))], folder)
    return folder


def make_run(folder: Path) -> Path:
    config = get_preset("svhn-paper").replace(device="cpu")
    run = Run.create(folder, config, n_images=1)
    write_checkpoint(run.checkpoints, 1, state_of(make_model(config)), {})
    return folder


def encode(run: Path, shards: Path, out: str, until: int | None = None) -> dict[str, float]:
    """Seconds and memory of the command; kills it once there are `until` parts.

    The peak of memory grows with the number of samples of it. So the medians over the second and the last
    quarter of the time are returned too.
    """
    command = [sys.executable, "-m", "infogan", "--quiet", "encode", str(run), f"shards:{shards}", "-o", out]
    began = time.perf_counter()
    memory: list[float] = []  # MiB, every tenth of a second
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text("utf-8"))
        if found:
            memory.append(int(found[1]) / 1024)
        if until is not None and len(list(Path(out).glob("part-*"))) >= until:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.1)
    assert process.returncode == (0 if until is None else -signal.SIGKILL)
    quarter = len(memory) // 4
    return {
        "seconds": time.perf_counter() - began,
        "peak_MiB": max(memory),
        "early_MiB": statistics.median(memory[quarter : 2 * quarter]),
        "late_MiB": statistics.median(memory[-quarter:]),
    }


def check_rows(out: str, n: int) -> None:
    """Checks that each image has exactly one row."""
    column = pyarrow.dataset.dataset(out, format="parquet").to_table(columns=["image"])["image"].to_numpy()
    assert np.array_equal(np.sort(column), np.arange(n)), "a row is lost or repeated"


def main() -> None:
    few, many = N_IMAGES
    found: dict[str, Any] = {"images": many}
    with tempfile.TemporaryDirectory() as place:
        run = make_run(Path(place) / "run")
        small, large = (make_shards(Path(place) / f"shards-{n}", n) for n in N_IMAGES)
        for name, out in (("table", "codes.parquet"), ("parts", "few/")):
            found[name] = measured = encode(run, small, os.path.join(place, out))
            measured["images_per_s"] = few / measured["seconds"]
        out = os.path.join(place, "many/")
        killed = encode(run, large, out, until=many // IMAGES_PER_PART // 2)
        n_before = len(list(Path(out).glob("part-*")))
        rest = encode(run, large, out)
        check_rows(out, many)
        found["many"] = {
            **{key: value for key, value in rest.items() if key.endswith("MiB")},
            "images_per_s": (many - n_before * IMAGES_PER_PART) / rest["seconds"],
            "seconds": killed["seconds"] + rest["seconds"],
            "parts_before_the_kill": n_before,
            "MB_written": sum(p.stat().st_size for p in Path(out).iterdir()) / 1e6,
        }
    found["growth_MiB"] = max(killed["late_MiB"], rest["late_MiB"]) - found["parts"]["early_MiB"]
    assert found["growth_MiB"] < MAX_GROWTH, found
    record("encoding", found)


if __name__ == "__main__":
    main()
