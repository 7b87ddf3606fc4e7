"""Measures the runs of a figure: what each panel shows, and what Q reads off real images beside baselines."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from infogan.data import Images, available_splits
from infogan.evaluation.clustering import contingency_table, match_labels, one_to_one_error
from infogan.method.latent import Latent
from infogan.method.model import Model
from infogan.paper.baselines import best_codes, known_factors, read_baselines, read_codes
from infogan.paper.choice import best_and_middle, best_effect, choose_without_labels
from infogan.paper.effects import (
    Effect,
    Rows,
    context_effect,
    digits_effect,
    factor_effect,
    read_rows,
)
from infogan.paper.experiments import Figure, Panel
from infogan.paper.readers import FactorReader, split_off, train_reader
from infogan.paper.runs import Request, describe_runs, run_paths
from infogan.paper.yaw import with_yaw
from infogan.runs.run import Run
from infogan.utils.environment import environment
from infogan.utils.progress import ProgressCallback

MAX_HELD_OUT = 10_000  # images to judge with
N_REAL = 500  # images whose distances are the unit of distances between generated ones


class Real(NamedTuple):
    """Real images with labels or factors: only what is judged with them is returned."""

    train: Images
    held_out: Images


def measure(figure: Figure, request: Request, on_progress: ProgressCallback) -> dict[str, Any]:
    """The record of a figure, from its finished runs.

    figure, recipe, environment
    presets   preset -> its runs, and how it differs from the paper's (`describe_runs`)
    images    the data set, and the numbers of images that the reader learned from and is judged on
    reader    factor -> measure, value and chance on held-out real images
    panels    letter -> title, measure, preset, the effect in each run (`Effect`), and which run is best,
              in the middle, and chosen without labels
    read      preset or baseline -> run -> factor -> the code of real held-out images that follows it best
    """
    real = _load(figure, request, on_progress)
    on_progress(f"{figure.images}: training a reader of real images, which only judges")
    reader = train_reader(real.train, real.held_out, figure.quantities)
    panels: dict[str, dict[str, Any]] = {}
    read: dict[str, dict[str, Any]] = {}
    known = known_factors(real.held_out, figure.quantities)
    presets = figure.presets_of(request.recipe)
    for preset in presets:
        of_preset = [panel for panel in figure.panels if panel.preset_of(request.recipe) == preset]
        paths = run_paths(preset, request)
        effects: dict[str, dict[str, Effect]] = {panel.letter: {} for panel in of_preset}
        for path in paths:
            model = Run.open(path).model()
            on_progress(f"{path.name}: what each code changes")
            for letter, effect in panel_effects(model, figure, of_preset, reader, real.held_out).items():
                effects[letter][path.name] = effect
            if known is not None:
                read.setdefault(preset, {})[path.name] = best_codes(read_codes(model, real.held_out), known)
        unlabelled = choose_without_labels(paths, real.train.pixels, on_progress)
        for panel in of_preset:
            if effects[panel.letter]:
                panels[panel.letter] = _panel_record(panel, preset, effects[panel.letter], unlabelled)
    if known is not None:
        on_progress(f"{figure.images}: PCA, k-means, beta-TCVAE")
        n_codes = len(Run.open(run_paths(presets[0], request)[0]).config.codes.kinds)
        for name, found in read_baselines(real.train, real.held_out, n_codes).items():
            read[name] = {"": best_codes(found, known)}
    return {
        **_header(figure, request, len(real.train)),
        "images": {"name": figure.images, "train": len(real.train), "held_out": len(real.held_out)},
        "reader": {name: quality._asdict() for name, quality in reader.quality.items()},
        "panels": dict(sorted(panels.items())),
        "read": read,
    }


def measure_bounds(figure: Figure, request: Request) -> dict[str, Any]:
    """The record of Fig. 1, from the metrics of its runs.

    panels   letter -> title, preset, and of each run the steps and L_I of c1, and its mean over the last
             tenth of the steps, in nats
    """
    panels = {}
    for panel in figure.panels:
        preset = panel.preset_of(request.recipe)
        curves = {}
        for path in run_paths(preset, request):
            rows = Run.open(path).metrics()
            last = rows[-max(1, len(rows) // 10) :]
            curves[path.name] = {
                "steps": [row["step"] for row in rows],
                "L_I": [round(row["L_I_c1"], 4) for row in rows],
                "last": round(float(np.mean([row["L_I_c1"] for row in last])), 4),
            }
        panels[panel.letter] = {"title": panel.title, "preset": preset, "runs": curves}
    model = Run.open(run_paths(figure.panels[0].preset_of(request.recipe), request)[0]).model()
    H_c = round(model.latent.codes[0].entropy(), 4)
    return {**_header(figure, request, 0), "H_c": H_c, "panels": panels}


def panel_effects(
    model: Model, figure: Figure, panels: list[Panel], reader: FactorReader, held_out: Images
) -> dict[str, Effect]:
    """For each panel, by its letter, the effect of the code of this model that shows best what it is about.

    Panels whose labels or factors these images lack are left out.
    """
    found: dict[str, list[Effect]] = {panel.letter: [] for panel in panels}
    x = held_out.subsample(N_REAL).x
    for i, (name, code) in enumerate(zip(model.latent.names, model.latent.codes, strict=True)):
        rows = read_rows(model, i, figure.limit, reader)
        for panel in panels:
            if not _may_show(panel, i, model.latent):
                continue
            match panel.measure:
                case "factor":
                    found[panel.letter] += [
                        factor_effect(rows, name, code, panel, target, reader)
                        for target in panel.targets
                        if target in reader.names
                    ]
                case "context" if rows.labels is not None:
                    found[panel.letter].append(context_effect(rows, name, code, x))
                case "digits" | "unclear":
                    if code.categories is not None and rows.labels is not None:
                        found[panel.letter].append(_digits(model, i, rows, held_out, panel))
    return {letter: best_effect(effects) for letter, effects in found.items() if effects}


def _may_show(panel: Panel, i: int, latent: Latent) -> bool:
    """Whether a code is of the kind that a panel is about, or there is none of that kind."""
    kinds = ["continuous" if code.categories is None else "discrete" for code in latent.codes]
    return panel.code in ("any", kinds[i]) or panel.code not in kinds


def _digits(model: Model, i: int, rows: Rows, held_out: Images, panel: Panel) -> Effect:
    assert held_out.labels is not None
    labels = held_out.labels.numbers
    categories = model.encode(held_out.pixels).values[:, i].numpy().astype(np.int64)
    k = model.latent.codes[i].categories or 0
    matched, digits = match_labels(contingency_table(labels, categories, k))
    order: list[int] = matched[digits.argsort()].tolist()
    error = one_to_one_error(labels, categories)
    return digits_effect(rows, model.latent.names[i], order, error, expected=panel.measure == "digits")


def _panel_record(
    panel: Panel, preset: str, effects: Mapping[str, Effect], unlabelled: str | None
) -> dict[str, Any]:
    best, middle = best_and_middle(effects)
    return {
        "title": panel.title,
        "measure": panel.measure,
        "preset": preset,
        "best": best,
        "middle": middle,
        "unlabelled": unlabelled,
        "effects": {run: effect.to_json() for run, effect in effects.items()},
    }


def _header(figure: Figure, request: Request, n_images: int) -> dict[str, Any]:
    return {
        "figure": figure.name,
        "recipe": request.recipe,
        "environment": environment(n_images),
        "presets": {
            preset: describe_runs(preset, figure.panel_of(preset, request.recipe).paper_preset, request)
            for preset in figure.presets_of(request.recipe)
        },
    }


def _load(figure: Figure, request: Request, on_progress: ProgressCallback) -> Real:
    """The images in the shape of the networks: another split to judge with, or else a fifth of the images."""
    run, load_options = (
        Run.open(run_paths(figure.presets_of(request.recipe)[0], request)[0]),
        request.load_options,
    )
    splits = available_splits(figure.images, load_options)
    train = run.images(splits[0], load_options)
    if figure.reads_yaw:
        on_progress(f"{figure.images}: training a reader of how far heads are turned, without labels")
        train = with_yaw(train)
    train, held_out = split_off(train) if len(splits) == 1 else (train, run.images(splits[-1], load_options))
    return Real(train, held_out.subsample(MAX_HELD_OUT))
