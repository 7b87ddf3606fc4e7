"""What principal components and k-means find in the same images, without any training of networks."""

import warnings
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from torch.nn import functional as F

from infogan.method.codes import Kind
from infogan.method.latent import Latent
from infogan.method.model import Pictures

N_CLUSTERS, N_STARTS = 10, 3
SIDE = 32  # pixels; larger images are reduced to it, which changes little of what pixels have in common


class Representation(NamedTuple):
    """What a method reads off images, one column per code."""

    values: Float[np.ndarray, "n d"]
    kinds: list[Kind]
    names: list[str]


def fit_pca_and_k_means(
    x: Pictures,
    x_test: UInt8[np.ndarray, "m ch h w"] | Float[np.ndarray, "m 1 1 w"],
    n_components: int,
    n_clusters: int = N_CLUSTERS,
) -> dict[str, Representation]:
    """Principal components and k-means clusters of the pixels of x, of at most 32x32, read off x_test.

    By what a table calls each, such as "PCA, 3 components".

    Args:
        n_components, n_clusters: fewer are found where x has fewer images or pixels.
    """
    flat, flat_test = _flat(x), _flat(x_test)
    n_components, n_clusters = min(n_components, *flat.shape), min(n_clusters, len(flat))
    pca = PCA(n_components, svd_solver="randomized", random_state=0).fit(flat)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # if fewer than n_clusters images differ
        k_means = KMeans(n_clusters, n_init=N_STARTS, max_iter=100, random_state=0).fit(flat)
    components, clusters = pca.transform(flat_test), k_means.predict(flat_test)[:, None]
    names = [f"component {i}" for i in range(1, n_components + 1)]
    s = "" if n_components == 1 else "s"
    return {
        f"PCA, {n_components} component{s}": Representation(
            components.astype(float), ["number"] * len(names), names
        ),
        f"k-means, {n_clusters} clusters": Representation(clusters.astype(float), ["category"], ["cluster"]),
    }


def baselines_of(latent: Latent, x: Pictures) -> dict[str, Representation]:
    """PCA and k-means of the size of a latent, fitted to images and read off the same images.

    PCA with one component per continuous code (at least one), and k-means with as many clusters as the first
    categorical code has categories (10 if there is none).
    """
    categories = [code.categories for code in latent.codes if code.categories]
    n_components = max(1, len(latent.codes) - len(categories))
    return fit_pca_and_k_means(x, x, n_components, categories[0] if categories else N_CLUSTERS)


def _flat(x: Pictures) -> Float[np.ndarray, "n d"]:
    """One row of numbers per image; pixels from 0 to 1."""
    if x.dtype != np.uint8:
        return x.reshape(len(x), -1).astype(np.float32)
    size = min(x.shape[2], SIDE), min(x.shape[3], SIDE)
    parts = torch.split(torch.from_numpy(x), 1000)
    small = torch.cat([F.interpolate(part.float() / 255, size, mode="area") for part in parts])
    return small.flatten(1).numpy()
