"""The codes of many images as a table on the disk, Parquet or CSV, written as they are read."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from infogan.data import Images
from infogan.method.latent import Latent
from infogan.method.model import Model
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_write_errors
from infogan.utils.progress import progress

ROWS = 4096  # images that are in memory at once, and a row group of Parquet


def check_target(path: Path) -> None:
    """Raises InfoganError unless a table can be written there without losing anything."""
    if path.suffix not in (".parquet", ".csv"):
        raise InfoganError(f"{path} ends in neither .parquet nor .csv, so its format is not clear.")
    if path.exists():
        raise InfoganError(f"{path} is there already; name another file by -o.")
    if not path.parent.is_dir():
        raise InfoganError(f"there is no folder {path.parent}; make it first.")


def write_codes(path: Path, model: Model, images: Images) -> None:
    """A row an image: its name or number, and for each code its value and its spread.

    Discrete codes are whole numbers. Units are those of `Code.decode`. Memory does not grow with the number
    of images; a table that is not finished is not left there.

    Raises:
        InfoganError: for images of another shape, or where the table cannot be written.
    """
    model.check_shape(images.shape, "the images")
    schema = schema_of(model.latent, named=images.names is not None)
    make = pyarrow.csv.CSVWriter if path.suffix == ".csv" else pyarrow.parquet.ParquetWriter
    part = path.with_name(f"{path.name}.part")
    parts = torch.split(torch.arange(len(images)), ROWS) if len(images) else ()
    try:
        with wrap_write_errors(path):
            with make(part, schema) as writer:
                for index in progress(parts, f"reading the codes of {len(images):,} images"):
                    writer.write_table(read_codes(model, images, index, images.pixels.take(index), schema))
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def schema_of(latent: Latent, named: bool) -> pa.Schema:
    """The columns: the image's name or number, and for each code its value and its spread."""
    columns = [("image", pa.string() if named else pa.int64())]
    for name, code in zip(latent.names, latent.codes, strict=True):
        columns += [(name, pa.float32() if code.categories is None else pa.int32())]
        columns += [(f"{name}_spread", pa.float32())]
    return pa.schema(columns)


def read_codes(
    model: Model,
    images: Images,
    index: Tensor,
    x: UInt8[Tensor, "b ch h w"] | Float[Tensor, "b 1 1 w"],
    schema: pa.Schema,
) -> pa.Table:
    """The rows of these images.

    Args:
        index: their numbers, which stand in the table where they have no names.
        x: what was taken by them.
    """
    encoding = model.encode(x.cpu().numpy())
    called = index.tolist() if images.names is None else [images.names[i] for i in index.tolist()]
    columns: list[Any] = [called]
    for i in range(len(model.latent.codes)):
        columns += [encoding.values[:, i].numpy(), encoding.spreads[:, i].numpy()]
    return pa.table([pa.array(c).cast(t) for c, t in zip(columns, schema.types, strict=True)], schema=schema)
