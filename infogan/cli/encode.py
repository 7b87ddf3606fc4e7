"""infogan encode."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from infogan.cli.options import Data, Json, flag, print_paths
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console, progress

if TYPE_CHECKING:
    from infogan.data import LoadOptions
    from infogan.runs.run import Run


def encode(
    run: Path,
    images: Annotated[str, Parameter(help="mnist:test, a .npy or .npz, a picture, a folder, or shards.")],
    /,
    *,
    out: Annotated[
        str,
        Parameter(name=["--out", "-o"], help="A .parquet or .csv file; or a folder, OUT/, of Parquet files."),
    ] = "",
    sort_into: Annotated[
        Path | None,
        Parameter(
            help="A new folder, for one folder of the files per category: links, or copies on another disk."
        ),
    ] = None,
    ray: Annotated[
        str | None,
        Parameter(help="Encode on a Ray cluster: its HOST:PORT, auto (the one of this machine), or local."),
    ] = None,
    cpus: Annotated[int, Parameter(help="Cores per process on the cluster.")] = 1,
    gpus: Annotated[float, Parameter(help="GPUs per process on the cluster; may be a fraction.")] = 0.0,
    data: Data = None,
    skip_bad: Annotated[
        bool,
        flag("Skip images that cannot be read, as a run trained with --skip-bad does, and say how many."),
    ] = False,
    json: Json = False,
) -> None:
    """Encode images: a table with one row per image, and per code its value and its spread.

    A folder is filled file by file; repeat the command to continue after an interruption.
    """
    from infogan.data import LoadOptions, load, load_options_for
    from infogan.runs.run import Run
    from infogan.scale.encoding.table import check_target, write_codes

    if bool(out) == (sort_into is not None):
        raise InfoganError("encode: name either a table with --out, or a new folder with --sort-into.")
    opened, target, load_options = Run.open(run), Path(out), LoadOptions(data, skip_bad)
    if sort_into is not None:
        if ray is not None:
            raise InfoganError("encode: --sort-into runs on this machine alone; leave out --ray.")
        _sort(opened, images, load_options, sort_into)
        print_paths([sort_into], json)
        return
    if out.endswith(("/", os.sep)) or target.is_dir() or not target.suffix:
        _encode_to_folder(opened, images, load_options, target, ray, cpus, gpus)
    elif ray is None:
        check_target(target)
        model = opened.model()
        write_codes(target, model, load(images, load_options=load_options_for(opened.config, load_options)))
    else:
        raise InfoganError(f"encode: with --ray, --out must be a folder such as OUT/, and {out} is a file.")
    print_paths([target], json)


def _sort(run: "Run", name: str, load_options: "LoadOptions", target: Path) -> None:
    from infogan.data import load, load_options_for
    from infogan.data.custom import parse_custom_name
    from infogan.runs.labels import category_names
    from infogan.scale.encoding.sort import check_sorting, sort_into

    source, model = parse_custom_name(name), run.model()
    if source is None or source.format != "folder":
        raise InfoganError(f"encode: only a folder of image files can be sorted, and {name} is none.")
    root = Path(source.location)
    check_sorting(target, root, model)
    images = load(f"folder:{root}", load_options=load_options_for(run.config, load_options))
    counts = sort_into(target, root, model, images, category_names(run))
    console().print(
        f"{target} holds {len(images):,} images in {sum(map(bool, counts))} of {len(counts)} categories.",
        highlight=False,
    )


def _encode_to_folder(
    run: "Run", name: str, load_options: "LoadOptions", folder: Path, ray: str | None, cpus: int, gpus: float
) -> None:
    from infogan.data import absolute_name, load, load_options_for
    from infogan.scale.encoding.encode import encode_parts, make_target
    from infogan.scale.encoding.folder import read_description

    read_description(folder)  # fails now, before anything slow, if the folder cannot be used
    with ExitStack() as stack:
        if ray is not None:
            from infogan.scale.encoding.ray import encode_on_ray
            from infogan.scale.ray import check_resources, check_shared_folder, connect, count_slots

            check_resources(cpus, gpus)
            stack.enter_context(connect(ray))
        model = run.model()
        images = load(name, load_options=load_options_for(run.config, load_options))
        target = make_target(folder, model, run.steps, images, absolute_name(name))
        if not target.missing_parts():
            console().print(f"{folder} already holds all {target.n_images:,} images.", highlight=False)
            return
        if ray is not None:
            count_slots(cpus, gpus)
            check_shared_folder(folder)
        parts = stack.enter_context(target.locked())
        written = (
            encode_parts(target, model, images, parts)
            if ray is None
            else encode_on_ray(target, parts, model, run.config, load_options, cpus=cpus, gpus=gpus)
        )
        for _ in progress(written, f"encoding {target.n_images:,} images", len(parts)):
            pass
    console().print(
        f"{folder} holds all {target.n_images:,} images in {len(target)} parts, "
        f"{len(target) - len(parts)} of them from before.",
        highlight=False,
    )
