"""Tables of codes: complete, whatever the groups they were read in, or not there at all."""

from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from watched import Watched

import infogan.scale.encoding.table
from infogan.config import Config
from infogan.data.images import Images
from infogan.method.model import Model, make_model
from infogan.scale.encoding.table import write_codes
from infogan.utils.errors import InfoganError


@pytest.fixture(scope="module")
def model() -> Model:
    return make_model(
        Config.from_options(images="digits", architecture="digits", codes="cat:4 unif:1 circ:1 noise:2")
    )


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("n", [0, 1, 512, 1300])
def test_a_table_holds_what_the_model_reads(
    suffix: str, n: int, named: bool, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infogan.scale.encoding.table, "ROWS_PER_GROUP", 512)
    pixels = Watched(n)
    names = tuple(f"a, {i}.png" for i in range(n)) if named else None
    path = tmp_path / f"codes.{suffix}"
    write_codes(path, model, Images(pixels, names=names))
    assert max(pixels.asked, default=0) <= 512
    read = pyarrow.csv.read_csv if suffix == "csv" else pyarrow.parquet.read_table
    table = read(path)
    assert table.column_names == ["image", "c1", "c1_spread", "c2", "c2_spread", "c3", "c3_spread"]
    assert table["image"].to_pylist() == list(names or range(n))
    encoding = model.encode(Watched(n))
    for i in range(3):
        for column, wanted in ((f"c{i + 1}", encoding.values), (f"c{i + 1}_spread", encoding.spreads)):
            found = np.array(table[column].to_pylist(), np.float32)
            np.testing.assert_allclose(found, wanted[:, i], rtol=1e-6)
    if suffix == "parquet":
        assert [str(t) for t in table.schema.types[:3]] == ["string" if named else "int64", "int32", "float"]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_an_interrupted_table_is_deleted(
    suffix: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infogan.scale.encoding.table, "ROWS_PER_GROUP", 512)
    with pytest.raises(KeyboardInterrupt):
        write_codes(tmp_path / f"codes.{suffix}", model, Images(Watched(1300, broken=1200)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_full_disk_is_reported(
    suffix: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    writers = {"csv": (pyarrow.csv, "CSVWriter"), "parquet": (pyarrow.parquet, "ParquetWriter")}
    monkeypatch.setattr(*writers[suffix], full)
    with pytest.raises(InfoganError, match=r"codes\..* cannot be written \(No space left"):
        write_codes(tmp_path / f"codes.{suffix}", model, Images(Watched(10)))
    assert not list(tmp_path.iterdir())


def test_images_of_another_shape_are_refused(model: Model, tmp_path: Path) -> None:
    wide = Images.from_arrays(np.zeros((2, 1, 8, 9), np.uint8))
    with pytest.raises(InfoganError, match=r"\(1, 8, 9\), but the networks take \(1, 8, 8\)"):
        write_codes(tmp_path / "codes.csv", model, wide)
    assert not list(tmp_path.iterdir())
