"""Tables of docs that are not about MNIST alone, from benchmarks/records."""

import statistics
from collections.abc import Callable
from typing import Any

from records import each, middle, read, table


def clustering_on_other_images() -> str:
    rows = []
    for images, name in (("Fashion-MNIST", "fashion-best-gpu"), ("custom:digits", "own-digits")):
        cells = [
            each(name, variant, score, digits)
            for score, digits in (("one_to_one_error", 3), ("nmi", 3), ("fid", 2), ("seconds", 0))
            for variant in ("whole", "none")
        ]
        rows.append((images, *cells))
    columns = [
        f"{score} {which}"
        for score in ("1-1 error", "NMI", "FID", "seconds")
        for which in ("with", "without")
    ]
    return table(("images", *columns), rows)


def stability_and_noise() -> str:
    """SVHN and sprites, whose clusters were used in any case."""
    rows = []
    for images, name in (("SVHN", "own-svhn-gpu"), ("sprites", "sprites-gpu")):
        for variant, what in (("whole", "yes"), ("none", "no")):
            rows.append(
                (images, what, each(name, variant, "one_to_one_error", 2), each(name, variant, "fid", 1))
            )
    return table(("images", "clusters used", "1-1 error", "FID"), rows)


def knobs_sprites() -> str:
    true = ["the true factors, with the angle as far as the shape shows it"]
    published = ["InfoGAN-CR with ModelCentrality (Lin et al. 2020), without a prior", "0.92", "0.45", ""]

    def best(run: Any) -> list[str]:
        return [f"{max(run['spearman'][factor].values()):.3f}" for factor in ("x", "y", "scale")]

    record = read("knobs-sprites")
    rows = _knobs_rows(record, best)
    rows.append([*true, *_of_scores(record["true_factors"]), "1", "1", "1"])
    rows.append([*published, "", "", ""])
    return table(("seed", *SCORES, "x", "y", "scale"), rows)


def knobs_rooms3d() -> str:
    record = read("knobs-rooms3d")
    factors = list(next(iter(record["runs"].values()))["best"])
    rows = _knobs_rows(record, lambda run: [f"{run['best'][factor][1]:.3f}" for factor in factors])
    return table(("seed", *SCORES, *(factor.replace("_", " ") for factor in factors)), rows)


SCORES = {"FactorVAE": "factorvae", "MIG": "mig", "DCI": "dci_disentanglement"}


def _of_scores(scores: dict[str, float]) -> list[str]:
    return [f"{scores[key]:.3f}" for key in SCORES.values()]


def _knobs_rows(record: Any, best: Callable[[Any], list[str]]) -> list[list[str]]:
    """A row for each run, the medians, and a row for each baseline."""
    runs = record["runs"].items()
    rows = [
        [name.rpartition("-")[2], *_of_scores(run["angle_as_cosine_and_sine"]), *best(run)]
        for name, run in runs
    ]
    empty = [""] * (len(rows[0]) - len(SCORES) - 1)
    for words, key in (
        ("**median**", "angle_as_cosine_and_sine"),
        ("median, angles as one code", "angle_as_one_code"),
    ):
        medians = {score: statistics.median(run[key][score] for _, run in runs) for score in SCORES.values()}
        cells = _of_scores(medians)
        rows.append([words, *(f"**{cell}**" if words.startswith("*") else cell for cell in cells), *empty])
    return rows + [[name, *_of_scores(scores), *empty] for name, scores in record["baselines"].items()]


def _factors_read(preset: str) -> str:
    """A row per factor; of each run the code that follows it best, then what simpler methods find."""
    record = read(f"factors-read-{preset}")
    runs, baselines = record["runs"], record["baselines"]
    rows = []
    for factor in next(iter(runs.values()))["best"]:
        of_runs = (run["best"][factor] for run in runs.values())
        cells = [f"{value:.2f} ({code})" for code, value in of_runs]
        rows.append([factor, *cells, *(f"{best[factor][1]:.2f}" for best in baselines.values())])
    names = (f"seed {name.rpartition('-')[2]}" for name in runs)
    return table(("factor", *names, *baselines), rows)


def factors_read_chairs_32() -> str:
    return _factors_read("chairs-32")


