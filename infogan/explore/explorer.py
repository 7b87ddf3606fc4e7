"""What the server asks of a run: each result is a function of the request and of the run's folder."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar, final

import numpy as np
import torch

from infogan.data.images import as_pixels
from infogan.explore.model_info import N_SEEDS, model_info
from infogan.explore.real_images import RealImages
from infogan.explore.real_map import RealMap
from infogan.explore.saved_names import SavedNames, codes_and_categories
from infogan.explore.upload import read_upload
from infogan.figures.traversal import sample_rows
from infogan.method.inversion import learn_inversion
from infogan.method.model import Pictures
from infogan.runs.inversion import load_inversion, save_inversion
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

N_ROWS = 8  # images of a seed
MAX_IMAGES = 256  # of a request
MAX_ABS_VALUE = 1000.0  # of any number that G takes

T = TypeVar("T")


@final
class Explorer:
    """A run, its model, and the single thread that uses the model.

    With one thread, requests are answered in their order, and torch keeps one pool of threads.
    """

    def __init__(self, run: Run) -> None:
        """Raises InfoganError for a run on vectors, without a checkpoint, or with a damaged names.json."""
        if run.config.networks.architecture == "vectors":
            raise InfoganError(
                f"{run.path} was trained on vectors, but the explorer shows images; `infogan encode` writes "
                "the codes of vectors to a table."
            )
        self.run = run
        self.model = run.model()
        self.names = SavedNames(run.path / "names.json", codes_and_categories(self.model.latent))
        self.names.read()
        self._info = model_info(run, self.model.latent)
        self._inversion = load_inversion(run, self.model)
        self.inversion_progress = 0.0 if self._inversion is None else 1.0
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.real_images = RealImages(run, self.model, self.submit)
        self.map = RealMap(run, self.model, self.real_images, self.submit)
        self._first_request, self._closed = threading.Event(), threading.Event()
        self._trainer = threading.Thread(target=self._train_inversion, name="inversion", daemon=True)
        if self._inversion is None:
            self._trainer.start()

    def submit(self, call: Callable[..., T], *args: Any) -> "Future[T]":
        """Runs a call in the model's thread."""
        return self._executor.submit(call, *args)

    def close(self) -> None:
        """Waits for the current call and cancels the others."""
        self._closed.set()
        self._first_request.set()
        self._executor.shutdown(cancel_futures=True)
        self.real_images.close()
        self.map.close()
        if self._trainer.is_alive():
            self._trainer.join()  # torch aborts if Python ends in the middle of its import

    def info(self) -> dict[str, Any]:
        """model.json: the run when its model was loaded, and the current names."""
        return {"backend": "server", **self._info, "names": self.names.read()}

    def sample(self, seed: int) -> bytes:
        """z (8, n_z) and values (8, L) of a seed, float32, one after the other."""
        if not 0 <= seed < N_SEEDS:
            raise InfoganError(f"seed is {seed}, but must be in 0 .. {N_SEEDS - 1}.")
        return b"".join(
            part.numpy().astype("<f4").tobytes() for part in sample_rows(self.model, N_ROWS, seed)
        )

    def decode(self, body: bytes) -> bytes:
        """Images (n, ch, h, w) of n rows of float32: the values of the codes, then z.

        Raises:
            InfoganError: if the rows have another width, are too many, or contain invalid numbers.
        """
        latent = self.model.latent
        L, width = len(latent.codes), len(latent.codes) + latent.n_z
        if not body or len(body) % (4 * width):
            raise InfoganError(
                f"decode takes rows of {width} numbers of 4 bytes, but was sent {len(body)} bytes."
            )
        rows: np.ndarray = np.frombuffer(body, "<f4").reshape(-1, width)
        if len(rows) > MAX_IMAGES:
            raise InfoganError(f"decode takes at most {MAX_IMAGES} images, but was sent {len(rows)}.")
        if not (np.abs(rows) <= MAX_ABS_VALUE).all():  # false for NaN
            raise InfoganError(f"decode takes numbers in {-MAX_ABS_VALUE:.0f} .. {MAX_ABS_VALUE:.0f}.")
        for name, code, values in zip(latent.names, latent.codes, rows[:, :L].T, strict=True):
            if code.categories is not None and not np.isin(values, range(code.categories)).all():
                raise InfoganError(f"{name} is a category, 0 .. {code.categories - 1}.")
        inputs = torch.from_numpy(rows.astype(np.float32))
        self._first_request.set()
        return self.model.decode(inputs[:, :L], inputs[:, L:]).tobytes()

    def encode(self, content: bytes) -> dict[str, Any]:
        """What Q reads off a picture, and a z that reconstructs it.

        Raises:
            InfoganError: if it is not a picture, or cannot be read.
        """
        data, shape = self.run.config.data, self.run.config.networks.image_shape
        return self._encode_pixels(read_upload(content, shape, data.square, data.pixel_scale)[None])

    def encode_real(self, image: int) -> dict[str, Any]:
        """The same of an image of the training, by its number.

        Raises:
            InfoganError: if there is none, or the images have not been read.
        """
        return self._encode_pixels(self.real_images.pixels(image))

    def _encode_pixels(self, x: Pictures) -> dict[str, Any]:
        self._first_request.set()
        values, spreads = self.model.encode(as_pixels(x))
        if self._inversion is None:
            z = self.model.latent.sample_z(1, torch.Generator().manual_seed(0))
        else:
            z = self._inversion.invert(x, values)
        return {
            "values": values[0].tolist(),
            "spreads": spreads[0].tolist(),
            "z": z[0].tolist(),
            "image": x.ravel().tolist(),
        }

    def _train_inversion(self) -> None:
        """Trains the encoder of z between requests, one step at a time, once the first image is shown."""
        self._first_request.wait()
        if not self._closed.is_set():
            import torch._dynamo  # noqa: F401, which the first optimiser would load in a request: seconds
        steps = learn_inversion(self.model)
        try:
            while not self._closed.is_set() and (step := self.submit(next, steps, None).result()):
                self.inversion_progress, self._inversion = step.n / step.steps, step.inversion
            if self.inversion_progress == 1.0 and self._inversion is not None:
                with suppress(InfoganError):  # if it cannot be saved, this explorer still has it
                    save_inversion(self.run, self._inversion)
        except (CancelledError, RuntimeError):  # of the executor after its shutdown
            if not self._closed.is_set():
                raise
        finally:
            self.inversion_progress = 1.0  # or the page would wait for more
