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
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, NamedTuple, final

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor, nn

from infogan.config import Config
from infogan.config.knobs import assign_knobs
from infogan.data.images import PixelArray
from infogan.method.model import Model
from infogan.pretraining.clustering.mutual_information import log_joint, mutual_information
from infogan.pretraining.equivariance.angles import HARMONICS, information, turned, unit_vectors
from infogan.pretraining.equivariance.encoder import SIDE, Encoder, resized
from infogan.pretraining.equivariance.poses import (
    Pose,
    after,
    apply,
    before,
    look,
    no_pose,
    pose_from_columns,
    sample_transforms,
    touches_edge,
)
from infogan.pretraining.equivariance.targets import Reading, make_targets
from infogan.pretraining.stage import Outcome, Stage, Targets
from infogan.utils.errors import InfoganError, NonFiniteError
from infogan.utils.rng import make_rng

if TYPE_CHECKING:
    from lightning_fabric import Fabric

MAX_SIDE = 64  # pixels: larger images are averaged down
MAX_IMAGES = 50_000  # that are learned from; all are read
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
POSE_FRACTION = 0.4  # of the steps, if a second network follows
OVER_CLUSTERING = 3  # clusters per category, merged by k-means of the features
HEAD_STD = (
    0.2  # of the second head: vectors without length and clusters that are alike learn nothing for long
)
N_POSES, N_TURNS = 4, 8  # readings of an image, moved or turned, beside the plain one
CHUNK = 500
# The largest random transforms, as in `Pose`; of those that are no knobs a share.
LARGEST = {"translate": 0.3, "scale": 0.3, "ratio": 0.3, "shear": 0.4, "brightness": 0.4, "rotate": math.pi}
NUISANCE = 0.4
PLACE_NOISE, SIZE_NOISE = 0.04, 0.08  # of a crop: what the first network leaves uncertain


class Explained(NamedTuple):
    """How well changes of the pose are read, summed over steps: one entry per number."""

    error: Tensor
    change: Tensor

    @property
    def R2(self) -> Tensor:
        return 1 - self.error / self.change.clamp_min(1e-12)


