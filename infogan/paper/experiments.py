"""The figures of the paper as data: what each panel shows, and the preset that is trained for it."""

from dataclasses import dataclass
from typing import Literal, final

from infogan.utils.errors import InfoganError, did_you_mean

Recipe = Literal["ours", "paper"]
# What makes a panel show what its title says (`effects.py`):
#   factor   a code moves one of the targets, and nothing else as much
#   digits   the categories of a code are the digits
#   unclear  they are not, as expected of a GAN without L_I
#   context  a code changes the sides of the image, and the digit in the middle stays
Measure = Literal["factor", "digits", "unclear", "context"]


@final
@dataclass(frozen=True)
class Panel:
    """One part of a figure, such as Fig. 3a."""

    letter: str
    title: str
    preset: str
    paper_preset: str
    targets: tuple[str, ...] = ()  # a code that moves any of these shows what the title says
    measure: Measure = "factor"
    code: Literal["any", "continuous", "discrete"] = "any"  # that may show it, if the latent has one

    def preset_of(self, recipe: Recipe) -> str:
        return self.preset if recipe == "ours" else self.paper_preset


@final
@dataclass(frozen=True)
class Figure:
    """A figure of the paper; `limit` is the largest absolute value of a continuous code in it."""

    name: str
    title: str
    images: str
    panels: tuple[Panel, ...]
    quantities: tuple[str, ...] = ()  # of `quantities.py`, beside the factors that the data set knows
    reads_yaw: bool = False  # whether `yaw.py` has to find the factor azimuth
    limit: float = 2.0

    def presets_of(self, recipe: Recipe) -> tuple[str, ...]:
        """Each preset that is trained, once."""
        return tuple(dict.fromkeys(panel.preset_of(recipe) for panel in self.panels))

    def panel_of(self, preset: str, recipe: Recipe) -> Panel:
        """The first panel for which a preset is trained."""
        return next(panel for panel in self.panels if panel.preset_of(recipe) == preset)


# Fig. 1 compares two trainings that differ in L_I alone, mnist-code and mnist-gan, by either recipe; Figs. 2a
# and 2b do so by the paper's. By ours, Fig. 2b is mnist-quick-gan: the networks of mnist without its stages
# before training and without L_I.
FIG1 = Figure(
    "fig1",
    "L_I of c1 over the steps",
    "mnist",
    (
        Panel("a", "InfoGAN", "mnist-code", "mnist-code"),
        Panel("b", "regular GAN with Q", "mnist-gan", "mnist-gan"),
    ),
)
FIG2 = Figure(
    "fig2",
    "MNIST",
    "mnist",
    (
        Panel("a", "Varying c1 on InfoGAN (digit type)", "mnist", "mnist-code", measure="digits"),
        Panel(
            "b",
            "Varying c1 on regular GAN (no clear meaning)",
            "mnist-quick-gan",
            "mnist-gan",
            measure="unclear",
        ),
        Panel("c", "Rotation", "mnist", "mnist-code", ("slant",)),
        Panel("d", "Width", "mnist", "mnist-code", ("width",)),
    ),
    quantities=("slant", "width", "ink"),
)
FIG3 = Figure(
    "fig3",
    "3D faces",
    "faces3d",
    (
        Panel("a", "Azimuth (pose)", "faces", "faces-paper-azimuth", ("azimuth",)),
        Panel("b", "Elevation", "faces", "faces-paper-elevation", ("elevation",)),
        Panel("c", "Lighting", "faces", "faces-paper-lighting", ("light",)),
        Panel("d", "Wide or narrow", "faces", "faces-paper-lighting", ("width",)),
    ),
    limit=1.0,  # "as their values vary from -1 to 1"
)
FIG4 = Figure(
    "fig4",
    "3D chairs",
    "chairs3d",
    (
        Panel("a", "Rotation", "chairs", "chairs-paper", ("azimuth",)),
        Panel("b", "Width", "chairs", "chairs-paper-width", ("width",)),
    ),
)
FIG5 = Figure(
    "fig5",
    "SVHN",
    "svhn",
    (
        Panel(
            "a",
            "Continuous variation: lighting",
            "svhn",
            "svhn-paper",
            ("brightness", "contrast"),
            code="continuous",
        ),
        Panel(
            "b", "Discrete variation: plate context", "svhn", "svhn-paper", measure="context", code="discrete"
        ),
    ),
    quantities=("brightness", "contrast"),
)
FIG6 = Figure(
    "fig6",
    "CelebA",
    "celeba",
    (
        Panel("a", "Azimuth (pose)", "celeba", "celeba-paper", ("azimuth",)),
        Panel("b", "Presence or absence of glasses", "celeba", "celeba-paper", ("Eyeglasses",)),
        Panel(
            "c", "Hair style", "celeba", "celeba-paper", ("Bald", "Bangs", "Receding_Hairline", "Wavy_Hair")
        ),
        Panel(
            "d", "Emotion", "celeba", "celeba-paper", ("Smiling", "Mouth_Slightly_Open", "High_Cheekbones")
        ),
    ),
    reads_yaw=True,
)  # fmt: skip

FIGURES = {figure.name: figure for figure in (FIG1, FIG2, FIG3, FIG4, FIG5, FIG6)}
GROUPS = {"sec7.2": ("fig3", "fig4", "fig5", "fig6")}


def find_figures(name: str) -> tuple[Figure, ...]:
    """The figures that a name stands for: one, or all of Sec. 7.2.

    Raises:
        InfoganError: if it stands for none.
    """
    names = GROUPS.get(name, (name,))
    if names[0] not in FIGURES:
        raise InfoganError(f"unknown figure {name!r}; " + did_you_mean(name, [*FIGURES, *GROUPS]))
    return tuple(FIGURES[each] for each in names)
