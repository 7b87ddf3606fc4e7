"""What each code of a model changes in its images, as a reader or measurements of the pixels see it.

In a row one code varies and z and the other codes are fixed. n = rows, m = columns, f = factors.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float, Int, UInt8

from infogan.figures.traversal import traverse
from infogan.method.codes import Code
from infogan.method.model import Model
from infogan.paper.experiments import Panel
from infogan.paper.readers import FactorReader

N_ROWS, N_COLUMNS = 100, 10
MIN_MOVES = 0.5  # of the real range of a factor: less is not finding it
MIN_SAME = 0.9  # of the rows, in which the factor moves in the same direction


@final
@dataclass(frozen=True)
class Effect:
    """What one code of one run changes, for one panel.

    Attributes:
        columns: the order of the categories; None of a continuous code.
        factor: the one that is said to move.
        moves: how far it moves from one end of a row to the other, the median over rows, in real ranges.
        same_direction: the share of rows in which it moves in the commoner direction; of categories, in that
            of other rows.
        others: how far each other factor moves.
        unchanged: the share of pairs of columns of a row that show the same label, and of pairs of any two
            images, which is chance; None if the images have no labels.
        found: whether this is what the panel is said to show.
    """

    code: str
    columns: list[int] | None
    factor: str
    moves: float
    same_direction: float
    others: dict[str, float]
    unchanged: tuple[float, float] | None
    found: bool

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """The best code has the highest."""
        clear = self.moves - max(self.others.values(), default=0.0)
        return self.found, self.same_direction >= MIN_SAME, clear

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Rows(NamedTuple):
    """The images of one code and what is read off them."""

    images: UInt8[np.ndarray, "n m ch h w"]
    read: Float[np.ndarray, "n m f"]
    labels: Int[np.ndarray, "n m"] | None


def draw_rows(model: Model, code: int, limit: float, n: int) -> UInt8[np.ndarray, "n m ch h w"]:
    """Rows of images; the figures show the first of them."""
    images: np.ndarray = traverse(model, code, rows=n, steps=N_COLUMNS, low=-limit, high=limit).images
    return images


def read_rows(model: Model, code: int, limit: float, reader: FactorReader) -> Rows:
    """The rows that are measured, and for a category as many more, which say in which order it goes."""
    n = N_ROWS if model.latent.codes[code].categories is None else 2 * N_ROWS
    images = draw_rows(model, code, limit, n)
    factors, labels = reader.read(images.reshape(-1, *images.shape[2:]))
    return Rows(
        images,
        factors.reshape(*images.shape[:2], len(reader.names)),
        None if labels is None else labels.reshape(images.shape[:2]),
    )


def factor_effect(
    rows: Rows, name: str, code: Code, panel: Panel, target: str, reader: FactorReader
) -> Effect:
    """How a code moves one factor.

    It is found if it moves by at least half of its real range, in the same direction in 90 % of the rows, and
    further than any other factor that the panel does not name.
    """
    j, columns = reader.names.index(target), None
    measured, labels = rows.read[:N_ROWS], rows.labels
    if code.categories is not None:  # the measured rows have no part in the order
        order = rows.read[N_ROWS:, :, j].mean(axis=0).argsort()
        measured, columns = measured[:, order], order.tolist()
    changes = np.column_stack(
        [
            _turned(measured[:, :, i]) if kind == "angle" else _moved(measured[:, :, i], code)
            for i, kind in enumerate(reader.kinds)
        ]
    )
    moves = np.median(np.abs(changes), axis=0) / reader.ranges
    up = float((changes[:, j] > 0).mean())
    same = up if columns is not None else max(up, float((changes[:, j] < 0).mean()))
    others = {
        other: round(float(moves[i]), 4)
        for i, other in enumerate(reader.names)
        if other != target and other not in panel.targets
    }
    furthest = max(others.values(), default=0.0)
    found = bool(moves[j] >= MIN_MOVES and same >= MIN_SAME and moves[j] > furthest)
    return Effect(
        name, columns, target, round(float(moves[j]), 4), round(same, 4), others, unchanged(labels), found
    )


def context_effect(rows: Rows, name: str, code: Code, real: UInt8[np.ndarray, "r ch h w"]) -> Effect:
    """How a code changes the sides of the image, and the middle.

    Distances are root mean squares over the pixels of the left and the right quarter, in units of those
    between two real images; `same_direction` is the share of pairs of columns with the same label. It is
    found if the sides move by at least half, further than the middle, and the label stays in 90 % of the
    pairs.
    """
    images = rows.images[:N_ROWS]
    moves = {
        place: _distance(part(images), 1) / _distance(part(real[None]), 1)
        for place, part in (("sides", _sides), ("middle", _middle))
    }
    kept = unchanged(rows.labels)
    same = kept[0] if kept else 0.0
    found = moves["sides"] >= max(MIN_MOVES, moves["middle"]) and same >= MIN_SAME
    columns = None if code.categories is None else list(range(images.shape[1]))
    others = {"middle": round(moves["middle"], 4)}
    return Effect(name, columns, "sides", round(moves["sides"], 4), same, others, kept, found)


def digits_effect(rows: Rows, name: str, order: list[int], error: float, *, expected: bool) -> Effect:
    """Whether the columns of a row show the digits 0, 1, ...: `same_direction` is the share that do.

    `moves` is 1 - the error of Q on real images. It is found if the share is at least 90 %, or, if digits are
    not expected, less than a half.
    """
    assert rows.labels is not None
    shown = float((rows.labels[:, order] == np.arange(len(order))).mean())
    found = shown >= MIN_SAME if expected else shown < 0.5
    kept = unchanged(rows.labels)
    return Effect(name, order, "digit", round(1 - error, 4), round(shown, 4), {}, kept, found)


def unchanged(labels: Int[np.ndarray, "n m"] | None) -> tuple[float, float] | None:
    """The share of pairs of columns of a row with the same label; and of pairs of any two images."""
    if labels is None:
        return None
    labels = labels[:N_ROWS]
    k, m = int(labels.max()) + 1, labels.shape[1]
    counts = np.stack([np.bincount(row, minlength=k) for row in labels])
    kept = (counts * (counts - 1)).sum(axis=1).mean() / (m * (m - 1))
    chance = np.square(counts.sum(axis=0) / labels.size).sum()
    return round(float(kept), 4), round(float(chance), 4)


def _moved(values: Float[np.ndarray, "n m"], code: Code) -> Float[np.ndarray, "n"]:
    """From one end of each row to the other; from lowest to highest if the ends meet, as an angle's do."""
    ends: np.ndarray = values[:, -1] - values[:, 0]
    if code.kind != "angle":
        return ends
    moved: np.ndarray = np.sign(ends) * np.ptp(values, axis=1)
    return moved


def _turned(angles: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n"]:
    """By how much an angle turns along each row, in radians: the sum of the turns between columns."""
    steps = np.diff(angles, axis=1)
    turned: np.ndarray = ((steps + math.pi) % (2 * math.pi) - math.pi).sum(axis=1)
    return turned


def _sides(x: np.ndarray) -> np.ndarray:
    quarter = x.shape[-1] // 4
    return np.concatenate([x[..., :quarter], x[..., -quarter:]], axis=-1)


def _middle(x: np.ndarray) -> np.ndarray:
    quarter = x.shape[-1] // 4
    return x[..., quarter:-quarter]


def _distance(x: np.ndarray, axis: int) -> float:
    """The root mean square difference of two different images along an axis, over all pixels."""
    n = x.shape[axis]
    return float(np.sqrt(2 * n / (n - 1) * x.astype(float).var(axis=axis).mean()))
