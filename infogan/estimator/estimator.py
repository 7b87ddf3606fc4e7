"""InfoGAN as a scikit-learn estimator: unlabelled X in; codes of each row, categories, and new rows out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from infogan.config import Config
from infogan.estimator.asking import checked_codes, first_discrete, probabilities, told
from infogan.estimator.defaults import make_config
from infogan.estimator.folder import ABOUT, Fitted, load, of_run, save
from infogan.estimator.layout import Layout, shape_of
from infogan.estimator.training import State, train
from infogan.method.model import Model, Pictures, make_model
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError
from infogan.utils.rng import make_rng

DRAWS = 16  # of z, over which the picture of a code is a mean


@final
class InfoGAN(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # no types
    """Learns what varies in unlabelled vectors (n, d) or images (n, h, w) or (n, h, w, channels).

    Images are uint8, or floats in [0, 1], which are taken at 8 bits. It is no `ClusterMixin`, as codes need
    not be discrete; `predict` gives the category of the first that is. Nothing here is a log-likelihood: G
    draws rows and knows no density, nor does D. What is scored is how well rows are told from their codes.

    Args:
        codes: KIND:NUMBER words: cat:K is a category of K, unif:N are N numbers in (-1, 1), gauss:N of
            N(0, 1), bern:N coins, circ:N angles; noise:N is the width of the noise z, 62 if not named.
        max_iter: training steps of D and G; None chooses by the size of X.
        batch_size: rows per step, at most those of X.
        lam: λ, the weight of L_I in both losses: one number, or one a code.
        scale: columns of vectors are brought to mean 0, and each ("columns") or all together ("all", for
            pixels and the like, of one unit) to deviation 1.
        options: further fields of `infogan.Config` by name, such as {"lr_d": 1e-4, "net": "small"}.
        random_state: decides weights, order, noise: an int gives the same bits each time.
        device: where to train; what follows is on the CPU.
        verbose: 1 shows progress, on standard error.

    Attributes:
        model_: the `infogan.Model`.
        config_: the whole `infogan.Config`.
        L_I_: the bound of each code's information (Eq. 5), in nats, mean over the last 100 updates.
        n_iter_: updates done.
        seed_: what random_state gave.
        n_features_in_: columns of vectors; the height of images, as scikit-learn counts.
    """

    def __init__(
        self,
        codes: str = "cat:10 unif:2",
        *,
        max_iter: int | None = None,
        batch_size: int | None = None,
        lam: float | int | Sequence[float | int] | None = None,
        scale: Literal["columns", "all"] = "columns",
        options: Mapping[str, Any] | None = None,
        random_state: Any = None,
        device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
        verbose: int = 0,
    ) -> None:
        self.codes = codes
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.lam = lam
        self.scale = scale
        self.options = options
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "InfoGAN":
        """Trains from the start, on two rows or more; y is not looked at.

        Where `options` name a motion, such as {"transforms": "rotate:0.2 translate:0.1"}, kinds of images are looked
        for first, which stay what they are as they move; if there are any, a discrete code learns them.

        Raises:
            InfoganError: for parameters or images that cannot be, or a loss that is no finite number.
        """
        return self._train(self._begin(X), self.config_.optimisation.steps)

    def partial_fit(self, X: Any, y: Any = None) -> "InfoGAN":
        """Goes on for one pass over these rows, n / batch updates; raises as `fit`.

        The first call, where no `fit` was before it, decides on networks, batch and scale, and if kinds are
        looked for, it is among its rows. Rates do not fall, as no pass is the last.
        """
        x = (
            self._read(X, least=2)[1]
            if "model_" in vars(self)
            else self._begin(X, {"lr_decay_fraction": 0.0})
        )
        return self._train(x, -(-len(x) // min(len(x), self.config_.optimisation.batch_size)))

    def fit_predict(self, X: Any, y: Any = None) -> Int[np.ndarray, "n"]:
        """`fit(X).predict(X)`."""
        return self.fit(X).predict(X)

    def transform(self, X: Any) -> Float[np.ndarray, "n L"]:
        """Each row's codes as Q reads them, a column a code: a category's index, a number, radians."""
        X, x = self._read(X)
        values = self.model_.encode(x).values.numpy()
        return values.astype(X.dtype if X.dtype.kind == "f" else np.float32)

    def predict(self, X: Any) -> Int[np.ndarray, "n"]:
        """Each row's category of the first discrete code.

        Raises:
            InfoganError: where there is none.
        """
        check_is_fitted(self)
        i, _ = first_discrete(self.model_, "predict")
        found: np.ndarray = self.model_.encode(self._read(X)[1]).values[:, i].numpy().astype(np.int64)
        return found

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Q(c|x) of the first discrete code, a column a category; raises as `predict`."""
        check_is_fitted(self)
        i, _ = first_discrete(self.model_, "predict_proba")
        return probabilities(self.model_, i, self._read(X)[1])

    def inverse_transform(self, X: Any) -> np.ndarray:
        """G's rows for codes (n, L), in the shape and units of X; all with one z, which random_state decides.

        Raises:
            InfoganError: for codes of another width, or a category that there is not.
        """
        check_is_fitted(self)
        values = checked_codes(self.model_, check_array(X, dtype=np.float32))
        z = self._z("inverse", 1).expand(len(values), -1)
        return self.layout_.from_networks(self.model_.decode(values, z))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """New rows, of codes and noise from their priors; the same each time unless random_state is given."""
        check_is_fitted(self)
        seed = self.seed_ if random_state is None else _seed(random_state)
        return self.layout_.from_networks(self.model_.sample(n_samples, make_rng(seed, "sample")))

    def score_samples(self, X: Any) -> Float[np.ndarray, "n"]:
        """How well each row is told from its codes: minus the mean square of x - E_z[G(z, c)], c by Q.

        The mean is over columns in units of their scale, or pixels in [0, 1]. Odd ones score low.
        """
        x, mean = self._told(X)
        scores: np.ndarray = -((x - mean) ** 2).mean(axis=1)
        return scores

    def score(self, X: Any, y: Any = None) -> float:
        """The share of X's variance that its codes account for: 1 - E|x - E_z[G(z, c)]|² / E|x - E x|².

        At most 1, below 0 where G misses X; higher is better. It asks for no label, and compares with k-means
        (1 - inertia / variance) at as many categories.
        """
        x, mean = self._told(X)
        variance = x.var(axis=0).mean()
        return float(1 - ((x - mean) ** 2).mean() / variance) if variance else 0.0

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """c1, c2, ..., the paper's names."""
        check_is_fitted(self)
        super().get_feature_names_out(input_features)
        return np.asarray(self.model_.latent.names, dtype=object)

    def save(self, path: str | Path) -> None:
        """Writes a folder without pickle, from which `load` gives an estimator that answers the same.

        It is also one that `Run.open` reads.

        Raises:
            InfoganError: where it cannot be written, or would overwrite something else.
        """
        check_is_fitted(self)
        parameters = self.get_params(deep=False)
        if not isinstance(self.random_state, int | None):
            parameters["random_state"] = None  # a stream of numbers; what it decided is in the config's seed
        names = [str(name) for name in getattr(self, "feature_names_in_", ())] or None
        L_I, model = self.L_I_.tolist(), self.model_
        save(Fitted(parameters, self.config_, self.layout_, model, self.n_iter_, L_I, names), Path(path))

    @staticmethod
    def load(path: str | Path) -> "InfoGAN":
        """What `save` wrote. `partial_fit` goes on from its weights, with Adam begun anew.

        Where kinds were looked for it goes on without, and at half of D's rate.

        Raises:
            InfoganError: where there is no such folder, or a file in it is damaged.
        """
        return InfoGAN._of(load(Path(path)))

    @staticmethod
    def from_pretrained(path_or_repo: str | Path) -> "InfoGAN":
        """A saved estimator, a run or an exported model: a folder here, or a repository of the model hub.

        Raises:
            InfoganError: where there is none, or it is damaged.
        """
        from infogan.export.hub import fetch

        path = fetch(path_or_repo)
        return InfoGAN._of(load(path) if (path / ABOUT).is_file() else of_run(Run.open(path)))

    @staticmethod
    def _of(fitted: Fitted) -> "InfoGAN":
        try:
            estimator = InfoGAN(**fitted.parameters)
        except TypeError as error:
            raise InfoganError(
                f"{ABOUT} names parameters of another version ({error}); save it again."
            ) from error
        config = fitted.config
        if config.pretraining.steps:  # the clusters are not saved, and clustering anew would number them anew
            config = config.replace(transforms="", pretraining_steps=0)
        estimator._set(config, fitted.layout, fitted.model)
        estimator.n_features_in_, estimator.n_iter_ = fitted.layout.item[0], fitted.n_iter
        if fitted.L_I is not None:
            estimator.L_I_ = np.array(fitted.L_I, dtype=np.float32)
        if fitted.columns is not None:
            estimator.feature_names_in_ = np.array(fitted.columns, dtype=object)
        return estimator

    def _begin(self, X: Any, default: Mapping[str, Any] | None = None) -> Pictures:
        """Forgets what was, and takes X's layout; gives X as the networks take it.

        Args:
            default: options, where none of that name are given.
        """
        _, x = self._read(X, least=2, reset=True)
        given = {name: getattr(self, name) for name in ("batch_size", "lam", "device")}
        given |= {"steps": self.max_iter, "seed": _seed(self.random_state)}
        layout = self.layout_
        options = {**(default or {}), **(self.options or {})}
        config = make_config(len(x), layout.shape, layout.of_vectors, self.codes, given, options)
        config = config.replace(batch_size=min(config.optimisation.batch_size, len(x)))
        self._set(config, layout, make_model(config))
        return x

    def _set(self, config: Config, layout: Layout, model: Model) -> None:
        self.config_, self.layout_, self.model_ = config, layout, model
        self.seed_, self.n_iter_ = config.run.seed, 0
        self._state: State | None = None
        self._n_features_out = len(model.latent.codes)

    def _train(self, x: Pictures, steps: int) -> "InfoGAN":
        config, model = self.config_, self.model_
        self._state, self.L_I_ = train(config, model, x, self._state, steps, self.verbose)
        self.n_iter_ += steps
        return self

    def _read(self, X: Any, least: int = 1, reset: bool = False) -> tuple[np.ndarray, Pictures]:
        """X as scikit-learn checks it, nowhere NaN or infinite, and as the networks take it.

        With `reset` its layout is taken, of vectors as floats, of images as they are.
        """
        shape = shape_of(X)
        if not reset:
            check_is_fitted(self)
            self.layout_.check_rows(shape)
        dtype = None if len(shape) > 2 else [np.float64, np.float32]
        X = validate_data(self, X, dtype=dtype, allow_nd=True, ensure_min_samples=least, reset=reset)
        if reset:
            self.layout_ = Layout.of(X, self.scale)
        return X, self.layout_.to_networks(X)

    def _z(self, purpose: str, n: int) -> Float[Tensor, "n n_z"]:
        return self.model_.latent.sample_z(n, make_rng(self.seed_, purpose))

    def _told(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        x = self._read(X)[1]
        return told(self.model_, x, self._z("told", DRAWS))


def _seed(random_state: Any) -> int:
    return int(check_random_state(random_state).randint(2**31 - 1))
