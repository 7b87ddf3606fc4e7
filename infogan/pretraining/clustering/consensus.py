"""Many cells made few groups, so that most is kept of what neighbours tell of each other's.

The sequential information bottleneck (Slonim, Friedman and Tishby 2002, "Unsupervised Document Classification
using Sequential Information Maximization"), of how often a cell's member has a neighbour in another, counted
alike both ways. It ends in one of many optima. So images are parted into cells in several ways, and each way
begins again from what the others found: one that found the best tells all of it.
"""

from collections.abc import Iterable
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from scipy.special import entr
from sklearn.metrics import normalized_mutual_info_score

AGAIN = 2  # times that each begins from what the others found
SWEEPS = 100  # at most; a handful is the rule

Counts = Float[np.ndarray, "m m"]
Groups = Int[np.ndarray, "m"]


def count_neighbours(cells: Int[np.ndarray, "n"], near: Int[np.ndarray, "n many"], m: int) -> Counts:
    """How often an image of a cell and a neighbour in a cell come together, either way round."""
    counts = np.zeros((m, m))
    np.add.at(counts, (np.repeat(cells, near.shape[1]), cells[near].ravel()), 1)
    return counts + counts.T


def information_of(counts: Counts) -> float:
    """I(k; k') in nats of a joint law, given by counts that are alike both ways."""
    P = counts / counts.sum()
    return float(2 * entr(P.sum(0)).sum() - entr(P).sum())


def kept(counts: Counts, groups: Groups, k: int) -> float:
    """`information_of` the groups, of cells: in nats, at most log k."""
    member = np.eye(k)[groups]
    return information_of(member.T @ counts @ member)


def improve(counts: Counts, groups: Groups, k: int) -> Groups:
    """Each cell in turn is put where most is kept, until none moves; no group is left empty."""
    groups, member = groups.copy(), np.eye(k)[groups]
    to_cells = member.T @ counts
    among, many = to_cells @ member, member.sum(0)
    for _ in range(SWEEPS):
        moved = False
        for cell, was in enumerate(groups.tolist()):
            if many[was] == 1:
                continue
            own, to_groups = counts[cell, cell], to_cells[:, cell].copy()
            to_groups[was] -= own
            among[was] -= to_groups  # it leaves
            among[:, was] -= to_groups
            among[was, was] -= own
            # I = 2 H(k) - H(k, k'): what it gains, up to a factor, as the cell joins each group. The group's
            # row and column change, which but for the entry on the diagonal are there twice.
            diagonal, sizes, size = among.diagonal(), among.sum(1) + to_groups, to_groups.sum() + own
            joint = 2 * (entr(among + to_groups) - entr(among)).sum(1)
            joint += entr(diagonal + 2 * to_groups + own) - 2 * entr(diagonal + to_groups) + entr(diagonal)
            gains = 2 * (entr(sizes + size) - entr(sizes)) - joint
            now = int(gains.argmax())
            among[now] += to_groups
            among[:, now] += to_groups
            among[now, now] += own
            if now != was:
                moved, groups[cell] = True, now
                to_cells[was] -= counts[cell]
                to_cells[now] += counts[cell]
                many[was] -= 1
                many[now] += 1
        if not moved:
            break
    return groups


def agree(
    cells: Int[np.ndarray, "r n"], near: Int[np.ndarray, "n many"], starts: Int[np.ndarray, "r s m"], k: int
) -> Int[np.ndarray, "r m"]:
    """The groups of the cells of each of r ways, named alike, after each began from what the others found.

    Args:
        cells: the cell of each image by each way, of m.
        near: each image's neighbours.
        starts: groups of the cells to begin from; of those that come of them the one that keeps most counts.
    """
    m = starts.shape[2]
    counts = [count_neighbours(row, near, m) for row in cells]

    def best(r: int, starts: Iterable[Groups]) -> Groups:
        ends = (improve(counts[r], start, k) for start in starts)
        most: Groups = max(ends, key=lambda of: kept(counts[r], of, k))
        return most

    found = [best(r, starts[r]) for r in range(len(cells))]
    for _ in range(AGAIN):
        of_images = [of[row] for row, of in zip(cells, found, strict=True)]
        found = [
            best(r, [found[r], *(_overlap(row, other, m, k).argmax(1) for other in of_images)])
            for r, row in enumerate(cells)
        ]
    r = max(range(len(found)), key=lambda r: kept(counts[r], found[r], k))
    lead = found[r][cells[r]]
    return np.stack([_named_as(lead, row, of, k) for row, of in zip(cells, found, strict=True)])


def agreement(named: Int[np.ndarray, "r n"]) -> float:
    """How far r > 1 ways agree on n images' groups: NMI, the mean over pairs of ways; 1 where they all do.

    Groups that come out otherwise from another start are of the start's making, not the images' (Lange, Roth,
    Braun and Buhmann 2004, "Stability-Based Validation of Clustering Solutions").
    """
    pairs = combinations(named, 2)
    return float(np.mean([normalized_mutual_info_score(one, other) for one, other in pairs]))


def _named_as(lead: Int[np.ndarray, "n"], cells: Int[np.ndarray, "n"], groups: Groups, k: int) -> Groups:
    """The groups, by the names with which most images are called as the lead calls them."""
    _, names = linear_sum_assignment(-_overlap(groups[cells], lead, k, k))
    named: Groups = names[groups]
    return named


def _overlap(
    one: Int[np.ndarray, "n"], other: Int[np.ndarray, "n"], m: int, k: int
) -> Float[np.ndarray, "m k"]:
    """How many images the one calls by each of m names, and the other by each of k."""
    counts = np.zeros((m, k))
    np.add.at(counts, (one, other), 1)
    return counts
