"""Features of images, and how generated ones are judged by them: closed forms, plain loops, oracles."""

import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from infogan.data import Factor, Factors, Images, LoadOptions, load
from infogan.data.labels import Labels
from infogan.evaluation.image_quality.classifier import classifier_targets
from infogan.evaluation.image_quality.features import (
    FeatureExtractor,
    find_feature_extractor,
    load_feature_extractor,
    make_classifier_extractor,
)
from infogan.evaluation.image_quality.metrics import density_coverage, fid, kid, precision_recall
from infogan.evaluation.image_quality.scores import METRICS, image_quality_scores, intra_category_fid
from infogan.utils.errors import InfoganError

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(230, 5)) @ RNG.normal(size=(5, 5))
FAKE = RNG.normal(size=(110, 5)) @ RNG.normal(size=(5, 5)) + 0.5
TURN = np.linalg.qr(RNG.normal(size=(5, 5))).Q


def column(*points: float) -> np.ndarray:
    return np.array(points, float)[:, None]


def whitened(n: int, width: int) -> np.ndarray:
    """A sample with mean 0 and the identity as its covariance, exactly."""
    x = RNG.normal(size=(n, width))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T


def test_fid_of_scipys_root() -> None:
    c, c_w = np.cov(REAL.T), np.cov(FAKE.T)
    shift = ((REAL.mean(axis=0) - FAKE.mean(axis=0)) ** 2).sum()
    expected = shift + np.trace(c + c_w - 2 * sqrtm(c @ c_w).real)
    assert fid(REAL, FAKE) == pytest.approx(expected, rel=1e-10)
    assert fid(FAKE, REAL) == pytest.approx(expected, rel=1e-10)
    assert fid(REAL @ TURN + 3, FAKE @ TURN + 3) == pytest.approx(expected, rel=1e-10)


def test_fid_with_fewer_images_than_features() -> None:
    """Of singular C = A A', C_w = B B': Tr sqrt(C C_w) is the sum of the singular values of A' B."""
    real, fake = RNG.normal(size=(20, 40)) * np.linspace(0.1, 1, 40), RNG.normal(size=(25, 40))
    a, b = ((x - x.mean(axis=0)) / math.sqrt(len(x) - 1) for x in (real, fake))
    traces = (a**2).sum() + (b**2).sum() - 2 * np.linalg.svd(a @ b.T, compute_uv=False).sum()
    expected = ((real.mean(axis=0) - fake.mean(axis=0)) ** 2).sum() + traces
    assert fid(real, fake) == pytest.approx(expected, rel=1e-9)
    assert fid(real, real.copy()) == pytest.approx(0, abs=1e-10)


def test_fid_of_gaussians_with_commuting_covariances() -> None:
    """|m|^2 + the sum of (s - s_w)^2 over the axes that both share."""
    s, s_w, m = np.array([1.0, 2, 0]), np.array([3.0, 0.5, 1]), np.array([1.0, -2, 0.5])
    real, fake = whitened(50, 3) * s, whitened(80, 3) * s_w + m
    assert fid(real, fake) == pytest.approx((m**2).sum() + ((s - s_w) ** 2).sum())
    assert fid(real, real + m) == pytest.approx((m**2).sum())
    assert fid(real.astype(np.float32), fake.astype(np.float32)) == pytest.approx(fid(real, fake), rel=1e-5)


def kernel(a: np.ndarray, b: np.ndarray) -> float:
    return float((a @ b / len(a) + 1) ** 3)


def test_kid_of_a_double_loop() -> None:
    n, m = len(REAL), len(FAKE)
    within = sum(kernel(a, b) for i, a in enumerate(REAL) for j, b in enumerate(REAL) if i != j)
    within_fake = sum(kernel(a, b) for i, a in enumerate(FAKE) for j, b in enumerate(FAKE) if i != j)
    across = sum(kernel(a, b) for a in REAL for b in FAKE)
    expected = within / (n * (n - 1)) + within_fake / (m * (m - 1)) - 2 * across / (n * m)
    assert kid(REAL, FAKE) == pytest.approx(expected, rel=1e-9)


