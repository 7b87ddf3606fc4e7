"""A process that trains one run of a sweep: takes a job from standard input, whose end asks it to stop."""

import os
import sys

from infogan.scale.sweep.trial import do_job, stop_when


def main() -> None:
    """Prints the report as the last line."""
    job = sys.stdin.buffer.readline().decode()
    # The parent holds the other end, so this ends with it, however it does. Not by sys.stdin, whose lock
    # a thread that waits would keep from the end of the interpreter.
    stop_when(lambda: os.read(0, 1))
    print(do_job(job).to_json())


if __name__ == "__main__":
    main()
