"""The experiments of the paper and ours, a file per data set; `infogan train NAME` starts from one."""

from collections.abc import Callable

from infogan.config.config import Config
from infogan.config.presets import celeba, chairs, digits, faces, mnist, rooms3d, sprites, svhn
from infogan.config.presets.custom import DEFAULT_CODES, custom_images, custom_vectors
from infogan.config.presets.recipes import with_settings
from infogan.utils.errors import InfoganError, did_you_mean

__all__ = ["DEFAULT_CODES", "PRESETS", "custom_images", "custom_vectors", "get_preset", "with_settings"]

PRESETS: dict[str, Callable[[], Config]] = {
    preset.__name__.replace("_", "-"): preset
    for preset in (
        digits.digits,
        digits.digits_code,
        mnist.mnist,
        mnist.mnist_quick,
        mnist.mnist_quick_gan,
        mnist.mnist_small,
        mnist.mnist_text,
        mnist.mnist_code,
        mnist.mnist_gan,
        mnist.fashion,
        mnist.fashion_code,
        svhn.svhn,
        svhn.svhn_paper,
        celeba.celeba,
        celeba.celeba_paper,
        faces.faces,
        faces.faces_paper,
        faces.faces_paper_azimuth,
        faces.faces_paper_elevation,
        faces.faces_paper_lighting,
        chairs.chairs,
        chairs.chairs_32,
        chairs.chairs_paper,
        chairs.chairs_paper_width,
        sprites.sprites,
        sprites.sprites_code,
        rooms3d.rooms3d,
    )
}


def get_preset(name: str) -> Config:
    """The config of the preset of that name.

    Raises:
        InfoganError: if there is none.
    """
    if name not in PRESETS:
        raise InfoganError(f"unknown preset {name!r}; " + did_you_mean(name, PRESETS))
    return PRESETS[name]()
