"""Real images of each category, and the labels that its name and the images' own classes make."""

import base64
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from infogan.data import Images
from infogan.data.images import InMemoryPixels, subsample_index
from infogan.data.tables import format_class_labels
from infogan.explore.background import Background
from infogan.explore.saved_names import SavedNames
from infogan.method.model import Encoding, Model
from infogan.runs.labels import category_names, read_labels
from infogan.runs.run import LABELS_FILE, Run
from infogan.utils.errors import InfoganError

MAX_IMAGES = 10_000  # that Q reads: a fixed random sample of more
BLOCK = 64  # images that Q reads at a time; other requests wait for one block at most
N_CERTAIN = 20  # images of a category of which Q is most certain: shown, and labelled if it has a name
N_OTHERS = 20  # of its other images that are shown, evenly from certain to uncertain
FILE = "image_classes.json"


@final
@dataclass(frozen=True)
class EncodedImages:
    """Images of a run, and what Q reads off some of them."""

    images: Images
    index: Int[np.ndarray, "n"]  # of these among the images
    values: Float[np.ndarray, "n L"]
    spreads: Float[np.ndarray, "n L"]
    told: dict[int, str]  # the classes that training was told, by the number of the image
    classes: SavedNames  # those that people give in the explorer, by `key`

    def key(self, image: int) -> str | int:
        """What a table of labels calls an image: its file, or its number."""
        return image if self.images.names is None else self.images.names[image]

    def members(self, code: int, category: int) -> Int[np.ndarray, "m"]:
        """The images in a category, by their place in `index`; those of which Q is most certain first."""
        members = np.flatnonzero(self.values[:, code] == category)
        return members[np.argsort(self.spreads[members, code], kind="stable")]


@final
class RealImages:
    """The images that a run was trained on, which are read at the first request.

    An image has one class at most: the one that a person gave it here, else the one that training was told,
    else, if Q is among the most certain of it, the name of its category. So categories with the same name are
    one class, and a category without a name is split by naming some of its images.

    Args:
        submit: runs a call in the model's thread.
    """

    def __init__(self, run: Run, model: Model, submit: Callable[..., "Future[Any]"]) -> None:
        self.run, self.model, self.submit = run, model, submit
        self._reading = Background(self._read_images)
        self._progress = 0.0

    def close(self) -> None:
        self._reading.close()

    def progress(self) -> float:
        """Of reading the images, 0 to 1; the first call begins. Called by one thread only.

        Raises:
            InfoganError: if they cannot be read; the next call tries again.
        """
        return 1.0 if self._reading.is_done() else min(self._progress, 0.99)

    def pixels(self, image: int) -> UInt8[np.ndarray, "1 ch h w"]:
        """An image by its number. Raises InfoganError if there is none, or the images have not been read."""
        images = self.encoded().images
        if not 0 <= image < len(images):
            raise InfoganError(f"There is no image {image} among the {len(images):,} training images.")
        x: np.ndarray = images.pixels.take(torch.tensor([image])).cpu().numpy()
        return x

    def gallery(self, code: str, category: int) -> dict[str, Any]:
        """Images of a category as `page/backend-server.js` documents them.

        Raises:
            InfoganError: if there is no such category, or the images have not been read.
        """
        read, i = self.encoded(), self._code(code)
        if not 0 <= category < (self.model.latent.codes[i].categories or 0):
            raise InfoganError(f"There is no category {category} of {code} in this run.")
        members = read.members(i, category)
        others = members[N_CERTAIN:]
        spaced = np.linspace(0, len(others) - 1, min(N_OTHERS, len(others))).astype(int)
        chosen = np.concatenate([members[:N_CERTAIN], others[spaced]])
        images = read.index[chosen].tolist()
        classes, given = self._classes(read, i), read.classes.read()
        certainties = (1 - read.spreads[chosen, i]).tolist()
        pixels = read.images.pixels.take(torch.from_numpy(read.index[chosen])).cpu().numpy()
        return {
            "n": len(members),
            "n_read": len(read.index),
            "n_certain": min(N_CERTAIN, len(members)),
            "images": [
                {
                    "image": image,
                    "name": str(read.key(image)),
                    "certainty": certainty,
                    "label": classes.get(image, ""),
                    "given": given.get(str(read.key(image)), ""),
                }
                for image, certainty in zip(images, certainties, strict=True)
            ],
            "pixels": base64.b64encode(pixels.tobytes()).decode(),
        }

    def set_class(self, image: int, name: str) -> None:
        """Saves the class of an image, by its number; "" removes it. Errors as in `SavedNames.set`."""
        read = self.encoded()
        known = 0 <= image < len(read.images)
        read.classes.set(str(read.key(image)) if known else f"number {image}", name)

    def labels(self, code: str) -> str:
        """A CSV table for `infogan train --labels`: the images with a class, by the categories of a code.

        Raises:
            InfoganError: if there are none, or a table cannot hold them.
        """
        read = self.encoded()
        classes = self._classes(read, self._code(code))
        if not classes:
            raise InfoganError("Nothing has a name yet; name a category, or some of its images.")
        return format_class_labels({read.key(image): classes[image] for image in sorted(classes)})

    def _classes(self, read: EncodedImages, code: int) -> dict[int, str]:
        """The classes of images, by their number."""
        classes: dict[int, str] = {}
        for category, name in category_names(self.run).get(self.model.latent.names[code], {}).items():
            certain = read.index[read.members(code, category)[:N_CERTAIN]]
            classes |= dict.fromkeys(certain.tolist(), name)
        given = read.classes.read()
        own = {i: given[key] for i in read.index.tolist() if (key := str(read.key(i))) in given}
        return classes | read.told | own

    def encoded(self) -> EncodedImages:
        """Raises InfoganError if the images have not been read."""
        read = self._reading.result()
        if read is None:
            raise InfoganError(
                "The training images are not read yet; open their map or those of a code first."
            )
        return read

    def _code(self, name: str) -> int:
        latent = self.model.latent
        for i, code in enumerate(latent.codes):
            if latent.names[i] == name and code.categories and i not in latent.parents:
                return i
        raise InfoganError(f"{name} has no categories that can be named.")

    def _read_images(self) -> EncodedImages:
        self._progress = 0.0
        images = self.run.images()
        index = subsample_index(len(images), MAX_IMAGES)
        read: list[Encoding] = []
        for block in torch.split(torch.from_numpy(index), BLOCK):
            if self._reading.closed.is_set():
                raise InfoganError("The explorer has ended.")
            x = InMemoryPixels(images.pixels.take(block))
            read.append(self.submit(self.model.encode, x).result())
            self._progress = len(read) * BLOCK / len(index)
        names = images.names
        keys = {str(i if names is None else names[i]) for i in index.tolist()}
        return EncodedImages(
            images,
            index,
            torch.cat([part.values for part in read]).numpy(),
            torch.cat([part.spreads for part in read]).numpy(),
            self._told(len(images)),
            SavedNames(self.run.path / FILE, keys),
        )

    def _told(self, n: int) -> dict[int, str]:
        """The classes that training was told of n images, of which it may have taken a part."""
        if not (self.run.path / LABELS_FILE).is_file():
            return {}
        trained_on = subsample_index(n, self.run.config.data.max_images or n)
        labels = read_labels(self.run, len(trained_on))
        numbers = labels.numbers.tolist()
        return {int(trained_on[i]): labels.name(numbers[i]) for i in np.flatnonzero(labels.is_known)}
