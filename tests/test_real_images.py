"""Real images in the explorer, and the labels that names make: one class per image, read back as written."""

import base64
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from trainers import DIGITS

from infogan.config import Config
from infogan.data.labels import UNKNOWN, Labels
from infogan.data.tables import format_class_labels, read_class_labels
from infogan.explore import real_images
from infogan.explore.explorer import Explorer
from infogan.explore.real_images import N_CERTAIN, N_OTHERS
from infogan.explore.server import make_app
from infogan.runs.labels import write_labels
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

MakeRun = Callable[..., Run]
SMALL = Config.from_options(
    images="digits", architecture="small", shape=(1, 8, 8), codes="cat:4 bern:1 unif:1"
)


class Client:
    """The explorer of a run, asked as the page asks."""

    def __init__(self, run: Run) -> None:
        self.explorer = Explorer(run)
        app = make_app(self.explorer)
        self.http = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)

    def gallery(self, code: str, category: int) -> dict[str, Any]:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            answer = self.http.post("/real-images", json={"code": code, "category": category})
            found: dict[str, Any] = answer.json()
            if found.get("progress", 1) == 1:
                return found
            assert set(found) == {"progress"}
            time.sleep(0.02)
        raise TimeoutError

    def name(self, category: str, name: str) -> None:
        assert self.http.put("/names", json={"code": category, "name": name}).status_code == 200

    def give(self, image: int, name: str) -> None:
        assert self.http.put("/image-classes", json={"image": image, "class": name}).status_code == 204

    def labels(self, folder: Path, names: list[str] | None, n: int) -> dict[int, str]:
        """What training reads from the table, by image."""
        (folder / "labels.csv").write_bytes(self.http.get("/labels.csv?code=c1").content)
        read = read_class_labels(folder / "labels.csv", names, n)
        return {int(i): read.name(int(read.numbers[i])) for i in np.flatnonzero(read.is_known)}


@pytest.fixture
def client(tmp_path: Path, untrained_run: MakeRun) -> Iterator[Client]:
    made = Client(untrained_run(tmp_path / "run", SMALL, gain=6.0))
    yield made
    made.explorer.close()


def most_certain(client: Client, category: int) -> list[int]:
    """The images of a category of c1, by what the model reads off all images."""
    values, spreads = (part[:, 0].numpy() for part in client.explorer.model.encode(DIGITS.pixels))
    members = np.flatnonzero(values == category)
    return members[np.argsort(spreads[members], kind="stable")].tolist()


def test_the_images_of_a_category(client: Client) -> None:
    """Those of which Q is most certain, then others up to the least certain; with their pixels."""
    for category in range(4):
        found, members = client.gallery("c1", category), most_certain(client, category)
        images = [image["image"] for image in found["images"]]
        n = min(N_CERTAIN, len(members))
        assert (found["n"], found["n_read"], found["n_certain"]) == (len(members), len(DIGITS), n)
        assert images[:n] == members[:n]
        assert len(set(images)) == len(images) == min(len(members), N_CERTAIN + N_OTHERS)
        assert images[-1:] == members[-1:]
        certainties = [image["certainty"] for image in found["images"]]
        assert certainties == sorted(certainties, reverse=True)
        assert not certainties or certainties[0] > 1 / 4
        assert base64.b64decode(found["pixels"]) == DIGITS.x[images].tobytes()
    assert sum(len(most_certain(client, category)) for category in range(4)) == len(DIGITS)