def test_kid_is_unbiased() -> None:
    rng = np.random.default_rng(0)
    found = [kid(rng.normal(size=(8, 3)), rng.normal(size=(6, 3))) for _ in range(500)]
    assert abs(np.mean(found)) < 4 * np.std(found) / math.sqrt(len(found))
    assert min(found) < 0 < max(found)


@pytest.mark.parametrize(
    ("fake", "precision", "recall", "density", "coverage"),
    [
        # Balls of real points reach 1, 1, 2 and 4. 2 lies in those of 1 and 3, 10 in that of 7, 30 in none.
        (column(2, 10, 30), 2 / 3, 1, 1, 3 / 4),
        # Those of generated points reach 2, 2 and 10: of the real ones 7 alone is in one, that of 8.
        (column(8, 10, 20), 2 / 3, 1 / 4, 2 / 3, 1 / 4),
        (column(-1, 30, 31), 1 / 3, 1, 1 / 3, 1 / 4),  # -1 lies on the rim of the ball of 0
        (column(100, 101, 102), 0, 0, 0, 0),
        (column(0, 1, 3, 7), 1, 1, 2, 1),  # each ball holds its point and, on its rim, a neighbour
    ],
)
def test_neighbours_on_a_line(
    fake: np.ndarray, precision: float, recall: float, density: float, coverage: float
) -> None:
    real = column(0, 1, 3, 7)
    assert precision_recall(real, fake, k=1) == pytest.approx((precision, recall))
    assert precision_recall(fake, real, k=1) == pytest.approx((recall, precision))
    assert density_coverage(real, fake, k=1) == pytest.approx((density, coverage))


def radius(x: np.ndarray, i: int, k: int) -> float:
    return float(sorted(np.linalg.norm(x[i] - other) for j, other in enumerate(x) if j != i)[k - 1])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbours_of_plain_loops(k: int) -> None:
    radius_real = [radius(REAL, i, k) for i in range(len(REAL))]
    radius_fake = [radius(FAKE, j, k) for j in range(len(FAKE))]
    in_real = np.array(
        [[np.linalg.norm(a - b) <= r for a, r in zip(REAL, radius_real, strict=True)] for b in FAKE]
    )
    in_fake = np.array(
        [[np.linalg.norm(a - b) <= r for b, r in zip(FAKE, radius_fake, strict=True)] for a in REAL]
    )
    assert precision_recall(REAL, FAKE, k) == (in_real.any(axis=1).mean(), in_fake.any(axis=1).mean())
    density = in_real.sum() / (k * len(FAKE))
    assert density_coverage(REAL, FAKE, k) == pytest.approx((density, in_real.any(axis=0).mean()))
    assert 0 < in_real.mean() < 1
    assert 0 < in_fake.mean() < 1


def test_density_and_coverage_of_one_law_have_their_expectations() -> None:
    """1, and 1 - (n-1)...(n-k) / (m+n-1)...(m+n-k) (Naeem et al. 2020, Lemma 2)."""
    rng, n, m, k = np.random.default_rng(0), 15, 9, 3
    found = [density_coverage(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), k) for _ in range(800)]
    missed = math.prod((n - i) / (m + n - i) for i in range(1, k + 1))
    error = np.std(found, axis=0) / math.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - [1, 1 - missed]) < 4 * error).all()


BAD: list[tuple[np.ndarray, np.ndarray, str]] = [
    (REAL, np.full((30, 5), np.nan), "features of 30 generated images are NaN or infinite"),
    (np.where(np.arange(230)[:, None] == 3, np.inf, REAL), FAKE, "features of 1 real images are NaN"),
    (REAL, FAKE[:1], "1 generated images are too few to compare"),
    (REAL[:, :4], FAKE, "4 wide, those of generated ones 5; compute both with one network"),
]


@pytest.mark.parametrize(("real", "fake", "message"), BAD)
def test_bad_features(real: np.ndarray, fake: np.ndarray, message: str) -> None:
    category = np.zeros(len(real), int), np.zeros(len(fake), int)
    for call in (
        lambda: fid(real, fake),
        lambda: kid(real, fake),
        lambda: precision_recall(real, fake),
        lambda: density_coverage(real, fake),
        lambda: image_quality_scores(real, fake, "inception", "how"),
        lambda: intra_category_fid(real, category[0], fake, category[1], "inception", "c1", "how"),
    ):
        with pytest.raises(InfoganError, match=message):
            call()


