"""Labels as people have them, the same from every source of images."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from infogan.data import Images, load
from infogan.data.labels import Labels, labels_from_folders, to_labels
from infogan.data.options import LoadOptions
from infogan.data.registry import open_collection
from infogan.data.shards.pack import pack
from infogan.data.shards.writer import ShardLimit
from infogan.evaluation import evaluate_model
from infogan.evaluation.clustering import cluster_scores
from infogan.evaluation.image_quality.classifier import classifier_targets
from infogan.figures.paper import plot_confusion
from infogan.method.model import make_model
from infogan.report.associations import known_columns
from infogan.report.sample import sample_images
from tests.trainers import CONFIG


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("infogan.data.cache.cache_folder", lambda: tmp_path / "cache")


def png(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), level).save(buffer, "PNG")
    return buffer.getvalue()


def npz(labels: Sequence[object], column: str = "labels") -> str:
    if any(label is None or isinstance(label, str) for label in labels):
        labels = ["" if label is None else str(label) for label in labels]
    np.savez("a.npz", images=np.zeros((len(labels), 8, 8), np.uint8), **{column: np.array(labels)})  # type: ignore[arg-type]
    return "npz:a.npz"


def parquet(labels: Sequence[object], column: str = "label") -> str:
    pq.write_table(pa.table({"image": [png(0)] * len(labels), column: pa.array(labels)}), "a.parquet")
    return "parquet:a.parquet"


def huggingface(labels: Sequence[object], column: str = "label") -> str:
    datasets = pytest.importorskip("datasets")
    table = {"image": [png(0)] * len(labels), column: list(labels)}
    datasets.Dataset.from_dict(table).save_to_disk("a.hf")
    return "hf:a.hf"


def shards(labels: Sequence[object]) -> str:
    Path("shards").mkdir()
    with tarfile.open("shards/a.tar", "w") as tar:
        for i, label in enumerate(labels):
            members = {"png": png(0)} | ({} if label is None else {"cls": str(label).encode()})
            for suffix, content in members.items():
                info = tarfile.TarInfo(f"{i:03}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return "shards:shards"


SOURCES: dict[str, Callable[..., str]] = {
    "npz": npz,
    "parquet": parquet,
    "hf": huggingface,
    "shards": shards,
}
CASES: dict[str, tuple[list[object], list[object]]] = {  # as they are stored, and the name of each
    "0, 1, 2": ([0, 2, 1, 0], ["0", "2", "1", "0"]),
    "-1 is unknown": ([0, -1, 1, 1], ["0", "unknown", "1", "1"]),
    "other negative numbers": ([0, -100, 1, -2], ["0", "unknown", "1", "unknown"]),
    "ids of persons": ([20211231, 7, 10**12, 7], ["20211231", "7", "1000000000000", "7"]),
    "text": (["cat", "dog", "ärger", "cat"], ["cat", "dog", "ärger", "cat"]),
    "text and none": (["cat", None, "dog", "cat"], ["cat", "unknown", "dog", "cat"]),
    "empty text": (["cat", "", "dog", "cat"], ["cat", "unknown", "dog", "cat"]),
    "text of -1": (["cat", "-1", "dog", "cat"], ["cat", "unknown", "dog", "cat"]),
}


def names_of(images: Images) -> list[str] | None:
    labels = images.labels
    return None if labels is None else [labels.name(number) for number in labels.numbers.tolist()]


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize(("stored", "names"), CASES.values(), ids=CASES)
def test_labels_of_every_source(source: Callable[..., str], stored: list[object], names: list[str]) -> None:
    name = source(stored)
    assert names_of(load(name)) == names
    packed(name)
    assert names_of(load("shards:packed")) == names


def packed(name: str) -> None:
    pack(open_collection(name, LoadOptions()), Path("packed"), ShardLimit(3, None), None, False)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_labels_that_are_all_unknown_are_none(source: Callable[..., str]) -> None:
    assert load(source([-1] * 4)).labels is None


@pytest.mark.parametrize("source", [npz, parquet, huggingface])
@pytest.mark.parametrize("column", ["label", "labels", "target", "y", "class", "fine_label"])
def test_usual_names_of_columns(source: Callable[..., str], column: str) -> None:
    assert names_of(load(source([3, 1, 1, 3], column))) == ["3", "1", "1", "3"]


NOT_CLASSES = {
    "fractions": (np.array([0.5, 1, 2, 1]), "hold 0.5, but a class is a whole number or a text"),
    "several per image": (np.zeros((4, 3), int), "have shape (4, 3), not one class per image"),
    "complex numbers": (np.array([1j] * 4), "are of type complex128"),
}


@pytest.mark.parametrize(("values", "message"), NOT_CLASSES.values(), ids=NOT_CLASSES)
def test_what_cannot_be_classes_is_not_used_and_said(
    values: np.ndarray, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("a.npz", images=np.zeros((4, 8, 8), np.uint8), labels=values)
    assert load("npz:a.npz").labels is None
    assert capsys.readouterr().err == f"the labels of a.npz {message}; they are not used.\n"


ARRAYS: dict[str, tuple[object, list[int], tuple[str, ...] | None]] = {
    "(n, 1)": (np.array([[1], [0], [-1]]), [1, 0, -1], None),
    "NaN": (np.array([1.0, np.nan, 0.0]), [1, -1, 0], None),
    "infinite": (np.array([1.0, np.inf, 0.0]), [1, -1, 0], None),
    "booleans": (np.array([True, False, True]), [1, 0, 1], None),
    "uint8": (np.array([255, 0, 3], np.uint8), [255, 0, 3], None),
    "hashes": (np.array([2**64 - 1, 5, 5], np.uint64), [0, 1, 1], ("18446744073709551615", "5")),
    "bytes": (np.array([b"b", b"a", b"b"]), [1, 0, 1], ("a", "b")),
    "objects": (np.array(["b", None, "a"], object), [1, -1, 0], ("a", "b")),
    "spaces": (np.array([" a", "a ", "b"]), [0, 0, 1], ("a", "b")),
}


@pytest.mark.parametrize(("values", "numbers", "names"), ARRAYS.values(), ids=ARRAYS)
def test_arrays_of_labels(values: object, numbers: list[int], names: tuple[str, ...] | None) -> None:
    labels = to_labels(values, "x")
    assert labels is not None
    assert (labels.numbers.tolist(), labels.names) == (numbers, names)


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([1, None, 0, 1], pa.uint8()),
        pa.array([1.0, None, 0.0, float("nan")]),
        pa.array([True, None, False, True]),
        pa.array(["b", None, "a", "b"]).dictionary_encode(),
        pa.array(["b", None, "a", "b"], pa.large_string()),
    ],
    ids=lambda labels: str(labels.type),
)
def test_types_of_parquet(labels: pa.Array) -> None:
    pq.write_table(pa.table({"image": [png(0)] * 4, "label": labels}), "a.parquet")
    found = load("parquet:a.parquet").labels
    assert found is not None
    assert found.numbers[:3].tolist() == [1, -1, 0]


def test_names_of_a_class_label() -> None:
    """As the library `datasets` stores them, also if its files are read as Parquet."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"image": datasets.Value("binary"), "label": datasets.ClassLabel(names=["ant", "bee"])}
    )
    table = datasets.Dataset.from_dict({"image": [png(0)] * 3, "label": [1, 0, -1]}, features)
    table.save_to_disk("a.hf")
    table.to_parquet("a.parquet")
    for source in ("hf:a.hf", "parquet:a.parquet"):
        assert names_of(load(source)) == ["bee", "ant", "unknown"]


