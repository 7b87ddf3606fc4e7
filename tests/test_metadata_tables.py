"""Tables about images as spreadsheets and scripts write them, and how their rows find their images."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infogan.data.tables import read_table
from infogan.report.metadata import join_metadata
from infogan.utils.errors import InfoganError

SIZES = [1.5, 2.25, 1234.5]
HEADER, ROWS = "Datei;Größe", ["a.png;1,5", "b.png;2,25", "c.png;1.234,5"]
GERMAN = "\r\n".join([HEADER, *ROWS]) + "\r\n"
ENGLISH = "Datei,Größe\na.png,1.5\nb.png,2.25\nc.png,1234.5\n"
OBJECTS = [{"Datei": f"{name}.png", "Größe": size} for name, size in zip("abc", SIZES, strict=True)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("t.csv", ENGLISH.encode(), id="utf-8"),
        pytest.param("t.csv", ENGLISH.encode("utf-8-sig"), id="utf-8 with a mark"),
        pytest.param("t.csv", GERMAN.encode("cp1252"), id="cp1252, decimal commas"),
        pytest.param("t.txt", GERMAN.encode("utf-16"), id="utf-16 with a mark"),
        pytest.param("t.csv", GERMAN.encode("utf-16-le"), id="utf-16 without a mark"),
        pytest.param("t.csv", GERMAN.encode("utf-16-be"), id="utf-16, big-endian, without a mark"),
        pytest.param("t.csv", f"sep=;\r\n{GERMAN}".encode("utf-8-sig"), id="sep= of Excel"),
        pytest.param("t.tsv", GERMAN.replace(";", "\t").encode(), id="tabs, decimal commas"),
        pytest.param("t.csv", GERMAN.replace(";", "|").encode(), id="bars"),
        pytest.param("t.csv", ENGLISH.replace(",", ";").encode(), id="semicolons, decimal points"),
        pytest.param("t.csv", ENGLISH.replace("a.png", '"a.png"').encode("cp1252"), id="quotes"),
        pytest.param("t.jsonl", "\n".join(map(json.dumps, OBJECTS)).encode(), id="metadata.jsonl"),
        pytest.param("t.json", json.dumps(OBJECTS, ensure_ascii=False).encode(), id="an array of objects"),
    ],
)
def test_texts_of_tables(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    table = read_table(tmp_path / name, "metadata")
    assert table.column_names == ["Datei", "Größe"]
    assert table["Größe"].to_pylist() == SIZES
    (column,) = join_metadata(tmp_path / name, ("c.png", "a.png", "b.png"), 3, np.arange(3)).columns
    assert column.values.tolist() == [SIZES[2], SIZES[0], SIZES[1]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.jsonl", b'{"file": "a"}\n{"file": '),
        ("t.json", b"[1, 2]"),
        ("t.json", b"[" * 10**5),
        ("t.csv", b"\xff\xfea"),
    ],
)
def test_texts_that_are_no_tables(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InfoganError, match=r"cannot be read as a table|has no rows"):
        read_table(tmp_path / name, "metadata")


def test_a_type_is_that_of_the_whole_column(tmp_path: Path) -> None:
    rows = "".join(f"{i:07}.png,{i % 5}\n" for i in range(100_000))
    (tmp_path / "t.csv").write_text(f"file,grade\n{rows}x.png,none\n")
    assert read_table(tmp_path / "t.csv", "metadata")["grade"].to_pylist()[-2:] == ["4", "none"]


NAMES = tuple(f"{i:03}.png" for i in range(12))


@pytest.mark.parametrize("column", ["file", "File Name", "image", "path", "NAME", "Datei", "img_path"])
@pytest.mark.parametrize("as_text", [True, False], ids=["text", "numbers"])
def test_the_row_number_of_pandas_is_no_name(tmp_path: Path, column: str, as_text: bool) -> None:
    """Shuffled rows, numbered anew by pandas: the number would match every image with another's row."""
    order = np.random.default_rng(0).permutation(12)
    keys = [f"{i:03}" if as_text else int(i) for i in order]
    table = pd.DataFrame({column: keys, "v": order * 10.0})
    for path, write in (("t.csv", table.to_csv), ("t.parquet", table.to_parquet)):
        write(tmp_path / path)
        joined = join_metadata(tmp_path / path, NAMES, 12, np.arange(12))
        (v,) = [found for found in joined.columns if found.name == "v"]
        np.testing.assert_array_equal(v.values, np.arange(12) * 10.0)


