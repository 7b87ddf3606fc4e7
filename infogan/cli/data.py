"""infogan data list, info, prepare, preview and pack."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from infogan.cli.app import Data, Json, SkipBad, dumps, print_paths
from infogan.utils.progress import console

Name = Annotated[str, Parameter(help="A data set, NAME:SPLIT, npz:FILE, folder:PATH or shards:PATH.")]


def register(app: App, *, show_all: bool) -> None:
    """Adds the verbs below `data`."""
    data = App(name="data", help="The data sets: what is known, what is here, and how it looks.")
    data.command(list_sets, name="list")
    for verb in (info, prepare, preview, pack):
        data.command(verb)
    app.command(data)


def list_sets(*, data: Data = None, json: Json = False) -> None:
    """List the data sets, and which splits of them are here."""
    from infogan.data import DATASETS, LoadOptions

    load_options = LoadOptions(data)
    here = {
        name: [s for s in source.splits if source.has(load_options, s)] for name, source in DATASETS.items()
    }
    if json:
        print(dumps(here))
        return
    width = max(map(len, DATASETS))
    for name, source in DATASETS.items():
        print(f"{name:{width}} {source.about}")
        print(f"{'':{width}} {', '.join(here[name]) or f'not here: needs {source.files[0]}'}")


def info(name: Name, /, *, data: Data = None, json: Json = False) -> None:
    """Tell what a data set is: licence, shape, count, factors, and where its files are looked for.

    Of images of one's own: how many there are, whether in colour, and how large.
    """
    from infogan.data import (
        DATASETS,
        LoadOptions,
        absolute_name,
        get_dataset_info,
        inspect_source,
        is_image_source,
    )

    load_options = LoadOptions(data)
    if name not in DATASETS and is_image_source(name):
        found = inspect_source(name, load_options)
        own = {
            "name": absolute_name(name),
            "channels": found.channels,
            "images": found.n,
            "shorter side, median": found.side,
        }
        print(dumps(own) if json else "\n".join(f"{key:24} {value}" for key, value in own.items()))
        return
    source = get_dataset_info(name)
    facts = {
        "name": source.name,
        "about": source.about,
        "licence": source.licence,
        "channels, height, width": list(source.shape),
        "images": source.splits,
        "here": [split for split in source.splits if source.has(load_options, split)],
        "labels": source.labels or None,
        "factors": [f"{factor.name} ({factor.kind})" for factor in source.factors],
        "files": list(source.files),
        "looked for in": str(load_options.folder) if source.files and load_options.folder else None,
    }
    if json:
        print(dumps(facts))
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


def prepare(name: Name, /, *, data: Data = None, skip_bad: SkipBad = False, json: Json = False) -> None:
    """Find, fetch, read or draw a data set now, so that training starts at once; says what came of it."""
    from infogan.data import LoadOptions, load, splits_of

    load_options = LoadOptions(data, skip_bad)
    counts = {split or "all": len(load(name, split, load_options)) for split in splits_of(name, load_options)}
    print(dumps(counts) if json else "\n".join(f"{name} {s}: {n:,} images" for s, n in counts.items()))


def preview(
    name: Name,
    /,
    *,
    n: Annotated[int, Parameter(help="How many images, taken at random.")] = 100,
    out: Annotated[
        Path | None, Parameter(name=["--out", "-o"], help="The picture's file; NAME.png if not named.")
    ] = None,
    data: Data = None,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Draw a contact sheet of a data set as a picture."""
    from infogan.data import LoadOptions, load
    from infogan.figures.traversal import save_contact_sheet

    images = load(name, load_options=LoadOptions(data, skip_bad))
    path = out or Path(f"{Path(name.replace(':', '-')).stem}.png")
    with console().status("drawing"):
        save_contact_sheet(images.some(n).x, path)
    print_paths([path], json)


def pack(
    name: Name,
    out: Path,
    /,
    *,
    per_shard: Annotated[str, Parameter(help="Pictures in a shard, or its size, such as 100MB.")] = "100MB",
    size: Annotated[
        Literal[32, 64] | None, Parameter(help="The side of the squares that pictures become; else kept.")
    ] = None,
    data: Data = None,
    skip_bad: SkipBad = False,
    json: Json = False,
) -> None:
    """Write images to tar shards in a folder, for training on more than memory or disk hold.

    Pictures stay the bytes that they are, unless --size is given. A pack that was interrupted goes on.
    """
    from infogan.data import LoadOptions, inspect_source, open_collection
    from infogan.data.formats.resize import Shaper, bits_in_use
    from infogan.data.shards.pack import pack
    from infogan.data.shards.writer import PerShard

    ending, load_options = PerShard.parse(per_shard), LoadOptions(data, skip_bad)
    pictures = open_collection(name, load_options)
    shaper = None
    if size is not None:
        shaper = Shaper((inspect_source(name, load_options).channels, size, size), bits=bits_in_use(pictures))
    packed = pack(pictures, out, ending, shaper, skip_bad)
    print(
        dumps(packed._asdict())
        if json
        else f"{out}: {packed.images:,} images in {packed.shards:,} shards, {packed.bytes / 1e6:,.1f} MB"
    )