def test_k_neighbours_ask_for_more_images() -> None:
    with pytest.raises(
        InfoganError, match="3 generated images are too few to compare; at least 4 are needed"
    ):
        precision_recall(REAL, FAKE[:3])
    with pytest.raises(InfoganError, match="19 real images are too few to compare; at least 20 are needed"):
        image_quality_scores(REAL[:19], FAKE, "inception", "how")


def test_every_score_bears_the_name_of_its_network() -> None:
    said: list[str] = []
    scores = image_quality_scores(REAL, FAKE, "mnist-classifier", "running statistics", said.append)
    assert list(scores) == [f"{name}[mnist-classifier]" for name in METRICS]
    assert said[0].startswith("mnist-classifier: fid, kid")
    assert len(said) == 11
    found = [score["value"] for score in scores.values()]
    pairs = precision_recall(REAL, FAKE), density_coverage(REAL, FAKE)
    assert found == [fid(REAL, FAKE), kid(REAL, FAKE), *pairs[0], *pairs[1]]
    for score in scores.values():
        assert score["low"] < score["value"] < score["high"]
        assert len(set(score["resamples"])) > 5
        assert "running statistics; 230 real and 110 generated images, 5 features each" in score["protocol"]


def test_intervals_stop_where_a_score_does() -> None:
    apart = image_quality_scores(REAL, REAL + 0.01, "inception", "how")
    assert apart["fid[inception]"]["low"] == 0
    assert apart["kid[inception]"]["low"] < 0
    assert apart["density[inception]"]["high"] > 1 == apart["coverage[inception]"]["high"]


def test_two_models_are_compared_on_the_same_real_images() -> None:
    """Halves that give the same numbers were the same: generated images of both are one image only."""
    first, second = (image_quality_scores(REAL, np.zeros((n, 5)), "a", "how") for n in (40, 64))
    assert first["fid[a]"]["resamples"] == pytest.approx(second["fid[a]"]["resamples"])


def test_fid_within_categories() -> None:
    real_category = np.repeat([0, 1, 2], [90, 80, 60])
    real = whitened(230, 5) + 10 * real_category[:, None]
    fake_category = np.repeat([0, 1, 2], [70, 90, 49])
    fake = np.concatenate([real[10:80], real[90:170] + 1, real[100:110] + 1, real[:49]])
    scores = intra_category_fid(real, real_category, fake, fake_category, "inception", "c1", "how")
    assert list(scores) == [f"fid_c1_{i}[inception]" for i in ("0", "1", "mean")]
    zero, one, mean = scores.values()
    assert zero["value"] == pytest.approx(fid(real[:90], fake[:70]))
    assert one["value"] == pytest.approx(fid(real[90:170], fake[70:160]))
    assert mean["value"] == pytest.approx((zero["value"] + one["value"]) / 2)
    assert zero["value"] < 0.5 < 4 < one["value"]
    assert mean["resamples"] == pytest.approx(np.mean([zero["resamples"], one["resamples"]], axis=0).tolist())
    assert "within category 0; how; 90 real and 70 generated images" in zero["protocol"]
    assert "within 2 of 3 categories" in mean["protocol"]


