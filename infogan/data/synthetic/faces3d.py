"""Faces3D: heads drawn from known azimuth, elevation, light and width, the factors of the paper's Figure 3.

The paper's faces come from the Basel Face Model (Paysan et al. 2009), which is not free to pass on; these
come from MakeHuman's head, which is (head.py).
"""

import inspect
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from typing import final

import numpy as np
from jaxtyping import Float, UInt8

from infogan.data.cache import Arrays, kept
from infogan.data.images import Factor, Factors, Images
from infogan.data.source import DatasetInfo, LoadOptions
from infogan.data.synthetic import head, render
from infogan.data.synthetic.head import Head, has_head, load_head
from infogan.data.synthetic.render import Mesh, Scene, View, vertex_normals
from infogan.utils.progress import progress

SIDE = 32
VIEWS = {  # lowest and highest value, all between equally likely
    "azimuth": (-math.pi / 2, math.pi / 2),  # radians; above 0 the camera stands to the right of the face
    "elevation": (-0.6, 0.6),  # radians; above 0 it looks down on the face
    "light": (-1.2, 1.2),  # radians; from the left of the picture to its right
    "width": (0.8, 1.25),  # times as wide from ear to ear
}
TRAITS = {  # of a person, likewise
    "age": (10.0, 80.0),  # years
    "gender": (0.0, 1.0),  # 0 female, 1 male
    "weight": (-1.0, 1.0),  # -1 thin, 1 fat
}
FACTORS = tuple(Factor(name, "number") for name in (*VIEWS, *TRAITS))
PEOPLE = {"train": range(1000), "test": range(1000, 1100)}
PER_PERSON = 20  # images

AGES = {"child": 10.0, "young": 25.0, "old": 90.0}  # years that MakeHuman gives these targets
SHAPES = ("diamond", "invertedtriangular", "oval", "rectangular", "round", "square", "triangular")
FEATURES = (  # a target and its opposite, served by one normal weight; * is the left and the right alike
    "head/head-angle in out",
    "head/head-scale-depth decr incr",
    "forehead/forehead-nubian decr incr",
    "forehead/forehead-temple decr incr",
    "forehead/forehead-trans backward forward",
    "eyebrows/eyebrows-angle down up",
    "eyebrows/eyebrows-trans backward forward",
    "eyebrows/eyebrows-trans down up",
    "eyes/*-eye-bag decr incr",
    "eyes/*-eye-eyefold-angle down up",
    "eyes/*-eye-height2 decr incr",
    "eyes/*-eye-push1 in out",
    "eyes/*-eye-scale decr incr",
    "eyes/*-eye-trans in out",
    "nose/nose-base down up",
    "nose/nose-curve concave convex",
    "nose/nose-hump decr incr",
    "nose/nose-point down up",
    "nose/nose-scale-depth decr incr",
    "nose/nose-scale-horiz decr incr",
    "nose/nose-scale-vert decr incr",
    "nose/nose-volume decr incr",
    "mouth/mouth-angles down up",
    "mouth/mouth-lowerlip-volume decr incr",
    "mouth/mouth-scale-horiz decr incr",
    "mouth/mouth-trans down up",
    "mouth/mouth-upperlip-volume decr incr",
    "chin/chin-bones decr incr",
    "chin/chin-height decr incr",
    "chin/chin-jaw-drop decr incr",
    "chin/chin-prognathism decr incr",
    "chin/chin-prominent decr incr",
    "chin/chin-width decr incr",
    "cheek/*-cheek-bones decr incr",
    "cheek/*-cheek-inner decr incr",
    "cheek/*-cheek-volume decr incr",
    "ears/*-ear-scale decr incr",
    "ears/*-ear-wing decr incr",
)
SPREAD = 0.25  # standard deviation of that weight, which is cut at -1 and 1

CENTRE = np.array([0.0, 0.05, -0.65])  # what the camera looks at, from the middle of the eyes, in 0.1 m
HALF_WIDTH = 1.2  # 0.1 m
LIGHT_HEIGHT = 0.3  # radians above the horizon
AMBIENT, BACKGROUND = 0.2, 0.0
EYE_ALBEDO = 0.45  # that of the skin is 1; without a difference, 32 pixels show no eyes


@final
@dataclass(frozen=True)
class Person:
    """Somebody, with a face that is alike on both sides."""

    age: float  # years
    gender: float  # 0 female, 1 male
    weight: float  # -1 thin, 1 fat
    targets: dict[str, float]  # of the head, and their weights


