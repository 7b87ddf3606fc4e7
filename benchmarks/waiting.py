"""What a training on shards waits for images: the share of its time, of the preset celeba on CelebA's own.

    INFOGAN_DATA=data OMP_NUM_THREADS=2 python benchmarks/waiting.py

Beside it what the same costs elsewhere: packing, the index, and updates on images that lie in memory. Writes
records/waiting.json.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from record import record, spread

from infogan.config.presets.celeba import celeba
from infogan.data import Images, load, open_collection
from infogan.data.shards.files import find_shards
from infogan.data.shards.index import write_index
from infogan.data.shards.pack import pack
from infogan.data.shards.writer import ShardLimit
from infogan.method.model import make_model
from infogan.training.trainer import StepMetrics, Trainer

STEPS, BURN_IN, ROUNDS = 40, 10, 3


def measure(images: Images) -> dict[str, float]:
    """Seconds of an update, and the share of them that its batch took."""
    config = celeba().replace(device="cpu")
    trainer = Trainer(config, make_model(config), images)
    waited: list[float] = []
    real = trainer.batches.real

    def timed(n: int) -> tuple[torch.Tensor, ...]:
        began = time.perf_counter()
        x = real(n)
        waited.append(time.perf_counter() - began)
        return x

    setattr(trainer.batches, "real", timed)  # noqa: B010, as types know no method of an instance
    steps: Iterator[StepMetrics] = trainer.fit()
    for _ in range(BURN_IN):
        next(steps)
    began = time.perf_counter()
    for _ in range(STEPS):
        next(steps)
    spent = time.perf_counter() - began
    trainer.batches.close()
    return {
        "images_per_s": config.optimisation.batch_size * STEPS / spent,
        "share_waiting": sum(waited[BURN_IN:]) / spent,
        "first_batch_s": waited[0],
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        shards = Path(scratch) / "shards"
        began = time.perf_counter()
        packed = pack(open_collection("celeba"), shards, ShardLimit.parse("5MB"), None, skip_bad=False)
        packing = time.perf_counter() - began
        found = find_shards(str(shards))
        began = time.perf_counter()
        write_index(found, Path(scratch) / "index")
        indexing = time.perf_counter() - began
        index_bytes = sum(path.stat().st_size for path in (Path(scratch) / "index").iterdir())
        shutil.rmtree(Path(scratch) / "index")
        sources = {"shards": f"shards:{shards}", "memory": "celeba"}
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in sources}
        for _ in range(ROUNDS):
            for name, source in sources.items():
                rounds[name].append(measure(load(source)))
    result: dict[str, Any] = {
        "config": celeba().to_json(),
        "steps": STEPS,
        "images": packed.images,
        "tars": packed.shards,
        "bytes_an_image": packed.bytes / packed.images,
        "packed_per_s": packed.images / packing,
        "index_s_per_100000": 1e5 * indexing / packed.images,
        "index_bytes_an_image": index_bytes / packed.images,
    }
    for name, values in rounds.items():
        result[name] = {key: spread([value[key] for value in values]) for key in values[0]}
    record("waiting", result)


if __name__ == "__main__":
    main()
