"""Data-parallel training: images/s with 1, 2 and 4 processes of one thread each.

    OMP_NUM_THREADS=1 python benchmarks/data_parallel.py

The batch size per process is constant, and the images are random. On two cores, four processes have half a
core each. Communication times include waiting for the other processes; `messages` measures single messages.
Writes records/data_parallel.json, which benchmarks/scale.py reads.
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

from infogan.config.presets import get_preset
from infogan.data import Images
from infogan.method.model import batch_norms, make_model
from infogan.training.trainer import Trainer
from infogan.utils import distributed

NAMES = ("mnist-text", "svhn-paper")
# Name: number of processes, and whose statistics batch norm uses.
SETUPS: dict[str, tuple[int, Literal["whole", "part"]]] = {
    "1 process": (1, "whole"),
    "2 processes, whole batch": (2, "whole"),
    "2 processes, part": (2, "part"),
    "4 processes, part": (4, "part"),
}
N_STEPS, N_WARM_UP, N_ROUNDS = 24, 4, 3
SMALL, LARGE = 2**10, 2**25  # bytes of the single messages


class _OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types for it
    """Counts torch operations, as each takes time to launch."""

    n = 0

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.n += 1
        return op(*args, **kwargs or {})


def measure(name: str, batch_size: int, sync_batchnorm: Literal["whole", "part"]) -> dict[str, Any]:
    """Runs in every process; only the output of the first one is read."""
    reduce_times: list[float] = []
    reduced_bytes: list[int] = []
    n_messages = 0  # of batch norm
    reduce, gather, all_reduce = distributed.sum_over_processes, dist.all_gather, dist.all_reduce

    def timed(tensors: list[Any]) -> None:
        began = time.perf_counter()
        reduce(tensors)
        reduce_times.append(time.perf_counter() - began)
        reduced_bytes.append(sum(t.nbytes for t in tensors))

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **options: Any) -> Any:
            nonlocal n_messages
            n_messages += 1
            return call(*args, **options)

        return counting

    config = get_preset(name).replace(device="cpu", batch_size=batch_size, sync_batchnorm=sync_batchnorm)
    shape = (2 * batch_size, *config.networks.image_shape)
    images = Images.from_arrays(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    model = make_model(config)
    trainer = Trainer(config, model, images)
    distributed.sum_over_processes = timed
    dist.all_gather, dist.all_reduce = counted(gather), counted(all_reduce)
    times = []
    began = time.perf_counter()
    for _ in zip(range(N_STEPS), trainer.fit(), strict=False):
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
    distributed.sum_over_processes, dist.all_gather, dist.all_reduce = reduce, gather, all_reduce
    seconds = statistics.median(times[N_WARM_UP:])
    found = {
        "images_per_s": batch_size / seconds,
        "step_ms": seconds * 1e3,
        "reduce_ms": 1e3 * sum(reduce_times[2 * N_WARM_UP :]) / (N_STEPS - N_WARM_UP),
        "reduced_MB": sum(reduced_bytes[-2:]) / 1e6,
        "messages": n_messages / N_STEPS,
    }
    if trainer.fabric.world_size == 1:
        operations = _OperationCounter()  # type: ignore[no-untyped-call]  # no types
        with FlopCounterMode(display=False) as counter, operations:
            trainer.step(*trainer.batches.real(0))
        found["gflop"] = counter.get_total_flops() / 1e9
        found["operations"] = operations.n
        found["batch_norms"] = sum(len(batch_norms(net)) for net in (model.G, model.D))
    return found


def messages() -> dict[str, Any]:
    """Milliseconds of a message of 1 KiB and of one of 32 MiB between these processes."""
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


def run(n_processes: int, *args: str) -> dict[str, Any]:
    python = [sys.executable]
    if n_processes > 1:
        python += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}"]
    done = subprocess.run([*python, __file__, *args], stdout=subprocess.PIPE, text=True, check=True)
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
        size = get_preset(name).optimisation.batch_size
        rounds = [  # by turns, so that other work on the machine slows all setups
            {setup: run(n, name, str(n * size), sync) for setup, (n, sync) in SETUPS.items()}
            for _ in range(N_ROUNDS)
        ]
        measured[name] = {
            setup: {key: spread([r[setup][key] for r in rounds]) for key in rounds[0][setup]}
            for setup in SETUPS
        }
        for setup in list(SETUPS)[1:]:
            ratios = [r[setup]["images_per_s"] / r["1 process"]["images_per_s"] for r in rounds]
            measured[name][setup]["speedup"] = spread(ratios)
    record("data_parallel", measured)


if __name__ == "__main__":
    main()
