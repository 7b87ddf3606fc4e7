"""Networks that turn images into features; scores made with different networks do not compare."""

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

from infogan.data import DATASETS, Images, LoadOptions, short_name
from infogan.data.images import InMemoryPixels, PixelArray
from infogan.data.pixels import PICTURE_CHANNELS
from infogan.evaluation.image_quality.classifier import classifier_targets, fit_classifier
from infogan.utils.errors import InfoganError
from infogan.utils.progress import ProgressCallback, no_progress

INCEPTION = "inception/inception-2015-12-05.pt"
CHUNK = 64  # images at once; Inception resizes each to 300 x 300

Network = Callable[[UInt8[Tensor, "b ch h w"]], Tensor]


@final
@dataclass(frozen=True)
class FeatureExtractor:
    """A network that turns images of one shape into features, (n, width)."""

    name: str  # part of the name of every score made with it
    description: str  # for the protocol
    shape: tuple[int, int, int]
    network: Network

    @torch.inference_mode()
    def features(self, x: UInt8[np.ndarray, "n ch h w"] | PixelArray) -> Float[np.ndarray, "n width"]:
        """The features of one image or more, on the CPU, CHUNK images at a time."""
        pixels = InMemoryPixels(torch.from_numpy(x)) if isinstance(x, np.ndarray) else x
        if pixels.shape != self.shape:
            raise InfoganError(
                f"features: the images are (channels, height, width) {pixels.shape}, but {self.name} was "
                f"loaded for {self.shape}; compare images of one shape."
            )
        parts = torch.split(torch.arange(len(pixels)), CHUNK)
        return torch.cat([self.network(pixels.take(part).cpu()).float() for part in parts]).numpy()


def find_feature_extractor(
    images_name: str,
    images: Images,
    load_options: LoadOptions,
    file: Path | None = None,
    on_progress: ProgressCallback = no_progress,
) -> FeatureExtractor | None:
    """The given file; else Inception of the data folder, if the images are gray or RGB; else a classifier, if
    labels or factors exist.
    """
    found = file
    if found is None and images.shape[0] in PICTURE_CHANNELS:
        found = load_options.find_path([INCEPTION])
    if found:
        return load_feature_extractor(found, images.shape)
    return make_classifier_extractor(images, images_name, on_progress)


def make_classifier_extractor(
    images: Images, images_name: str, on_progress: ProgressCallback = no_progress
) -> FeatureExtractor | None:
    """The penultimate features of a small classifier of the images' factors, else of their labels.

    None if neither varies. This is the only network that sees labels; it takes no part in training.
    """
    targets = classifier_targets(images)
    if targets is None:
        return None
    kind = images_name.partition(":")[0]
    name = f"{kind if kind in DATASETS else short_name(images_name)}-classifier"
    net, accuracy = fit_classifier(images, targets, name, on_progress)
    target_names = "labels" if images.factors is None else "factors"
    about = f"a small classifier with {accuracy:.1%} accuracy on the {target_names} of held-out images"
    return FeatureExtractor(name, f"features of {name}, {about}", images.shape, net)


def load_feature_extractor(file: Path, shape: tuple[int, int, int]) -> FeatureExtractor:
    """A TorchScript file that turns uint8 images (n, 3, h, w) into features (n, width), such as Inception.

    The Inception network of StyleGAN's authors, `inception-2015-12-05.pt`, is called with
    `return_features=True`. Gray images are repeated to three channels if the network accepts that, else
    passed unchanged. TorchScript is a program: do not load files you do not trust.

    Raises:
        InfoganError: if there is no such file, or it does not hold such a network.
    """
    module = _load_torchscript(file)
    networks = [module] if shape[0] != 1 else [lambda x: module(x.repeat(1, 3, 1, 1)), module]
    problems = [_find_problem(network, shape) for network in networks]
    if all(problems):
        raise InfoganError(
            f"features: {file} returns no features (images, width) for uint8 images (channels, height, "
            f"width) {shape} ({problems[0]}); choose a TorchScript file that does."
        )
    name = "inception" if file.stem.startswith("inception") else file.stem
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    description = f"features of {file.name} (SHA-256 {digest}...)"
    return FeatureExtractor(name, description, shape, networks[problems.index("")])


def _load_torchscript(file: Path) -> Network:
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
            f"features: {file} is not a TorchScript file of a network; write one by torch.jit.save, not by "
            "torch.save."
        ) from error
    module.eval()
    network: Network = partial(module, return_features=True) if "return_features" in arguments else module
    return network


@torch.inference_mode()
def _find_problem(network: Network, shape: tuple[int, int, int]) -> str:
    """Why the network makes no features of images of this shape; empty if it does."""
    try:
        found = network(torch.zeros(2, *shape, dtype=torch.uint8))
    except (RuntimeError, ValueError, IndexError, TypeError, torch.jit.Error) as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    if not isinstance(found, Tensor):
        return f"two images gave {type(found).__name__}"
    if found.ndim != 2 or len(found) != 2 or not found.is_floating_point():
        return f"two images gave {str(found.dtype).removeprefix('torch.')} {tuple(found.shape)}"
    return ""
