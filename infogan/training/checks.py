"""What must fit together before a training starts."""

from infogan.config import Config
from infogan.data.images import Images
from infogan.data.labels import Labels
from infogan.method.model import Model
from infogan.utils.errors import InfoganError


def check_fit(config: Config, model: Model, images: Images, n_processes: int) -> None:
    """Raises InfoganError unless these images can train this model in batches of the config."""
    name, size, k = config.data.images, config.optimisation.batch_size, model.latent.k
    model.check_shape(images.shape, f"the images of {name}")
    if len(images) < size:
        raise InfoganError(
            f"config: batch_size is {size}, but {name} holds {len(images)} images; choose a smaller one."
        )
    if images.training_labels:
        _check_labels(images.training_labels, k)
    if config.pretraining.knobs:
        from infogan.pretraining.equivariance import check_knobs  # scikit-learn takes a second to import

        check_knobs(config, images.pixels)
    if config.pretraining.has_stages and len(images) < k:
        raise InfoganError(
            f"config: clustering looks for {k} clusters among {len(images)} images; choose fewer categories, "
            "such as codes='cat:2 unif:2 noise:62', or leave out transforms, pretraining_steps and knobs."
        )
    if size % n_processes or size // n_processes < 2:
        raise InfoganError(
            f"config: batch_size is {size}, which {n_processes} processes cannot share in equal parts of 2 "
            "or more; choose another one."
        )
    if n_processes > 1 and config.terms.r1.weight and config.run.sync_batchnorm:
        raise InfoganError(
            "config: r1_weight needs second derivatives, which batch norm over several processes lacks; "
            "set sync_batchnorm to false, or devices and nodes to 1."
        )


def _check_labels(labels: Labels, k: int) -> None:
    """Raises InfoganError unless the labels name at least one image and at most k classes."""
    if not labels.is_known.any():
        raise InfoganError(
            "config: labels name none of the images that max_images leaves; raise it, or label others."
        )
    n_classes = len(labels.names or ())
    if n_classes > k:
        raise InfoganError(
            f"config: labels name {n_classes} classes, but the first discrete code has {k} categories; set "
            f"codes to cat:{n_classes} or more."
        )