def test_no_category_is_large_enough() -> None:
    halves = np.arange(230) % 5, np.arange(110) % 5
    assert intra_category_fid(REAL, halves[0], FAKE, halves[1], "inception", "c1", "how") == {}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("infogan.data.cache.cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def quick(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Classifiers that are hardly trained."""
    monkeypatch.setattr("infogan.evaluation.image_quality.classifier.STEPS", 60)
    return cache


def classifier(images: Images, name: str, said: list[str] | None = None) -> FeatureExtractor:
    extractor = make_classifier_extractor(images, name, [].append if said is None else said.append)
    assert extractor is not None
    return extractor


def accuracy(extractor: FeatureExtractor) -> float:
    """Of a linear map from features to labels on digits:test, fitted on digits."""
    train, test = load("digits"), load("digits", "test")
    assert train.labels is not None
    assert test.labels is not None
    x, y = (np.c_[extractor.features(images.pixels), np.ones(len(images))] for images in (train, test))
    weights = np.linalg.lstsq(x, np.eye(10)[train.labels.numbers], rcond=None)[0]
    return float(((y @ weights).argmax(axis=1) == test.labels.numbers).mean())


def test_a_classifier_of_digits(cache: Path, tmp_path: Path) -> None:
    said: list[str] = []
    digits = load("digits")
    before = torch.get_rng_state()
    extractor = classifier(digits, "digits", said)
    assert torch.equal(torch.get_rng_state(), before)
    assert extractor.name == "digits-classifier"
    share = re.search(r"with ([\d.]+)% accuracy on the labels of held-out images", extractor.description)
    assert share is not None
    assert float(share[1]) > 90
    features = extractor.features(digits.pixels)
    assert features.shape == (len(digits), 64)
    assert features.min() == 0 < features.max()
    assert np.allclose(features[60:150], extractor.features(digits.x[60:150]), atol=1e-5)
    assert accuracy(extractor) > 0.85

    (kept,) = cache.iterdir()
    again = classifier(digits, "digits", said)
    assert len(said) == 1
    assert again.description == extractor.description
    assert np.array_equal(again.features(digits.pixels), features)

    kept.write_bytes(kept.read_bytes()[:-1000])
    torch.rand(1)  # what is drawn elsewhere changes nothing
    anew = classifier(digits, "digits", said)
    assert len(said) == 2
    assert np.array_equal(anew.features(digits.pixels), features)


def small(*, labels: np.ndarray | None = None, factors: Factors | None = None, seed: int = 0) -> Images:
    """Forty images, the first half dark, the second half bright; every other one bright on the left."""
    x = np.random.default_rng(seed).integers(0, 100, (40, 3, 9, 17)).astype(np.uint8)
    x[20:] += 100
    x[1::2, :, :, :8] += 50
    return Images.from_arrays(x, labels=None if labels is None else Labels(labels), factors=factors)


def test_factors_come_before_labels(quick: Path) -> None:
    bright = np.repeat([0.0, 1.0], 20)
    columns = np.stack([bright, np.zeros(40), np.arange(40) % 2], axis=1)
    factors = Factors(
        (Factor("bright", "category"), Factor("still", "number"), Factor("odd", "angle")), columns
    )
    images = small(labels=np.zeros(40, int), factors=factors)
    targets = classifier_targets(images)
    assert targets is not None
    assert np.array_equal(targets, columns[:, [0, 2]])
    extractor = classifier(images, "folder:some/where/own.pictures")
    assert extractor.name == "own-classifier"
    assert "with 100.0% accuracy on the factors of held-out images" in extractor.description


@pytest.mark.parametrize("other", [small(labels=np.arange(40) % 3), small(labels=np.arange(40) % 2, seed=1)])
def test_other_labels_and_other_images_have_a_network_of_their_own(quick: Path, other: Images) -> None:
    said: list[str] = []
    for images in (small(labels=np.arange(40) % 2), other):
        classifier(images, "own.npz", said)
    assert len(said) == len(list(quick.iterdir())) == 2


def test_nothing_is_known(tmp_path: Path) -> None:
    assert find_feature_extractor("x.npz", small(), LoadOptions(tmp_path)) is None
    assert find_feature_extractor("x.npz", small(labels=np.zeros(40, int)), LoadOptions(tmp_path)) is None


class Inception(nn.Module):
    """Takes what StyleGAN's file takes."""

    def forward(self, img: Tensor, return_features: bool = False, use_fp16: bool = False) -> Tensor:
        assert img.dtype == torch.uint8
        assert img.shape[1] == 3
        means = img.float().mean(dim=[2, 3])
        if return_features:
            return torch.cat([means, means.square()], dim=1)
        return means[:, :1]


class OneChannel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 7, 8)
        self.dropout = nn.Dropout(0.5)

    def forward(self, img: Tensor) -> Tensor:
        return self.dropout(self.conv(img.float()).flatten(1))


