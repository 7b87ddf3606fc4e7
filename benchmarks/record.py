"""Writes a measurement, with the environment that it depends on, to benchmarks/records."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infogan.cli import set_thread_policy

set_thread_policy(is_new_training=False)  # as the command line does; it must come before torch is imported

import torch  # noqa: E402

RECORDS = Path(__file__).parent / "records"


def record(name: str, measured: dict[str, Any]) -> None:
    """Writes benchmarks/records/NAME.json, and prints it."""
    text = json.dumps({**measured, "environment": environment()}, indent=1, ensure_ascii=False)
    RECORDS.mkdir(exist_ok=True)
    (RECORDS / f"{name}.json").write_text(text + "\n", "utf-8")
    print(text)


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median, the minimum and the maximum."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def environment() -> dict[str, Any]:
    git = ["git", "-C", str(Path(__file__).parent)]
    commit = subprocess.run(
        [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
    )
    return {
        "commit": commit.stdout.strip(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": torch.cpu.get_capabilities().get("cpu_name"),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "gomp_spincount": os.environ.get("GOMP_SPINCOUNT"),
    }
