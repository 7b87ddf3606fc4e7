"""SmallNORB: photos of 50 toys from 162 views under 6 lamps (LeCun et al. 2004), in gray, 64x64.

A file is a magic number, the number of dimensions, the dimensions, at least three, and the numbers, all
little-endian, gzipped or not.
"""

import math
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from infogan.data.cache import cached_arrays
from infogan.data.formats.npy import Arrays
from infogan.data.images import Factor, Factors, Images
from infogan.data.labels import Labels
from infogan.data.options import DatasetInfo, LoadOptions
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_read_errors
from infogan.utils.limits import require_within_limits
from infogan.utils.progress import progress

SIDE = 64
PUBLISHED_SHAPE = (2, 96, 96)  # the left and the right camera
STEMS = {  # the toys of each split differ
    "train": "smallnorb/smallnorb-5x46789x9x18x6x2x96x96-training",
    "test": "smallnorb/smallnorb-5x01235x9x18x6x2x96x96-testing",
}
PARTS = ("dat", "cat", "info")
FACTORS = (
    Factor("category", "category"),  # animal, human, plane, truck, car
    Factor("instance", "category"),  # 0 to 9, within a category
    Factor("elevation", "number"),  # radians
    Factor("azimuth", "angle"),  # radians
    Factor("lighting", "category"),
)
MIN_ELEVATION, ELEVATION_STEP, AZIMUTH_STEP = 30, 5, 10  # degrees; a step of azimuth is 2 in the files
DTYPES = {0x1E3D4C55: "u1", 0x1E3D4C54: "<i4"}
MIN_STORED_DIMENSIONS, MAX_DIMENSIONS = 3, 4
MAX_HEADER_BYTES = 8 + 4 * MAX_DIMENSIONS


def load_smallnorb(load_options: LoadOptions, split: str) -> Images:
    """The left images of a split with their factors, and the category as label; read once and then cached."""
    paths = [load_options.require_path(f"SmallNORB ({split})", files_of(split, part)) for part in PARTS]
    stats = [(found.st_size, found.st_mtime_ns) for path in paths if (found := path.stat())]
    key = f"left, Lanczos, {SIDE}; {[str(path.resolve()) for path in paths]}; {stats}"
    arrays = cached_arrays(f"smallnorb-{split}", key, lambda: read_smallnorb(*paths))
    values = arrays["values"]
    return Images.from_arrays(
        arrays["x"], Labels(values[:, 0].astype(np.int64)), factors=Factors(FACTORS, values)
    )


def files_of(split: str, part: str) -> tuple[str, str]:
    """Where a file of a split is expected, gzipped or not."""
    return f"{STEMS[split]}-{part}.mat", f"{STEMS[split]}-{part}.mat.gz"


def read_smallnorb(dat: Path, cat: Path, info: Path) -> Arrays:
    """The left images `x` (n, 1, 64, 64), resized by a Lanczos filter, and the `values` (n, 5) of `FACTORS`.

    The files have the images (n, 2, 96, 96), the categories (n,), and for each image (n, 4): the instance,
    the elevation 0 to 8 from 30 to 70 degrees, the azimuth 0, 2, ..., 34 in tens of degrees, the lighting.
    """
    pairs, category, rest = read_matrix(dat), read_matrix(cat), read_matrix(info)
    n = len(pairs)
    for path, array, dtype, shape in (
        (dat, pairs, "uint8", (n, *PUBLISHED_SHAPE)),
        (cat, category, "int32", (n,)),
        (info, rest, "int32", (n, 4)),
    ):
        if array.dtype != dtype or array.shape != shape:
            raise InfoganError(f"{path} holds {array.dtype} {array.shape}; expected {dtype} {shape}.")
    found = np.column_stack([category, rest])
    if n and ((found < 0).any() or (found.max(axis=0) > (4, 9, 8, 34, 5)).any()):
        raise InfoganError(f"{info} and {cat.name} hold factors that SmallNORB lacks; fetch them again.")
    x = np.empty((n, 1, SIDE, SIDE), np.uint8)
    for i, pair in enumerate(progress(pairs, "reading toys", n)):
        small = Image.fromarray(pair[0]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        x[i, 0] = np.asarray(small)
    values = found.astype(np.float64)
    values[:, 2] = np.radians(MIN_ELEVATION + ELEVATION_STEP * values[:, 2])
    values[:, 3] = np.radians(AZIMUTH_STEP * values[:, 3])
    return {"x": x, "values": values}


def read_matrix(path: Path) -> np.ndarray:
    """The uint8 or int32 array in a file."""
    with wrap_read_errors(path):
        content = path.read_bytes()
        gzip = zlib.decompressobj(wbits=31) if content[:2] == b"\x1f\x8b" else None
        head = content[:MAX_HEADER_BYTES] if gzip is None else gzip.decompress(content, MAX_HEADER_BYTES)
        magic, rank = struct.unpack_from("<2I", head)
        if magic not in DTYPES or not 0 < rank <= MAX_DIMENSIONS:
            raise ValueError(f"magic number {magic:#x} and {rank} dimensions")
        shape = struct.unpack_from(f"<{rank}I", head, 8)
        start, dtype = 8 + 4 * max(rank, MIN_STORED_DIMENSIONS), np.dtype(DTYPES[magic])
        expected = start + math.prod(shape) * dtype.itemsize
        require_within_limits(str(path), expected, len(content))
        if gzip is not None:  # one byte more, to notice if there is one, and to reach the checksum
            content = head + gzip.decompress(gzip.unconsumed_tail, max(expected - len(head), 0) + 1)
            if not gzip.eof or gzip.unused_data:
                raise EOFError("its gzip stream is truncated, or longer than announced")
        if len(content) != expected:
            raise ValueError(f"{len(content):,} bytes, but {expected:,} are announced")
        return np.frombuffer(content, dtype, offset=start).reshape(shape)


SMALLNORB = DatasetInfo(
    name="smallnorb",
    description="Photos of toys, gray, 64x64, with known factors (LeCun et al. 2004); test shows other toys",
    licence="research only",
    shape=(1, SIDE, SIDE),
    splits={"train": 24_300, "test": 24_300},
    load=load_smallnorb,
    check_available=lambda load_options, split: all(
        load_options.find_path(files_of(split, part)) is not None for part in PARTS
    ),
    label_name="category",
    factors=FACTORS,
    files=tuple(files_of(split, part)[1] for split in STEMS for part in PARTS),
)
