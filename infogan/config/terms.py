"""Settings of the summands of the losses, one dataclass per term; `method/terms/` computes them."""

import math
from dataclasses import dataclass, field
from typing import Literal

from infogan.config.fields import named, require


@dataclass(frozen=True, kw_only=True)
class Adversarial:
    """The adversarial game of Eq. (1): D descends -V(D, G), G its own part."""

    saturating: bool = False
    """Whether G descends log(1 - D), as in the text, or -log D, as in the original code."""


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """The reconstruction of real images, of a VAE."""

    pixel_std: float = 0.5
    """The standard deviation of a pixel in the decoder's distribution of a VAE, as a share of white minus
    black. The larger it is, the less z says about an image and the more the codes do, and the blurrier images
    are."""

    def __post_init__(self) -> None:
        require(0 < self.pixel_std < math.inf, "pixel_std", self.pixel_std, "a positive number")


@dataclass(frozen=True, kw_only=True)
class Info:
    """The variational bound L_I of Eq. (5), times λ."""

    lam: tuple[float, ...] = (1.0,)
    """λ, the weight of L_I: one number for all codes, or one per code."""
    to_generator: bool = named("info_to_generator", True)
    """Whether L_I reaches G; if not, this is a regular GAN beside a Q that learns (Fig. 1)."""
    to_trunk: bool = named("info_to_trunk", True)
    """Whether L_I reaches the trunk that D and Q share, or only Q's head."""

    def __post_init__(self) -> None:
        require(all(0 <= value < math.inf for value in self.lam), "lam", self.lam, "0 or more")


@dataclass(frozen=True, kw_only=True)
class PseudoLabel:
    """Q learns on real images the targets that pretraining found."""

    weight: float = named("pseudo_label_weight", 1.0)
    """The weight of Q's log-likelihood of the pretraining targets on real images, for the code with the
    largest λ; other codes weigh less, as their λ do."""
    q_learns_from: Literal["real", "both"] = "real"
    """Where Q learns a code that has targets: from real images alone, or from generated images as well. G
    descends -λ L_I in either case, as Eq. (5) is a bound for any Q. Codes without targets are always learned
    from generated images."""

    def __post_init__(self) -> None:
        require(0 <= self.weight < math.inf, "pseudo_label_weight", self.weight, "0 or more")


@dataclass(frozen=True, kw_only=True)
class R1:
    """Gradient penalty on D at real images (Mescheder et al. 2018)."""

    weight: float = named("r1_weight", 0.0)
    """The weight of the R1 gradient penalty, γ / 2 in the literature; 0 leaves it out."""

    def __post_init__(self) -> None:
        require(0 <= self.weight < math.inf, "r1_weight", self.weight, "0 or more")


@dataclass(frozen=True, kw_only=True)
class OrthogonalJacobian:
    """Keeps the directions in which the codes change G's images orthogonal (OroJaR, Wei et al. 2021)."""

    weight: float = named("orthogonal_jacobian_weight", 0.0)
    """The weight of the squared cosines between the codes' directions in G's images; 0 leaves it out."""

    def __post_init__(self) -> None:
        require(0 <= self.weight < math.inf, "orthogonal_jacobian_weight", self.weight, "0 or more")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """All terms; one whose weight is 0 is not computed."""

    method: Literal["gan", "vae"] = "gan"
    """What G and D learn beside L_I: gan, adversarial training, or vae, a variational autoencoder in which D
    encodes and G decodes real images, and images are blurrier. With vae lr_d is the encoder's learning rate,
    and settings that only a GAN has are replaced."""
    adversarial: Adversarial = field(default_factory=Adversarial)
    reconstruction: Reconstruction = field(default_factory=Reconstruction)
    info: Info = field(default_factory=Info)
    pseudo_label: PseudoLabel = field(default_factory=PseudoLabel)
    r1: R1 = field(default_factory=R1)
    orthogonal_jacobian: OrthogonalJacobian = field(default_factory=OrthogonalJacobian)
