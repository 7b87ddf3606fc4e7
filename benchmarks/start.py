"""Start-up: seconds of `infogan --help`, of `infogan presets`, and to the first update of mnist.

    INFOGAN_DATA=FOLDER python benchmarks/start.py

Each a median of 7 after one that is not counted. Writes benchmarks/records/start.json.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import record, spread

RUNS = 7
INFOGAN = [str(Path(sys.executable).with_name("infogan"))]


def whole(*verb: str) -> float:
    start = time.perf_counter()
    subprocess.run([*INFOGAN, *verb], capture_output=True, check=True)
    return time.perf_counter() - start


def first_update() -> float:
    """Until metrics.jsonl has the line of the first update."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        line = [*INFOGAN, "train", "mnist", "--log-every", "1", "--steps", "1", "--out", str(run)]
        start = time.perf_counter()
        with subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            while not (run / "metrics.jsonl").is_file() and process.poll() is None:
                time.sleep(0.01)
            found = time.perf_counter() - start
        assert process.returncode == 0
        return found


def main() -> None:
    verbs = {
        "help": lambda: whole("--help"),
        "presets": lambda: whole("presets"),
        "first_update": first_update,
    }
    record("start", {name: spread([verb() for _ in range(RUNS + 1)][1:]) for name, verb in verbs.items()})


if __name__ == "__main__":
    main()