@final
class Equivariance(Stage):
    """Targets for the codes that follow the transforms of `config.pretraining.knobs`, and for a category.

    The result is the same for the same config and images; an interrupted stage has to start again.
    """

    def __init__(self, model: Model, pixels: PixelArray, config: Config, fabric: "Fabric") -> None:
        self.codes, self.pixels, self.fabric = model.latent.codes, pixels, fabric
        self.assigned = assign_knobs(
            config.pretraining.knobs, config.codes.kinds, config.pretraining.transforms
        )
        self.knobs = tuple(knob for knob in self.assigned if knob != "rotate")
        self.turns = "rotate" in self.assigned
        # An angle leaves no room for a ratio and a shear. Whatever else is no knob must be read to be the same
        # when it changes a little: without that the ink of a digit passes for its width.
        others = () if self.turns else ("ratio", "shear")
        self.sizes = {name: NUISANCE * LARGEST[name] for name in ("translate", "scale", "brightness", *others)}
        self.sizes |= {name: LARGEST[name] for name in self.assigned}
        self.n_steps, self.seed = config.pretraining.knob_steps, config.run.seed
        self.device = fabric.device
        self.rng = make_rng(self.seed, "equivariance", self.device)
        weights = make_rng(self.seed, "equivariance weights")
        channels = pixels.shape[0]
        n_numbers = sum(len(self.assigned[knob]) for knob in self.knobs)
        self.pose_net = Encoder(channels, n_numbers, weights).to(self.device) if n_numbers else None
        self.k = model.latent.k
        self.form_net = Encoder(channels, 2 * HARMONICS + OVER_CLUSTERING * self.k, weights)
        nn.init.normal_(self.form_net.head.weight, 0, HEAD_STD, generator=weights)
        self.form_net.to(self.device)
        self.reach = 1.0  # half the side of a crop, in units of the size that is read

    def run(self, found: Targets) -> Iterator[int]:
        """
        Raises:
            InfoganError: if no shift can be read, as everything touches the edge of its picture.
            NonFiniteError: if the loss is NaN.
        """
        index = torch.randperm(len(self.pixels), generator=make_rng(self.seed, "equivariance sample"))
        self.x = torch.cat([self._take(part) for part in torch.split(index[:MAX_IMAGES], CHUNK)])
        touching = touches_edge(self._unit(self.x[:5000])).float().mean()
        self.plain = bool(touching < 0.5)
        if "translate" in self.knobs and touching > 0.95:
            raise InfoganError(
                f"knobs: translate cannot be read off these images, as {touching:.0%} show something at their "
                "edge that a shift would cut; leave it out."
            )
        category = next((i for i, code in enumerate(self.codes) if code.categories), None)
        self.finds_category = category is not None and category not in found.tables and self._reads_crops
        n_pose = 0
        self.explained = Explained(torch.ones(0), torch.ones(0))
        if self.pose_net is not None:
            n_pose = self.n_steps if not self._uses_form else round(POSE_FRACTION * self.n_steps)
            yield from self._descend(self.pose_net, self._pose_loss, 0, n_pose)
        self.turn_information = torch.zeros(HARMONICS)
        if self._uses_form:
            self._find_reach()
            yield from self._descend(self.form_net, self._form_loss, n_pose, self.n_steps - n_pose)
        reading = yield from self._read()
        reading = self.fabric.broadcast(reading)
        known = found.tables.get(category) if category is not None else None
        targets, message = make_targets(
            reading, self.assigned, self.codes, known, category if self.finds_category else None, self.seed
        )
        self.outcome = Outcome(targets, message)

    @property
    def _reads_crops(self) -> bool:
        return bool({"translate", "scale", "rotate"} & set(self.assigned))

    @property
    def _uses_form(self) -> bool:
        return self.turns or self.finds_category

    def _descend(self, net: Encoder, loss_of: "LossOf", n_before: int, n_steps: int) -> Iterator[int]:  # type: ignore[name-defined]  # noqa: F821
        adam = torch.optim.Adam(net.parameters(), LEARNING_RATE, betas=(0.9, 0.99), fused=True)
        for i in range(n_steps):
            rate = (
                LEARNING_RATE * min(1, (i + 1) / 100) * max(0.02, 0.5 * (1 + math.cos(math.pi * i / n_steps)))
            )
            for group in adam.param_groups:
                group["lr"] = rate
            index = torch.randint(len(self.x), (BATCH_SIZE,), generator=self.rng, device=self.device)
            loss = loss_of(self._unit(self.x[index]), i >= 0.9 * n_steps)
            adam.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(net.parameters(), 10)
            adam.step()
            yield n_before + i + 1
        if not math.isfinite(loss.item()):
            raise NonFiniteError("pretraining: the loss of the equivariance stage is NaN; try another seed.")

    def _pose_loss(self, x: Float[Tensor, "b ch s s"], measured: bool) -> Float[Tensor, ""]:
        """How far the pose of T2 x is from what T1 x says it is; every second T1 changes nothing."""
        n = len(x)
        still = torch.arange(n, device=self.device) < n // 2
        first = Pose(*(torch.where(still.view(-1, *[1] * (v.ndim - 1)), 0, v) for v in self._sample(n)))
        second = self._sample(n)
        a, b = (apply(T, x, plain=self.plain) for T in (first, second))
        # A thing that a transform cut off at the edge has no whole pose.
        whole = (~(touches_edge(a) & ~still) & ~touches_edge(b)).float() if self.plain else x.new_ones(n)
        whole = torch.where(whole.sum() > 0.05 * n, whole, torch.ones_like(whole))
        a = torch.where(still[:, None, None, None], x, a)
        columns = self._outputs(torch.cat([a, b]))
        found, other = columns[n:], pose_from_columns(columns[:n], self.knobs)
        expected = after(second, before(first, other)).columns(self.knobs)
        off = nn.functional.smooth_l1_loss(found, expected, reduction="none", beta=0.02)
        if measured:
            with torch.no_grad():
                w = whole[:, None]
                # The change that the transforms make to a pose, and what the network misses of it.
                change = (w * (expected - columns[:n]).square()).sum(dim=0)
                error = (w * (found - expected).square()).sum(dim=0)
                if not len(self.explained.error):
                    self.explained = Explained(torch.zeros_like(error), torch.zeros_like(change))
                self.explained = Explained(self.explained.error + error, self.explained.change + change)
                self.rms = (error / whole.sum()).sqrt()
        return (off.sum(dim=1) * whole).sum() / whole.sum()

    def _form_loss(self, x: Float[Tensor, "b ch s s"], measured: bool) -> Float[Tensor, ""]:
        """Minus what two crops of an image, turned at random, tell of the turn between them and of the cluster."""
        n = len(x)
        with torch.no_grad():
            pose = self._pose(x)
            turns = 2 * math.pi * torch.rand(2, n, generator=self.rng, device=self.device)
            crops = torch.cat([self._crop(x, self._jittered(pose), turn) for turn in turns])
        u, log_p, _ = self._form(crops)
        told = information(u[:n], u[n:], turns[0] - turns[1]).mean(dim=0)
        if measured:
            self.turn_information = told.detach().cpu()
        loss = -told.mean()
        if self.finds_category:
            loss = loss - mutual_information(log_joint(log_p[:n], log_p[n:]))
        return loss

    def _jittered(self, pose: Pose) -> Pose:
        noise = torch.randn(3, len(pose.scale), generator=self.rng, device=self.device)
        near = PLACE_NOISE * self.reach * pose.scale.exp()[:, None] * noise[:2].T
        return pose._replace(place=pose.place + near, scale=pose.scale + SIZE_NOISE * noise[2])

    @torch.no_grad()
    def _find_reach(self) -> None:
        """The smallest crop that holds 0.99 of all that is not background, in the mean over images."""
        if not {"translate", "scale"} & set(self.knobs) or not self.plain:
            return
        x = self._unit(self.x[:1000])
        pose = self._pose(x)
        from infogan.pretraining.equivariance.poses import background

        ink = (x - background(x)).abs().sum(dim=1, keepdim=True)
        total = ink.sum(dim=(1, 2, 3)).clamp_min(1)
        for reach in torch.linspace(0.2, 8, 40).tolist():
            A = reach * pose.matrix()
            inside = (
                look(ink, A, pose.place, x.shape[-1], plain=True).sum(dim=(1, 2, 3))
                * torch.linalg.det(A).abs()
            )
            if (inside / total).mean() > 0.99:
                break
        self.reach = 1.1 * reach

    def _read(self) -> Generator[int, None, Reading]:
        """Pose, vectors of the angle and features of every image, each the mean of several readings."""
        parts: list[tuple[Tensor, ...]] = []
        for index in torch.split(torch.arange(len(self.pixels)), CHUNK):
            with torch.no_grad():
                parts.append(tuple(part.cpu() for part in self._read_part(self._unit(self._take(index)))))
            yield self.n_steps
        numbers, u, features = (torch.cat(of) for of in zip(*parts, strict=True))
        R2 = self.explained.R2.cpu() if len(self.explained.error) else torch.ones(0)
        return Reading(numbers, u, features, R2, self.rms.cpu() if len(R2) else R2, self.turn_information)

    def _read_part(self, x: Float[Tensor, "b ch s s"]) -> tuple[Tensor, Complex[Tensor, "b m"], Tensor]:
        n = len(x)
        pose, numbers = no_pose(n, self.device), x.new_zeros(n, 0)
        if self.pose_net is not None:
            numbers = self._outputs(x)
            seen = x.new_ones(n, 1)
            for _ in range(N_POSES):
                T = self._sample(n, 0.25)
                moved = apply(T, x, plain=self.plain)
                whole = (~touches_edge(moved)).float()[:, None] if self.plain else x.new_ones(n, 1)
                back = before(T, pose_from_columns(self._outputs(moved), self.knobs)).columns(self.knobs)
                numbers, seen = numbers + whole * back, seen + whole
            numbers = numbers / seen
            pose = pose_from_columns(numbers, self.knobs)
        u, features = torch.zeros(n, HARMONICS, dtype=torch.complex64, device=self.device), x.new_zeros(n, 0)
        if self._uses_form:
            features = x.new_zeros(n, 256)
            for j in range(N_TURNS):
                turn = x.new_full((n,), 2 * math.pi * j / N_TURNS + 0.3)
                v, _, h = self._form(self._crop(x, pose, turn))
                u = u + turned(unit_vectors(v), turn) / N_TURNS
                features = features + h / N_TURNS
        return numbers, u, features

    def _sample(self, n: int, strength: float = 1.0) -> Pose:
        return sample_transforms(n, self.sizes, self.rng, strength)

    def _outputs(self, x: Float[Tensor, "b ch s s"]) -> Float[Tensor, "b d"]:
        assert self.pose_net is not None
        with self.fabric.autocast():
            outputs = self.pose_net(x)
        return outputs.float()

    def _pose(self, x: Float[Tensor, "b ch s s"]) -> Pose:
        if self.pose_net is None:
            return no_pose(len(x), self.device)
        return pose_from_columns(self._outputs(x), self.knobs)

    def _crop(
        self, x: Float[Tensor, "b ch s s"], pose: Pose, turn: Float[Tensor, "b"]
    ) -> Float[Tensor, "b ch 32 32"]:
        """What the pose shows, turned by an angle; all of it with the same place and size."""
        A = self.reach * (pose._replace(angle=turn)).matrix()
        return look(x, A, pose.place, SIDE, plain=self.plain)

    def _form(self, crop: Float[Tensor, "b ch s s"]) -> tuple[Complex[Tensor, "b m"], Tensor, Tensor]:
        """The vectors of the angle, log probabilities of clusters, and features of a crop."""
        with self.fabric.autocast():
            features = self.form_net.features(crop)
            outputs = self.form_net.head(features)
        vectors, logits = outputs.float().split([2 * HARMONICS, OVER_CLUSTERING * self.k], dim=1)
        u = torch.view_as_complex(vectors.reshape(-1, HARMONICS, 2).contiguous())
        return u, logits.log_softmax(dim=1), features.float()

    def _take(self, index: Int[Tensor, "n"]) -> Tensor:
        """Images, square, with at most `MAX_SIDE` pixels a side; uint8."""
        x = self.pixels.take(index).to(self.device)
        h, w = x.shape[2:]
        if h != w:
            missing = abs(h - w)
            pad = (missing // 2, missing - missing // 2)
            x = nn.functional.pad(x.float(), (0, 0, *pad) if h < w else (*pad, 0, 0), mode="replicate")
        if x.shape[-1] > MAX_SIDE:
            x = resized(x.float(), MAX_SIDE)
        return x.round().byte() if x.is_floating_point() else x

    def _unit(self, x: Tensor) -> Float[Tensor, "n ch s s"]:
        return x.float() / 255