def test_a_row_number_alone_joins_nothing(tmp_path: Path) -> None:
    pd.DataFrame({"v": range(12)}).to_csv(tmp_path / "t.csv")
    with pytest.raises(InfoganError, match="Add a column of file names"):
        join_metadata(tmp_path / "t.csv", NAMES, 12, np.arange(12))


FORMS = {
    "decomposed letters": (["u\u0308.png", "e\u0301.png", "z.png"], ["\u00fc", "\u00e9", "z"]),
    "case": (["A.PNG", "b.Png", "c.png"], ["a.png", "B.PNG", "C"]),
    "dots in names": (["r.1.png", "r.2.png", "r.3.png"], ["r.1", "r.2", "r.3"]),
    "images without endings": (["r.1", "r.2", "r.3"], ["r.1.png", "r.2.png", "r.3.png"]),
    "other endings": (["a.png", "b.png", "c.png"], ["a.heic", "b.tif", "c.JPG"]),
    "longer paths": (["x/1.png", "y/1.png", "y/2.png"], ["/d/x/1.png", "/d/y/1.png", "/d/y/2.png"]),
    "of Windows, without endings": (["x/1.png", "y/1.png", "y/2.png"], ["x\\1", "y\\1", "y\\2"]),
    "shorter paths": (["s/x/1.png", "s/y/1.png", "s/y/2.png"], ["x/1.png", "y/1.png", "y/2.png"]),
    "spaces": ([" a.png", "b.png", "c.png"], ["a.png ", " b.png", "c.png\t"]),
    "numbers": (["0007.png", "0012.png", "0100.png"], [7, 12, 100]),
}


@pytest.mark.parametrize(("names", "keys"), FORMS.values(), ids=FORMS)
def test_names_that_differ_in_form(tmp_path: Path, names: list[str], keys: list[object]) -> None:
    pd.DataFrame({"v": [3, 2, 1], "file": keys[::-1]}).to_parquet(tmp_path / "t.parquet")
    (v,) = join_metadata(tmp_path / "t.parquet", names, 3, np.arange(3)).columns
    assert v.values.tolist() == [1, 2, 3]


def test_what_did_not_match_is_counted(tmp_path: Path) -> None:
    names = ("a/1.png", "a/2.png", "a/3.png", "b/4.png", "a/5.png")
    keys = ["a/1.png", "a/2.png", "a/3.png", "a/4.png", "a/1.png"]  # a/4.png is no picture of folder b
    pd.DataFrame({"file": keys, "v": [1, 2, 3, 4, 5]}).to_csv(tmp_path / "t.csv", index=False)
    joined = join_metadata(tmp_path / "t.csv", names, 5, np.arange(5))
    np.testing.assert_array_equal(joined.columns[0].values, [1, 2, 3, math.nan, math.nan])
    assert "match no image or repeat one: 2, such as a/4.png, a/1.png." in joined.message
    assert "without a row: 2, such as b/4.png, a/5.png." in joined.message


def test_numbers_from_1_are_told_from_numbers_from_0(tmp_path: Path) -> None:
    for first in (0, 1):
        ids = np.arange(first, first + 6)
        pd.DataFrame({"id": ids, "v": ids - first}).to_csv(tmp_path / "t.csv", index=False)
        joined = join_metadata(tmp_path / "t.csv", None, 6, np.arange(6))
        assert joined.columns[0].values.tolist() == list(range(6))
        assert f"counted from {first}" in joined.message
