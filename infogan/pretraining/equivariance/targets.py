"""From what the networks read off images to targets that are distributed as P(c)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Complex, Float, Int
from sklearn.cluster import KMeans
from torch import Tensor

from infogan.config.knobs import NAMES
from infogan.method.codes import Code
from infogan.pretraining.clustering.consensus import stability
from infogan.pretraining.equivariance.angles import lowest_harmonic
from infogan.pretraining.ranks import to_targets, uniform_ranks
from infogan.pretraining.stage import Targets

MIN_R2 = 0.5  # of the changes that transforms make, below which a number cannot be read
MIN_TURN_INFORMATION = 0.5  # nats of the best harmonic, below which an angle cannot be read
MIN_SPREAD = 1.0  # standard deviations of the reading's error that a number must vary by
MIN_VARIATION = 0.15  # of the random changes, by which a number must vary: otherwise its ranks exaggerate
MIN_STABILITY = 0.75  # mean NMI of k-means from several starts, below which no category is used
N_COMPONENTS, N_KMEANS = 8, 5


class PoseReadings(NamedTuple):
    """What was read off all images."""

    numbers: Float[Tensor, "n d"]  # of all knobs but rotate, in the order of the codes' knobs
    u: Complex[Tensor, "n m"]  # vectors of the angle, of length 0 to 1
    features: Float[Tensor, "n 256"]  # averaged over turns; (n, 0) if no crops were read
    R2: Float[Tensor, "d"]  # share of the changes by transforms that the numbers follow
    rms: Float[Tensor, "d"]  # error of the numbers, root mean square
    change: Float[Tensor, "d"]  # root mean square of the changes by transforms
    turn_information: Float[Tensor, "m"]  # nats


def make_targets(
    reading: PoseReadings,
    assigned: Mapping[str, tuple[int, ...]],
    codes: Sequence[Code],
    earlier_category: Float[Tensor, "n k"] | None,
    category: int | None,
    seed: int,
) -> tuple[Targets, str]:
    """Targets for the codes of all knobs that can be read, and for a category if one is looked for.

    Args:
        assigned: the codes of each knob.
        earlier_category: targets of an earlier stage for a category: its probabilities.
        category: the code to find categories for.

    Returns:
        The targets, and a message on each knob.
    """
    tables: dict[int, Tensor] = {}
    messages: list[str] = []
    groups = torch.zeros(len(reading.numbers), dtype=torch.long)
    if earlier_category is not None:
        groups = earlier_category.argmax(dim=1).cpu()
    elif category is not None:
        k = codes[category].categories
        assert k is not None
        labels, agreement = kmeans(reading.features, k, seed)
        kept = agreement >= MIN_STABILITY
        messages.append(
            f"categories of crops: stability (mean NMI of {N_KMEANS} k-means) {agreement:.2f}"
            + ("" if kept else f", below {MIN_STABILITY}: not used")
        )
        if kept:
            groups = labels
            tables[category] = torch.nn.functional.one_hot(labels, k).half()
    numbers = reading.numbers.clone()
    angle, harmonics = angles(reading.u, groups)
    columns: dict[str, slice] = {}
    for knob, targets in assigned.items():
        if knob != "rotate":
            first = max((columns[name].stop for name in columns), default=0)
            columns[knob] = slice(first, first + len(targets))
    ranked_apart = dict.fromkeys(columns, groups)
    if {"translate", "scale", "rotate"} <= set(assigned):
        # Places are ranked over all groups at once. Turns and zooms move all but the middle of the picture,
        # so each group measures places from there. The unit of a size may be another in each group.
        ranked_apart["translate"] = torch.zeros_like(groups)
        place, size = columns["translate"], numbers[:, columns["scale"].start]
        numbers[:, place] = _centred(numbers[:, place], size, angle, harmonics, groups)
    for knob, targets in assigned.items():
        if knob == "rotate":
            best = float(reading.turn_information.max())
            kept = best >= MIN_TURN_INFORMATION
            tables |= {targets[0]: torch.stack([angle.cos(), angle.sin()], dim=1).half()} if kept else {}
            symmetries = ", ".join(f"1/{m + 1}" for m in sorted(set(harmonics.values())))
            why = (
                f"; things look the same after {symmetries} of a turn"
                if kept
                else ": cannot be read, not used"
            )
            messages.append(f"knob rotate: {best:.2f} nats on a random turn{why}")
            continue
        of_knob = columns[knob]
        R2, spread = reading.R2[of_knob], numbers[:, of_knob].std(dim=0)
        least = torch.maximum(MIN_SPREAD * reading.rms, MIN_VARIATION * reading.change)[of_knob]
        for j, (code, values) in enumerate(zip(targets, numbers[:, of_knob].unbind(dim=1), strict=True)):
            name = knob if len(targets) == 1 else f"{knob}, {NAMES[knob][j]}"
            why = ""
            if R2[j] < MIN_R2:
                why = ": cannot be read, not used"
            elif spread[j] <= least[j]:
                why = ": hardly varies, not used"
            else:
                tables[code] = to_targets(uniform_ranks(values, ranked_apart[knob]), codes[code])
            messages.append(f"knob {name}: R2 {R2[j]:.2f} of random changes{why}")
    return Targets(tables), "\n".join(messages)


def angles(u: Complex[Tensor, "n m"], groups: Int[Tensor, "n"]) -> tuple[Float[Tensor, "n"], dict[int, int]]:
    """The angle of each image, that of the lowest harmonic of its group, and these harmonics, from 0."""
    angle, harmonics = torch.zeros(len(u)), {}
    for group in torch.unique(groups).tolist():
        of = groups == group
        harmonics[group] = lowest_harmonic(u[of])
        angle[of] = u[of, harmonics[group]].angle()
    return angle, harmonics


def _centred(
    place: Float[Tensor, "n 2"],
    size: Float[Tensor, "n"],
    angle: Float[Tensor, "n"],
    harmonics: Mapping[int, int],
    groups: Int[Tensor, "n"],
) -> Float[Tensor, "n 2"]:
    """Places that do not depend on angle and size (the log of a length).

    The network may read the place of any point of a thing, not only that of its centre: each moves as the
    transforms say. A point off the centre goes around it as the thing turns, at a distance that grows with
    the size; this part, fitted by least squares, is subtracted. Things that look the same after a part of a
    turn have no such point, as it would be in several places at once, so their groups stay as they are.
    """
    found = torch.complex(place[:, 0], place[:, 1])
    for group, harmonic in harmonics.items():
        if harmonic == 0:
            of = groups == group
            arm = torch.polar(size[of].exp(), angle[of])
            arm_c, found_c = arm - arm.mean(), found[of] - found[of].mean()
            found[of] -= arm * (found_c * arm_c.conj()).sum() / arm_c.abs().square().sum().clamp_min(1e-12)
    return torch.view_as_real(found)


def kmeans(features: Float[Tensor, "n d"], k: int, seed: int) -> tuple[Int[Tensor, "n"], float]:
    """Clusters of the features' first components, and the mean NMI of several starts."""
    sample = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))[:20_000]
    mean = features[sample].mean(dim=0)
    components = torch.linalg.eigh(torch.cov((features[sample] - mean).T)).eigenvectors[:, -N_COMPONENTS:]
    flat = ((features - mean) @ components).numpy()
    fits = [KMeans(k, n_init=5, random_state=(seed + i) % 2**32).fit(flat[sample]) for i in range(N_KMEANS)]
    agreement = stability(np.stack([fit.labels_ for fit in fits]))
    best = min(fits, key=lambda fit: fit.inertia_)
    return torch.from_numpy(best.predict(flat)).long(), float(agreement)
