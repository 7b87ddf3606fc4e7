"""Seconds to load a folder of images at 32x32, first into an empty cache and then from it, and of a report.

    OMP_NUM_THREADS=1 python benchmarks/image_folder.py FOLDER RUN

Writes records/image_folder.json.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from record import record

from infogan.data import LoadOptions, load
from infogan.report import write_report
from infogan.runs.run import Run


def timed(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    return result, {"s": time.perf_counter() - wall, "processor_s": time.process_time() - processor}


def main() -> None:
    name, run = f"folder:{sys.argv[1]}", Run.open(Path(sys.argv[2]))
    load_options = LoadOptions(shape=(3, 32, 32))
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        images, first = timed(lambda: load(name, load_options=load_options))
        _, again = timed(lambda: load(name, load_options=load_options))
        _, report = timed(lambda: write_report(run, Path(cache) / "report.html"))
    n = len(images)
    record("image_folder", {"images": n, "decode": first, "again": again, "report": report})


if __name__ == "__main__":
    main()
