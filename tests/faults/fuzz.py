"""A fuzzer: a child process opens mutated files; it gives a result or an InfoganError, or that is a finding.

    python tests/faults/fuzz.py png --inputs 100000 --seed 0

A finding is another exception, a death by a signal, more than 2 s or 1 GiB for one input, or a message that
does not fit on a line of a terminal. Input i is a function of format, seed and i alone: it is made again by
`--first i --inputs 1`.
"""

import argparse
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, final

SECONDS = 2.0  # for one input
MEMORY = 2**30  # bytes for one input, beyond what the libraries take
STARTING = 120.0  # seconds, for a process to load them
LONGEST = 4_000  # characters of a message
SHOWN = 400  # bytes of an input that a finding shows


@final
@dataclass(frozen=True)
class Finding:
    """An input that was not handled as it should be."""

    name: str
    seed: int
    i: int
    what: str

    def __str__(self) -> str:
        from fuzz_formats import make_input

        content = make_input(self.name, self.seed, self.i)
        shown = content[:SHOWN].hex() + ("..." if len(content) > SHOWN else "")
        again = f"fuzz.py {self.name} --seed {self.seed} --first {self.i} --inputs 1"
        return f"{again}: {self.what}\n  {len(content)} bytes: {shown}"


@final
@dataclass
class Result:
    """What came of the inputs of a format."""

    name: str
    inputs: int = 0
    refused: int = 0  # by an InfoganError
    seconds: float = 0.0
    grown: int = 0  # bytes by which the child's memory grew at most
    findings: list[Finding] = field(default_factory=list)

    def __str__(self) -> str:
        rate = self.inputs / max(self.seconds, 1e-9)
        return (
            f"{self.name}: {self.inputs:,} inputs in {self.seconds:.0f} s ({rate:,.0f} a second), "
            f"{self.refused:,} refused by a sentence, "
            f"memory grew by {self.grown / 2**20:.0f} MiB, {len(self.findings)} findings"
        )


@final
class Fuzzer:
    """Holds the child process, and starts another where one died; close it in the end."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115, as it is closed with the fuzzer

    def __enter__(self) -> "Fuzzer":
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        self.stderr.close()

    def run(self, name: str, seed: int, inputs: int, first: int = 0) -> Result:
        """Has so many inputs of a format be opened, from the first on."""
        result, began = Result(name, inputs), time.perf_counter()
        i, end = first, first + inputs
        while i < end:
            died, slow = self._some(result, seed, i, end), False
            if died is None:
                break
            at, what = died
            if what == "slow":  # once more and alone, as the machine may have been busy
                died = self._some(result, seed, at, at + 1)
                slow = died is not None and died[1] == "slow"
                what = f"took more than {SECONDS} s" if slow else what if died is None else died[1]
            if died is not None:
                result.findings.append(Finding(name, seed, at, what))
            i = at + 1
        result.seconds = time.perf_counter() - began
        return result

    def _some(self, result: Result, seed: int, first: int, end: int) -> tuple[int, str] | None:
        """The index at which the child died, and of what; None where it came to the end."""
        child = self._started()
        assert child.stdin is not None
        child.stdin.write(f"{result.name} {seed} {first} {end}\n".encode())
        child.stdin.flush()
        at, refused = first, 0
        for kind, said in self._lines():
            if kind == "i":
                at, refused = map(int, said.split())
            elif kind == "!":
                result.findings.append(Finding(result.name, seed, at, said))
            elif kind == "done":
                refused, grown = map(int, said.split())
                result.refused += refused
                result.grown = max(result.grown, grown)
                return None
            elif kind == "slow":
                self._kill()
                result.refused += refused
                return at, "slow"
        result.refused += refused
        code = child.wait()
        self._kill()
        self.stderr.seek(0)
        last = self.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        how = f"died by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        return at, f"{how}: {last}"

    def _lines(self) -> Iterator[tuple[str, str]]:
        """What the child says, word by word; `slow` where it says nothing for too long."""
        assert self.child is not None
        stdout = self.child.stdout
        assert stdout is not None
        limit, rest = STARTING, b""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(limit):
                    yield "slow", ""
                    return
                chunk = os.read(stdout.fileno(), 65536)
                if not chunk:
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    kind, _, said = line.decode(errors="replace").partition(" ")
                    limit = STARTING if kind == "ready" else SECONDS
                    yield kind, said

    def _started(self) -> "subprocess.Popen[bytes]":
        if self.child is None:
            self.child = subprocess.Popen(
                [sys.executable, str(Path(__file__)), "--child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.stderr,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "INFOGAN_QUIET": "1"},
            )
        return self.child

    def _kill(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.communicate()
            self.child = None


def _child(commands: IO[str]) -> None:
    """Opens what it is told to, and says the index before each."""
    said = os.dup(1)
    os.dup2(2, 1)  # what libraries print is none of our words
    from fuzz_formats import format_of, make_input

    shared = Path("/dev/shm")
    folder = Path(
        tempfile.mkdtemp(prefix="infogan-fuzz-", dir=shared if os.access(shared, os.W_OK) else None)
    )
    try:
        for command in commands:
            name, *numbers = command.rstrip("\n").rsplit(" ", 3)
            seed, first, end = map(int, numbers)
            make_input(name, seed, 0)  # the seeds, which take a while
            _bound_memory()
            before, refused = _peak(), 0
            for i in range(first, end):
                content = make_input(name, seed, i)
                os.write(said, f"i {i} {refused}\n".encode())
                for inside in folder.iterdir():
                    shutil.rmtree(inside) if inside.is_dir() else inside.unlink()
                outcome = _outcome(format_of(name).handle, folder, content)
                refused += outcome == ""
                if outcome:
                    os.write(said, f"! {outcome}\n".encode())
            os.write(said, f"done {refused} {_peak() - before}\n".encode())
    finally:
        shutil.rmtree(folder)


def _outcome(handle, folder: Path, content: bytes) -> str | None:  # type: ignore[no-untyped-def]
    """None for a result, "" for a sentence, else what went wrong."""
    from infogan.utils.errors import InfoganError

    try:
        handle(folder, content)
    except InfoganError as error:
        message = str(error)
        if len(message) > LONGEST:
            return f"a message of {len(message)} characters: {message[:100]!r}"
        return "" if message.isprintable() else f"a message that is not for a terminal: {message[:300]!r}"
    except Exception as error:
        ours = [f for f in traceback.extract_tb(error.__traceback__) if "/infogan/" in f.filename]
        where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "nowhere"
        return f"{type(error).__name__} at {where}: {str(error)[:200]!r}"
    return None


def _bound_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("formats", nargs="*", metavar="FORMAT")
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        _child(sys.stdin)
        return 0
    from fuzz_formats import FORMATS

    found = 0
    with Fuzzer() as fuzzer:
        for name in asked.formats or FORMATS:
            result = fuzzer.run(name, asked.seed, asked.inputs, asked.first)
            print(result, *result.findings, sep="\n  ", flush=True)
            found += len(result.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(_main())