class Maps(nn.Module):
    def forward(self, img: Tensor) -> Tensor:
        return img.float()


class NoForward(nn.Module):
    @torch.jit.export
    def features(self, img: Tensor) -> Tensor:
        return img.float().flatten(1)


class Ranks(nn.Module):
    def forward(self, img: Tensor) -> Tensor:
        return img.flatten(1)


def script(module: nn.Module, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.(script|save|script_method)` is", DeprecationWarning)
        torch.jit.script(module).save(str(path))
    return path


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 17)])
def test_inception_is_asked_for_features_of_three_channels(
    shape: tuple[int, int, int], tmp_path: Path
) -> None:
    x = RNG.integers(0, 256, (150, *shape), dtype=np.uint8)
    extractor = load_feature_extractor(script(Inception(), tmp_path / "inception-2015-12-05.pt"), shape)
    means = np.broadcast_to(x.mean(axis=(2, 3)), (150, 3))
    assert np.allclose(extractor.features(x), np.c_[means, means**2])
    assert extractor.name == "inception"
    assert re.fullmatch(
        r"features of inception-2015-12-05.pt \(SHA-256 [0-9a-f]{12}\.\.\.\)", extractor.description
    )


def test_a_network_of_gray_images_gets_them_as_they_are(tmp_path: Path) -> None:
    module = OneChannel()
    extractor = load_feature_extractor(script(module, tmp_path / "own.pt"), (1, 8, 8))
    x = RNG.integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    assert extractor.name == "own"
    assert np.allclose(extractor.features(x), module.eval()(torch.from_numpy(x)).detach().numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("module", "shape", "reason"),
    [
        (Inception(), (2, 8, 8), "AssertionError"),
        (OneChannel(), (1, 4, 4), "Kernel size can't be greater than actual input size|channels"),
        (Maps(), (3, 8, 8), r"two images gave float32 \(2, 3, 8, 8\)"),
        (Ranks(), (3, 8, 8), r"two images gave uint8 \(2, 192\)"),
    ],
)
def test_a_network_that_gives_no_features(
    module: nn.Module, shape: tuple[int, int, int], reason: str, tmp_path: Path
) -> None:
    path = script(module, tmp_path / "own.pt")
    with pytest.raises(InfoganError, match=reason) as caught:
        load_feature_extractor(path, shape)
    assert str(caught.value).startswith(f"features: {path} returns no features")
    assert str(shape) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_of_another_shape(tmp_path: Path) -> None:
    extractor = load_feature_extractor(script(Inception(), tmp_path / "own.pt"), (3, 8, 8))
    with pytest.raises(InfoganError, match=r"\(1, 9, 9\), but own was loaded for \(3, 8, 8\)"):
        extractor.features(np.zeros((2, 1, 9, 9), np.uint8))


def test_no_torchscript(tmp_path: Path) -> None:
    path = tmp_path / "own.pt"
    with pytest.raises(InfoganError, match="there is no file"):
        load_feature_extractor(path, (1, 8, 8))
    torch.save({"weight": torch.zeros(3)}, path)
    whole = script(Inception(), tmp_path / "whole.pt").read_bytes()
    other = script(NoForward(), tmp_path / "other.pt").read_bytes()
    for content in (path.read_bytes(), other, b"no network", b"", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InfoganError, match="is not a TorchScript file of a network"):
            load_feature_extractor(path, (1, 8, 8))


def test_the_file_comes_before_inception_and_inception_before_a_classifier(
    quick: Path, tmp_path: Path
) -> None:
    def found(file: Path | None = None) -> str:
        extractor = find_feature_extractor(
            "mnist", small(labels=np.arange(40) % 2), LoadOptions(tmp_path), file
        )
        assert extractor is not None
        return extractor.name

    assert found() == "mnist-classifier"
    script(Inception(), tmp_path / "inception" / "inception-2015-12-05.pt")
    assert found() == "inception"
    assert found(script(Inception(), tmp_path / "own.pt")) == "own"
