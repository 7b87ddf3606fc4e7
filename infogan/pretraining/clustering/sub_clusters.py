"""Sub-clusters: the images of each category clustered once more, for a code under it.

Spectral clustering (normalised cuts, von Luxburg 2007, "A Tutorial on Spectral Clustering") of two graphs of
neighbours at once, within the category: those under transforms, which part 2 has found, and those by the
features of part 1, which still tell ways of writing a digit apart that part 3 makes alike. The categories
stay as they are.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, TypeAlias
from warnings import catch_warnings, simplefilter

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from sklearn.cluster import SpectralClustering
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from infogan.config import Config
from infogan.config.spec import without_codes_under
from infogan.method.model import Model, make_model
from infogan.pretraining.clustering.label_spreading import embed
from infogan.pretraining.clustering.neighbours import CHUNK
from infogan.pretraining.clustering.over_clusters import PartitionedSample

if TYPE_CHECKING:
    from infogan.pretraining.clustering.clustering import Clustering

N_NEIGHBOURS = 20  # by features
MAX_NODES = 2_000  # images of a category that are clustered; the others ask their neighbours among these
MIN_SIZE = 10  # images per sub-cluster, on average

Graph: TypeAlias = scipy.sparse.csr_matrix


def model_without_codes_under(model: Model, config: Config) -> Model:
    """The untrained model of the same seed without codes under categories, so that they change none."""
    if not model.latent.parents:
        return model
    like = next(model.D.parameters())
    alone = config.replace(codes=without_codes_under(config.codes.spec), lam=(1.0,))
    return make_model(alone).to(like.device, like.dtype)


def find_sub_clusters(
    stage: "Clustering", sample: PartitionedSample, of_categories: Float[Tensor, "n k"]
) -> Generator[int, None, tuple[Float[Tensor, "n m"], str]]:
    """The sub-clusters of every category; yields the steps done now and then.

    All are equally likely for the images of a category with fewer than 10 m images in the sample.

    Args:
        stage: with the weights of the end of part 1.
        sample: what `Clustering.partition` returned.
        of_categories: p(k|x) of all images, whose likeliest category counts.

    Returns:
        How likely an image is in each of the m sub-clusters of its category, in half precision; and what they
        keep of the neighbours.
    """
    assert stage.sub_code is not None
    m, categories = stage.latent.codes[stage.sub_code].width, of_categories.argmax(dim=1).cpu().numpy()
    under_transforms = graph_of(sample.near, len(sample.images))
    table = np.full((len(categories), m), 1 / m)
    kept = []
    for k in range(stage.k):
        members = np.flatnonzero(categories == k)
        places = np.flatnonzero(categories[sample.images] == k)[:MAX_NODES]
        if len(places) < MIN_SIZE * m:
            continue
        parts = []
        for part in torch.split(torch.from_numpy(members), CHUNK):
            parts.append(stage.features(part))
            yield stage.n_steps
        nodes = np.searchsorted(members, sample.images[places])
        within = under_transforms[places][:, places]
        shares, share = sub_clusters(embed(np.concatenate(parts)), nodes, within, m)
        table[members] = shares[:, (-shares.sum(axis=0)).argsort(kind="stable")]  # the largest first
        kept.append(share)
    found = stage.fabric.broadcast(torch.from_numpy(table).half().to(stage.device))
    told = "no category has enough images for sub-clusters"
    if kept:
        told = f"neighbours in the same sub-cluster {np.mean(kept):.0%}, by chance {1 / m:.0%}"
    return found, told


def sub_clusters(
    x: Float[np.ndarray, "n d"], nodes: Int[np.ndarray, "s"], under_transforms: Graph, m: int
) -> tuple[Float[np.ndarray, "n m"], float]:
    """How likely each image of one category is in each of m sub-clusters; and the share of neighbours in one.

    Args:
        x: the features of all images of the category.
        nodes: the images that are clustered.
        under_transforms: the graph of these.
    """
    index = NearestNeighbors(n_neighbors=min(N_NEIGHBOURS + 1, len(nodes))).fit(x[nodes])
    near = index.kneighbors(x, return_distance=False)
    graph = under_transforms + graph_of(near[nodes], len(nodes))
    with catch_warnings():
        # It warns of a graph in several components, which are sub-clusters then.
        simplefilter("ignore", UserWarning)
        labels = SpectralClustering(
            m, affinity="precomputed", assign_labels="cluster_qr", random_state=0
        ).fit_predict(graph)
    shares = np.eye(m)[labels][near].mean(axis=1)
    shares[nodes] = np.eye(m)[labels]
    start, end = graph.nonzero()
    return shares, float((labels[start] == labels[end])[start != end].mean())


def graph_of(near: Int[np.ndarray, "s neighbours"], n: int) -> Graph:
    """The symmetric graph in which each of the first images has an edge to its neighbours out of n."""
    start = np.repeat(np.arange(len(near)), near.shape[1])
    graph: Graph = scipy.sparse.csr_matrix((np.ones(near.size), (start, near.ravel())), shape=(n, n))
    symmetric: Graph = graph + graph.T
    return symmetric
