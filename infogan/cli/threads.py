"""How many threads a training takes, and how they wait; decided before torch is imported."""

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")  # of Linux; elsewhere all processors count as idle
SECONDS = 0.2  # over which processors are watched


def set_thread_policy(*, is_new_training: bool) -> None:
    """Sets how idle threads wait and, for a new training, their number; variables that are set already win.

    A waiting thread spins briefly, then sleeps. If it spins on, as is torch's default, a busy neighbour slows
    small batches thirtyfold; if it does not spin at all, small networks lose a third of their speed. Threads
    that share a processor with other work still hold up all the others, so a training takes one thread per
    idle processor (benchmarks/busy_neighbours.py). A resumed one takes as many as before, for the same bits.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    is_free = "OMP_NUM_THREADS" not in os.environ
    if is_new_training and is_free and STAT.is_file() and hasattr(os, "sched_getaffinity"):
        before = STAT.read_text("utf-8")
        time.sleep(SECONDS)
        idle = idle_processors(before, STAT.read_text("utf-8"), os.sched_getaffinity(0))
        os.environ["OMP_NUM_THREADS"] = str(idle)


def idle_processors(before: str, after: str, allowed: set[int]) -> int:
    """The number of processors that were idle between two readings of /proc/stat, at least 1."""
    (ticks_before, idle_before), (ticks_after, idle_after) = (
        _ticks(text, allowed) for text in (before, after)
    )
    ticks = ticks_after - ticks_before
    share = (idle_after - idle_before) / ticks if ticks else 1.0
    return max(1, round(share * len(allowed)))


def _ticks(text: str, allowed: set[int]) -> tuple[int, int]:
    """All ticks and the idle ones (idle, iowait) of these processors."""
    total = idle = 0
    for line in text.splitlines():
        name, *numbers = line.split()
        if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in allowed:
            counts = list(map(int, numbers[:8]))
            total, idle = total + sum(counts), idle + counts[3] + counts[4]
    return total, idle
