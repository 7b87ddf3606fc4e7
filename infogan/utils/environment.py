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