FOLDERS: dict[str, tuple[list[str], list[str] | None]] = {
    "a folder a class": (["a/1", "a/2", "b/1"], ["a", "a", "b"]),
    "folders within": (["a/x/1", "a/y/2", "b/1"], ["a", "a", "b"]),
    "one folder around all": (["all/a/1", "all/a/2", "all/b/1"], ["a", "a", "b"]),
    "splits": (["train/a/1", "train/b/1", "test/a/1"], ["a", "b", "a"]),
    "images beside the folders": (["0", "a/1", "a/2", "b/1"], ["", "a", "a", "b"]),
    "one class": (["a/1", "a/2"], None),
    "no folder": (["1", "2", "3"], None),
    "a folder an image": (["a/1", "b/1", "c/1"], None),
}


@pytest.mark.parametrize(("files", "classes"), FOLDERS.values(), ids=FOLDERS)
def test_folders_are_classes(files: list[str], classes: list[str] | None) -> None:
    labels = labels_from_folders(files, "/")
    found = labels and ["" if i < 0 else labels.name(i) for i in labels.numbers.tolist()]
    assert (found or None) == classes


def test_a_folder_and_a_zip_of_classes() -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        for i, name in enumerate(("cat/1.png", "cat/2.png", "dög/1.png")):
            path = Path("photos", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(i))
            archive.write(path, name)
    for source in ("folder:photos", "folder:a.zip"):
        assert names_of(load(source)) == ["cat", "cat", "dög"]


