"""Joining a Ray cluster, and what must be so there before anything runs on it; what is not, as a sentence.

Ray is imported in the functions, as it is an extra and slow to start.
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

PATIENCE = 10.0  # seconds that a cluster has to answer
STORE = 2**28  # bytes of shared memory of a cluster that is started here, as results are on the disk
# Ray itself tries for minutes, in a call that nothing interrupts.
PROBE = """
import sys
from ray._private.services import canonicalize_bootstrap_address as find
from ray._raylet import GcsClient
GcsClient(address=find(sys.argv[1]))
"""


@contextmanager
def connect(address: str) -> Iterator[None]:
    """Within, this process is joined to a cluster, whose workers import this package as it lies here.

    Nothing reaches standard output within, where Ray would report its losses among our results.

    Args:
        address: HOST:PORT of a cluster, "auto" for the one that this machine is of, which RAY_ADDRESS may
            name, or "local" for one of this machine alone, which ends at the end.

    Raises:
        InfoganError: where Ray is missing, or no cluster answers there within some 15 s.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or a warning for every worker
    try:
        import ray
    except ModuleNotFoundError as error:
        raise InfoganError('--ray needs Ray, which is missing; pip install "infogan[cluster]".') from error
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE}
    if address != "local":
        own = {}
        _require_answer(address)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        try:
            with _silence():
                ray.init(
                    address=address,
                    runtime_env={"env_vars": _environment()},
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                    **own,
                )
        except Exception as error:  # of many kinds, which nobody lists
            raise _unreachable(address, one_line(error).rstrip(".")) from error
        try:
            yield
        finally:
            ray.shutdown()


def require_shared(folder: Path) -> None:
    """Makes a folder, where it is missing; every node has to see it, and to have this version of the package.

    Raises:
        InfoganError: where a node does not, or does not say so within some time.
    """
    is_new = not folder.exists()
    with wrap_write_errors(folder):
        make_folder(folder)
        handle, marker = tempfile.mkstemp(prefix="_shared.", suffix=".part", dir=folder.resolve())
        os.close(handle)
    try:
        _ask_all(marker, folder)
    except BaseException:
        Path(marker).unlink(missing_ok=True)
        if is_new:
            folder.rmdir()
        raise
    Path(marker).unlink(missing_ok=True)


def _ask_all(marker: str, folder: Path) -> None:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    look = ray.remote(num_cpus=0, max_retries=0)(_look)
    for node in _nodes():
        where = f"node {node['NodeManagerAddress']}"
        there = look.options(scheduling_strategy=On(node["NodeID"], soft=False))
        try:
            seen, theirs = ray.get(there.remote(marker), timeout=6 * PATIENCE)
        except Exception as error:  # of many kinds, as in `connect`
            raise InfoganError(
                f"{where} cannot run infogan ({one_line(error)}); install it there as it is here."
            ) from error
        if theirs != version("infogan"):
            raise InfoganError(
                f"{where} has infogan {theirs}, and this is {version('infogan')}; install one version on all."
            )
        if not seen:
            raise InfoganError(f"{where} does not see {folder}; name a folder that all nodes share.")


def require_sizes(cpus: int, gpus: float) -> None:
    """Raises InfoganError unless a process can take so many cores and GPUs."""
    if cpus < 1:
        raise InfoganError(f"--cpus is {cpus}, but must be at least 1.")
    if gpus < 0 or (gpus > 1 and gpus != int(gpus)):
        raise InfoganError(f"--gpus is {gpus:g}, but must be a whole number, or a share between 0 and 1.")


def places(cpus: int, gpus: float) -> int:
    """How many processes of so many cores and GPUs each the cluster has room for.

    Raises:
        InfoganError: where it has for none, which Ray would wait for.
    """
    asked = [(kind, each) for kind, each in (("CPU", cpus), ("GPU", gpus)) if each]
    fit = 0
    for node in _nodes():
        fit += int(min(node["Resources"].get(kind, 0) // each for kind, each in asked))
    if not fit:
        raise InfoganError(
            f"no node of the cluster has {cpus} cores and {gpus:g} GPUs, as --cpus and --gpus ask; ask for "
            "less."
        )
    return fit


def _nodes() -> list[dict[str, Any]]:
    """Those that are alive."""
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # as Ray left it
    return [node for node in nodes if node["Alive"]]


def _look(marker: str) -> tuple[bool, str]:
    """Whether a node sees a file, for which a network drive is given some time, and its version of this."""
    until = time.monotonic() + PATIENCE
    while not os.path.exists(marker):
        if time.monotonic() > until:
            return False, version("infogan")
        time.sleep(0.1)
    return True, version("infogan")


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps Ray's core from saying on standard error how much it will say there."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _require_answer(address: str) -> None:
    command = [sys.executable, "-c", PROBE, address]
    try:
        # What else goes wrong here does so again in `connect`, and is told there.
        subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise _unreachable(address, f"no answer within {PATIENCE:.0f} s") from error


def _unreachable(address: str, why: str) -> InfoganError:
    if address == "local":
        return InfoganError(f"Ray does not start on this machine ({why}).")
    return InfoganError(
        f"no Ray cluster answers at {address!r} ({why}); `ray start --head` starts one, whose HOST:PORT "
        "--ray takes, and --ray local takes this machine alone."
    )


def _environment() -> dict[str, str]:
    """Of the workers, so that they find this package also where it is not installed."""
    root = PACKAGE.resolve().parent
    paths = [] if root.name == "site-packages" else [str(root)]
    paths += filter(None, [os.environ.get("PYTHONPATH")])
    return {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