def test_names_become_labels(client: Client, tmp_path: Path) -> None:
    """Categories of one name are one class, images may split one, and an image's own class comes first."""
    a, b, c = sorted(range(4), key=lambda k: -len(most_certain(client, k)))[:3]
    first, second, third = (most_certain(client, k) for k in (a, b, c))
    assert len(second) > N_CERTAIN  # or nothing is left out
    client.gallery("c1", a)
    client.name(f"c1={a}", "round")
    client.name(f"c1={b}", "round")
    client.name("c1", "shape")  # of the code itself, which is no class
    expected = dict.fromkeys([*first[:N_CERTAIN], *second[:N_CERTAIN]], "round")
    assert client.labels(tmp_path, None, len(DIGITS)) == expected

    client.give(first[0], "  an   eight ")
    client.give(third[0], "four")
    client.give(third[-1], "nine")
    expected |= {first[0]: "an eight", third[0]: "four", third[-1]: "nine"}
    assert client.labels(tmp_path, None, len(DIGITS)) == expected
    shown = client.gallery("c1", a)["images"][:2]
    assert [(i["label"], i["given"]) for i in shown] == [("an eight", "an eight"), ("round", "")]

    again = Explorer(client.explorer.run)  # classes are kept in the run
    again.close()
    assert json.loads((again.run.path / "image_classes.json").read_text())[str(third[0])] == "four"
    for image in (first[0], third[0], third[-1]):
        client.give(image, "")
    client.name(f"c1={a}", "")
    assert client.labels(tmp_path, None, len(DIGITS)) == dict.fromkeys(second[:N_CERTAIN], "round")
    client.name(f"c1={b}", "")
    answer = client.http.get("/labels.csv?code=c1")
    assert answer.status_code == 400
    assert "name a category, or some of its images" in answer.json()["error"]


def test_what_training_was_told_stays_true(client: Client, tmp_path: Path) -> None:
    """Also if training took a part of the images, by whose numbers it recorded the classes."""
    run = client.explorer.run
    run.config = run.config.replace(max_images=500)
    part = DIGITS.subsample(500)
    told = Labels(np.where(np.arange(500) == 7, 0, UNKNOWN), ("seven",))
    write_labels(run, told, None)
    client.gallery("c1", 0)
    ((image, name),) = client.labels(tmp_path, None, len(DIGITS)).items()
    assert name == "seven"
    np.testing.assert_array_equal(DIGITS.x[image], part.x[7])
    client.give(image, "one")
    assert client.labels(tmp_path, None, len(DIGITS)) == {image: "one"}


def test_images_are_called_by_their_files(own_folder: Path, untrained_run: MakeRun, tmp_path: Path) -> None:
    """In the table and in the run's record, so that another image may come between them."""
    names = ["a/1.png", "b/1.png", 'b/a "7", or 8.png', "ü;|.png", "x.png"]
    for name, x in zip(names, DIGITS.x[:, 0], strict=False):
        (own_folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(x).save(own_folder / name)
    client = Client(untrained_run(tmp_path / "run", SMALL.replace(images=f"folder:{own_folder}"), gain=6.0))
    try:
        client.gallery("c1", 0)
        images = client.explorer.run.images()
        assert sorted(images.names or ()) == sorted(names)
        found = dict.fromkeys(range(5), "true")
        found[2] = "not, this"
        for image, given in found.items():
            client.give(image, given)
        assert len(set(client.labels(tmp_path, list(images.names or ()), 5).values())) == 2
        text = client.http.get("/labels.csv?code=c1").text
        assert text.startswith("file,label\n")
    finally:
        client.explorer.close()
    kept = json.loads((tmp_path / "run" / "image_classes.json").read_text())
    assert kept == {(images.names or ())[image]: given for image, given in found.items()}


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("/real-images", {"code": "c1", "category": 4}, "no category 4 of c1"),
        ("/real-images", {"code": "c1", "category": -1}, "no category -1 of c1"),
        ("/real-images", {"code": "c3", "category": 0}, "c3 has no categories"),
        ("/real-images", {"code": "c1", "category": "0"}, "real-images takes"),
        ("/real-images", ["c1", 0], "real-images takes"),
        ("/encode-real", {"image": len(DIGITS)}, "no image 1437 among the 1,437 training images"),
        ("/encode-real", {"image": -1}, "no image -1"),
        ("/encode-real", {"image": "1"}, "encode-real takes"),
        ("/image-classes", {"image": len(DIGITS), "class": "x"}, "no code, category or image"),
        ("/image-classes", {"image": -1, "class": "x"}, "no code, category or image"),
        ("/image-classes", {"image": True, "class": "x"}, "image-classes takes"),
        ("/image-classes", {"image": 0, "class": "x" * 61}, "at most 60"),
        ("/image-classes", {"image": 0, "class": "a\u202eb"}, "invisible"),
    ],
)
def test_invalid_requests_are_refused(read: Client, path: str, content: Any, says: str) -> None:
    answer = read.http.request("PUT" if path == "/image-classes" else "POST", path, json=content)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert not (read.explorer.run.path / "image_classes.json").exists()


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, untrained_run: MakeRun) -> Iterator[Client]:
    """A client whose images have been read."""
    made = Client(untrained_run(tmp_path_factory.mktemp("read") / "run", SMALL, gain=6.0))
    made.gallery("c1", 0)
    yield made
    made.explorer.close()


