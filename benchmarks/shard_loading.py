"""The share of its time that a training on shards waits for images: the preset celeba on CelebA.

    INFOGAN_DATA=data OMP_NUM_THREADS=2 python benchmarks/shard_loading.py [STEPS]

Also measures packing, indexing, and training on images in memory. Writes records/shard_loading.json.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from record import record, spread

from infogan.config.presets.celeba import celeba_paper
from infogan.data import Images, load, open_collection
from infogan.data.shards.files import find_shards
from infogan.data.shards.index import write_index
from infogan.data.shards.pack import pack
from infogan.data.shards.writer import ShardLimit
from infogan.method.model import make_model
from infogan.training.trainer import StepMetrics, Trainer

N_STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 40
N_WARM_UP, N_ROUNDS = 10, 3


def measure(images: Images) -> dict[str, float]:
    """Images per second, and the share of the time spent waiting for batches."""
    config = celeba_paper().replace(device="cpu")
    trainer = Trainer(config, make_model(config), images)
    wait_times: list[float] = []
    real = trainer.batches.real

    def timed(n: int) -> tuple[torch.Tensor, ...]:
        began = time.perf_counter()
        x = real(n)
        wait_times.append(time.perf_counter() - began)
        return x

    setattr(trainer.batches, "real", timed)  # noqa: B010, as mypy refuses to assign to a method
    steps: Iterator[StepMetrics] = trainer.fit()
    for _ in range(N_WARM_UP):
        next(steps)
    began = time.perf_counter()
    for _ in range(N_STEPS):
        next(steps)
    spent = time.perf_counter() - began
    trainer.batches.close()
    return {
        "images_per_s": config.optimisation.batch_size * N_STEPS / spent,
        "share_waiting": sum(wait_times[N_WARM_UP:]) / spent,
        "first_batch_s": wait_times[0],
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        shards = Path(scratch) / "shards"
        began = time.perf_counter()
        packed = pack(open_collection("celeba"), shards, ShardLimit.parse("5MB"), None, skip_bad=False)
        packing_s = time.perf_counter() - began
        found = find_shards(str(shards))
        began = time.perf_counter()
        write_index(found, Path(scratch) / "index")
        indexing_s = time.perf_counter() - began
        index_bytes = sum(path.stat().st_size for path in (Path(scratch) / "index").iterdir())
        shutil.rmtree(Path(scratch) / "index")
        sources = {"shards": f"shards:{shards}", "memory": "celeba"}
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in sources}
        for _ in range(N_ROUNDS):
            for name, source in sources.items():
                rounds[name].append(measure(load(source)))
    result: dict[str, Any] = {
        "config": celeba_paper().to_json(),
        "steps": N_STEPS,
        "images": packed.images,
        "tars": packed.shards,
        "bytes_per_image": packed.bytes / packed.images,
        "packed_images_per_s": packed.images / packing_s,
        "index_s_per_100000_images": 1e5 * indexing_s / packed.images,
        "index_bytes_per_image": index_bytes / packed.images,
    }
    for name, values in rounds.items():
        result[name] = {key: spread([value[key] for value in values]) for key in values[0]}
    record("shard_loading", result)


if __name__ == "__main__":
    main()
