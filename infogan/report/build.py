"""Measures all that the report says; `report.html` lays it out."""

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from infogan.data import Images, public_name
from infogan.data.false_colour import describe_channels
from infogan.data.pixels import PICTURE_CHANNELS
from infogan.evaluation import Score, read_evaluation
from infogan.evaluation.baselines import baselines_of
from infogan.evaluation.consistency import (
    N_IMAGES,
    info_bounds,
    recover_codes,
    recovery_scores,
    stability_scores,
)
from infogan.evaluation.control.scores import CONTROL_SCORES, N_REAL, control_scores
from infogan.evaluation.evidence import MIN_COVERAGE, gather_evidence
from infogan.evaluation.other_seeds import MAX_RUNS, MIN_AGREEMENT
from infogan.evaluation.use_of_codes import sensitivity
from infogan.method.latent import Latent
from infogan.method.model import Model
from infogan.method.objective import max_info_bound
from infogan.report.associations import association_table, known_columns
from infogan.report.charts import Chart, make_chart
from infogan.report.code_section import CodeSection, build_code_section
from infogan.report.inline_images import InlineImage, inline_grid, inline_image
from infogan.report.map import code_columns, image_map
from infogan.report.metadata import join_metadata
from infogan.report.outliers import MAX_DIFFERENCE, DuplicatesAndOutliers, find_duplicates_and_outliers
from infogan.report.reliability import CRITERIA, VERDICTS
from infogan.report.sample import Sample, sample_images
from infogan.runs.labels import category_names, n_labelled
from infogan.runs.run import Run
from infogan.utils.rng import make_rng

N_SAMPLE_ROWS, N_SAMPLE_COLUMNS = 6, 10
MAX_GROUPS, MAX_OUTLIERS = 12, 24  # shown
SHOWN_ELSEWHERE = tuple(
    f"{name}_" for name in ("association", "info_bound", "recovery", "stability", *CONTROL_SCORES)
)


def build_report(
    run: Run, model: Model, images: Images, metadata: Path | None, progress: Callable[[str], None]
) -> dict[str, Any]:
    """The variables of the template.

    Raises:
        InfoganError: if the metadata do not match the images.
    """
    progress("encoding images")
    sample = sample_images(model, images)
    joined = join_metadata(metadata, images.names, len(images), sample.index) if metadata else None
    if joined:
        print(joined.message, file=sys.stderr)
    sections = _code_sections(run, model, sample, progress)
    columns = [*known_columns(sample), *(joined.columns if joined else [])]
    progress("associations of the codes")
    baselines = baselines_of(model.latent, sample.x) if columns else {}
    rows = association_table(sample.values, model.latent, columns, baselines)
    progress("duplicates and outliers")
    found = find_duplicates_and_outliers(sample.x, sample.features)
    headings = [f"{s.id} {s.name}".strip() for s in sections]
    progress("map")
    codes = code_columns(run, model, sample, headings)
    return {
        "title": run.path.resolve().name,
        "facts": _facts(run, model, sample),
        "drawn": describe_channels(ch) if (ch := model.G.shape[0]) not in PICTURE_CHANNELS else "",
        "sample": sample,
        "samples": _real_and_generated(model, sample),
        "sections": sections,
        "criteria": CRITERIA,
        "verdicts": VERDICTS,
        "max_runs": MAX_RUNS,
        "min_agreement": MIN_AGREEMENT,
        "min_coverage": MIN_COVERAGE,
        "headings": headings,
        "rows": rows,
        "metadata": joined,
        "charts": _charts(run, model.latent),
        "map": image_map(sample, codes, columns, found, MAX_OUTLIERS),
        **_duplicates_and_outliers(sample, found),
        "scores": _scores(run),
        "n_real": min(N_REAL, len(sample)),
        "n_generated": N_IMAGES,
    }


def _code_sections(
    run: Run, model: Model, sample: Sample, progress: Callable[[str], None]
) -> list[CodeSection]:
    """One section per code; its L_I and recovery are taken from evaluation.json, if they are there."""
    scores: dict[str, Score] = dict((read_evaluation(run) or {}).get("generated", {}))
    ids = model.latent.names
    if any(f"info_bound_{id}" not in scores for id in ids):
        progress("L_I of generated images")
        scores |= info_bounds(model, run.config.optimisation.batch_size, make_rng(0, "evaluate"))
    if any(f"recovery_{id}" not in scores for id in ids):
        progress("recovery of the codes of generated images")
        scores |= recovery_scores(model, recover_codes(model, make_rng(0, "recovery")))
    rows = np.linspace(0, len(sample) - 1, min(N_REAL, len(sample))).astype(int)
    some = sample.x[rows]
    if sample.has_pictures:
        progress("stability of the codes of shifted images")
        scores |= stability_scores(model, some)
    progress("what the continuous codes change")
    scores |= control_scores(model, some, make_rng(0, "control"))
    sensitivities = sensitivity(model, make_rng(0, "responses"))
    progress("codes of other seeds")
    evidence = gather_evidence(run, model, some, sample.values[rows], sample.index[rows], sample.n_total)
    names, categories, config = run.code_names(), category_names(run), run.config.codes
    sections = []
    for i, id in enumerate(ids):
        progress(f"images of {id}")
        sections.append(
            build_code_section(
                model,
                i,
                names.get(id, ""),
                categories,
                sample,
                scores,
                float(sensitivities[i]),
                evidence[i],
                config.fixed_std,
                config.min_std,
            )
        )
    return sections


