"""A model of the cost of training on many GPUs: what a step costs, and from where more GPUs do not help.

    python benchmarks/scale.py

Prints the tables of docs/operations/scale.md. Costs per step are measured (records/data_parallel.json); the
speeds of GPUs and networks are assumptions, as no cluster was available.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

NAMES = ("mnist-text", "svhn-paper")
INDEX_BYTES = 24  # per image
PNG_BYTES, JPEG_BYTES = 2_500, 10_000  # 32x32 in colour; a small photograph


class Cluster(NamedTuple):
    """The speed of GPUs and of the network between them."""

    flop_per_s: float  # achieved in convolutions and matrix products
    launch_s: float  # minimum time of an operation
    message_s: float  # latency of a message
    bytes_per_s: float  # from one GPU to another

    def step(self, net: dict[str, Any], n_gpus: int, whole: bool) -> tuple[float, float]:
        """Seconds of computation and of communication in a step.

        A ring all-reduce over R GPUs sends 2 (R - 1) / R times the bytes from each, and a small one takes
        log2 R messages there and back. Communication does not overlap with computation.
        """
        compute = max(net["gflop"] * 1e9 / self.flop_per_s, net["operations"] * self.launch_s)
        if n_gpus == 1:
            return compute, 0.0
        hops = 2 * math.ceil(math.log2(n_gpus))
        volume = 2 * (n_gpus - 1) / n_gpus * net["bytes"] / self.bytes_per_s
        messages = net["messages_whole"] if whole else net["messages_part"]
        return compute, volume + messages * hops * self.message_s


# A tenth of an H100's dense bf16 peak, as small convolutions reach; a launch by Python; NVLink within a node,
# and 200 Gb/s per GPU between nodes.
WITHIN_NODE = Cluster(flop_per_s=100e12, launch_s=6e-6, message_s=10e-6, bytes_per_s=200e9)
BETWEEN_NODES = Cluster(flop_per_s=100e12, launch_s=6e-6, message_s=20e-6, bytes_per_s=20e9)


def costs(record: dict[str, Any], name: str) -> dict[str, Any]:
    """The cost of a step of a preset, with its own batch size per process."""
    one, part, whole = (
        record[name][setup] for setup in ("1 process", "2 processes, part", "2 processes, whole batch")
    )
    return {
        "gflop": one["gflop"]["median"],
        "operations": one["operations"]["median"],
        "bytes": part["reduced_MB"]["median"] * 1e6,
        "messages_part": part["messages"]["median"],
        "messages_whole": whole["messages"]["median"],
        "step_s": one["step_ms"]["median"] / 1e3,
        "batch_size": one["images_per_s"]["median"] * one["step_ms"]["median"] / 1e3,
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def step_table(record: dict[str, Any]) -> str:
    rows = []
    for name in NAMES:
        c = costs(record, name)
        messages = f"{c['messages_part']:.0f} / {c['messages_whole']:.0f}"
        rows.append(
            [
                name,
                f"{c['batch_size']:.0f}",
                f"{c['gflop']:.1f}",
                f"{c['operations']:,.0f}",
                f"{c['bytes'] / 1e6:.1f}",
                messages,
            ]
        )
    head = [
        "preset",
        "batch size per GPU",
        "GFLOP",
        "operations",
        "MB of gradients",
        "messages, part / whole",
    ]
    return table(head, rows)


def local_table(record: dict[str, Any]) -> str:
    """Measurements on one machine, and what the model predicts with that machine's speeds."""
    rows = []
    for name in NAMES:
        c = costs(record, name)
        for setup, (n, whole) in {
            "2 processes, part": (2, False),
            "2 processes, whole batch": (2, True),
            "4 processes, part": (4, False),
        }.items():
            found = record[name][setup]
            message_ms = record["messages"][str(n)]
            small, large = message_ms["1024_bytes_ms"] / 1e3, message_ms["33554432_bytes_ms"] / 1e3
            messages = c["messages_whole"] if whole else c["messages_part"]
            communicate = c["bytes"] / 2**25 * large + messages * small
            step = c["step_s"] * max(1, n / 2) + communicate
            ratio, images = found["speedup"], found["images_per_s"]
            rows.append(
                [
                    f"{name}, {setup}",
                    f"{images['median']:.0f}",
                    f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})",
                    f"{n * c['step_s'] / step:.2f}",
                    f"{found['reduce_ms']['median']:.0f}",
                    f"{1e3 * communicate:.0f}",
                ]
            )
    head = [
        "",
        "images/s",
        "speedup",
        "speedup, modelled",
        "ms reducing gradients",
        "ms of communication, modelled",
    ]
    return table(head, rows)


def gpu_table(record: dict[str, Any]) -> str:
    rows = []
    for name in NAMES:
        c = costs(record, name)
        for n_gpus in (1, 8, 64, 512):
            cluster = WITHIN_NODE if n_gpus <= 8 else BETWEEN_NODES
            cells = []
            for whole in (False, True):
                compute, communicate = cluster.step(c, n_gpus, whole)
                share = compute / (compute + communicate)
                cells += [f"{n_gpus * c['batch_size'] / (compute + communicate):,.0f}", f"{share:.0%}"]
            rows.append([f"{name}, {n_gpus}", *cells])
    head = ["GPUs", "images/s, part", "computing", "images/s, whole batch", "computing"]
    return table(head, rows)


def images_table(record: dict[str, Any]) -> str:
    rows = []
    rate = record["many"]["images_per_s"]
    for power in range(6, 10):
        n = 10**power
        rows.append(
            [
                f"10^{power}",
                f"{n * INDEX_BYTES / 1e9:.2f}",
                f"{n * PNG_BYTES / 1e9:,.0f} to {n * JPEG_BYTES / 1e9:,.0f}",
                f"{n / rate / 3600:,.1f}",
                f"{n / rate / 3600 / 64:,.2f}",
            ]
        )
    head = [
        "images",
        "GB of index",
        "GB of shards, PNG 32x32 to JPEG",
        "hours to encode",
        "hours on 64 machines",
    ]
    return table(head, rows)


def encoding_table(record: dict[str, Any]) -> str:
    few, many = 100_000, record["images"]
    measured = {
        f"{few:,} images, one file": record["table"],
        f"{few:,} images, a folder": record["parts"],
        f"{many:,} images, a folder, killed midway and started again": record["many"],
    }
    rows = [[name, f"{of['images_per_s']:,.0f}", f"{of['peak_MiB']:.0f}"] for name, of in measured.items()]
    return table(["", "images/s", "peak MiB"], rows)


def main() -> None:
    records = Path(__file__).parent / "records"
    data_parallel, encoding = (
        json.loads((records / f"{name}.json").read_text("utf-8")) for name in ("data_parallel", "encoding")
    )
    tables = [
        step_table(data_parallel),
        local_table(data_parallel),
        gpu_table(data_parallel),
        encoding_table(encoding),
        images_table(encoding),
    ]
    print("\n\n".join(tables))


if __name__ == "__main__":
    main()
