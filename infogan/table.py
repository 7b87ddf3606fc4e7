"""The codes of many images as a table on the disk: Parquet or CSV."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from infogan.disk import telling
from infogan.errors import InfoganError
from infogan.latent import Latent
from infogan.model import Encoding


def check_target(path: Path) -> None:
    """Raises InfoganError unless a table can be written there without losing anything."""
    if path.suffix not in (".parquet", ".csv"):
        raise InfoganError(f"{path} ends in neither .parquet nor .csv, so its format is not clear.")
    if path.exists():
        raise InfoganError(f"{path} is there already; name another file by -o.")
    if not path.parent.is_dir():
        raise InfoganError(f"there is no folder {path.parent}; make it first.")


def write_codes(path: Path, latent: Latent, encoding: Encoding, names: tuple[str, ...] | None) -> None:
    """A row an image: its name or number, and for each code its value and its spread.

    Discrete codes are whole numbers. Units are those of `Code.decode`.
    """
    columns: dict[str, pa.Array] = {"image": pa.array(names or range(len(encoding.values)))}
    for i, (name, code) in enumerate(zip(latent.names, latent.codes, strict=True)):
        value = encoding.values[:, i].numpy()
        columns[name] = pa.array(value if code.categories is None else value.astype("int32"))
        columns[f"{name}_spread"] = pa.array(encoding.spreads[:, i].numpy())
    write = pyarrow.csv.write_csv if path.suffix == ".csv" else pyarrow.parquet.write_table
    part = path.with_name(f"{path.name}.part")
    with telling(path):
        try:
            write(pa.table(columns), part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
