"""The model card of an exported run: its images, codes, scores, use and limits."""

from importlib.metadata import version

from infogan.data import DATASETS
from infogan.data.false_colour import describe_channels
from infogan.data.pixels import PICTURE_CHANNELS
from infogan.evaluation.score import read_evaluation
from infogan.method.model import Model
from infogan.runs.labels import category_names
from infogan.runs.run import Run

UNITS = {"number": "a number, -1 to 1 in training", "angle": "an angle in radians"}


def model_card(run: Run, model: Model) -> str:
    """The README.md of an exported run whose other files are written: Markdown below a YAML header."""
    sections = (
        _header(model),
        _summary(run, model),
        _codes(run, model),
        _scores(run),
        _use(run, model),
        _limits(model),
    )
    return "\n\n".join(sections) + "\n"


def _header(model: Model) -> str:
    """Without huggingface_hub.ModelCardData, as that package is optional."""
    lines = ["library_name: infogan", "tags:", "- infogan", "- gan", "- disentanglement", "- clustering"]
    if model.G.low is not None:
        lines.append("pipeline_tag: unconditional-image-generation")
    return "\n".join(["---", *lines, "---"])


def _summary(run: Run, model: Model) -> str:
    config = run.config
    ch, h, w = model.G.shape
    rows = (
        f"rows of {w} numbers"
        if model.G.low is None
        else f"images of {w}x{h} pixels, {describe_channels(ch)}"
    )
    dataset = DATASETS.get(config.data.images.partition(":")[0])
    n_images = run.environment().get("images")
    count = f"{n_images:,} from " if isinstance(n_images, int) else ""
    source = f"{config.data.images} ({dataset.description})" if dataset else config.data.images
    licence = f"; licence of the images: {dataset.licence}" if dataset else ""
    told = "with labels of some images" if config.data.labels else "without labels"
    sheet = "\n\n![Samples](figures/samples.png)" if model.G.low is not None else ""
    return (
        f"# InfoGAN of {_escaped(config.data.images)}\n\n"
        f"An InfoGAN (Chen et al., 2016), trained {told} on {rows}: "
        f"{count}{_escaped(source)}{licence}. Networks `{config.networks.architecture}`, "
        f"codes `{config.codes.spec}`, "
        f"{config.optimisation.steps:,} steps with {config.optimisation.batch_size} images each, seed "
        f"{config.run.seed}; made with infogan {version('infogan')}.{sheet}"
    )


def _codes(run: Run, model: Model) -> str:
    names = run.code_names()
    last = next(iter(run.metrics()[-1:]), {})
    parts = ["## Codes", "Each code can be read from an image and set for a generated one."]
    latent = model.latent
    for i, (name, code) in enumerate(zip(latent.names, latent.codes, strict=True)):
        unit = (
            f"one of {code.categories} categories{_called(run, name)}"
            if code.categories
            else UNITS[code.kind]
        )
        if i in latent.parents:
            unit += f", under each category of {latent.names[latent.parents[i]]}"
        meaning = f", named {_escaped(names[name])}" if name in names else ""
        L_I = last.get(f"L_I_{name}")
        bound = "" if L_I is None else f", L_I = {L_I:.3f} nats at the end of training"
        parts.append(f"**{name}**{meaning}: {unit}; H({name}) = {code.entropy():.3f} nats{bound}.")
        if model.G.low is not None:
            parts.append(f"![{name} increases from left to right](figures/{name}.png)")
    return "\n\n".join(parts)


def _called(run: Run, code: str) -> str:
    names = category_names(run).get(code, {})
    listed = ", ".join(f"{k} {_escaped(name)}" for k, name in sorted(names.items()))
    return f" ({listed})" if listed else ""


def _scores(run: Run) -> str:
    """All scores except the associations with factors, of which there may be hundreds."""
    rows = [
        f"| {split} | {_escaped(name)} | {s['value']:.4f} | {s['low']:.4f} to {s['high']:.4f} | "
        f"{_escaped(s['protocol'])} |"
        for split, scores in (read_evaluation(run) or {}).items()
        for name, s in scores.items()
        if not name.startswith("association_")
    ]
    if not rows:
        return "## Scores\n\nNot measured; `infogan evaluate` does so."
    head = ["| images | score | value | 95 % interval | protocol |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(["## Scores", "", *head, *rows])


def _use(run: Run, model: Model) -> str:
    rows = "vectors" if model.G.low is None else "images"
    source = "a folder" if model.G.shape[0] in PICTURE_CHANNELS else "a .npy or .npz"
    encode = f" `infogan encode` reads the codes of {source} of images." if run.config.networks.shape else ""
    return (
        "## Use\n\n"
        "```python\n"
        "from infogan import InfoGAN\n\n"
        'model = InfoGAN.from_pretrained("OWNER/NAME")  # or the path of a folder\n'
        f"model.transform(X)  # the codes of {rows}\n"
        "```\n\n"
        f"{_numbers(run, model)} "
        f"`infogan explore FOLDER` opens a page with a slider for each code.{encode}"
    )


def _numbers(run: Run, model: Model) -> str:
    """Which numbers X holds."""
    ch, h, w = model.G.shape
    if model.G.low is None:
        return f"X has shape (n, {w})."
    scale, shape = run.config.data.pixel_scale, (h, w) if ch == 1 else (h, w, ch)
    kinds = ["uint8, 0 to 255", "floats, 0 to 1"]
    if scale.binary:
        kinds.append("masks of 0 and 1")
    if scale.bit_depth:
        kinds.append(f"uint16, 0 to {2**scale.bit_depth - 1}")
    return f"X has shape (n, {', '.join(map(str, shape))}): {', or '.join(kinds)}."


def _limits(model: Model) -> str:
    rows = "vectors" if model.G.low is None else "images"
    return (
        "## Limits\n\n"
        f"The model is valid for {rows} like its training {rows}; it assigns codes to any others too, but "
        "they mean nothing. The codes were found without labels: nobody chose what they mean, another seed "
        "may find others, and a code may carry no information; compare its L_I with H(c). Q's spreads are "
        f"its own estimates. Generated {rows} are not evidence of anything; if the training {rows} show "
        "people, so do they."
    )


def _escaped(text: str) -> str:
    """Text on one line, without Markdown syntax."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]<>|#!" else letter for letter in text)
    return " ".join(escaped.split())
