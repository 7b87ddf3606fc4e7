"""G, D and Q with their latent: what training produces, and what everything else uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple, TypeAlias, final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from infogan.config import BYTES, Config, PixelScale
from infogan.data.images import PixelArray, as_pixels
from infogan.data.pixels import array_to_pixels
from infogan.method.latent import Latent
from infogan.method.networks import DiscriminatorQ, Generator, init_weights, make_networks
from infogan.utils.errors import InfoganError
from infogan.utils.limits import available_memory
from infogan.utils.rng import make_rng
from infogan.utils.torch_state import to_channels_last, torch_defaults

# Images that pass a network at once. With more, activations are too large for the allocator to keep, and a
# third of the time goes to page faults.
CHUNK = 256
MAX_BYTES = 2**32  # of weights; the paper's networks take 0.2 GB at most
BATCH = 1024  # images that share the statistics of batch norm, if they are not the running ones

Statistics = Literal["running", "batch"]
Pictures: TypeAlias = UInt8[np.ndarray, "n ch h w"] | Float[np.ndarray, "n 1 1 w"]


class Encoding(NamedTuple):
    """What Q reads off images, one column per code; units as in `Code.decode`."""

    values: Float[Tensor, "n L"]
    spreads: Float[Tensor, "n L"]


@final
class Model(nn.Module):
    """The trained networks, in evaluation mode.

    Images go in and come out as uint8, 0 to 255, vectors as numbers of any size (n, 1, 1, width). Images may
    also go in as floats in [0, 1], booleans or whole numbers of 16 bits; `pixel_scale` says how many of those
    bits are in use.
    """

    def __init__(
        self, latent: Latent, G: Generator, D: DiscriminatorQ, pixel_scale: PixelScale = BYTES
    ) -> None:
        super().__init__()
        self.latent, self.G, self.D, self.pixel_scale = latent, G, D, pixel_scale
        to_channels_last(self)
        self.eval()

    @property
    def device(self) -> torch.device:
        return next(self.G.parameters()).device

    def to_pixels(self, x: np.ndarray) -> Pictures:
        """Images or vectors of any layout in memory as the networks take them; see `array_to_pixels`.

        Raises:
            InfoganError: if they have another shape or are no such numbers, or uint8 of only 0 and 1.
        """
        if x.ndim != 4:
            raise InfoganError(
                f"the images are an array of shape {x.shape}, but must be (n, channels, height, width); add "
                "axes of length 1."
            )
        self.check_shape((x.shape[1], x.shape[2], x.shape[3]), "the images")
        if self.G.low is None:
            if x.dtype.kind not in "biuf" or not np.isfinite(x).all():
                raise InfoganError(
                    "the vectors contain NaN, infinite values or no numbers; leave these rows out."
                )
            return np.require(x, np.float32, ("C", "W"))
        try:
            return array_to_pixels(x, self.pixel_scale)
        except ValueError as error:
            raise InfoganError(f"the images are {error}.") from error

    def _pixels(self, x: np.ndarray | PixelArray) -> PixelArray:
        if isinstance(x, PixelArray):
            self.check_shape(x.shape, "the images")
            return x
        return as_pixels(self.to_pixels(np.asarray(x)))

    def check_shape(self, shape: tuple[int, int, int], what: str) -> None:
        """Raises InfoganError unless images of that shape fit the networks."""
        if shape != self.G.shape:
            raise InfoganError(
                f"{what} are (channels, height, width) {shape}, but the networks take {self.G.shape}; "
                "bring the images to that shape, or choose another --architecture."
            )

    @torch.inference_mode()
    def encode(self, x: np.ndarray | PixelArray, statistics: Statistics = "running") -> Encoding:
        """What Q reads off images, in chunks, so that memory does not grow with their number.

        Args:
            x: images, as `to_pixels` takes them, or an array of pixels that are read when needed.
            statistics: of batch norm. With the running ones, means over real batches in training, the codes
                of an image do not depend on the other images. "batch" uses those of 1,024 images at a time,
                as the original code does everywhere.

        Raises:
            InfoganError: as `to_pixels`, or if a single image is to have batch statistics.
        """
        pixels = self._pixels(x)
        values, spreads = [], []
        of_batch = statistics == "batch"
        if of_batch and len(pixels) == 1:
            raise InfoganError("encode: one image has no batch statistics; use the running ones.")
        with batch_statistics(self.D, of_batch):
            for index in split_index(len(pixels), BATCH if of_batch else CHUNK):
                q = self.D(self.G.to_range(pixels.take(index).to(self.device))).q
                decoded = self.latent.decode(q)
                values.append(torch.stack([d.value for d in decoded], dim=1).cpu())
                spreads.append(torch.stack([d.spread for d in decoded], dim=1).cpu())
        if not len(pixels):
            none = torch.empty(0, len(self.latent.codes), dtype=torch.float32)
            return Encoding(none, none)
        return Encoding(torch.cat(values), torch.cat(spreads))

    @torch.inference_mode()
    def features(self, x: np.ndarray | PixelArray) -> Float[Tensor, "n width"]:
        """The input of Q's last layer, with running statistics of batch norm; x and errors as in `encode`."""
        pixels = self._pixels(x)
        images = (
            self.G.to_range(pixels.take(i).to(self.device))
            for i in torch.split(torch.arange(len(pixels)), CHUNK)
        )
        return torch.cat([self.D.features(part).cpu() for part in images])

    @torch.inference_mode()
    def decode(self, values: Float[Tensor, "n L"], z: Float[Tensor, "n n_z"]) -> Pictures:
        """G(z, c) for codes given by their values, with G's running statistics of batch norm."""
        values, z = values.to(self.device), z.to(self.device)
        chunks = zip(torch.split(values, CHUNK), torch.split(z, CHUNK), strict=True)
        images = [self.G.to_bytes(self.G(z_i, self.latent.embed(v_i))).cpu() for v_i, z_i in chunks]
        decoded: Pictures = torch.cat(images).numpy()
        return decoded

    def sample(self, n: int, rng: torch.Generator) -> Pictures:
        """n images with z and codes from their priors, drawn by `rng`, a generator on the CPU.

        Raises:
            InfoganError: if n is negative.
        """
        if n < 0:
            raise InfoganError(f"sample: the number of images is {n}, but must be 0, 1, ...")
        return self.decode(self.sample_values(n, rng), self.latent.sample_z(n, rng))

    def sample_values(self, n: int, rng: torch.Generator) -> Float[Tensor, "n L"]:
        """Codes drawn from their priors, as values."""
        return torch.stack([code.sample_value(n, rng) for code in self.latent.codes], dim=1)


