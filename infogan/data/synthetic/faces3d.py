"""Faces3D: heads rendered with the factors of the paper's Figure 3: azimuth, elevation, light and width.

The paper uses the Basel Face Model (Paysan et al. 2009), which may not be redistributed. Faces3D uses
MakeHuman's head (head.py), which may.
"""

import inspect
import math
import sys
from dataclasses import dataclass, replace
from itertools import product
from typing import final

import numpy as np
from jaxtyping import Float, UInt8

from infogan.data.cache import cached_arrays
from infogan.data.formats.npy import Arrays
from infogan.data.images import Factor, Factors, Images
from infogan.data.options import DatasetInfo, LoadOptions
from infogan.data.synthetic import head, render
from infogan.data.synthetic.head import Head, has_head, load_head
from infogan.data.synthetic.render import Mesh, Scene, View, run_in_threads, vertex_normals

SIDE = 32
VIEWS = {  # range of a uniform distribution
    "azimuth": (-math.pi / 2, math.pi / 2),  # radians; the camera is to the right of the face if positive
    "elevation": (-0.6, 0.6),  # radians; the camera is above the face if positive
    "light": (-1.2, 1.2),  # radians; from the left of the image if negative
    "width": (0.8, 1.25),  # factor by which the head is stretched from ear to ear
}
TRAITS = {  # of a person; range of a uniform distribution
    "age": (10.0, 80.0),  # years
    "gender": (0.0, 1.0),  # 0 female, 1 male
    "weight": (-1.0, 1.0),  # -1 thin, 1 fat
}
FACTORS = tuple(Factor(name, "number") for name in (*VIEWS, *TRAITS))
SPLITS = {"train": range(1000), "test": range(1000, 1100)}
N_PER_PERSON = 20  # images

AGES = {"child": 10.0, "young": 25.0, "old": 90.0}  # years that these targets of MakeHuman show
SHAPES = ("diamond", "invertedtriangular", "oval", "rectangular", "round", "square", "triangular")
# Pairs of opposite targets, for a negative and a positive weight; * stands for left and right.
FEATURES = """
head/head-angle in out, head/head-scale-depth decr incr, forehead/forehead-nubian decr incr,
forehead/forehead-temple decr incr, forehead/forehead-trans backward forward,
eyebrows/eyebrows-angle down up, eyebrows/eyebrows-trans backward forward,
eyebrows/eyebrows-trans down up, eyes/*-eye-bag decr incr, eyes/*-eye-eyefold-angle down up,
eyes/*-eye-height2 decr incr, eyes/*-eye-push1 in out, eyes/*-eye-scale decr incr,
eyes/*-eye-trans in out, nose/nose-base down up, nose/nose-curve concave convex, nose/nose-hump decr incr,
nose/nose-point down up, nose/nose-scale-depth decr incr, nose/nose-scale-horiz decr incr,
nose/nose-scale-vert decr incr, nose/nose-volume decr incr, mouth/mouth-angles down up,
mouth/mouth-lowerlip-volume decr incr, mouth/mouth-scale-horiz decr incr, mouth/mouth-trans down up,
mouth/mouth-upperlip-volume decr incr, chin/chin-bones decr incr, chin/chin-height decr incr,
chin/chin-jaw-drop decr incr, chin/chin-prognathism decr incr, chin/chin-prominent decr incr,
chin/chin-width decr incr, cheek/*-cheek-bones decr incr, cheek/*-cheek-inner decr incr,
cheek/*-cheek-volume decr incr, ears/*-ear-scale decr incr, ears/*-ear-wing decr incr
"""
FEATURE_STD = 0.25  # of the normal weights of the features, which are clipped to -1 and 1

CENTRE = np.array([0.0, 0.05, -0.65])  # of the image, relative to the middle of the eyes, in 0.1 m
HALF_WIDTH = 1.2  # of the image, in 0.1 m
LIGHT_HEIGHT = 0.3  # radians above the horizon
AMBIENT, BACKGROUND = 0.2, 0.0
EYE_ALBEDO = 0.45  # skin has 1; with the same albedo the eyes are invisible at 32 pixels


@final
@dataclass(frozen=True)
class Person:
    """A person with a symmetric face."""

    age: float  # years
    gender: float  # 0 female, 1 male
    weight: float  # -1 thin, 1 fat
    targets: dict[str, float]  # weights of the head's morph targets


