"""infogan export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from infogan.cli.options import Json, print_paths
from infogan.utils.errors import InfoganError
from infogan.utils.progress import console, progress

if TYPE_CHECKING:
    from infogan.runs.run import Run


def export(
    run: Path,
    /,
    *,
    onnx: Annotated[Path | None, Parameter(help="A new folder for the networks as ONNX graphs.")] = None,
    hub: Annotated[Path | None, Parameter(help="A new folder for weights, config and a model card.")] = None,
    web: Annotated[
        Path | None, Parameter(help="A new folder for the explorer as a static site, for any web host.")
    ] = None,
    runtime: Annotated[
        Path | None,
        Parameter(help="With --web: the archive or folder of onnxruntime-web; default: npm downloads it."),
    ] = None,
    json: Json = False,
) -> None:
    """Export a run as ONNX, a model-hub folder or a static site, each into its own folder.

    The network that infers z from images is exported too; if the run has none yet, it is trained first.
    """
    from infogan.export.hub import save_pretrained
    from infogan.export.new_folder import check_new_folder
    from infogan.export.onnx import export_onnx
    from infogan.export.web import export_web
    from infogan.runs.run import Run

    folders = [folder for folder in (onnx, hub, web) if folder is not None]
    if not folders:
        raise InfoganError("export: name a folder with --onnx, --hub or --web.")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InfoganError("export: --onnx, --hub and --web need a folder each.")
    if runtime and not web:
        raise InfoganError("export: --runtime needs --web.")
    for folder in folders:
        check_new_folder(folder)
    opened = Run.open(run)
    _ensure_inversion(opened)
    written: list[Path] = []
    with console().status("") as status:
        if onnx:
            written += export_onnx(opened, onnx, status.update)
        if hub:
            status.update("writing weights, pictures and a model card")
            written += save_pretrained(opened, hub)
        if web:
            written += export_web(opened, web, runtime, status.update)
    print_paths(written, json)


def _ensure_inversion(run: "Run") -> None:
    """Trains the network that infers z from images, unless the run has one."""
    from infogan.method.inversion import STEPS, learn_inversion
    from infogan.runs.inversion import load_inversion, save_inversion

    model = run.model()
    if load_inversion(run, model) is None:
        *_, last = progress(learn_inversion(model, steps=STEPS), "learning to infer z", STEPS)
        save_inversion(run, last.inversion)