def make_person(identity: int) -> Person:
    """The person of that number, 0, 1, ...: by it alone."""
    rng = np.random.default_rng(identity)
    age, gender, weight = (float(rng.uniform(low, high)) for low, high in TRAITS.values())
    marks = list(AGES.values())
    stages = {stage: np.interp(age, marks, row) for stage, row in zip(AGES, np.eye(3), strict=True)}
    sexes = {"female": 1 - gender, "male": gender}
    origins = dict(zip(("african", "asian", "caucasian"), rng.dirichlet((0.5, 0.5, 0.5)), strict=True))
    targets = {
        f"macrodetails/{origin}-{sex}-{stage}": float(origins[origin] * sexes[sex] * stages[stage])
        for origin, sex, stage in product(origins, sexes, stages)
    }
    targets[f"head/head-fat-{'incr' if weight > 0 else 'decr'}"] = abs(weight)
    targets[f"head/head-{rng.choice(SHAPES)}"] = float(rng.uniform(0, 0.5))
    for feature in FEATURES:
        name, less, more = feature.split()
        amount = float(np.clip(rng.normal(0, SPREAD), -1, 1))
        for side in "lr":
            targets[f"{name.replace('*', side)}-{more if amount > 0 else less}"] = abs(amount)
    return Person(age, gender, weight, targets)


@final
class Face:
    """A person's head, which can be drawn from anywhere.

    Raises:
        InfoganError: where embreex is not installed, or the head lacks a target.
    """

    def __init__(self, head: Head, person: Person) -> None:
        vertices = head.morph(person.targets)
        vertices -= vertices[head.triangles[head.eyeball]].mean(axis=(0, 1)) + CENTRE
        vertices[head.neck_edge, 1] -= 2  # the cut goes out of the picture, so that no view looks into it
        mesh = Mesh(vertices, head.triangles, albedo=np.where(head.eyeball, EYE_ALBEDO, 1.0))
        self.scene = Scene(replace(mesh, normals=vertex_normals(mesh)))

    def draw(self, views: Float[np.ndarray, "n 4"]) -> UInt8[np.ndarray, "n 1 32 32"]:
        """The image of each row of azimuth, elevation, light and width; see `VIEWS`."""
        return np.stack([self.scene.render(make_view(*row)) for row in views.tolist()])[:, None]


def make_view(azimuth: float, elevation: float, light: float, width: float, side: int = SIDE) -> View:
    """The view of these factors, light from a little above; `side` in pixels."""
    level = math.cos(LIGHT_HEIGHT)
    return View(
        azimuth,
        elevation,
        side,
        HALF_WIDTH,
        light=(level * math.sin(light), math.sin(LIGHT_HEIGHT), level * math.cos(light)),
        background=BACKGROUND,
        ambient=AMBIENT,
        stretch=width,
    )


def draw_people(head: Head, people: range, per_person: int) -> Arrays:
    """Faces `x` (n, 1, 32, 32) and what is known of them, `values` (n, 7) as in `FACTORS`.

    Image i shows the person i % len(people) of these; all else is drawn at random, by the range alone.
    """
    n = len(people) * per_person
    low, high = np.array(list(VIEWS.values())).T
    views = np.random.default_rng([people.start, people.stop]).uniform(low, high, (n, 4))
    x = np.empty((n, 1, SIDE, SIDE), np.uint8)
    values = np.empty((n, len(FACTORS)))

    def draw_person(i: int) -> None:
        rows = slice(i, None, len(people))
        person = make_person(people[i])
        x[rows] = Face(head, person).draw(views[rows])
        values[rows] = np.column_stack(
            [views[rows], np.tile([person.age, person.gender, person.weight], (per_person, 1))]
        )

    with ThreadPoolExecutor(2) as pool:
        for _ in progress(pool.map(draw_person, range(len(people))), "drawing faces", len(people)):
            pass
    return {"x": x, "values": values}


def load_faces3d(load_options: LoadOptions, split: str) -> Images:
    """Faces of 1,000 people to train on or of 100 others (test), 20 of each; drawn once, then kept.

    Raises:
        InfoganError: where the head or embreex is missing, or the faces cannot be kept.
    """
    people = PEOPLE[split]
    code = "".join(inspect.getsource(module) for module in (head, render, sys.modules[__name__]))
    arrays = kept(
        f"faces3d-{split}",
        f"{people} {code}",
        lambda: draw_people(load_head(load_options), people, PER_PERSON),
    )
    return Images.stored(arrays["x"], factors=Factors(FACTORS, arrays["values"]))


FACES3D = DatasetInfo(
    name="faces3d",
    about="Heads in gray, 32x32, drawn here with known pose, light and width; test shows other people",
    licence="CC0 (MakeHuman assets)",
    shape=(1, SIDE, SIDE),
    splits={split: len(people) * PER_PERSON for split, people in PEOPLE.items()},
    load=load_faces3d,
    has=lambda load_options, split: has_head(load_options),
    factors=FACTORS,
    files=head.FILES,
)
