"""What several processes bring: images/s by 1, 2 and 4, each of one thread and the same part of a batch.

    OMP_NUM_THREADS=1 python benchmarks/replicas.py

So twice the batch with two; images of chance, as only the time counts. On two processors, four processes have
half a one each. What is said to be spent on communication goes from the call to its return, waiting for the
others included; `messages` times the same kinds of message alone. Writes records/replicas.json, which
benchmarks/scale.py reads.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed as dist
from record import record, spread
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from infogan.config.presets import PRESETS
from infogan.data import Images
from infogan.method.model import batch_norms, make_model
from infogan.training.trainer import Trainer
from infogan.utils import distributed

NAMES = ("mnist", "svhn")
WAYS: dict[str, tuple[int, Literal["whole", "part"]]] = {
    "one": (1, "whole"),
    "two, statistics of the whole": (2, "whole"),
    "two, of a part": (2, "part"),
    "four, of a part": (4, "part"),
}
STEPS, BURN_IN, ROUNDS = 24, 4, 3
SMALL, LARGE = 2**10, 2**25  # bytes of the messages that are timed alone


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch gives it no types
    """Counts what an update asks a device to do, as each such call costs time before it costs work."""

    n = 0

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.n += 1
        return op(*args, **kwargs or {})


def measure(name: str, batch: int, statistics_of: Literal["whole", "part"]) -> dict[str, Any]:
    """Run in every process; only what the first one says is read."""
    spent: list[float] = []
    sent: list[int] = []
    small: list[int] = []  # messages of batch norm
    reduce, gather, sum_up = distributed.sum_over_processes, dist.all_gather, dist.all_reduce

    def timed(tensors: list[Any]) -> None:
        began = time.perf_counter()
        reduce(tensors)
        spent.append(time.perf_counter() - began)
        sent.append(sum(t.nbytes for t in tensors))

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **options: Any) -> Any:
            small.append(1)
            return call(*args, **options)

        return counting

    config = (PRESETS[name]()).replace(device="cpu", batch_size=batch, sync_batchnorm=statistics_of)
    shape = (2 * batch, *config.networks.image_shape)
    images = Images.stored(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    model = make_model(config)
    trainer = Trainer(config, model, images)
    distributed.sum_over_processes = timed
    dist.all_gather, dist.all_reduce = counted(gather), counted(sum_up)
    times = []
    began = time.perf_counter()
    for _ in zip(range(STEPS), trainer.fit(), strict=False):
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
    distributed.sum_over_processes, dist.all_gather, dist.all_reduce = reduce, gather, sum_up
    update = statistics.median(times[BURN_IN:])
    found = {
        "images_per_s": batch / update,
        "update_ms": update * 1e3,
        "reduce_ms": 1e3 * sum(spent[2 * BURN_IN :]) / (STEPS - BURN_IN),
        "reduced_MB": sum(sent[-2:]) / 1e6,
        "messages": len(small) / STEPS,
    }
    if trainer.fabric.world_size == 1:
        operations = _Operations()  # type: ignore[no-untyped-call]  # torch gives it no types
        with FlopCounterMode(display=False) as counter, operations:
            trainer.step(*trainer.batches.real(0))
        found["gflop"] = counter.get_total_flops() / 1e9
        found["operations"] = operations.n
        found["batch_norms"] = sum(len(batch_norms(net)) for net in (model.G, model.D))
    return found


def messages() -> dict[str, Any]:
    """Milliseconds of a message of 1 KiB and of 32 MiB between these processes, alone."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    found = {}
    for size in (SMALL, LARGE):
        tensor, times = torch.ones(size // 4), []
        for _ in range(21):
            dist.barrier()
            began = time.perf_counter()
            dist.all_reduce(tensor)
            times.append(time.perf_counter() - began)
        found[f"{size}_bytes_ms"] = 1e3 * statistics.median(times[1:])
    return found


def run(processes: int, *args: str) -> dict[str, Any]:
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run([*start, __file__, *args], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    return found


def main() -> None:
    if len(sys.argv) > 1:
        name, *rest = sys.argv[1:]
        found = (
            messages() if not rest else measure(name, int(rest[0]), "part" if rest[1] == "part" else "whole")
        )
        if int(os.environ.get("RANK", 0)) == 0:
            print(json.dumps(found), flush=True)
        return
    measured: dict[str, Any] = {"messages": {n: run(n, "messages") for n in (2, 4)}}
    for name in NAMES:
        part = PRESETS[name]().optimisation.batch_size
        rounds = [  # in turn, so that a busy minute is nobody's own
            {way: run(n, name, str(n * part), of) for way, (n, of) in WAYS.items()} for _ in range(ROUNDS)
        ]
        measured[name] = {
            way: {key: spread([r[way][key] for r in rounds]) for key in rounds[0][way]} for way in WAYS
        }
        for way in list(WAYS)[1:]:
            ratios = [r[way]["images_per_s"] / r["one"]["images_per_s"] for r in rounds]
            measured[name][way]["times_one"] = spread(ratios)
    record("replicas", measured)


if __name__ == "__main__":
    main()
