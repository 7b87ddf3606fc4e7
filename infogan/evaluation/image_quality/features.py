"""What turns images into features, named so that no number made with one is taken for another's."""

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from infogan.data import DATASETS, Images, LoadOptions
from infogan.data.images import InMemoryPixels, PixelArray
from infogan.evaluation.image_quality.classifier import fit_classifier, known
from infogan.utils.errors import InfoganError

INCEPTION = "inception/inception-2015-12-05.pt"
CHUNK = 64  # images at once; Inception makes 300 x 300 of each

Network = Callable[[UInt8[Tensor, "b ch h w"]], Tensor]


@final
@dataclass(frozen=True)
class Extractor:
    """A network that turns images of one shape into features, (n, width)."""

    name: str  # which every number made with it bears
    note: str  # what a protocol is to say of it
    shape: tuple[int, int, int]
    network: Network

    @torch.inference_mode()
    def features(self, x: UInt8[np.ndarray, "n ch h w"] | PixelArray) -> Float[np.ndarray, "n width"]:
        """The features of one image or more, on the CPU, a few images at a time.

        Raises:
            InfoganError: for images of another shape.
        """
        pixels = InMemoryPixels(torch.from_numpy(x)) if isinstance(x, np.ndarray) else x
        if pixels.shape != self.shape:
            raise InfoganError(
                f"features: the images are (channels, height, width) {pixels.shape}, but {self.name} was "
                f"made ready for {self.shape}; compare images of one shape."
            )
        parts = torch.split(torch.arange(len(pixels)), CHUNK)
        return torch.cat([self.network(pixels.take(part).cpu()).float() for part in parts]).numpy()


def find_extractor(
    name: str,
    images: Images | None,
    load_options: LoadOptions,
    file: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Extractor | None:
    """The file that is named; else Inception, if it lies below the data folder; else a classifier.

    None where there are no images to compare with, or where no file is here and nothing is known of them.

    Args:
        name: of the images, as `load` takes it.
        say: told if a classifier is trained.

    Raises:
        InfoganError: as `load_extractor` does.
    """
    if images is None:
        return None
    found = file or load_options.find_path([INCEPTION])
    return load_extractor(found, images.shape) if found else train_classifier(images, name, say)


def train_classifier(
    images: Images, name: str, say: Callable[[str], None] = lambda _: None
) -> Extractor | None:
    """The penultimate features of a small network that tells the images' factors, else their labels.

    Labels are seen here and in no training of an InfoGAN; None where there is nothing to tell.
    """
    targets = known(images)
    if targets is None:
        return None
    kind, _, rest = name.partition(":")
    own = f"{kind if kind in DATASETS else Path(rest or name).resolve().stem}-classifier"
    net, right = fit_classifier(images, targets, own, say)
    what = "labels" if images.factors is None else "factors"
    note = f"features of {own}, a small network that tells {right:.1%} of the {what} of images new to it"
    return Extractor(own, note, images.shape, net)


def load_extractor(file: Path, shape: tuple[int, int, int]) -> Extractor:
    """A TorchScript file that turns uint8 images (n, 3, h, w) into features (n, width).

    Such as the Inception network of StyleGAN's authors, `inception-2015-12-05.pt`, which resizes images
    itself and is asked for `return_features=True`. Gray images are given three times over, and as they are
    where the network will not have that. TorchScript is a program: take no file from a stranger.

    Args:
        shape: of the images it will be given: channels, height, width.

    Raises:
        InfoganError: where there is no such file, or what is in it does not do that.
    """
    module = _load_script(file)
    networks = [lambda x: module(x.repeat(1, 3, 1, 1)), module] if shape[0] == 1 else [module]
    objections = [_objection(network, shape) for network in networks]
    if all(objections):
        raise InfoganError(
            f"features: {file} makes no features (images, width) of uint8 images (channels, height, width) "
            f"{shape} ({objections[0]}); name a TorchScript file that does."
        )
    name = "inception" if file.stem.startswith("inception") else file.stem
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    note = f"features of {file.name} (SHA-256 {digest}...)"
    return Extractor(name, note, shape, networks[objections.index("")])


def _load_script(file: Path) -> Network:
    if not file.is_file():
        raise InfoganError(f"features: there is no file {file}.")
    try:
        with warnings.catch_warnings():
            # torch.export's files are read by pickle, and Inception is not published as one.
            warnings.filterwarnings("ignore", "`torch.jit.load` is", DeprecationWarning)
            module = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]
        arguments = {argument.name for argument in module.forward.schema.arguments}
    except (RuntimeError, AttributeError) as error:
        raise InfoganError(
            f"features: {file} is no TorchScript file of a network; torch.jit.save makes one, "
            "torch.save does not."
        ) from error
    module.eval()
    network: Network = partial(module, return_features=True) if "return_features" in arguments else module
    return network


@torch.inference_mode()
def _objection(network: Network, shape: tuple[int, int, int]) -> str:
    """What keeps a network from making features of images of this shape; empty if nothing does."""
    try:
        found = network(torch.zeros(2, *shape, dtype=torch.uint8))
    except (RuntimeError, ValueError, IndexError, TypeError, torch.jit.Error) as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != 2 or not found.is_floating_point():
        return f"two images gave {_description(found)}"
    return ""


def _description(found: object) -> str:
    if not isinstance(found, Tensor):
        return type(found).__name__
    return f"{str(found.dtype).removeprefix('torch.')} {tuple(found.shape)}"
