"""Connects to a Ray cluster, and checks its nodes before anything runs there.

Ray is imported in the functions, because it is an extra and slow to start.
"""

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

from infogan.utils.environment import PACKAGE
from infogan.utils.errors import InfoganError, one_line
from infogan.utils.io import make_folder, wrap_write_errors

TIMEOUT = 10.0  # seconds for a cluster to answer, and for a network drive to show a file
OBJECT_STORE_BYTES = 2**28  # of shared memory for a cluster started here; results go to the disk
# Ray itself would try for minutes, in a call that cannot be interrupted.
PROBE = """
import sys
from ray._private.services import canonicalize_bootstrap_address as find
from ray._raylet import GcsClient
GcsClient(address=find(sys.argv[1]))
"""


@contextmanager
def connect(address: str) -> Iterator[None]:
    """Connects this process to a cluster, whose workers import this copy of the package.

    Standard output is discarded meanwhile, because Ray would print between the results.

    Args:
        address: HOST:PORT; "auto" for the cluster of this machine, or RAY_ADDRESS; "local" for a new one on
            this machine alone, which ends with the context.

    Raises:
        InfoganError: if Ray is not installed, or no cluster answers within about 15 s.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # avoids a warning per worker
    try:
        import ray
    except ModuleNotFoundError as error:
        raise InfoganError('Ray is not installed; pip install "infogan[cluster]".') from error
    options: dict[str, Any] = {}
    if address == "local":
        options = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    else:
        _check_answer(address)
    with open(os.devnull, "w", encoding="utf-8") as devnull, redirect_stdout(devnull):
        try:
            with _discard_stderr():
                ray.init(
                    address=address,
                    runtime_env={"env_vars": _worker_environment()},
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                    **options,
                )
        except Exception as error:  # Ray documents no common type
            raise _unreachable(address, one_line(error).rstrip(".")) from error
        try:
            yield
        finally:
            ray.shutdown()


def check_shared_folder(folder: Path) -> None:
    """Creates a folder, and checks that every node sees it and has this version of the package.

    Raises:
        InfoganError: if a node does not, or does not answer in time.
    """
    is_new = not folder.exists()
    with wrap_write_errors(folder):
        make_folder(folder)
        handle, marker = tempfile.mkstemp(prefix="_shared.", suffix=".part", dir=folder.resolve())
        os.close(handle)
    try:
        _check_nodes(marker, folder)
    except BaseException:
        Path(marker).unlink(missing_ok=True)
        if is_new:
            folder.rmdir()
        raise
    Path(marker).unlink(missing_ok=True)


def _check_nodes(marker: str, folder: Path) -> None:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    inspect_node = ray.remote(num_cpus=0, max_retries=0)(_inspect_node)
    for node in _living_nodes():
        name = f"node {node['NodeManagerAddress']}"
        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        try:
            task = inspect_node.options(scheduling_strategy=strategy).remote(marker)
            sees_marker, its_version = ray.get(task, timeout=6 * TIMEOUT)
        except Exception as error:  # as in `connect`
            raise InfoganError(
                f"{name} cannot run infogan ({one_line(error)}); install it there too."
            ) from error
        if its_version != version("infogan"):
            raise InfoganError(
                f"{name} has infogan {its_version}, but this machine has {version('infogan')}; install the "
                "same version on all."
            )
        if not sees_marker:
            raise InfoganError(f"{name} does not see {folder}; name a folder that all nodes share.")


def check_resources(cpus: int, gpus: float) -> None:
    """Raises InfoganError unless a process can take this many cores and GPUs."""
    if cpus < 1:
        raise InfoganError(f"cpus is {cpus}, but must be at least 1.")
    if gpus < 0 or (gpus > 1 and gpus != int(gpus)):
        raise InfoganError(f"gpus is {gpus:g}, but must be a whole number, or a fraction below 1.")


def count_slots(cpus: int, gpus: float) -> int:
    """How many processes with this many cores and GPUs each fit on the cluster.

    Raises:
        InfoganError: if none does; Ray would wait forever.
    """
    required = [(kind, n) for kind, n in (("CPU", cpus), ("GPU", gpus)) if n]
    n_slots = 0
    for node in _living_nodes():
        n_slots += int(min(node["Resources"].get(kind, 0) // n for kind, n in required))
    if not n_slots:
        raise InfoganError(f"no node of the cluster has {cpus} cores and {gpus:g} GPUs; ask for less.")
    return n_slots


def _living_nodes() -> list[dict[str, Any]]:
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"]]


def _inspect_node(marker: str) -> tuple[bool, str]:
    """Runs on a node: whether it sees a file, and its version of this package."""
    deadline = time.monotonic() + TIMEOUT
    while not os.path.exists(marker):
        if time.monotonic() > deadline:
            return False, version("infogan")
        time.sleep(0.1)
    return True, version("infogan")


@contextmanager
def _discard_stderr() -> Iterator[None]:
    """Also for Ray's C++ core, which writes to the file descriptor."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _check_answer(address: str) -> None:
    command = [sys.executable, "-c", PROBE, address]
    try:
        # Any other failure happens again in `connect`, which reports it.
        subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise _unreachable(address, f"no answer within {TIMEOUT:.0f} s") from error


def _unreachable(address: str, why: str) -> InfoganError:
    if address == "local":
        return InfoganError(f"Ray does not start on this machine ({why}).")
    return InfoganError(
        f"no Ray cluster answers at {address!r} ({why}); start one with `ray start --head` and use its "
        "HOST:PORT, or use local for this machine alone."
    )


def _worker_environment() -> dict[str, str]:
    """Lets workers import this package even if it is not installed there."""
    root = PACKAGE.resolve().parent
    paths = [] if root.name == "site-packages" else [str(root)]
    paths += filter(None, [os.environ.get("PYTHONPATH")])
    return {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
