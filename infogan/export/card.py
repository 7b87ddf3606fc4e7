"""The model card of a shared run: what it learned from, its codes and scores, how to load it, its limits."""

import json
from importlib.metadata import version
from typing import Any

from infogan.data import DATASETS
from infogan.method.model import Model
from infogan.runs.run import Run

KINDS = {"number": "a number, -1 to 1 in training", "angle": "an angle in radians, all around"}


def model_card(shared: Run, model: Model) -> str:
    """The README.md of a folder that holds all its other files already; Markdown below a YAML header."""
    parts = [
        _header(model),
        _about(shared, model),
        _codes(shared, model),
        _scores(shared),
        _loading(shared),
        _limits(model),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _header(model: Model) -> str:
    lines = ["library_name: infogan", "tags:", "- infogan", "- gan", "- disentanglement", "- clustering"]
    if model.G.low is not None:
        lines.append("pipeline_tag: unconditional-image-generation")
    return "\n".join(["---", *lines, "---"])


def _about(shared: Run, model: Model) -> str:
    config = shared.config
    ch, h, w = model.G.shape
    what = f"rows of {w} numbers" if model.G.low is None else f"images of {w}x{h} pixels, {_colour(ch)}"
    source = DATASETS.get(config.data.images.partition(":")[0])
    counted = shared.environment().get("images")
    of = f"{counted:,} of them, " if isinstance(counted, int) else ""
    named = f"{config.data.images} ({source.description})" if source else config.data.images
    licence = f"; licence of the images: {source.licence}" if source else ""
    sheet = "\n\n![Samples](figures/samples.png)" if model.G.low is not None else ""
    return (
        f"# InfoGAN of {_plain(config.data.images)}\n\n"
        f"An InfoGAN (Chen et al., 2016) that was trained without labels on {what}: {of}{_plain(named)}"
        f"{licence}. Networks `{config.networks.architecture}`, codes `{config.codes.spec}`, {config.optimisation.steps:,} updates of "
        f"{config.optimisation.batch_size} images, seed {config.run.seed}; made with infogan {version('infogan')}.{sheet}"
    )


def _colour(channels: int) -> str:
    return {1: "gray", 3: "colour"}.get(channels, f"{channels} channels")


def _codes(shared: Run, model: Model) -> str:
    names, pictures = shared.code_names(), model.G.low is not None
    last = next(iter(shared.metrics()[-1:]), {})
    told = ["## Codes", "Each can be read off an image, and set on a generated one."]
    for name, code in zip(model.latent.names, model.latent.codes, strict=True):
        kind = f"one of {code.categories}" if code.categories else KINDS[code.kind]
        called = f", called {_plain(names[name])}" if name in names else ""
        L_I = last.get(f"L_I_{name}")
        bound = "" if L_I is None else f", L_I = {L_I:.3f} at the end of training"
        told.append(f"**{name}**{called}: {kind}; H({name}) = {code.entropy():.3f} nats{bound}.")
        if pictures:
            told.append(f"![{name} moves from left to right](figures/{name}.png)")
    return "\n\n".join(told)


def _scores(shared: Run) -> str:
    """Every score but the associations with factors, of which there may be hundreds."""
    rows = [
        f"| {split} | {_plain(name)} | {s['value']:.4f} | {s['low']:.4f} to {s['high']:.4f} | "
        f"{_plain(s['protocol'])} |"
        for split, scores in _read(shared, "evaluation.json").items()
        for name, s in scores.items()
        if not name.startswith("association_")
    ]
    if not rows:
        return "## Scores\n\nNone were measured; `infogan evaluate` does so."
    head = ["| images | score | value | 95 % interval | protocol |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(["## Scores", "", *head, *rows])


def _loading(shared: Run) -> str:
    more = " `infogan encode` reads the codes off a folder of images." if shared.config.networks.shape else ""
    return (
        "## Use\n\n"
        "```python\n"
        "from infogan import InfoGAN\n\n"
        'model = InfoGAN.from_pretrained("OWNER/NAME")  # or the path of a folder\n'
        "model.transform(X)  # the codes of images\n"
        "```\n\n"
        f"`infogan explore FOLDER` opens a page on which the codes can be turned.{more}"
    )


def _limits(model: Model) -> str:
    what = "vectors" if model.G.low is None else "images"
    return (
        "## Limits\n\n"
        f"It knows {what} like those it was trained on; of others it reads codes all the same, and they mean "
        "nothing there. What a code means was found without labels: nobody chose it, another seed may find "
        "something else, and a code may carry nothing; its L_I beside H(c) says so. Q's spreads are its own "
        f"opinion. Generated {what} are no evidence of anything, and where the training {what} show people, "
        "so do they."
    )


def _read(shared: Run, name: str) -> dict[str, Any]:
    try:
        found = json.loads((shared.path / name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _plain(text: str) -> str:
    """Text that Markdown takes as such, on one line."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]<>|#!" else letter for letter in text)
    return " ".join(escaped.split())