@torch_defaults()
def make_model(config: Config) -> Model:
    """The networks of a config, with the initial weights of its seed.

    Raises:
        InfoganError: if they would be larger than 4 GiB or than the free memory.
    """
    latent = Latent.from_config(config.codes)
    with torch.random.fork_rng(
        devices=[]
    ):  # layers draw weights when they are made, which are replaced below
        _check_memory(config, latent)
        networks = make_networks(config, latent)
    rng = make_rng(config.run.seed, "weights")
    for net in networks:
        init_weights(net, rng)
    return Model(latent, *networks, config.data.pixel_scale)


def _check_memory(config: Config, latent: Latent) -> None:
    """Makes the networks on the meta device, which takes no memory, to add up what they need."""
    with torch.device("meta"):
        networks = make_networks(config, latent)
    needed = sum(tensor.nbytes for net in networks for tensor in net.state_dict().values())
    available, settings = min(MAX_BYTES, available_memory()), config.networks
    if needed > available:
        raise InfoganError(
            f"config: networks {settings.architecture} for images {settings.image_shape} and "
            f"{latent.width:,} inputs of G need {needed / 1e9:,.1f} GB, and {available / 1e9:.1f} GB are "
            "available; choose smaller ones."
        )


def split_index(n: int, size: int) -> list[Int[Tensor, "b"]]:
    """0 .. n - 1 in batches of `size`.

    A last batch of a single image would have no batch statistics, so it is joined to the one before.
    """
    batches = list(torch.split(torch.arange(n), size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def batch_norms(net: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    return [m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]


@contextmanager
def batch_statistics(net: nn.Module, wanted: bool = True) -> Iterator[None]:
    """Within, batch norm uses the statistics of the batch, and leaves the running ones as they are."""
    if not wanted:
        yield
        return
    norms = batch_norms(net)
    before = [(norm.training, norm.track_running_stats) for norm in norms]
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for norm, (training, tracked) in zip(norms, before, strict=True):
            norm.training, norm.track_running_stats = training, tracked


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Within, gradients pass through the network, and are not computed for its weights."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)
