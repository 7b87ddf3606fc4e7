"""The stage: codes that change as known transforms of the picture say, read off real images.

Clusters are what transforms leave; knobs are what they change. One network reads the pose of an image x and
of T x, T a random transform, and learns that the second is T after the first. Another looks at crops in which
place and size are always the same, turned at random: it learns vectors that turn with the crop (`angles.py`),
and clusters that do not. What each can tell of a random transform is a lower bound on information, as Eq. (5)
is, on real images. What equivariance leaves open, such as a unit of size for each shape, is settled by
independence: numbers become ranks within their category, which are as P(c) has them.

The transforms are a prior, not a label: name them beside every result that uses them.
"""

import math
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infogan.config import Config
from infogan.config.knobs import NAMES, assign_knobs
from infogan.data.images import PixelArray
from infogan.method.model import Model
from infogan.pretraining.clustering.mutual_information import log_joint, mutual_information
from infogan.pretraining.encoder import Encoder
from infogan.pretraining.equivariance.angles import HARMONICS, information
from infogan.pretraining.equivariance.poses import (
    Pose,
    compose,
    compose_inverse,
    no_pose,
    pose_from_columns,
    touches_edge,
)
from infogan.pretraining.equivariance.reader import PoseReader, square_images
from infogan.pretraining.equivariance.targets import PoseReadings, make_targets
from infogan.pretraining.stage import Outcome, Stage, Targets
from infogan.utils.errors import InfoganError, NonFiniteError
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from lightning_fabric import Fabric

MAX_IMAGES = 50_000  # that are learned from; all are read
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
POSE_FRACTION = 0.4  # of the steps, if a second network follows
MEASURED = 0.1  # of the steps, at the end, in which it is measured how well changes are read
OVER_CLUSTERING = 3  # clusters per category, merged by k-means of the features
CHUNK = 500
# The largest random transforms, as in `Pose`; of what is no knob the share NUISANCE.
LARGEST = {
    "translate": 0.3,
    "scale": 0.3,
    "ratio": 0.3,
    "shear": 0.4,
    "brightness": 0.4,
    "illumination": 1.0,
    "rotate": math.pi,
    "yaw": 0.5,
    "pitch": 0.5,
}
NUISANCE = 0.4
DEPTH = {"yaw", "pitch"}
PLACE_NOISE, SIZE_NOISE = 0.04, 0.08  # of a crop: what the first network leaves uncertain


