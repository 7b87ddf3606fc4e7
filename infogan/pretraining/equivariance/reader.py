"""What reads images: the pose of a whole picture, then angle and features of the crop that the pose gives."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import final

import torch
from jaxtyping import Bool, Complex, Float, Int, UInt8
from torch import Tensor, nn

from infogan.data.images import PixelArray
from infogan.pretraining.encoder import SIDE, Encoder, resized
from infogan.pretraining.equivariance.angles import HARMONICS, squash, turned
from infogan.pretraining.equivariance.poses import (
    Pose,
    background,
    compose_inverse,
    moved,
    no_pose,
    pose_from_columns,
    relit,
    sample_plane,
    sample_transforms,
    touches_edge,
)
from infogan.utils.rng import make_rng

MAX_SIDE = 64  # pixels: larger images are averaged down
# Initial standard deviation of the second network's head. With smaller weights all vectors start with almost
# no length and all images with nearly the same clusters, where the loss has almost no gradient.
HEAD_STD = 0.2
N_POSES, N_TURNS = 4, 8  # readings of an image, moved or turned, beside the plain one
MIDDLE = 0.75  # share of the sides that is read where there is no plain background to go on outside


@final
class PoseReader:
    """The two networks of the stage, and how they look at images.

    Images are (b, ch, s, s), in [0, 1].
    """

    def __init__(
        self,
        channels: int,
        codes_of: Mapping[str, tuple[int, ...]],
        sizes: Mapping[str, float],
        n_clusters: int,
        seed: int,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """
        Args:
            codes_of: the codes of each knob.
            sizes: of the random transforms.
        """
        self.knobs = tuple(knob for knob in codes_of if knob != "rotate")
        self.sizes, self.device, self.autocast = sizes, device, autocast
        self.rng, weights = make_rng(seed, "equivariance", device), make_rng(seed, "equivariance weights")
        self.n_numbers = sum(len(codes_of[knob]) for knob in self.knobs)
        self.pose_net = Encoder(channels, self.n_numbers, weights).to(device) if self.n_numbers else None
        self.crop_net = Encoder(channels, 2 * HARMONICS + n_clusters, weights)
        nn.init.normal_(self.crop_net.head.weight, 0, HEAD_STD, generator=weights)
        self.crop_net.to(device)
        self.crop_half_side = 1.0  # in units of the size that is read
        self.has_plain_background = True

    def sample(self, n: int, strength: float = 1.0) -> Pose:
        """Random transforms."""
        return sample_transforms(n, self.sizes, self.rng, strength)

    @property
    def view_half_side(self) -> float:
        """Half the side of the middle part of a picture in which poses are read; that of the picture is 1.

        It leaves room for transforms on a textured background: what they bring in is of the picture itself.
        """
        return 1.0 if self.has_plain_background else MIDDLE

    def transformed(
        self, T: Pose, x: Float[Tensor, "b ch s s"]
    ) -> tuple[Float[Tensor, "b ch s s"], Bool[Tensor, "b"]]:
        """The middle of T x (`view_half_side`), and whether all of a thing on a plain background is in it."""
        a = moved(T, x, self.view_half_side, plain_background=self.has_plain_background)
        if self.has_plain_background:
            is_whole = ~touches_edge(a)
        else:
            is_whole = torch.ones(len(x), dtype=torch.bool, device=x.device)
        return relit(T, a, self.view_half_side), is_whole

    def columns(self, x: Float[Tensor, "b ch s s"]) -> Float[Tensor, "b d"]:
        """The numbers of the knobs, as the first network reads them off such a middle."""
        if self.pose_net is None:
            return x.new_zeros(len(x), 0)
        with self.autocast():
            outputs: Tensor = self.pose_net(x)
        return outputs.float()

    def pose(self, x: Float[Tensor, "b ch s s"]) -> Pose:
        """The same, as a pose."""
        return pose_from_columns(self.columns(x), self.knobs)

    def crop(
        self, x: Float[Tensor, "b ch s s"], pose: Pose, turn: Float[Tensor, "b"]
    ) -> Float[Tensor, "b ch 32 32"]:
        """What the pose shows, always at the same place and size and in the same light, turned by an angle.

        So categories of crops do not depend on what a knob follows.
        """
        if {"brightness", "illumination"} & set(self.knobs):
            unlit = pose._replace(brightness=-pose.brightness, illumination=-pose.illumination)
            x = relit(unlit, x, 1.0)
        A = self.crop_half_side * pose._replace(angle=turn).matrix()
        return sample_plane(x, A, pose.place, SIDE, plain_background=self.has_plain_background)

    def read_crop(self, crop: Float[Tensor, "b ch s s"]) -> tuple[Complex[Tensor, "b m"], Tensor, Tensor]:
        """The vectors of the angle, log probabilities of clusters, and features of a crop."""
        with self.autocast():
            features = self.crop_net.features(crop)
            outputs = self.crop_net.head(features).float()
        u = torch.view_as_complex(outputs[:, : 2 * HARMONICS].reshape(-1, HARMONICS, 2).contiguous())
        return u, outputs[:, 2 * HARMONICS :].log_softmax(dim=1), features.float()

    @torch.no_grad()
    def fit_crop(self, x: Float[Tensor, "b ch s s"]) -> None:
        """Takes the smallest crop that holds 0.99 of all that is not background, in the mean over images."""
        pose, ink = self.pose(x), (x - background(x)).abs().sum(dim=1, keepdim=True)
        total = ink.sum(dim=(1, 2, 3)).clamp_min(1)
        for half_side in torch.linspace(0.2, 8, 40).tolist():
            A = half_side * pose.matrix()
            seen = sample_plane(ink, A, pose.place, x.shape[-1], plain_background=True).sum(dim=(1, 2, 3))
            self.crop_half_side = 1.1 * half_side
            if (seen * torch.linalg.det(A).abs() / total).mean() > 0.99:
                return

    @torch.no_grad()
    def read(
        self, x: Float[Tensor, "b ch s s"], *, crops: bool
    ) -> tuple[Float[Tensor, "b d"], Complex[Tensor, "b m"], Float[Tensor, "b w"]]:
        """Numbers, vectors of the angle and features, each the mean of several readings.

        Args:
            crops: whether to read crops; if not, the vectors are 0 and there are no features.
        """
        n = len(x)
        numbers, n_read = x.new_zeros(n, self.n_numbers), x.new_zeros(n, 1)
        for i in range(1 + N_POSES if self.pose_net else 1):
            T = self.sample(n, 0.25) if i else no_pose(n, self.device)
            view, is_whole = self.transformed(T, x)
            counted = (is_whole if i else torch.ones_like(is_whole))[:, None].float()
            numbers = numbers + counted * compose_inverse(T, self.pose(view)).columns(self.knobs)
            n_read = n_read + counted
        numbers = numbers / n_read
        u = torch.zeros(n, HARMONICS, dtype=torch.complex64, device=self.device)
        if not crops:
            return numbers, u, x.new_zeros(n, 0)
        pose = pose_from_columns(numbers, self.knobs)
        features = torch.zeros(())
        for i in range(N_TURNS):
            turn = x.new_full((n,), 2 * math.pi * i / N_TURNS + 0.3)
            v, _, h = self.read_crop(self.crop(x, pose, turn))
            u = u + turned(squash(v), turn) / N_TURNS
            features = features.to(h) + h / N_TURNS
        return numbers, u, features


def square_images(pixels: PixelArray, index: Int[Tensor, "n"]) -> UInt8[Tensor, "n ch s s"]:
    """Images made square by repeating their edge, with at most `MAX_SIDE` pixels a side."""
    x = pixels.take(index)
    h, w = x.shape[2:]
    if h != w:
        missing = abs(h - w)
        pad = (missing // 2, missing - missing // 2)
        x = nn.functional.pad(x.float(), (0, 0, *pad) if h < w else (*pad, 0, 0), mode="replicate")
    if x.shape[-1] > MAX_SIDE:
        x = resized(x.float(), MAX_SIDE)
    return x.round().byte() if x.is_floating_point() else x
