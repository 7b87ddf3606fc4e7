"""Everything that the page says, measured and put into words; `page.html` sets it."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from infogan.config import Config
from infogan.data import Images, public_name
from infogan.evaluation import Score, read_evaluation
from infogan.evaluation.consistency import (
    N_IMAGES,
    info_bounds,
    recover_codes,
    recovery_scores,
    stability_scores,
)
from infogan.method.latent import Latent
from infogan.method.model import Model
from infogan.report.codes import Section, ceiling, make_section
from infogan.report.columns import associate, known_columns
from infogan.report.curves import Chart, chart
from infogan.report.metadata import join
from infogan.report.oddities import NEAR, NEAR_SHARE, Oddities, find_oddities
from infogan.report.pictures import Picture, picture, sheet
from infogan.report.sample import Sample, take_sample
from infogan.report.trust import RULES, WORDS, responses
from infogan.runs.run import Run
from infogan.utils.rng import make_rng

Say = Callable[[str], None]

BESIDE = (6, 10)  # rows and columns of samples
PAIRS_SHOWN, ODD_SHOWN, NUDGED = 12, 24, 1_000
LEFT_OUT = ("association_", "info_bound_", "recovery_", "stability_")  # scores that the page shows elsewhere


def gather(run: Run, model: Model, images: Images, metadata: Path | None, say: Say) -> dict[str, Any]:
    """What the template is given, by name.

    Raises:
        InfoganError: where the table does not join.
    """
    say(f"reading the codes of {min(len(images), 10_000):,} images")
    sample = take_sample(model, images)
    joined = join(metadata, images.names, len(images), sample.index) if metadata else None
    sections = _sections(run, model, sample, say)
    columns = [*known_columns(sample), *(joined.columns if joined else [])]
    say("codes against what is known of the images")
    rows = associate(sample.values, model.latent.codes, columns)
    say("images that are there twice, and odd ones")
    return {
        "title": run.path.resolve().name,
        "facts": _facts(run, model, sample),
        "sample": sample,
        "beside": _beside(model, sample),
        "sections": sections,
        "rules": RULES,
        "words": WORDS,
        "headings": [f"{s.id} {s.name}".strip() for s in sections],
        "rows": rows,
        "joined": joined,
        "charts": _charts(run, model.latent),
        "oddities": _oddities(sample),
        "scores": _scores(run),
        "nudged": min(NUDGED, len(sample)),
        "made": N_IMAGES,
    }


def _sections(run: Run, model: Model, sample: Sample, say: Say) -> list[Section]:
    """A section a code; scores that evaluation.json has are not measured again."""
    scores: dict[str, Score] = dict((read_evaluation(run) or {}).get("generated", {}))
    ids = model.latent.names
    if any(f"info_bound_{id}" not in scores for id in ids):
        say("L_I of generated images")
        scores |= info_bounds(model, run.config.optimisation.batch_size, make_rng(0, "evaluate"))
    if any(f"recovery_{id}" not in scores for id in ids):
        say("codes read off generated images")
        scores |= recovery_scores(model, recover_codes(model, make_rng(0, "recovery")))
    if sample.x.dtype == np.uint8:
        say("codes of images that are moved by a pixel")
        chosen = np.linspace(0, len(sample) - 1, min(NUDGED, len(sample))).astype(int)
        scores |= stability_scores(model, sample.x[chosen])
    response = responses(model, make_rng(0, "responses"))
    names = run.code_names()
    made = []
    for i, id in enumerate(ids):
        say(f"pictures of {id}")
        made.append(
            make_section(
                model,
                i,
                names.get(id, ""),
                sample,
                scores,
                float(response[i]),
                run.config.codes.fixed_std,
                run.config.codes.min_std,
            )
        )
    return made


def _facts(run: Run, model: Model, sample: Sample) -> list[tuple[str, str, str]]:
    """What, its value, and half a sentence on how to read it."""
    config: Config = run.config
    told = run.environment()
    ch, h, w = model.G.shape
    what = (
        f"{w} numbers"
        if config.networks.architecture == "vectors"
        else f"{w} × {h} pixels, {'gray' if ch == 1 else f'{ch} channels'}"
    )
    looked_at = "all of them" if len(sample) == sample.of else f"a random choice of {len(sample):,}"
    versions = told.get("versions")
    listed = (
        ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else "not recorded"
    )
    return [
        ("Images", public_name(config.data.images), "where the training took them from"),
        ("How many", f"{sample.of:,}", f"this page looks at {looked_at}"),
        ("Each", what, "as the networks see them"),
        ("Codes", config.codes.spec, "what may vary by name; noise is the rest, which nobody reads back"),
        ("Networks", config.networks.architecture, "the pair of generator G and reader Q"),
        (
            "Updates",
            f"{run.steps:,} of {config.optimisation.steps:,}",
            f"steps of {config.optimisation.batch_size} images each",
        ),
        ("Seed", str(config.run.seed), "the same seed and settings give the same run again"),
        ("Precision", config.run.precision, "how numbers were held in training"),
        ("Begun", str(told.get("begun", "not recorded")), "the time is UTC"),
        ("Commit", str(told.get("commit") or "not recorded"), "of the program; + means it was changed since"),
        ("Versions", listed, "of what the training ran on"),
    ]


def _beside(model: Model, sample: Sample) -> list[tuple[str, Picture]]:
    """As many real as generated images; none of vectors."""
    if sample.x.dtype != np.uint8:
        return []
    rows, cols = BESIDE
    rows = max(1, min(rows, len(sample) // cols))
    cols = min(cols, len(sample))
    n = rows * cols
    order = np.random.default_rng(0).permutation(len(sample))[:n]
    made = {
        "Real": sample.x[np.sort(order)],
        "Generated": model.sample(n, make_rng(0, "samples")),
    }
    return [
        (title, sheet(x.reshape(rows, cols, *x.shape[1:]), f"{n} {title.lower()} images, drawn at random"))
        for title, x in made.items()
    ]


def _charts(run: Run, latent: Latent) -> list[Chart]:
    rows = run.metrics()
    if not rows:
        return []
    steps = [row["step"] for row in rows]

    def of(key: str) -> list[float]:
        return [row.get(key, float("nan")) for row in rows]

    charts = []
    for id, code in zip(latent.names, latent.codes, strict=True):
        top = ceiling(code, run.config.codes.fixed_std or run.config.codes.min_std)
        level = None if top is None else (f"H({id})" if code.categories else "the most it can be", top)
        charts.append(chart(f"L_I of {id}, nats", steps, {"L_I": of(f"L_I_{id}")}, level))
    charts.append(chart("Losses, nats", steps, {"D": of("loss_d"), "G": of("loss_g")}))
    if "diversity" in rows[-1]:
        level = ("the real images'", 1.0)
        charts.append(chart("Diversity of G's images", steps, {"diversity": of("diversity")}, level))
    if rows[-1].get("kinds"):  # or else none were found, or looked for
        level = (f"log {latent.k}", math.log(latent.k))
        charts.append(chart("L_I of real images' kinds, nats", steps, {"kinds": of("kinds")}, level))
    return [*charts, chart("Speed, images a second", steps, {"speed": of("images_per_s")})]


def _oddities(sample: Sample) -> dict[str, Any]:
    found: Oddities = find_oddities(sample.x, sample.features)
    shown = sample.x.dtype == np.uint8

    def one(i: int, note: str = "") -> tuple[str, Picture | None]:
        title = sample.title(i)
        return title, picture(sample.x[i], title, note) if shown else None

    return {
        "copies": [[one(i) for i in group[:ODD_SHOWN]] for group in found.copies[:PAIRS_SHOWN]],
        "n_copies": len(found.copies),
        "n_in_copies": sum(map(len, found.copies)),
        "near": [(one(n.a), one(n.b), n.difference) for n in found.near[:PAIRS_SHOWN]],
        "n_near": len(found.near),
        "limit": NEAR,
        "share": NEAR_SHARE,
        "odd": [
            (*one(int(i)), float(d))
            for i, d in zip(found.odd[:ODD_SHOWN], found.distance[:ODD_SHOWN], strict=True)
        ],
    }


def _scores(run: Run) -> Mapping[str, dict[str, Score]]:
    """The main scores of evaluation.json, split by split, where it belongs to the last checkpoint."""
    evaluation = read_evaluation(run) or {}
    main = {
        split: {name: s for name, s in scores.items() if not name.startswith(LEFT_OUT)}
        for split, scores in evaluation.items()
    }
    return {split: scores for split, scores in main.items() if scores}