def sample_person(identity: int) -> Person:
    """A random person; a function of the identity, 0, 1, ..., only."""
    rng = np.random.default_rng(identity)
    age, gender, weight = (float(rng.uniform(low, high)) for low, high in TRAITS.values())
    years = list(AGES.values())
    stages = {stage: np.interp(age, years, row) for stage, row in zip(AGES, np.eye(3), strict=True)}
    sexes = {"female": 1 - gender, "male": gender}
    origins = dict(zip(("african", "asian", "caucasian"), rng.dirichlet((0.5, 0.5, 0.5)), strict=True))
    targets = {
        f"macrodetails/{origin}-{sex}-{stage}": float(origins[origin] * sexes[sex] * stages[stage])
        for origin, sex, stage in product(origins, sexes, stages)
    }
    targets[f"head/head-fat-{'incr' if weight > 0 else 'decr'}"] = abs(weight)
    targets[f"head/head-{rng.choice(SHAPES)}"] = float(rng.uniform(0, 0.5))
    for feature in FEATURES.split(","):
        name, negative, positive = feature.split()
        signed = float(np.clip(rng.normal(0, FEATURE_STD), -1, 1))
        for side in "lr":
            targets[f"{name.replace('*', side)}-{positive if signed > 0 else negative}"] = abs(signed)
    return Person(age, gender, weight, targets)


@final
class Face:
    """A person's head, which can be rendered from any view."""

    def __init__(self, head: Head, person: Person) -> None:
        vertices = head.morph(person.targets)
        vertices -= vertices[head.triangles[head.is_eyeball]].mean(axis=(0, 1)) + CENTRE
        vertices[head.neck_edge, 1] -= 2  # moves the cut out of the image, so that no view shows it
        mesh = Mesh(vertices, head.triangles, albedo=np.where(head.is_eyeball, EYE_ALBEDO, 1.0))
        self.scene = Scene(replace(mesh, normals=vertex_normals(mesh)))

    def render(self, views: Float[np.ndarray, "n 4"]) -> UInt8[np.ndarray, "n 1 32 32"]:
        """The image of each row of azimuth, elevation, light and width; see `VIEWS`."""
        return np.stack([self.scene.render(make_view(*row)) for row in views.tolist()])[:, None]


def make_view(azimuth: float, elevation: float, light: float, width: float, side: int = SIDE) -> View:
    """The view with these factors and light from slightly above; `side` is in pixels."""
    horizontal = math.cos(LIGHT_HEIGHT)
    to_light = horizontal * math.sin(light), math.sin(LIGHT_HEIGHT), horizontal * math.cos(light)
    return View(azimuth, elevation, side, HALF_WIDTH, to_light, BACKGROUND, AMBIENT, stretch=width)


def render_people(head: Head, people: range, n_per_person: int) -> Arrays:
    """Faces `x` (n, 1, 32, 32) and the `values` (n, 7) of their `FACTORS`.

    Image i shows person i % len(people); its view is random, a function of the range only.
    """
    n = len(people) * n_per_person
    low, high = np.array(list(VIEWS.values())).T
    views = np.random.default_rng([people.start, people.stop]).uniform(low, high, (n, 4))
    x = np.empty((n, 1, SIDE, SIDE), np.uint8)
    values = np.empty((n, len(FACTORS)))

    def render_person(i: int) -> None:
        rows = slice(i, None, len(people))
        person = sample_person(people[i])
        x[rows] = Face(head, person).render(views[rows])
        values[rows, :4], values[rows, 4:] = views[rows], (person.age, person.gender, person.weight)

    run_in_threads(render_person, len(people), "rendering faces")
    return {"x": x, "values": values}


def load_faces3d(load_options: LoadOptions, split: str) -> Images:
    """Faces of 1,000 people (train) or 100 other people (test), 20 of each; rendered once, then cached."""
    people = SPLITS[split]
    code = "".join(inspect.getsource(module) for module in (head, render, sys.modules[__name__]))

    def render_split() -> Arrays:
        return render_people(load_head(load_options), people, N_PER_PERSON)

    arrays = cached_arrays(f"faces3d-{split}", f"{people} {code}", render_split)
    return Images.from_arrays(arrays["x"], factors=Factors(FACTORS, arrays["values"]))


FACES3D = DatasetInfo(
    name="faces3d",
    description="Heads, gray, 32x32, rendered with known pose, light and width; test shows other people",
    licence="CC0 (MakeHuman assets)",
    shape=(1, SIDE, SIDE),
    splits={split: len(people) * N_PER_PERSON for split, people in SPLITS.items()},
    load=load_faces3d,
    check_available=lambda load_options, split: has_head(load_options),
    factors=FACTORS,
    files=head.FILES,
)
