"""What the server asks of a run: every answer is a function of the request and of the run's folder."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, TypeVar, final

import numpy as np
import torch

from infogan.explore.info import SEEDS, describe
from infogan.explore.names import Names
from infogan.explore.upload import read_upload
from infogan.figures.traversal import sample_rows
from infogan.method.inversion import Inversion, learn_inversion
from infogan.runs.inversion import load_inversion, save_inversion
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

ROWS = 8  # images of a seed
MOST = 256  # images of a request
FARTHEST = 1000.0  # from 0, of any number that G is given

T = TypeVar("T")


@final
class Explorer:
    """A run, its model, and the one thread that may touch the model.

    One thread, as requests then wait in the order they came, and torch keeps one pool of helpers.
    """

    def __init__(self, run: Run) -> None:
        """Raises InfoganError for a run on vectors, without a checkpoint, or with a damaged names.json."""
        if run.config.networks.architecture == "vectors":
            raise InfoganError(
                f"{run.path} was trained on vectors, and the explorer shows pictures; "
                f"`infogan encode {run.path} SOURCE -o codes.csv` reads their codes."
            )
        self.run = run
        self.model = run.model()
        self.names = Names(run.path, self.model.latent.names)
        self.names.read()
        latent = self.model.latent
        self._info = describe(run, latent.codes, latent.names, latent.n_z)
        self.learned = 1.0  # of E, which reads z; the part that is done
        self._inversion = load_inversion(run, self.model)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._wanted, self._closed = threading.Event(), threading.Event()
        self._learner = threading.Thread(target=self._learn, name="learning z", daemon=True)
        if self._inversion is None:
            self.learned = 0.0
            self._learner.start()

    def submit(self, call: Callable[..., T], *args: Any) -> "Future[T]":
        """Has the model's thread make a call."""
        return self._worker.submit(call, *args)

    def close(self) -> None:
        """Lets the call under way end, and no other begin."""
        self._closed.set()
        self._wanted.set()
        self._worker.shutdown(cancel_futures=True)
        if self._learner.is_alive():
            self._learner.join()  # torch aborts where Python ends in the middle of its import

    def info(self) -> dict[str, Any]:
        """model.json: the run as it was when its model was loaded, and the names as they are now."""
        return {"backend": "server", **self._info, "names": self.names.read()}

    def draw(self, seed: int) -> bytes:
        """z and values of the rows of a seed, float32, one after the other."""
        if not 0 <= seed < SEEDS:
            raise InfoganError(f"seed is {seed}, but must be in 0 .. {SEEDS - 1}.")
        return b"".join(part.numpy().astype("<f4").tobytes() for part in sample_rows(self.model, ROWS, seed))

    def decode(self, body: bytes) -> bytes:
        """Images (n, ch, h, w) of n rows of float32: the values of the codes, then z.

        Raises:
            InfoganError: for rows of another width, too many, or numbers that no code has.
        """
        latent = self.model.latent
        L, width = len(latent.codes), len(latent.codes) + latent.n_z
        if not body or len(body) % (4 * width):
            raise InfoganError(
                f"decode takes rows of {width} numbers of 4 bytes; these are {len(body)} bytes."
            )
        rows: np.ndarray = np.frombuffer(body, "<f4").reshape(-1, width)
        if len(rows) > MOST:
            raise InfoganError(f"decode makes at most {MOST} images at a time; these are {len(rows)}.")
        if not (np.abs(rows) <= FARTHEST).all():  # which no NaN fulfils
            raise InfoganError(f"decode takes numbers in {-FARTHEST:.0f} .. {FARTHEST:.0f}.")
        for name, code, values in zip(latent.names, latent.codes, rows[:, :L].T, strict=True):
            known = range(code.categories) if code.categories is not None else None
            if known is not None and not np.isin(values, known).all():
                raise InfoganError(f"{name} is a category, 0 .. {known[-1]}.")
        numbers = torch.from_numpy(rows.astype(np.float32))
        self._wanted.set()
        return self.model.decode(numbers[:, :L], numbers[:, L:]).tobytes()

    def encode(self, content: bytes) -> dict[str, Any]:
        """What Q reads off a picture, and a z that gives it back.

        Raises:
            InfoganError: for what is no picture, or not to be read.
        """
        x = read_upload(content, self.run.config.networks.image_shape, self.run.config.data.square)[None]
        self._wanted.set()
        values, spreads = self.model.encode(x)
        inversion = self._inversion
        if inversion is None:
            rng = torch.Generator().manual_seed(0)
            z = self.model.latent.sample_z(1, rng)
        else:
            z = inversion.invert(x, values)
        return {
            "values": values[0].tolist(),
            "spreads": spreads[0].tolist(),
            "z": z[0].tolist(),
            "image": x.ravel().tolist(),
        }

    def _learn(self) -> None:
        """Learns to read z beside what people ask for, an update at a time, once the first image is shown."""
        self._wanted.wait()
        if not self._closed.is_set():
            import torch._dynamo  # noqa: F401, as the first optimiser loads it: seconds, which nobody is to wait
        steps = learn_inversion(self.model)
        try:
            while not self._closed.is_set() and (step := self.submit(next, steps, None).result()):
                self.learned, self._inversion = step.n / step.steps, step.inversion
            if self.learned == 1.0 and self._inversion is not None:
                self._keep(self._inversion)
        except (CancelledError, RuntimeError):  # of a thread that takes no more calls
            if not self._closed.is_set():
                raise
        finally:
            self.learned = 1.0  # nobody is to wait for more

    def _keep(self, inversion: Inversion) -> None:
        try:
            save_inversion(self.run, inversion)
        except InfoganError:
            return  # it is known as long as this explorer runs
