"""The codes of images as a table on disk, Parquet or CSV, written as they are read."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from infogan.data import Images
from infogan.data.images import InMemoryPixels
from infogan.method.latent import Latent
from infogan.method.model import Model
from infogan.utils.errors import InfoganError
from infogan.utils.io import wrap_write_errors
from infogan.utils.progress import progress

ROWS_PER_GROUP = 4096  # of a Parquet row group; also the images in memory at once


def check_target(path: Path) -> None:
    """Raises InfoganError unless a new table can be written there."""
    if path.suffix not in (".parquet", ".csv"):
        raise InfoganError(f"{path} ends in neither .parquet nor .csv, so its format is not clear.")
    if path.exists():
        raise InfoganError(f"{path} already exists; name another file.")
    if not path.parent.is_dir():
        raise InfoganError(f"there is no folder {path.parent}; create it first.")


def write_codes(path: Path, model: Model, images: Images) -> None:
    """Writes one row per image: its name or number, and per code its value and its spread.

    Discrete codes are whole numbers; units are those of `Code.decode`. An unfinished table is deleted.

    Raises:
        InfoganError: if the images have another shape, or the table cannot be written.
    """
    model.check_shape(images.shape, "the images")
    schema = table_schema(model.latent, named=images.names is not None)
    make_writer = pyarrow.csv.CSVWriter if path.suffix == ".csv" else pyarrow.parquet.ParquetWriter
    unfinished = path.with_name(f"{path.name}.part")
    groups = torch.split(torch.arange(len(images)), ROWS_PER_GROUP) if len(images) else ()
    try:
        with wrap_write_errors(path):
            with make_writer(unfinished, schema) as writer:
                for index in progress(groups, f"encoding {len(images):,} images"):
                    writer.write_table(encode_rows(model, images, index, images.pixels.take(index), schema))
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def table_schema(latent: Latent, named: bool) -> pa.Schema:
    """The columns: the image's name or number, and per code its value and its spread."""
    columns = [("image", pa.string() if named else pa.int64())]
    for name, code in zip(latent.names, latent.codes, strict=True):
        columns += [(name, pa.float32() if code.categories is None else pa.int32())]
        columns += [(f"{name}_spread", pa.float32())]
    return pa.schema(columns)


def encode_rows(
    model: Model,
    images: Images,
    index: Tensor,
    x: UInt8[Tensor, "b ch h w"] | Float[Tensor, "b 1 1 w"],
    schema: pa.Schema,
) -> pa.Table:
    """The rows of the images x, whose numbers are in `index`."""
    encoding = model.encode(InMemoryPixels(x.cpu()))
    names = index.tolist() if images.names is None else [images.names[i] for i in index.tolist()]
    columns: list[Any] = [names]
    for i in range(len(model.latent.codes)):
        columns += [encoding.values[:, i].numpy(), encoding.spreads[:, i].numpy()]
    return pa.table([pa.array(c).cast(t) for c, t in zip(columns, schema.types, strict=True)], schema=schema)
