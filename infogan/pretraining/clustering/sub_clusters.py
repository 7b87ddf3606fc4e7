"""Sub-clusters: the images of each category clustered once more, for a code under it.

The features of part 1 still tell the ways of one category apart, which part 3 makes alike. So the images of
each category are split into over-clusters of these features, and merged into sub-clusters by their neighbours
within the category, as all images were merged into categories. The categories stay as they are.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from infogan.config import Config
from infogan.config.spec import without_codes_under
from infogan.method.model import Model, make_model
from infogan.pretraining.clustering.consensus import stability
from infogan.pretraining.clustering.neighbours import CHUNK
from infogan.pretraining.clustering.over_clusters import MIN_SIZE

if TYPE_CHECKING:
    from infogan.pretraining.clustering.clustering import Clustering

N_PARTITIONS = 4  # of each category


def model_without_codes_under(model: Model, config: Config) -> Model:
    """The untrained model of the same seed without codes under categories, so that they change none."""
    if not model.latent.parents:
        return model
    like = next(model.D.parameters())
    alone = config.replace(codes=without_codes_under(config.codes.spec), lam=(1.0,))
    return make_model(alone).to(like.device, like.dtype)


def find_sub_clusters(
    stage: "Clustering", of_categories: Float[Tensor, "n k"], sample: Int[Tensor, "s"]
) -> Generator[int, None, tuple[Float[Tensor, "n m"], str]]:
    """m sub-clusters of each category, the largest first; yields the steps done now and then.

    All are equally likely for the images of a category with fewer than 10 m images in the sample.

    Args:
        stage: with the weights of the end of part 1.
        of_categories: p(k|x) of all images, whose likeliest category counts.
        sample: images that are clustered; the others go where their over-cluster goes.

    Returns:
        The share of partitions that put an image into each, in half precision; and how stable they are.
    """
    assert stage.sub_code is not None
    m, categories = stage.latent.codes[stage.sub_code].width, of_categories.argmax(dim=1).cpu()
    table = torch.full((len(categories), m), 1 / m)
    found = []
    for k in range(stage.k):
        of_sample, members = sample[categories[sample] == k], torch.nonzero(categories == k)[:, 0]
        if len(of_sample) < MIN_SIZE * m:
            continue
        stream = f" of category {k}"
        partitions, near = yield from stage.partition(of_sample, m, N_PARTITIONS, stage.n_steps, stream)
        clusters = stage.merge(partitions, near, m)
        found.append(
            stability(np.stack([of[row] for of, row in zip(clusters, partitions.labels, strict=True)]))
        )
        of_category = []
        for part in torch.split(members, CHUNK):
            of_category.append(partitions.shares(stage.features(part), clusters, m))
            yield stage.n_steps
        shares = torch.cat(of_category)
        table[members] = shares[:, shares.sum(dim=0).argsort(descending=True)]
    told = "no category has enough images for sub-clusters"
    if found:
        low, middle, high = np.quantile(found, [0, 0.5, 1])
        told = f"stability of the sub-clusters of a category {middle:.2f} ({low:.2f} to {high:.2f})"
    shared: Tensor = stage.fabric.broadcast(table.half().to(stage.device))
    return shared, told
