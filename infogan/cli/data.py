"""infogan data: list, info, prepare, preview, pack."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from infogan.cli.options import (
    DEFAULT_SIZE,
    Data,
    Fit,
    Json,
    Pages,
    Size,
    SkipBad,
    parse_size,
    print_paths,
    to_json,
)
from infogan.utils.progress import console

Name = Annotated[
    str,
    Parameter(
        help="A data set NAME or NAME:SPLIT, or your images: folder:PATH, npz:FILE, parquet:PATH, hf:NAME, "
        "shards:PATH."
    ),
]
data_app = App(name="data", help="List, inspect, prepare, preview and pack data sets.")


@data_app.command(name="list")
def list_sets(*, data: Data = None, json: Json = False) -> None:
    """List the data sets, each with its splits that are on this machine."""
    from infogan.data import DATASETS, LoadOptions

    load_options = LoadOptions(data)
    here = {
        name: [s for s in source.splits if source.is_available(load_options, s)]
        for name, source in DATASETS.items()
    }
    if json:
        print(to_json(here))
        return
    width = max(map(len, DATASETS))
    for name, source in DATASETS.items():
        print(f"{name:{width}} {source.description}")
        print(f"{'':{width}} {', '.join(here[name]) or f'not here: needs {source.files[0]}'}")


@data_app.command
def info(name: Name, /, *, data: Data = None, pages: Pages = False, json: Json = False) -> None:
    """Describe a data set: licence, shape, number of images, factors, and where its files are expected.

    For your own images: how many there are, whether they are in colour, and how large.
    """
    from infogan.data import (
        DATASETS,
        LoadOptions,
        absolute_name,
        get_dataset_info,
        inspect_source,
        is_image_source,
    )

    load_options = LoadOptions(data, pages=pages)
    if name not in DATASETS and is_image_source(name):
        found = inspect_source(name, load_options)
        custom = {
            "name": absolute_name(name),
            "channels": found.channels,
            "images": found.n,
            "width, median": found.width,
            "height, median": found.height,
            "cannot be read": found.unreadable
            and f"{found.unreadable} of {found.inspected} that were opened",
            "have further pages": found.paged and f"{found.paged} of {found.inspected} that were opened",
            "left out": found.left_out,
        }
        lines = (f"{key:24} {value}" for key, value in custom.items() if value)
        print(to_json(custom) if json else "\n".join(lines))
        return
    source = get_dataset_info(name)
    facts = {
        "name": source.name,
        "about": source.description,
        "licence": source.licence,
        "channels, height, width": list(source.shape),
        "images": source.splits,
        "here": [split for split in source.splits if source.is_available(load_options, split)],
        "labels": source.label_name or None,
        "factors": [f"{factor.name} ({factor.kind})" for factor in source.factors],
        "files": list(source.files),
        "looked for in": str(load_options.data_folder) if source.files and load_options.data_folder else None,
    }
    if json:
        print(to_json(facts))
        return
    for key, value in facts.items():
        match value:
            case None | []:
                continue
            case dict():
                text = ", ".join(f"{split} {count:,}" for split, count in value.items())
            case list():
                text = ", ".join(map(str, value))
            case _:
                text = str(value)
        print(f"{key:24} {text}")


@data_app.command
def prepare(
    name: Name,
    /,
    *,
    size: Size = DEFAULT_SIZE,
    square: Fit = "crop",
    data: Data = None,
    skip_bad: SkipBad = False,
    pages: Pages = False,
    json: Json = False,
) -> None:
    """Download, read or render a data set now, so that training starts at once; print its size."""
    from infogan.data import LoadOptions, available_splits, inspect_source, load

    width_and_height, load_options = parse_size(size), LoadOptions(data, skip_bad, pages, square=square)
    shape = inspect_source(name, load_options).training_shape(width_and_height)
    load_options = replace(load_options, shape=shape)
    counts = {
        split or "all": len(load(name, split, load_options)) for split in available_splits(name, load_options)
    }
    print(to_json(counts) if json else "\n".join(f"{name} {s}: {n:,} images" for s, n in counts.items()))


@data_app.command
def preview(
    name: Name,
    /,
    *,
    n: Annotated[int, Parameter(help="How many images, drawn at random.")] = 100,
    out: Annotated[
        Path | None, Parameter(name=["--out", "-o"], help="The picture file; default: NAME.png.")
    ] = None,
    size: Size = DEFAULT_SIZE,
    square: Fit = "crop",
    data: Data = None,
    skip_bad: SkipBad = False,
    pages: Pages = False,
    json: Json = False,
) -> None:
    """Save a contact sheet of a data set as a picture: the pixels that training sees."""
    from infogan.data import LoadOptions, inspect_source, load, short_name
    from infogan.figures.traversal import save_contact_sheet

    width_and_height, load_options = parse_size(size), LoadOptions(data, skip_bad, pages, square=square)
    shape = inspect_source(name, load_options).training_shape(width_and_height)
    images = load(name, load_options=replace(load_options, shape=shape))
    path = out or Path(f"{short_name(name)}.png")
    with console().status("drawing"):
        save_contact_sheet(images.subsample(n).x, path)
    print_paths([path], json)


@data_app.command
def pack(
    name: Name,
    out: Path,
    /,
    *,
    per_shard: Annotated[
        str, Parameter(help="The number of images in a shard, or its size, such as 100MB.")
    ] = "100MB",
    size: Annotated[
        str | None,
        Parameter(help="Resize to SIZE x SIZE pixels, or to WIDTHxHEIGHT; default: as they are."),
    ] = None,
    square: Fit = "crop",
    data: Data = None,
    skip_bad: SkipBad = False,
    pages: Pages = False,
    json: Json = False,
) -> None:
    """Write images to tar shards in a folder, to train on more images than fit in memory or on disk.

    Image files are copied unchanged unless --size is set. Repeat the command to continue after an
    interruption.
    """
    from infogan.config import UNKNOWN_SCALE
    from infogan.data import LoadOptions, inspect_source, open_collection
    from infogan.data.pixels import ToPixels, find_scale
    from infogan.data.shards.pack import pack
    from infogan.data.shards.writer import ShardLimit

    ending, load_options = ShardLimit.parse(per_shard), LoadOptions(data, skip_bad, pages)
    width_and_height = None if size is None else parse_size(size)
    pictures = open_collection(name, load_options)
    shaper = None
    if width_and_height:
        width, height = width_and_height
        shape = (inspect_source(name, load_options).channels, height, width)
        shaper = ToPixels(shape, square, find_scale(pictures, UNKNOWN_SCALE))
    packed = pack(pictures, out, ending, shaper, skip_bad)
    print(
        to_json(packed._asdict())
        if json
        else f"{out}: {packed.images:,} images in {packed.shards:,} shards, {packed.bytes / 1e6:,.1f} MB"
    )
