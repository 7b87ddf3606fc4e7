"""Start-up time: seconds of `infogan --help`, of `infogan presets`, and to the first step of mnist-text.

    INFOGAN_DATA=FOLDER python benchmarks/startup.py [N]

Each is measured N times, 7 by default, after one warm-up. Writes records/startup.json.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import record, spread

INFOGAN = [str(Path(sys.executable).with_name("infogan"))]


def seconds_of(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([*INFOGAN, *arguments], capture_output=True, check=True)
    return time.perf_counter() - start


def seconds_to_first_step() -> float:
    """Seconds until metrics.jsonl exists."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [*INFOGAN, "train", "mnist-text", "--log-every", "1", "--steps", "1", "--out", str(run)]
        start = time.perf_counter()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            while not (run / "metrics.jsonl").is_file() and process.poll() is None:
                time.sleep(0.01)
            seconds = time.perf_counter() - start
        assert process.returncode == 0
        return seconds


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    measures = {
        "help": lambda: seconds_of("--help"),
        "presets": lambda: seconds_of("presets"),
        "first_step": seconds_to_first_step,
    }
    seconds = {name: [measure() for _ in range(n + 1)][1:] for name, measure in measures.items()}
    record("startup", {name: spread(values) for name, values in seconds.items()})


if __name__ == "__main__":
    main()
