"""A plan past this machine: what an update costs, and where more GPUs bring nothing.

    python benchmarks/scale.py

Prints the tables of docs/scale.md, from records/replicas.json, which is measured, and from what is assumed
below, which is not: no GPU and no cluster was at hand.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

NAMES = ("mnist", "svhn")
BYTES_OF_INDEX = 24  # an image
BYTES_OF_PNG, BYTES_OF_JPEG = 2_500, 10_000  # 32x32 in colour; a small photograph


class Fabric(NamedTuple):
    """What replicas compute with and talk through."""

    flop_per_s: float  # that a replica gets done, of convolutions and products
    launch_s: float  # that an operation costs at least
    message_s: float  # of a message that carries next to nothing, to one other
    bytes_per_s: float  # from a replica to another

    def update(self, net: dict[str, Any], replicas: int, whole: bool) -> tuple[float, float]:
        """Seconds of an update: computing, and communicating.

        A sum over R replicas sends 2 (R - 1) / R times its bytes from each, by a ring, and takes log2 R
        messages there and back where it is small. Nothing is hidden behind computing.
        """
        compute = max(net["gflop"] * 1e9 / self.flop_per_s, net["operations"] * self.launch_s)
        if replicas == 1:
            return compute, 0.0
        hops = 2 * math.ceil(math.log2(replicas))
        volume = 2 * (replicas - 1) / replicas * net["bytes"] / self.bytes_per_s
        messages = net["messages_whole"] if whole else net["messages_part"]
        return compute, volume + messages * hops * self.message_s


# A tenth of an H100's dense bf16 peak, as small convolutions get; a launch by Python; NVLink; 200 Gb/s a GPU.
WITHIN = Fabric(flop_per_s=100e12, launch_s=6e-6, message_s=10e-6, bytes_per_s=200e9)
BETWEEN = Fabric(flop_per_s=100e12, launch_s=6e-6, message_s=20e-6, bytes_per_s=20e9)


def costs(record: dict[str, Any], name: str) -> dict[str, Any]:
    """What an update of a preset takes, of its own batch a replica."""
    one, part, whole = (
        record[name][way] for way in ("one", "two, of a part", "two, statistics of the whole")
    )
    return {
        "gflop": one["gflop"]["median"],
        "operations": one["operations"]["median"],
        "bytes": part["reduced_MB"]["median"] * 1e6,
        "messages_part": part["messages"]["median"],
        "messages_whole": whole["messages"]["median"],
        "update_s": one["update_ms"]["median"] / 1e3,
        "batch": one["images_per_s"]["median"] * one["update_ms"]["median"] / 1e3,
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def of_an_update(record: dict[str, Any]) -> str:
    rows = []
    for name in NAMES:
        c = costs(record, name)
        messages = f"{c['messages_part']:.0f} / {c['messages_whole']:.0f}"
        rows.append(
            [
                name,
                f"{c['batch']:.0f}",
                f"{c['gflop']:.1f}",
                f"{c['operations']:,.0f}",
                f"{c['bytes'] / 1e6:.1f}",
                messages,
            ]
        )
    head = ["preset", "batch a replica", "GFLOP", "operations", "MB of gradients", "messages, part / whole"]
    return table(head, rows)


def here(record: dict[str, Any]) -> str:
    """The model beside what was measured, with this machine's own numbers in it."""
    rows = []
    for name in NAMES:
        c = costs(record, name)
        for way, (n, whole) in {
            "two, of a part": (2, False),
            "two, statistics of the whole": (2, True),
            "four, of a part": (4, False),
        }.items():
            found = record[name][way]
            told = record["messages"][str(n)]
            small, large = told["1024_bytes_ms"] / 1e3, told["33554432_bytes_ms"] / 1e3
            messages = c["messages_whole"] if whole else c["messages_part"]
            communicate = c["bytes"] / 2**25 * large + messages * small
            update = c["update_s"] * max(1, n / 2) + communicate
            ratio, images = found["times_one"], found["images_per_s"]
            rows.append(
                [
                    f"{name}, {way}",
                    f"{images['median']:.0f}",
                    f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})",
                    f"{n * c['update_s'] / update:.2f}",
                    f"{found['reduce_ms']['median']:.0f}",
                    f"{1e3 * communicate:.0f}",
                ]
            )
    head = [
        "",
        "images/s",
        "times one process",
        "the model says",
        "ms reducing gradients",
        "ms of communication, modelled",
    ]
    return table(head, rows)


def on_gpus(record: dict[str, Any]) -> str:
    rows = []
    for name in NAMES:
        c = costs(record, name)
        for replicas in (1, 8, 64, 512):
            fabric = WITHIN if replicas <= 8 else BETWEEN
            cells = []
            for whole in (False, True):
                compute, communicate = fabric.update(c, replicas, whole)
                share = compute / (compute + communicate)
                cells += [f"{replicas * c['batch'] / (compute + communicate):,.0f}", f"{share:.0%}"]
            rows.append([f"{name}, {replicas}", *cells])
    head = ["GPUs", "images/s, of a part", "of it computing", "images/s, of the whole", "of it computing"]
    return table(head, rows)


def of_images(record: dict[str, Any]) -> str:
    rows = []
    rate = record["many"]["images_per_s"]
    for power in range(6, 10):
        n = 10**power
        rows.append(
            [
                f"10^{power}",
                f"{n * BYTES_OF_INDEX / 1e9:.2f}",
                f"{n * BYTES_OF_PNG / 1e9:,.0f} to {n * BYTES_OF_JPEG / 1e9:,.0f}",
                f"{n / rate / 3600:,.1f}",
                f"{n / rate / 3600 / 64:,.2f}",
            ]
        )
    head = [
        "images",
        "GB of index",
        "GB of shards, PNG 32x32 to JPEG",
        "hours to encode here",
        "on 64 such machines",
    ]
    return table(head, rows)


def encoded(record: dict[str, Any]) -> str:
    few, many = 100_000, record["images"]
    told = {
        f"{few:,} images, one file": record["table"],
        f"{few:,} images, a folder": record["parts"],
        f"{many:,} images, a folder, killed midway and gone on with": record["many"],
    }
    rows = [[name, f"{of['images_per_s']:,.0f}", f"{of['peak_MiB']:.0f}"] for name, of in told.items()]
    return table(["", "images/s", "MiB at most"], rows)


def main() -> None:
    records = Path(__file__).parent / "records"
    replicas, encoding = (
        json.loads((records / f"{name}.json").read_text()) for name in ("replicas", "encoding")
    )
    tables = [
        of_an_update(replicas),
        here(replicas),
        on_gpus(replicas),
        encoded(encoding),
        of_images(encoding),
    ]
    print("\n\n".join(tables))


if __name__ == "__main__":
    main()
