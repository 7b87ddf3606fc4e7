"""CelebA, 202,599 aligned faces with 40 attributes (Liu et al. 2015), cut to 32x32."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from infogan.data.cache import kept
from infogan.data.formats.folder import ImageFiles, find_image_files
from infogan.data.formats.npy import Arrays, read_npz
from infogan.data.images import Factor, Factors, Images
from infogan.data.source import DatasetInfo, LoadOptions
from infogan.utils.errors import InfoganError

SIDE = 32
WIDTH, HEIGHT, SQUARE = 178, 218, 148  # an aligned picture as published, and what is cut out of it

READY = "celeba/celeba_10k_32x32.npz"
FILES = ("celeba/img_align_celeba.zip", "celeba/img_align_celeba", READY, "celeba/celeba_10k_89x109_jpg.zip")
ATTRIBUTE_FILE = "celeba/list_attr_celeba.txt"
NAMES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair "
    "Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair "
    "Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face "
    "Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair "
    "Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young"
)
ATTRIBUTES = tuple(NAMES.split())
KNOWN = tuple(Factor(name, "category") for name in ATTRIBUTES)


def load_celeba(load_options: LoadOptions, split: str) -> Images:
    """The faces, with 40 attributes of 0 or 1 as factors where these are there.

    The pictures as published come before those that are ready-made; they are read once and then kept.

    Raises:
        InfoganError: where no file is there, pictures cannot be read, or the attributes do not match them.
    """
    path = load_options.find("CelebA", FILES)
    if path.suffix == ".npz":
        return read_ready(path)
    files = find_image_files(path)
    recipe = (
        f"centre {SQUARE} of {WIDTH}x{HEIGHT}, Lanczos, {SIDE}; {files.fingerprint}; {load_options.skip_bad}"
    )
    arrays = kept("celeba", recipe, lambda: _read_faces(files, load_options.skip_bad))
    names = tuple(str(name) for name in arrays["names"])
    attributes = load_options.look([ATTRIBUTE_FILE])
    factors = None
    if attributes is not None:
        factors = Factors(KNOWN, read_attributes(attributes, tuple(Path(name).name for name in names)))
    return Images.stored(arrays["x"], names=names, factors=factors)


def _read_faces(files: ImageFiles, skip_bad: bool) -> Arrays:
    x, names = files.read(crop_face, skip_bad)
    return {"x": x, "names": np.array(names)}


def crop_face(picture: Image.Image) -> UInt8[np.ndarray, "3 32 32"]:
    """The square of side 148 in the middle of 178x218, shrunk by a Lanczos filter.

    Of other sizes the square is in proportion, 74 of 89x109, at whole pixels rounded to the top left. The
    filter looks beyond the border of the square, so that no pixel of the border counts twice.

    Raises:
        ValueError: for a picture that is not of these proportions, as those that are not aligned.
    """
    width, height = picture.size
    if abs(width * HEIGHT / WIDTH - height) > 1:
        raise ValueError(f"{width}x{height} where aligned pictures are {WIDTH}x{HEIGHT}")
    side = round(width * SQUARE / WIDTH)
    left, top = (width - side) // 2, (height - side) // 2
    face = picture.convert("RGB").resize(
        (SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)
    )
    return np.asarray(face).transpose(2, 0, 1)


def read_attributes(path: Path, pictures: tuple[str, ...]) -> Float[np.ndarray, "n f"]:
    """The attributes of pictures by file name, (n, 40) of 0 and 1, from `list_attr_celeba.txt`.

    Its first line is the count, its second the 40 names, and then follow a name and 40 times -1 or 1.

    Raises:
        InfoganError: for a file that is none such, or that lacks one of the pictures.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InfoganError(f"{path} cannot be read ({error}); fetch it again.") from error
    _check_names(path, lines[1].split() if len(lines) > 1 else [])
    rows = [line.split() for line in lines[2:] if line.strip()]
    if lines[0].strip() != str(len(rows)):
        raise InfoganError(
            f"{path} has {len(rows)} pictures where its first line says {lines[0].strip()!r}; fetch it again."
        )
    place = {row[0]: row[1:] for row in rows}
    missing = [name for name in pictures if name not in place]
    if missing:
        raise InfoganError(
            f"{path} lacks {len(missing):,} of {len(pictures):,} pictures, {missing[0]} first; "
            "take the file that belongs to them, or move it away."
        )
    uneven = [name for name in pictures if len(place[name]) != len(KNOWN)]
    if uneven:
        raise InfoganError(
            f"{path} has {len(place[uneven[0]])} attributes for {uneven[0]} where {len(KNOWN)} are due; "
            "fetch it again."
        )
    table = np.array([place[name] for name in pictures])
    values: Float[np.ndarray, "n f"] = (table == "1").astype(np.float64)
    if not np.array_equal(values, table != "-1"):
        raise InfoganError(f"{path} has attributes other than -1 and 1; fetch it again.")
    return values


def read_ready(path: Path) -> Images:
    """A .npz with `images` (n, 32, 32, 3), `ids` (n,), `attributes` (n, 40) of 0 and 1, `attribute_names`.

    Raises:
        InfoganError: for a file that cannot be read, or holds something else.
    """
    arrays = read_npz(path, ("images", "ids", "attributes", "attribute_names"))
    x, ids, values = arrays["images"], arrays["ids"], arrays["attributes"]
    _check_names(path, arrays["attribute_names"].ravel().tolist())
    n = len(ids) if ids.ndim == 1 else 0
    if x.dtype != np.uint8 or x.shape != (n, SIDE, SIDE, 3):
        raise InfoganError(
            f"{path} holds images {x.dtype} {x.shape} for ids {ids.shape}; due are uint8 (n, 32, 32, 3)."
        )
    if values.shape != (n, len(KNOWN)) or not np.isin(values, (0, 1)).all():
        raise InfoganError(
            f"{path} holds attributes {values.shape} of {np.unique(values)[:4].tolist()}; "
            f"due are 0 and 1, ({n}, {len(KNOWN)})."
        )
    names = tuple(f"{i:06d}.jpg" for i in ids)
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return Images.stored(x, names=names, factors=Factors(KNOWN, values.astype(np.float64)))


def _check_names(path: Path, names: list[str]) -> None:
    if tuple(names) != ATTRIBUTES:
        raise InfoganError(
            f"{path} names {len(names)} attributes, {' '.join(names[:3])} ...; CelebA's are "
            f"{len(ATTRIBUTES)}, {' '.join(ATTRIBUTES[:3])} ...; fetch it again."
        )


CELEBA = DatasetInfo(
    name="celeba",
    about="Aligned faces of celebrities, in colour, 32x32, with 40 attributes (Liu et al. 2015)",
    licence="non-commercial research only",
    shape=(3, SIDE, SIDE),
    splits={"train": 202_599},
    load=load_celeba,
    has=lambda load_options, split: load_options.look(FILES) is not None,
    factors=KNOWN,
    files=FILES,
)
