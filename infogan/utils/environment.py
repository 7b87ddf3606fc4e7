"""The environment of a run: versions, commit, machine. run.json holds it."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

PACKAGE = Path(__file__).parents[1]  # the folder infogan


def environment(n_images: int) -> dict[str, Any]:
    """Everything about a run that is not in its config."""
    packages = ("infogan", "torch", "numpy", "lightning-fabric")
    return {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "images": n_images,
        "versions": {"python": platform.python_version(), **{p: version(p) for p in packages}},
        "commit": _commit(),
        "machine": {
            "system": platform.platform(terse=True),
            "processor": platform.machine(),
            "threads": torch.get_num_threads(),
            "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
            "gomp_spincount": os.environ.get("GOMP_SPINCOUNT"),
        },
    }


class WaitForCore:
    """How long this thread waits for a core while it could run, because other programs use them all."""

    def __init__(self, file: Path = Path("/proc/thread-self/schedstat")) -> None:
        self.file = file
        self.ran, self.waited = self._read()

    def share(self) -> float:
        """Waiting over waiting and running since the last call, in [0, 1]; 0 if the system does not tell."""
        ran, waited = self._read()
        since = ran - self.ran + waited - self.waited
        found = (waited - self.waited) / since if since > 0 else 0.0
        self.ran, self.waited = ran, waited
        return found

    def _read(self) -> tuple[int, int]:
        """Nanoseconds on a core, and runnable but without one (Linux)."""
        try:
            ran, waited, *_ = self.file.read_text("ascii").split()
            return int(ran), int(waited)
        except (OSError, ValueError):
            return 0, 0


def cores() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _commit() -> str | None:
    """The commit of the source in a checkout, with a + if it has local changes."""
    git = ["git", "-C", str(PACKAGE)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "."], check=False)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip()[:12] + ("+" if changed.returncode else "")
