"""InfoGAN as a scikit-learn estimator."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from numbers import Integral
from typing import Any, Literal, final

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from infogan.data.images import Images, as_pixels
from infogan.estimator.config import make_config
from infogan.estimator.inference import (
    category_probabilities,
    check_code_values,
    first_discrete_code,
    reconstruct,
)
from infogan.estimator.labels import labels_from_y
from infogan.estimator.preprocessing import Preprocessor, array_shape
from infogan.estimator.saving import SavableEstimator
from infogan.estimator.training import progress_console, train
from infogan.method.model import Pictures, make_model
from infogan.training.auto_categories import count_categories
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng


@final
class InfoGAN(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SavableEstimator):  # type: ignore[misc]  # no types
    """Learns codes for what varies in unlabelled vectors (n, d) or images (n, h, w) or (n, h, w, channels).

    Images have 1 to 8 channels, are uint8, uint16, bool, or floats in [0, 1], and are rounded to 8 bits.
    `predict` returns the category of the first discrete code. A GAN has no likelihood: scores measure how
    well rows are reconstructed from codes.

    Args:
        codes: KIND:NUMBER words: cat:K is a category of K, cat:auto of as many as clustering finds, unif:N
            are N numbers in (-1, 1), gauss:N of N(0, 1), bern:N coin flips, circ:N angles; noise:N is the
            width of the noise z, 62 by default; cat:K>cat:M is a category of K and under each one of M.
        max_iter: training steps of D and G. None: 100 epochs of images, but at least 1,000 steps and, up to
            10,000 images, at most 5,000. 1,000 steps of 32x32 images take minutes on one core, 1,000 of
            vectors seconds.
        batch_size: rows per step, at most all of X; None chooses by the size of X.
        lam: λ, the weight of L_I in both losses: one number, or one per code; None chooses by the codes.
        scale: "columns" scales each column of vectors to standard deviation 1; "all" scales all columns by
            one factor, for pixels and other columns in the same unit. Images are not scaled.
        method: "gan", or "vae": an autoencoder with the same codes, steadier and blurrier.
        options: further settings of `infogan.Config`, such as {"lr_d": 1e-4, "architecture": "mnist-small"}.
        random_state: seeds weights, batches and noise; an int makes fits repeatable to the bit.
        device: where to train; inference is on the CPU.
        verbose: 1 shows progress and the time left on standard error, 0 does not, None does in a terminal.

    Attributes:
        model_: the `infogan.Model`.
        config_: the `infogan.Config`.
        preprocessor_: converts X for the networks.
        L_I_: the lower bound of each code's mutual information (Eq. 5), in nats, averaged over the last 100
            steps.
        n_iter_: training steps done.
        category_names_: the classes that the first categories carry; empty unless y named clusters.
        seed_: the seed from `random_state`.
        n_features_in_: columns of vectors; for images their height, as scikit-learn counts.
        feature_names_in_: names of the columns, if X had any.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(100, 3))
        >>> InfoGAN("cat:2 unif:1", max_iter=5, random_state=0).fit_transform(X).shape
        (100, 2)
    """

    def __init__(
        self,
        codes: str = "cat:10 unif:2",
        *,
        max_iter: int | None = None,
        batch_size: int | None = None,
        lam: float | int | Sequence[float | int] | None = None,
        scale: Literal["columns", "all"] = "columns",
        method: Literal["gan", "vae"] = "gan",
        options: Mapping[str, Any] | None = None,
        random_state: Any = None,
        device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
        verbose: int | None = None,
    ) -> None:
        self.codes = codes
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.lam = lam
        self.scale = scale
        self.method = method
        self.options = options
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "InfoGAN":
        """Trains from the start on at least two rows.

        With transforms in `options`, such as {"transforms": "rotate:0.2 translate:0.1"}, images are first
        clustered by what is invariant to them; if the clusters are reliable, a discrete code learns them.

        Args:
            y: with transforms, the classes of some rows, in numbers or text, -1 for an unknown one, as in
                `sklearn.semi_supervised`: category 0 of the code becomes the first of them in order, and so
                on (`category_names_`). Without transforms it is ignored.

        Raises:
            InfoganError: if a parameter, X or y is invalid, or a loss or gradient is NaN or infinite.
        """
        x = self._initialise(X)
        return self._train(x, self.config_.optimisation.steps, y)

    def partial_fit(self, X: Any, y: Any = None) -> "InfoGAN":
        """Trains for one epoch on these rows, n / batch_size steps; raises as `fit`.

        If nothing was fitted before, the first call sets networks, batch size and scale, and clusters its
        rows if `options` has transforms, with y as in `fit`; the clusters are used until a call has other
        rows, and y of later calls is ignored. By default learning rates stay constant.
        """
        if hasattr(self, "model_"):
            _, x = self._validate(X, min_rows=2)
        else:
            x = self._initialise(X, lr_decay_fraction=0.0)
        return self._train(x, math.ceil(len(x) / min(len(x), self.config_.optimisation.batch_size)), y)

    def fit_predict(self, X: Any, y: Any = None) -> Int[np.ndarray, "n"]:
        """`fit(X, y).predict(X)`."""
        return self.fit(X, y).predict(X)

    def transform(self, X: Any) -> Float[np.ndarray, "n L"]:
        """The codes of each row, one column per code: a category's index, a number, or radians."""
        X, x = self._validate(X)
        values = self.model_.encode(as_pixels(x)).values.numpy()
        return values.astype(X.dtype if X.dtype.kind == "f" else np.float32)

    def predict(self, X: Any) -> Int[np.ndarray, "n"]:
        """The category of each row, by the first discrete code.

        Raises:
            InfoganError: if there is no discrete code.
        """
        check_is_fitted(self)
        i = first_discrete_code(self.model_, "predict")
        categories: np.ndarray = self.model_.encode(as_pixels(self._validate(X)[1])).values[:, i].numpy()
        return categories.astype(np.int64)

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Q(c|x) of the first discrete code, one column per category; raises as `predict`."""
        check_is_fitted(self)
        i = first_discrete_code(self.model_, "predict_proba")
        return category_probabilities(self.model_, i, self._validate(X)[1])

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Generated rows for codes (n, L), in the shape and units of the training data; all with the same z.

        Raises:
            InfoganError: if there is not one column per code, or a category does not exist.
        """
        check_is_fitted(self)
        values = check_code_values(self.model_, check_array(X, dtype=np.float32))
        z = self.model_.latent.sample_z(1, make_rng(self.seed_, "inverse")).expand(len(values), -1)
        return self.preprocessor_.inverse_transform(self.model_.decode(values, z))

    def sample(self, n_samples: Any = 1, random_state: Any = None) -> np.ndarray:
        """Generated rows, with codes and z from their priors; by default the same rows at each call.

        Raises:
            InfoganError: if `n_samples` is negative or not a whole number.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 0:
            raise InfoganError(f"InfoGAN: n_samples is {n_samples!r}, but must be a whole number, 0, 1, ...")
        seed = self.seed_ if random_state is None else _to_seed(random_state)
        return self.preprocessor_.inverse_transform(
            self.model_.sample(int(n_samples), make_rng(seed, "sample"))
        )

    def score_samples(self, X: Any) -> Float[np.ndarray, "n"]:
        """Minus the mean squared error of each row's reconstruction from its codes; low for outliers.

        The reconstruction is E_z[G(z, c)] with c by Q. Columns are in units of their scale, pixels in [0, 1].
        """
        x, reconstruction = reconstruct(self.model_, self._validate(X)[1], self.seed_)
        scores: np.ndarray = -((x - reconstruction) ** 2).mean(axis=1)
        return scores

    def score(self, X: Any, y: Any = None) -> float:
        """R² of the reconstruction from codes: 1 - E|x - E_z[G(z, c)]|² / E|x - E x|². Higher is better.

        At most 1, below 0 if G misses X, and 0 if all rows are alike. Comparable to k-means' 1 - inertia /
        variance with as many categories.
        """
        x, reconstruction = reconstruct(self.model_, self._validate(X)[1], self.seed_)
        if (x == x[0]).all():  # rounding would leave a variance
            return 0.0
        return float(1 - ((x - reconstruction) ** 2).mean() / x.var(axis=0).mean())

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The paper's names of the codes: c1, c2, ..."""
        check_is_fitted(self)
        super().get_feature_names_out(input_features)
        return np.asarray(self.model_.latent.names, dtype=object)

    def _initialise(self, X: Any, **default_options: Any) -> Pictures:
        """Makes a preprocessor and an untrained model for X; returns X as the networks take it."""
        _, x = self._validate(X, min_rows=2, reset=True)
        parameters = {name: getattr(self, name) for name in ("batch_size", "lam", "method", "device")}
        parameters |= {"steps": self.max_iter, "seed": _to_seed(self.random_state)}
        preprocessor, options = self.preprocessor_, {**default_options, **(self.options or {})}
        config = make_config(
            len(x), preprocessor.image_shape, preprocessor.is_vectors, self.codes, parameters, options
        )
        config = config.replace(batch_size=min(config.optimisation.batch_size, len(x)))
        if not preprocessor.is_vectors:
            config = config.replace(**asdict(preprocessor.pixel_scale))
        config, _ = count_categories(config, Images.from_arrays(x), progress_console(self.verbose))
        self._set_model(config, preprocessor, make_model(config))
        return x

    def _train(self, x: Pictures, steps: int, y: Any) -> "InfoGAN":
        config, model = self.config_, self.model_
        is_told = y is not None and config.pretraining.transforms and self._state is None
        labels = labels_from_y(y, len(x)) if is_told else None
        console = progress_console(self.verbose)
        self._state, self.L_I_ = train(config, model, x, labels, self._state, steps, console)
        self.category_names_ = self._state.category_names
        self.n_iter_ += steps
        return self

    def _validate(self, X: Any, min_rows: int = 1, reset: bool = False) -> tuple[np.ndarray, Pictures]:
        """X as scikit-learn validates it, and as the networks take it; `reset` fits the preprocessor."""
        shape = array_shape(X)
        if not reset:
            check_is_fitted(self)
            self.preprocessor_.check_shape(shape)
        dtype = None if len(shape) > 2 else [np.float64, np.float32]
        X = validate_data(self, X, dtype=dtype, allow_nd=True, ensure_min_samples=min_rows, reset=reset)
        if reset:
            self.preprocessor_ = Preprocessor.fit(X, self.scale)
        return X, self.preprocessor_.transform(X)


def _to_seed(random_state: Any) -> int:
    return int(check_random_state(random_state).randint(2**31 - 1))