@final
class Equivariance(Stage):
    """Targets for the codes that follow the transforms of `config.pretraining.knobs`, and for a category.

    The result is the same for the same config and images; an interrupted stage has to start again.
    """

    def __init__(self, model: Model, pixels: PixelArray, config: Config, fabric: "Fabric") -> None:
        settings = config.pretraining
        self.codes, self.pixels, self.fabric = model.latent.codes, pixels, fabric
        self.codes_of = assign_knobs(settings.knobs, config.codes.kinds_alone, settings.transforms)
        self.turns = "rotate" in self.codes_of
        # Knobs must not follow what is no knob, so that changes a little too: otherwise the ink of a digit
        # passes for its width. Beside an angle, ratio and shear mean nothing.
        left_out = {"ratio", "shear"} if self.turns else {"rotate"}
        # Not all things are like balls, so nothing turns in depth unasked. Then it turns to all sides: heads
        # that look up or down look to the left or right as well.
        in_full = set(self.codes_of)
        if in_full & DEPTH:
            in_full |= DEPTH
        else:
            left_out |= DEPTH
        sizes = {
            name: size * (1 if name in in_full else NUISANCE)
            for name, size in LARGEST.items()
            if name not in left_out
        }
        self.n_steps, self.seed, self.device = settings.knob_steps, config.run.seed, fabric.device
        n_clusters = OVER_CLUSTERING * model.latent.k
        self.reader = PoseReader(
            pixels.shape[0], self.codes_of, sizes, n_clusters, self.seed, fabric.device, fabric.autocast
        )
        self.rng = self.reader.rng
        self.error = self.change = torch.zeros(self.reader.n_numbers)  # squared, summed over images
        self.n_measured = torch.zeros(())
        self.turn_information = torch.zeros(HARMONICS)  # nats

    def run(self, earlier: Targets) -> Iterator[int]:
        """
        Raises:
            NonFiniteError: if the loss is NaN.
        """
        index = torch.randperm(len(self.pixels), generator=make_rng(self.seed, "equivariance sample"))
        parts = torch.split(index[:MAX_IMAGES], CHUNK)
        self.x = torch.cat([square_images(self.pixels, part).to(self.device) for part in parts])
        self.reader.has_plain_background = bool(
            touches_edge(self.x[:5000].float() / 255).float().mean() < 0.5
        )
        category = next((i for i, code in enumerate(self.codes) if code.categories), None)
        if category in earlier.by_code or not {"translate", "scale", "rotate"} & set(self.codes_of):
            category = None
        self.finds_category = category is not None
        reads_crops = self.turns or self.finds_category
        n_pose = round((POSE_FRACTION if reads_crops else 1) * self.n_steps) if self.reader.pose_net else 0
        if self.reader.pose_net:
            yield from self._descend(self.reader.pose_net, self._pose_loss, 0, n_pose)
        if reads_crops:
            if self.reader.has_plain_background and {"translate", "scale"} & set(self.codes_of):
                self.reader.fit_crop(self.x[:1000].float() / 255)
            yield from self._descend(self.reader.crop_net, self._crop_loss, n_pose, self.n_steps - n_pose)
        reading = yield from self._read(reads_crops)
        earlier_category = next(
            (table for i, table in earlier.by_code.items() if self.codes[i].categories), None
        )
        targets, message = make_targets(
            self.fabric.broadcast(reading), self.codes_of, self.codes, earlier_category, category, self.seed
        )
        names = {
            code: name
            for knob, codes in self.codes_of.items()
            for code, name in zip(codes, NAMES[knob], strict=True)
            if code in targets.by_code
        }
        self.outcome = Outcome(targets, message, names=names)

    def _descend(
        self, net: Encoder, loss_of: Callable[[Tensor, bool], Tensor], n_before: int, n_steps: int
    ) -> Iterator[int]:
        adam = torch.optim.Adam(net.parameters(), LEARNING_RATE, betas=(0.9, 0.99), fused=True)
        loss = torch.zeros(())
        for i in range(n_steps):
            rate = min(1, (i + 1) / 100) * max(0.02, 0.5 * (1 + math.cos(math.pi * i / n_steps)))
            for group in adam.param_groups:
                group["lr"] = LEARNING_RATE * rate
            index = torch.randint(len(self.x), (BATCH_SIZE,), generator=self.rng, device=self.device)
            loss = loss_of(self.x[index].float() / 255, i >= int((1 - MEASURED) * n_steps))
            adam.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(net.parameters(), 10)
            adam.step()
            yield n_before + i + 1
        if not math.isfinite(loss.item()):
            raise NonFiniteError("pretraining: the loss of the knobs is NaN; try another seed.")

    def _pose_loss(self, x: Float[Tensor, "b ch s s"], measured: bool) -> Float[Tensor, ""]:
        """How far the pose of T2 x is from what T1 x says it is; half of the T1 change nothing."""
        n, knobs = len(x), self.reader.knobs
        still = torch.arange(n, device=self.device) < n // 2
        first, second = self.reader.sample(n), self.reader.sample(n)
        first = Pose(*(torch.where(still.view(-1, *[1] * (v.ndim - 1)), 0, v) for v in first))
        (a, a_is_whole), (b, b_is_whole) = (self.reader.transformed(T, x) for T in (first, second))
        # A thing that a transform cut off at the edge has no whole pose.
        weight = ((a_is_whole | still) & b_is_whole).float()
        weight = torch.where(weight.sum() > 0.05 * n, weight, 1.0)[:, None]
        columns = self.reader.columns(torch.cat([a, b]))
        expected = compose(second, compose_inverse(first, pose_from_columns(columns[:n], knobs))).columns(
            knobs
        )
        off = nn.functional.smooth_l1_loss(columns[n:], expected, reduction="none", beta=0.02)
        if measured:
            difference, change = columns[n:] - expected, expected - columns[:n]
            self.error = self.error.to(off) + (weight * difference.square()).sum(dim=0).detach()
            self.change = self.change.to(off) + (weight * change.square()).sum(dim=0).detach()
            self.n_measured = self.n_measured.to(off) + weight.sum()
        return (off * weight).sum() / weight.sum()

    def _crop_loss(self, x: Float[Tensor, "b ch s s"], measured: bool) -> Float[Tensor, ""]:
        """Minus what two crops of an image, turned at random, tell of the turn and of the cluster."""
        n = len(x)
        with torch.no_grad():
            pose = self.reader.pose(self.reader.transformed(no_pose(n, self.device), x)[0])
            turns = 2 * math.pi * torch.rand(2, n, generator=self.rng, device=self.device)
            crops = [self.reader.crop(x, self._jittered(pose), turn) for turn in turns]
        u, log_p, _ = self.reader.read_crop(torch.cat(crops))
        told = information(u[:n], u[n:], turns[0] - turns[1]).mean(dim=0)
        if measured:
            self.turn_information = told.detach().cpu()
        loss = -told.mean()
        if self.finds_category:
            loss = loss - mutual_information(log_joint(log_p[:n], log_p[n:]))
        return loss

    def _jittered(self, pose: Pose) -> Pose:
        noise = torch.randn(3, len(pose.scale), generator=self.rng, device=self.device)
        near = PLACE_NOISE * self.reader.crop_half_side * pose.scale.exp()[:, None] * noise[:2].T
        return pose._replace(place=pose.place + near, scale=pose.scale + SIZE_NOISE * noise[2])

    def _read(self, reads_crops: bool) -> Generator[int, None, PoseReadings]:
        """What is read off all images."""
        parts = []
        for index in torch.split(torch.arange(len(self.pixels)), CHUNK):
            x = square_images(self.pixels, index).to(self.device).float() / 255
            parts.append([part.cpu() for part in self.reader.read(x, crops=reads_crops)])
            yield self.n_steps
        numbers, u, features = (torch.cat(of) for of in zip(*parts, strict=True))
        R2 = torch.where(self.change > 0, 1 - self.error / self.change, 0.0)
        n = self.n_measured.clamp_min(1)
        rms = (self.error / (2 * n)).sqrt()  # the squared errors of two readings add up in their difference
        change = (self.change / n).sqrt()
        return PoseReadings(numbers, u, features, R2.cpu(), rms.cpu(), change.cpu(), self.turn_information)


def check_knobs(config: Config, pixels: PixelArray) -> None:
    """
    Raises:
        InfoganError: if a knob is translate, and nearly all images show something at their edge.
    """
    if "translate" not in config.pretraining.knobs.split():
        return
    index = torch.randperm(len(pixels), generator=make_rng(0, "edges"))[:CHUNK]
    touching = float(touches_edge(square_images(pixels, index).float() / 255).float().mean())
    if touching > 0.95:
        raise InfoganError(
            f"knobs: translate cannot be read off these images: {touching:.0%} show something at their "
            "edge, which a shift would cut; leave it out."
        )
