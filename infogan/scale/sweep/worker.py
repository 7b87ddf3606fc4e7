"""A process that trains one run: reads a job from standard input, and stops when that is closed."""

import os
import sys

from infogan.scale.sweep.job import run_job, stop_after


def main() -> None:
    """Prints the report as the last line."""
    job = sys.stdin.buffer.readline().decode()
    # The parent holds the other end, so this ends with the parent, whatever ends it. Not read through
    # sys.stdin, whose lock a waiting thread would hold when the interpreter shuts down.
    stop_after(lambda: os.read(0, 1))
    print(run_job(job).to_json())


if __name__ == "__main__":
    main()
