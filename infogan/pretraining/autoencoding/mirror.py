"""The slowest number that changes sign in the mirror, by a diffusion map (Coifman and Lafon, 2006).

One latent of an autoencoder rarely holds all of such a number: that of a head that turns saturates at the
profile, and another latent goes on from there. But similar images lie on one curved surface in the space of
all latents, and mirrored images lie opposite. Along the surface the number is the function that changes least
between neighbours, among those that are opposite in mirrored images.
"""

import numpy as np
from jaxtyping import Float
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import eigsh
from sklearn.neighbors import NearestNeighbors

N_NEIGHBOURS = 15
MAX_POINTS = 10_000  # images that the map is made of; the others take the mean of their neighbours


def odd_coordinate(
    z: Float[np.ndarray, "n d"], signs: Float[np.ndarray, "d"], rng: np.random.Generator
) -> Float[np.ndarray, "n"]:
    """The first eigenfunction that is opposite in mirrored images, one number per image, of arbitrary sign.

    Args:
        z: latents of the images.
        signs: 1 or -1, what a mirrored image multiplies each latent by.
    """
    points = z[np.sort(rng.permutation(len(z))[:MAX_POINTS])]
    n, k = len(points), min(N_NEIGHBOURS, len(points) - 1)
    both = NearestNeighbors(n_neighbors=k + 1).fit(np.concatenate([points, points * signs]))
    distance, index = (found[:, 1:] for found in both.kneighbors(points))  # without the point itself
    reach = distance[:, -1].clip(min=1e-12)  # the kernel is narrow where images are dense
    weight = np.exp(-(distance**2) / (reach[:, None] * reach[index % n]))

    def matrix(values: Float[np.ndarray, "n k"]) -> csr_matrix:
        rows = np.repeat(np.arange(n), k)
        half = coo_matrix((values.ravel(), (rows, index.ravel() % n)), (n, n)).tocsr()
        return (half + half.T) / 2

    # An opposite function has the opposite value at a mirrored neighbour, so half of the points suffice.
    kernel, opposite = matrix(weight), matrix(np.where(index >= n, -weight, weight))
    density = diags(1 / _sums(kernel))  # so that the surface matters, and not how dense its points are
    root = diags(_sums(density @ kernel @ density) ** -0.5)
    operator = root @ density @ opposite @ density @ root
    vector = eigsh(operator, k=1, which="LA", v0=rng.normal(size=n))[1][:, 0]
    of_points = root @ vector
    distance, index = both.kneighbors(z)
    weight = np.exp(-((distance / distance[:, -1:].clip(min=1e-12)) ** 2))
    weight /= weight.sum(axis=1, keepdims=True)
    found: np.ndarray = (weight * np.concatenate([of_points, -of_points])[index]).sum(axis=1)
    return found


def _sums(rows: csr_matrix) -> Float[np.ndarray, "n"]:
    return np.asarray(rows.sum(axis=1)).ravel()