def factors_read_faces() -> str:
    return _factors_read("faces")


def attributes() -> str:
    rows = []
    for name, found in read("attributes")["runs"].items():
        what = f"`celeba`, seed {name[7:]}" if name.startswith("celeba-") else name
        best = ", ".join(f"{a.replace('_', ' ')} {area:.2f}" for a, (area, _) in [*found["best"].items()][:4])
        scores = (f"{found['mean_best_area']:.3f}", str(found["captured"]), f"{found['tad']:.2f}")
        rows.append((what, str(found["codes"]), *scores, best))
    columns = (
        "what reads",
        "codes",
        "area, mean of 40",
        "attributes at 0.75 or more",
        "TAD",
        "the best four",
    )
    return table(columns, rows)


def case_study() -> str:
    rows = []
    for name, found in read("case-study").items():
        if name == "environment":
            continue
        here = [middle([run[score] for run in found["runs"]], 2) for score in ("accuracy", "nmi")]
        between = [middle(found[f"{score} between seeds"], 2) for score in ("nmi", "rho")]
        rows.append((name, "infogan", *here, *between))
        for method in ("k-means", "Gaussian mixture on principal components"):
            scores = (f"{found[method][score]:.2f}" for score in ("accuracy", "nmi"))
            rows.append((name, method, *scores, "", ""))
    columns = ("table", "method", "accuracy", "NMI", "two seeds: categories", "two seeds: numbers")
    return table(columns, rows)


def vectors() -> str:
    rows = []
    for name, runs in read("vectors")["rows"].items():
        scores = [middle([run[score] for run in runs], 3) for score in ("1-1 accuracy", "NMI", "ARI")]
        seconds = statistics.median(run["seconds"] for run in runs)
        rows.append((f"`{name}`", *scores, "< 0.1" if seconds < 0.1 else f"{seconds:.1f}"))
    return table(("method", "1-1 accuracy", "NMI", "ARI", "seconds"), rows)


def default_transforms() -> str:
    names = {"digits": "digits", "mnist": "MNIST", "svhn": "SVHN", "celeba": "CelebA"}
    found = read("default-transforms")["found"]

    def cell(runs: dict[str, Any], key: str) -> str:
        values = [run[key] for run in runs.values() if key in run]
        return ", ".join(str(value) for value in values) or "-"

    keys = ("stability", "nmi", "nmi_of_k_means", "seconds")
    rows = [(what, *(cell(found[name], key) for key in keys)) for name, what in names.items()]
    return table(("images", "stability", "NMI of the clusters", "NMI of k-means on pixels", "seconds"), rows)


def own_folders() -> str:
    rows = []
    for images, name in (("CelebA", "celeba"), ("SVHN", "svhn")):
        found = read(f"own-folders-{name}")
        rows += [(f"{images}, {run}", *_cells(of)) for run, of in found["runs"].items()]
        rows += [(f"{images}, {method}", *_cells(of)) for method, of in found["baselines"].items()]
    return table(("images, run", *OWN_FOLDERS.values()), rows)


OWN_FOLDERS = {
    "light from the right": "light from the right",
    "light from below": "from below",
    "brightness": "brightness",
    "area": "mean best area",
    "agreement": "agreement with the other seed",
    "control": "control",
    "fid": "FID",
}


def _cells(found: dict[str, Any]) -> list[str]:
    return [str(found.get(key, "-")) for key in OWN_FOLDERS]


def verdicts() -> str:
    pairs = read("verdicts")["by eye, verdict"]
    words = {"good": "all criteria are met", "mixed": "*doubtful*", "none": "*not reliable*"}
    rows = [
        (f"*{eye}*", *(str(pairs.get(f"{eye}, {verdict}", 0)) for verdict in words))
        for eye in ("good", "mixed")
    ]
    return table(("by eye", *words.values()), rows)


TABLES = (
    *(clustering_on_other_images, stability_and_noise, verdicts, own_folders),
    *(
        knobs_sprites,
        knobs_rooms3d,
        factors_read_chairs_32,
        factors_read_faces,
        attributes,
        default_transforms,
        vectors,
    ),
    case_study,
)