def _facts(run: Run, model: Model, sample: Sample) -> list[tuple[str, str, str]]:
    """Name, value and explanation of what was trained."""
    config, environment = run.config, run.environment()
    ch, h, w = model.G.shape
    is_vector = config.networks.architecture == "vectors"
    shape = f"{w} numbers" if is_vector else f"{w} × {h} pixels, {describe_channels(ch)}"
    covered = "all of them" if len(sample) == sample.n_total else f"a random sample of {len(sample):,}"
    versions = environment.get("versions")
    packages = (
        ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else "not recorded"
    )
    labels = n_labelled(run)
    told = (
        [("Labels", labels, "which training learned from, the only ones that it saw; labels.json")]
        if labels
        else []
    )
    steps = f"{run.steps:,} of {config.optimisation.steps:,}"
    return [
        ("Data set", public_name(config.data.images), "the images that the model was trained on"),
        ("Images", f"{sample.n_total:,}", f"this report covers {covered}"),
        *told,
        ("Size", shape, "of one image, as the networks see it"),
        ("Codes", config.codes.spec, "Q recovers the codes from an image; noise is the rest of G's input"),
        ("Networks", config.networks.architecture, "the architecture of G, D and Q"),
        ("Steps", steps, f"of training, with {config.optimisation.batch_size} images each"),
        ("Seed", str(config.run.seed), "the same seed and settings reproduce the run"),
        ("Precision", config.run.precision, "of the numbers in training"),
        ("Started", str(environment.get("begun", "not recorded")), "in UTC"),
        (
            "Commit",
            str(environment.get("commit") or "not recorded"),
            "of infogan; + means uncommitted changes",
        ),
        ("Versions", packages, "of the software used in training"),
    ]


def _real_and_generated(model: Model, sample: Sample) -> list[tuple[str, InlineImage]]:
    """Random real and generated images, equally many; none of vectors."""
    if not sample.has_pictures:
        return []
    rows = max(1, min(N_SAMPLE_ROWS, len(sample) // N_SAMPLE_COLUMNS))
    cols = min(N_SAMPLE_COLUMNS, len(sample))
    n = rows * cols
    chosen = np.sort(np.random.default_rng(0).permutation(len(sample))[:n])
    images = {"Real": sample.x[chosen], "Generated": model.sample(n, make_rng(0, "samples"))}
    return [
        (title, inline_grid(x.reshape(rows, cols, *x.shape[1:]), f"{n} random {title.lower()} images"))
        for title, x in images.items()
    ]


def _charts(run: Run, latent: Latent) -> list[Chart]:
    rows = run.metrics()
    if not rows:
        return []
    steps = [float(row["step"]) for row in rows]

    def metric(name: str) -> list[float]:
        return [float(row.get(name, math.nan)) for row in rows]

    charts = []
    for id, code in zip(latent.names, latent.codes, strict=True):
        bound = max_info_bound(code, run.config.codes.fixed_std or run.config.codes.min_std)
        reference = None if bound is None else (f"H({id})" if code.categories else "maximum", bound)
        L_I = {"L_I": metric(f"L_I_{id}")}
        if f"L_I_real_{id}" in rows[-1]:
            L_I["on real images"] = metric(f"L_I_real_{id}")
        charts.append(make_chart(f"L_I of {id}, nats", steps, L_I, reference))
    charts.append(make_chart("Losses, nats", steps, {"D": metric("loss_d"), "G": metric("loss_g")}))
    if "diversity" in rows[-1]:
        diversity = {"diversity": metric("diversity")}
        charts.append(make_chart("Diversity of generated images", steps, diversity, ("real images", 1.0)))
    return [*charts, make_chart("Speed, images/s", steps, {"speed": metric("images_per_s")})]


def _duplicates_and_outliers(sample: Sample, found: DuplicatesAndOutliers) -> dict[str, Any]:
    def titled(i: int) -> tuple[str, InlineImage | None]:
        title = sample.title(i)
        return title, inline_image(sample.x[i], title) if sample.has_pictures else None

    outliers = zip(found.outliers[:MAX_OUTLIERS].tolist(), found.scores, found.by_pixels, strict=False)
    return {
        "duplicates": [[titled(i) for i in group[:MAX_OUTLIERS]] for group in found.duplicates[:MAX_GROUPS]],
        "n_groups": len(found.duplicates),
        "n_duplicates": sum(map(len, found.duplicates)),
        "near_duplicates": [
            (titled(a), titled(b), difference) for a, b, difference in found.near_duplicates[:MAX_GROUPS]
        ],
        "n_near_duplicates": len(found.near_duplicates),
        "max_difference": MAX_DIFFERENCE,
        "copies": [(titled(copy.a), titled(copy.b), copy.how) for copy in found.copies[:MAX_GROUPS]],
        "n_copies": len(found.copies),
        "outliers": [(*titled(i), float(score), by_pixels) for i, score, by_pixels in outliers],
    }


def _scores(run: Run) -> Mapping[str, dict[str, Score]]:
    """The scores of evaluation.json by split, if it belongs to the last checkpoint."""
    shown = {
        split: {name: s for name, s in scores.items() if not name.startswith(SHOWN_ELSEWHERE)}
        for split, scores in (read_evaluation(run) or {}).items()
    }
    return {split: scores for split, scores in shown.items() if scores}
