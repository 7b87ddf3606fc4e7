"""Turns clusters into the classes that a few labels name: label spreading in which each cluster takes part.

Zhou, Bousquet, Lal, Weston and Schölkopf 2003, "Learning with Local and Global Consistency":

    F = α S F + (1 - α) Y,   S = D^(-1/2) W D^(-1/2)

where W joins each image with its nearest neighbours by the features of the clustering network, and a row of Y
says what is known about an image: its label, or else its cluster, whose images share the weight
(a + 1) / (d + 1) if a labels agree with the cluster and d do not. So without a contradiction clusters stay
whole, and where labels contradict a cluster, they split it.
"""

from collections.abc import Callable, Generator, Iterator

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from torch import Tensor

from infogan.data.labels import Labels
from infogan.pretraining.clustering.neighbours import CHUNK
from infogan.pretraining.clustering.over_clusters import N_COMPONENTS
from infogan.utils.rng import make_rng

ALPHA = 0.9  # chosen on digits, of 0.8 to 0.99 (docs/results/few-labels.md)
N_NEIGHBOURS = 10
N_ITERATIONS = 60  # 0.9^60 = 0.002
MAX_NODES = 60_000  # images that labels spread over; the others ask their neighbours among these

Table = Float[Tensor, "n k"]
Rows = Float[np.ndarray, "n k"]


def embed(features: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "n d"]:
    """Features by whose distances images are neighbours: of unit length, their principal components."""
    x = normalize(features - features.mean(axis=0))
    with np.errstate(invalid="ignore"):  # if all features are equal, there is no variance to explain
        found: np.ndarray = PCA(min(N_COMPONENTS, *x.shape), svd_solver="covariance_eigh").fit_transform(x)
    return found


def name_clusters(
    table: Table,
    labels: Labels,
    features: Callable[[Int[Tensor, "b"]], Float[np.ndarray, "b width"]],
    n_done: int,
) -> Generator[int, None, tuple[Table, str]]:
    """`spread_labels` over the features of all images, and a summary; yields n_done now and then."""
    parts = []
    for index in torch.split(torch.arange(len(table)), CHUNK):
        parts.append(features(index))
        yield n_done
    x = torch.from_numpy(embed(np.concatenate(parts))).to(table.device)
    nodes, near = choose_nodes(labels), []
    for part in neighbours(x, nodes):
        near.append(part)
        yield n_done
    named = spread_labels(table.cpu(), labels, nodes, torch.cat(near))
    return named.to(table.device), summary(table.cpu(), named, labels)


def assign_categories(table: Table, labels: Labels) -> Int[np.ndarray, "k"]:
    """The clusters in the order of categories: first those of classes 0, 1, ..., then those left over.

    One cluster per class, so that as many labels as possible agree, by p(k|x) of the labelled images.
    """
    known = np.flatnonzero(labels.is_known)
    agreement = np.zeros((len(labels.names or ()), table.shape[1]))
    np.add.at(agreement, labels.numbers[known], table[torch.from_numpy(known)].double().numpy())
    _, of_classes = linear_sum_assignment(-agreement)
    left_over = np.setdiff1d(np.arange(table.shape[1]), of_classes)
    order: np.ndarray = np.concatenate([of_classes, left_over])
    return order


def what_is_known(category: Int[np.ndarray, "n"], labels: Labels, k: int) -> Rows:
    """Y: one-hot rows of labels; other images of a category share its weight, in labels."""
    clusters, known = np.eye(k)[category], labels.is_known
    numbers, own = labels.numbers[known], category[known]
    agree, differ = (np.bincount(own[of], minlength=k) for of in (own == numbers, own != numbers))
    clusters[known] = 0
    Y: np.ndarray = clusters / np.maximum(1, clusters.sum(axis=0)) * (agree + 1) / (differ + 1)
    Y[known] = np.eye(k)[numbers]
    return Y


