"""CelebA: 202,599 aligned faces with 40 attributes (Liu et al. 2015), cropped and resized to 32x32."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from infogan.data.formats.collection import describe_unread
from infogan.data.formats.folder import find_image_files
from infogan.data.formats.npy import read_npz
from infogan.data.images import Factor, Factors, Images, as_pixels
from infogan.data.options import DatasetInfo, LoadOptions
from infogan.utils.errors import InfoganError

SIDE = 32
WIDTH, HEIGHT = 178, 218  # of the published pictures, in pixels
CROP = 148  # the side of the square that is cut out of them

PREPROCESSED_FILE = "celeba/celeba_10k_32x32.npz"
PUBLISHED = ("celeba/img_align_celeba.zip", "celeba/img_align_celeba")
FILES = (*PUBLISHED, PREPROCESSED_FILE, "celeba/celeba_10k_89x109_jpg.zip")
ATTRIBUTE_FILE = "celeba/list_attr_celeba.txt"
ATTRIBUTE_NAMES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair "
    "Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair "
    "Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face "
    "Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair "
    "Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young"
)
ATTRIBUTES = tuple(ATTRIBUTE_NAMES.split())
FACTORS = tuple(Factor(name, "category") for name in ATTRIBUTES)


def load_celeba(load_options: LoadOptions, split: str) -> Images:
    """The faces, with 40 attributes of 0 or 1 as factors if the file of attributes is there.

    The published pictures take precedence over the preprocessed file. They are read once and then cached.
    """
    path = load_options.require_path("CelebA", FILES)
    if path.suffix == ".npz":
        return read_preprocessed(path)
    files = find_image_files(path)
    key = f"centre {CROP} of {WIDTH}x{HEIGHT}, Lanczos, {SIDE}; {files.fingerprint}; {load_options.skip_bad}"
    x, names = files.read_cached("celeba", key, crop_face, load_options.skip_bad)
    attribute_file = load_options.find_path([ATTRIBUTE_FILE])
    factors = None
    if attribute_file is not None:
        factors = Factors(FACTORS, read_attributes(attribute_file, [Path(name).name for name in names]))
    left_out = describe_unread(len(files.names), len(names))
    return Images(as_pixels(x), names=names, factors=factors, left_out=left_out)


def crop_face(picture: Image.Image) -> UInt8[np.ndarray, "3 32 32"]:
    """The central square of side 148 of a 178x218 picture, resized by a Lanczos filter.

    For other sizes the square is in proportion (74 of 89x109), at whole pixels, rounded to the top left. The
    filter also reads pixels outside the square, so that no pixel of its border counts twice. Pictures of
    another aspect ratio, which are not aligned, raise a ValueError.
    """
    width, height = picture.size
    if abs(width * HEIGHT / WIDTH - height) > 1:
        raise ValueError(f"{width}x{height}, but aligned pictures are {WIDTH}x{HEIGHT}")
    side = round(width * CROP / WIDTH)
    left, top = (width - side) // 2, (height - side) // 2
    face = picture.convert("RGB").resize(
        (SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)
    )
    return np.asarray(face).transpose(2, 0, 1)


def read_attributes(path: Path, pictures: Sequence[str]) -> Float[np.ndarray, "n f"]:
    """The attributes, 0 or 1, of pictures by file name, from `list_attr_celeba.txt`.

    The first line is the number of pictures, the second the 40 attributes. The others are a file name and 40
    values of -1 or 1.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InfoganError(f"{path} cannot be read ({error}); fetch it again.") from error
    _check_names(path, lines[1].split() if len(lines) > 1 else [])
    rows = [line.split() for line in lines[2:] if line.strip()]
    if lines[0].strip() != str(len(rows)):
        raise InfoganError(
            f"{path} has {len(rows)} pictures, but its first line says {lines[0].strip()!r}; fetch it again."
        )
    values_of = {row[0]: row[1:] for row in rows}
    missing = [name for name in pictures if name not in values_of]
    if missing:
        raise InfoganError(
            f"{path} lacks {len(missing):,} of {len(pictures):,} pictures, the first is {missing[0]}; "
            "use the file that belongs to these pictures, or remove it."
        )
    for name in pictures:
        if (n := len(values_of[name])) != len(FACTORS):
            raise InfoganError(f"{path} has {n} attributes for {name}, not {len(FACTORS)}; fetch it again.")
    table = np.array([values_of[name] for name in pictures])
    values: Float[np.ndarray, "n f"] = (table == "1").astype(np.float64)
    if not np.array_equal(values, table != "-1"):
        raise InfoganError(f"{path} has attributes other than -1 and 1; fetch it again.")
    return values


def read_preprocessed(path: Path) -> Images:
    """A .npz with `images` (n, 32, 32, 3), `ids` (n,), `attributes` (n, 40) of 0 and 1, `attribute_names`."""
    arrays = read_npz(path, ("images", "ids", "attributes", "attribute_names"))
    x, ids, values = arrays["images"], arrays["ids"], arrays["attributes"]
    _check_names(path, arrays["attribute_names"].ravel().tolist())
    n = len(ids) if ids.ndim == 1 else 0
    if x.dtype != np.uint8 or x.shape != (n, SIDE, SIDE, 3):
        raise InfoganError(
            f"{path} holds images {x.dtype} {x.shape} for ids {ids.shape}; expected uint8 (n, 32, 32, 3)."
        )
    if values.shape != (n, len(FACTORS)) or not np.isin(values, (0, 1)).all():
        raise InfoganError(
            f"{path} holds attributes {values.shape} of {np.unique(values)[:4].tolist()}; "
            f"expected 0 and 1, ({n}, {len(FACTORS)})."
        )
    names = tuple(f"{i:06d}.jpg" for i in ids)
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return Images.from_arrays(x, names=names, factors=Factors(FACTORS, values.astype(np.float64)))


def _check_names(path: Path, names: list[str]) -> None:
    if tuple(names) != ATTRIBUTES:
        raise InfoganError(
            f"{path} names {len(names)} attributes, {' '.join(names[:3])} ..., but CelebA has "
            f"{len(ATTRIBUTES)}, {' '.join(ATTRIBUTES[:3])} ...; fetch it again."
        )


CELEBA = DatasetInfo(
    name="celeba",
    description="Aligned faces of celebrities, in colour, 32x32, with 40 attributes (Liu et al. 2015)",
    licence="non-commercial research only",
    shape=(3, SIDE, SIDE),
    splits={"train": 202_599},
    load=load_celeba,
    factors=FACTORS,
    files=FILES,
)
