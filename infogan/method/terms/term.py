"""What every term of a loss is given and what it returns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor

from infogan.method.latent import Latent
from infogan.method.networks.blocks import DiscriminatorOutput

Player = Literal["D", "G"]  # D stands for D, Q and their trunk


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The inputs and outputs of the networks of one seed, in one step of D or of G.

    A term may call `G` and `D` again: their batch norm uses the statistics of the batch, and the running
    statistics stay as they are.
    """

    latent: Latent
    low: float  # images are in [low, 1]
    G: Callable[..., Float[Tensor, "b ch h w"]]
    D: Callable[..., DiscriminatorOutput]
    z: Float[Tensor, "b n_z"]
    c: list[Float[Tensor, "b _"]]
    x_fake: Float[Tensor, "b ch h w"]  # G(z, c); in D's step without a gradient to G
    fake: DiscriminatorOutput  # of D and Q at x_fake
    x_real: Float[Tensor, "b ch h w"] | None = None  # in D's step only; augmented if the config says so
    real: DiscriminatorOutput | None = None  # of D and Q at x_real
    x_reconstructed: Float[Tensor, "b ch h w"] | None = (
        None  # of a VAE: G at what the encoder draws at x_real
    )
    targets: Sequence[Float[Tensor, "b _"]] = ()  # of x_real, one per code that pretraining found any for


class TermValue(NamedTuple):
    """A term on one batch."""

    # What the player descends, without the weight; in nats unless the term's docstring says otherwise.
    loss: Float[Tensor, ""]
    metrics: dict[str, Tensor]  # logged beside the loss


class Term(ABC):
    """One summand of a player's loss: pure, so that `torch.vmap` can run it for several networks at once.

    It calls no `backward` and has no generator: it gets the uniform draws that `n_uniforms` asks for.
    """

    player: Player
    name: str  # under which its loss is logged
    weight: float
    n_uniforms: int = 0  # draws from Unif(0, 1) per image

    @abstractmethod
    def __call__(self, batch: Batch, u: Float[Tensor, "n_uniforms b"]) -> TermValue:
        """The term on a batch, given its uniform draws."""