# What the scores, the report and the figures make of them


def images_with(numbers: np.ndarray, names: tuple[str, ...] | None = None) -> Images:
    shape = (len(numbers), *CONFIG.networks.image_shape)
    x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return Images.from_arrays(x, Labels(numbers, names))


KNOWN = np.arange(60) % 3
UNKNOWN_THIRD = np.where(np.arange(60) % 3 == 0, -1, np.arange(60) // 3 % 2)


def test_scores_do_not_depend_on_what_classes_are_called() -> None:
    model = make_model(CONFIG)
    first, second = (
        evaluate_model(model, {"train": images_with(numbers)}, 16, groups=("clustering",))
        for numbers in (KNOWN, KNOWN * 10**12 + 7)
    )
    assert first == second


def test_unknown_labels_do_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    categories = np.random.default_rng(1).integers(0, 4, 60)
    is_known = UNKNOWN_THIRD >= 0
    expected = cluster_scores(UNKNOWN_THIRD[is_known], categories[is_known], "so")
    assert cluster_scores(UNKNOWN_THIRD, categories, "so") == expected
    groups = ("clustering",)
    found = evaluate_model(make_model(CONFIG), {"train": images_with(UNKNOWN_THIRD)}, 16, groups=groups)
    assert "40 images" in found["train"]["nmi"]["protocol"]
    assert "k = 2 as there are labels" in found["train"]["nmi_k_means"]["protocol"]
    assert "20 of 60 images of train have no known label" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (np.where(KNOWN == 0, 5, -1), "20 of 60 images have a known label, and all of them the same"),
        (np.arange(60), "they name 60 classes in 60 images, fewer than two images a class"),
    ],
)
def test_labels_that_say_nothing_are_not_scored(
    numbers: np.ndarray, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluate_model(make_model(CONFIG), {"train": images_with(numbers)}, 16, groups=("clustering",))
    assert "train" not in found
    assert capsys.readouterr().err == f"the labels of train are not scored: {message}.\n"
    assert classifier_targets(images_with(numbers)) is None


def test_the_report_knows_names_and_leaves_out_unknown_labels() -> None:
    images = images_with(UNKNOWN_THIRD, ("cat", "dog"))
    sample = sample_images(make_model(CONFIG), images)
    (column,) = known_columns(sample)
    assert np.isnan(column.values).sum() == 20
    assert sample.labels is not None
    assert sample.labels.name(1) == "dog"
    targets = classifier_targets(images)
    assert targets is not None
    np.testing.assert_array_equal(targets[:, 0], UNKNOWN_THIRD)


def test_the_confusion_shows_the_names_of_classes() -> None:
    pytest.importorskip("matplotlib")
    axes = plot_confusion(np.array([[0, 9], [8, 1], [0, 0]]), "c1", ["cat", "dog"]).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["cat", "dog"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["1 → cat", "0 → dog", "2 → –"]