def spread(near: Int[np.ndarray, "n neighbours"], Y: Rows) -> Rows:
    """F, by iteration from F = Y.

    Args:
        near: the neighbours of each image, as rows of Y.
    """
    edges = (np.repeat(np.arange(len(near)), near.shape[1]), near.ravel())
    W = scipy.sparse.csr_array((np.ones(near.size), edges), (len(near), len(near)))
    W = W + W.T
    root = scipy.sparse.diags_array(W.sum(axis=1) ** -0.5)
    S, F = root @ W @ root, Y
    for _ in range(N_ITERATIONS):
        F = ALPHA * (S @ F) + (1 - ALPHA) * Y
    return F


def choose_nodes(labels: Labels) -> Int[Tensor, "m"]:
    """The images that labels spread over: those with a label, and a fixed sample of the others, in order."""
    known, others = (torch.from_numpy(np.flatnonzero(of)) for of in (labels.is_known, ~labels.is_known))
    others = others[torch.randperm(len(others), generator=make_rng(0, "label spreading"))]
    return torch.cat([known, others[: max(MAX_NODES - len(known), 0)]]).sort().values


def neighbours(x: Float[Tensor, "n d"], nodes: Int[Tensor, "m"]) -> Iterator[Int[Tensor, "b neighbours"]]:
    """The nodes nearest to each image, as places in `nodes`, some images at a time; none is its own."""
    place = torch.full((len(x),), -1)
    place[nodes] = torch.arange(len(nodes))
    base = x[nodes.to(x.device)]
    squares = base.square().sum(dim=1)
    for index in torch.split(torch.arange(len(x)), CHUNK):
        distance = squares - 2 * x[index.to(x.device)] @ base.T  # up to a constant of each row
        (is_node,) = torch.where(place[index] >= 0)
        distance[is_node.to(x.device), place[index][is_node].to(x.device)] = torch.inf
        yield distance.topk(min(N_NEIGHBOURS, len(nodes) - 1), largest=False).indices.cpu()


def spread_labels(
    table: Table, labels: Labels, nodes: Int[Tensor, "m"], near: Int[Tensor, "n neighbours"]
) -> Table:
    """The table p(k|x) with the categories of classes first, corrected where labels spread otherwise.

    Where they spread to the most likely category, p(k|x) stays. Elsewhere it becomes 1 for the category that
    they spread to, and for a labelled image 1 for its class.

    Args:
        table: p(k|x) of the clustering network.
        nodes, near: as `choose_nodes` and `neighbours` return them.
    """
    k, named = table.shape[1], table[:, torch.from_numpy(assign_categories(table, labels))]
    category = named.argmax(dim=1).numpy()
    F_nodes = spread(near[nodes].numpy(), what_is_known(category[nodes], labels.take(nodes.numpy()), k))
    F = F_nodes[near].mean(axis=1)  # of an image that is no node
    F[nodes] = F_nodes
    found = np.where(labels.is_known, labels.numbers, F.argmax(axis=1))
    is_told = torch.from_numpy((found != category) | labels.is_known)
    named[is_told] = torch.eye(k, dtype=table.dtype)[torch.from_numpy(found)[is_told]]
    return named


def summary(table: Table, named: Table, labels: Labels) -> str:
    """How far the clusters agree with the labels, and what these changed.

    Args:
        named: what `spread_labels` made of the table.
    """
    category = table[:, torch.from_numpy(assign_categories(table, labels))].argmax(dim=1)
    known = torch.from_numpy(labels.is_known)
    agree = (category[known] == torch.from_numpy(labels.numbers)[known]).double().mean()
    moved = (category != named.argmax(dim=1)).double().mean()
    n, m = int(known.sum()), len(labels.names or ())
    counts = f"{n:,} label{'s' * (n > 1)} of {m} class{'es' * (m > 1)}"
    return (
        f"{counts}: the clusters agree with {agree:.0%} of them, and {moved:.2%} of all images went to "
        "another category"
    )