def test_nothing_is_read_before_a_person_asks(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """And if the images are missing, the reason is told each time, as they may come back."""
    answer = client.http.get("/labels.csv?code=c1")
    assert "not read yet" in answer.json()["error"]
    with monkeypatch.context() as patch:
        patch.setattr(Run, "images", lambda self: (_ for _ in ()).throw(InfoganError("there are no photos.")))
        for _ in range(2):
            assert client.gallery("c1", 0) == {"error": "there are no photos."}
            page = client.http.get("/map")
            assert (page.status_code, "there are no photos." in page.text) == (400, True)
            assert "refresh" not in page.text
    assert client.gallery("c1", 0)["n_read"] == len(DIGITS)


def test_the_map_of_the_training_images(client: Client) -> None:
    """It says how far it is, and then has the codes that Q reads, with the names that people give."""
    said = []
    while 'http-equiv="refresh"' in (page := client.http.get("/map").text):
        said.append(page)
        time.sleep(0.05)
    assert "Q is reading the training images: " in said[0]
    assert "The images get their places" in said[-1]
    client.name("c3", "</script>tilt")
    data = json.loads(re.findall(r'id="map-data">(.*?)</script>', client.http.get("/map").text)[0])
    assert [column["name"] for column in data["codes"]] == ["c1", "c2", "c3 </script>tilt"]
    values = client.explorer.model.encode(DIGITS.pixels).values.numpy()
    numbers = np.frombuffer(base64.b64decode(data["codes"][0]["values"]), "<u2")
    np.testing.assert_array_equal(numbers, values[:, 0])
    assert data["links"] == [f"./?real={i}" for i in range(len(DIGITS))]


def test_a_training_image_is_encoded_as_an_upload_of_it(read: Client) -> None:
    found = read.http.post("/encode-real", json={"image": 33}).json()
    file = io.BytesIO()
    Image.fromarray(DIGITS.x[33, 0]).save(file, "PNG")
    uploaded = read.http.post("/encode", content=file.getvalue()).json()
    assert found["image"] == DIGITS.x[33].ravel().tolist()
    assert found["values"] == uploaded["values"]
    assert len(found["z"]) == len(uploaded["z"])


def test_closing_while_images_are_read(
    tmp_path: Path, untrained_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other requests come in between blocks of images, and none of them is waited for at the end."""
    monkeypatch.setattr(real_images, "BLOCK", 1)
    client = Client(untrained_run(tmp_path / "run", SMALL))
    before = threading.active_count()
    client.http.post("/real-images", json={"code": "c1", "category": 0})
    while not client.explorer.real_images.progress():
        time.sleep(0.01)
    assert client.http.get("/sample?seed=1").status_code == 200
    assert 0 < client.explorer.real_images.progress() < 1
    client.explorer.close()
    assert threading.active_count() < before + 1


@pytest.mark.parametrize(
    "names", [("1.5", "2"), ("3", "03"), ("-1", "7"), ("nan", "4"), ("1e400", "2"), ("-1",)]
)
def test_names_that_a_table_would_change_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InfoganError, match=r"^labels: "):
        format_class_labels(dict(enumerate(names)))


@pytest.mark.parametrize(
    "names", [("true", "false"), ("3", "7"), ("2020-01-01", "x"), ("=1+1", '"'), ("-1", "x"), ("nan", "x")]
)
def test_other_names_are_read_back(tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "labels.csv").write_text(format_class_labels(dict(enumerate(names))))
    read = read_class_labels(tmp_path / "labels.csv", None, 3)
    assert len(set(read.numbers[:2].tolist())) == 2
    assert [read.name(number).lower() for number in read.numbers.tolist()] == [*names, "unknown"]
