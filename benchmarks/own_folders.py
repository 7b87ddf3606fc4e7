"""What the defaults for your own images find, with the stages that come first by default and without them.

    infogan train folder:celeba --seed 0 --steps 2500 --out runs/celeba-stages-0     # and seed 1
    infogan train folder:celeba --seed 0 --steps 2500 --knobs "" --factor-steps 0 --out runs/celeba-plain-0
    python benchmarks/own_folders.py celeba runs/celeba-plain-? runs/celeba-stages-?

Runs of one recipe differ in the seed alone, and their names end in it. |Spearman's rho| of the number that
follows best: where the light falls from and how bright an image is; of CelebA the area under the ROC curve
of each attribute by its best number (`attributes.py`). `agreement` is the mean over numbers of the best
|rho| with a number of the same recipe's other seed; `control` the mean of the numbers' scores of that name;
`fid` is by a classifier that learned from the data set NAME. Beside them as many principal components and a
beta-TCVAE of the same images.

Labels serve these scores alone. Writes records/own-folders-NAME.json.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attributes import areas
from jaxtyping import Float, UInt8
from record import record

from infogan.data import LoadOptions, load
from infogan.evaluation.baselines import Representation
from infogan.evaluation.control.scores import N_REAL, control_scores
from infogan.evaluation.disentanglement.association import pairwise_association
from infogan.evaluation.image_quality.features import find_feature_extractor
from infogan.evaluation.image_quality.metrics import fid
from infogan.paper.baselines import read_baselines, read_codes
from infogan.runs.run import Run
from infogan.utils.rng import make_rng

N_FOR_FID = 4_000


def light(x: UInt8[np.ndarray, "n ch h w"]) -> dict[str, Float[np.ndarray, "n"]]:
    """Brightness, and how much brighter one side of an image is than the other."""
    gray = x.mean(axis=1) / 255
    h, w = gray.shape[1:]
    return {
        "brightness": gray.mean(axis=(1, 2)),
        "light from the right": gray[..., w // 2 :].mean(axis=(1, 2)) - gray[..., : w // 2].mean(axis=(1, 2)),
        "light from below": gray[:, h // 2 :].mean(axis=(1, 2)) - gray[:, : h // 2].mean(axis=(1, 2)),
    }


def numbers(read: Representation) -> Float[np.ndarray, "n d"]:
    return read.values[:, [kind == "number" for kind in read.kinds]]


def rho(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n e"]) -> Float[np.ndarray, "d e"]:
    kinds: list[Any] = ["number"] * max(a.shape[1], b.shape[1])
    return np.asarray(pairwise_association(a, kinds[: a.shape[1]], b, kinds[: b.shape[1]]))


def scores(
    z: Float[np.ndarray, "n d"], known: Mapping[str, Float[np.ndarray, "n"]], attributes: np.ndarray | None
) -> dict[str, float]:
    strength = rho(z, np.column_stack(list(known.values())))
    found = {name: round(float(of.max()), 3) for name, of in zip(known, strength.T, strict=True)}
    if attributes is not None:
        of_attributes = np.sort(areas(z, [False] * z.shape[1], attributes), axis=1)
        best, second = of_attributes[:, -1], of_attributes[:, -2]
        found["area"] = round(float(best.mean()), 3)
        found["tad"] = round(float((best - second)[best >= 0.75].sum()), 3)
    return found


def control(run: Run, x: UInt8[np.ndarray, "n ch h w"]) -> float:
    found = control_scores(run.model(), x[:N_REAL], make_rng(0, "own folders"))
    return round(float(np.mean([s["value"] for name, s in found.items() if name.startswith("control_")])), 3)


def fid_of(name: str, real: UInt8[np.ndarray, "n ch h w"]) -> Callable[[Run], float]:
    extractor = find_feature_extractor(name, load(name), LoadOptions(None))
    assert extractor is not None
    features = extractor.features(real[:N_FOR_FID])

    def measure(run: Run) -> float:
        generated = run.model().sample(N_FOR_FID, make_rng(0, "own folders"))
        return round(fid(features, extractor.features(generated)), 2)

    return measure


def main() -> None:
    name, *paths = sys.argv[1:]
    runs = {Path(path).name: Run.open(Path(path)) for path in paths}
    images = next(iter(runs.values())).images()
    attributes = None
    if name == "celeba":
        celeba = load("celeba")
        assert celeba.factors is not None
        assert len(images) == len(celeba.factors.values)
        attributes = celeba.factors.values
    to_fid = fid_of(name, images.x)
    known, rows, read = light(images.x), dict[str, Any](), dict[str, Float[np.ndarray, "n d"]]()
    for path, run in runs.items():
        read[path] = numbers(read_codes(run.model(), images))
        rows[path] = scores(read[path], known, attributes)
        rows[path] |= {"control": control(run, images.x), "fid": to_fid(run)}
        rows[path] |= {"commit": str(run.environment().get("commit"))}
        print(path, rows[path], flush=True)
    for path, z in read.items():
        recipe = re.sub(r"\d+$", "", path)
        others = [rho(z, of) for other, of in read.items() if other != path and other.startswith(recipe)]
        if others:
            rows[path]["agreement"] = round(float(np.mean([R.max(axis=1).mean() for R in others])), 3)
    d = next(iter(read.values())).shape[1]
    baselines = {
        method: scores(numbers(of), known, attributes)
        for method, of in read_baselines(images, images, d).items()
        if "number" in of.kinds
    }
    record(f"own-folders-{name}", {"images": len(images), "runs": rows, "baselines": baselines})


if __name__ == "__main__":
    main()
