"""infogan export: a run for other programs, other people, and other people's browsers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from infogan.cli.app import Json, print_paths
from infogan.utils.errors import InfoganError

if TYPE_CHECKING:
    from infogan.runs.run import Run


def register(app: App, *, show_all: bool) -> None:
    """Adds the verb."""
    app.command(export)


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
        Parameter(help="With --web: the archive or folder of onnxruntime-web; else npm fetches it once."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a run out: ONNX, a model-hub folder, a static site; any of the three, each into its own folder.

    The network that reads z off images goes along; a run that has none yet learns it first, and keeps it.
    """
    from infogan.export.hub import save_pretrained
    from infogan.export.new_folder import check_new_folder
    from infogan.export.onnx import export_onnx
    from infogan.export.web import export_web
    from infogan.runs.run import Run
    from infogan.utils.progress import console

    folders = [folder for folder in (onnx, hub, web) if folder is not None]
    if not folders:
        raise InfoganError("export to what? Name a folder by --onnx, --hub or --web.")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InfoganError("export: --onnx, --hub and --web each take a folder of their own.")
    if runtime and not web:
        raise InfoganError("export: --runtime goes with --web, which alone takes a runtime along.")
    for folder in folders:
        check_new_folder(folder)
    opened = Run.open(run)
    _learn_inversion(opened)
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


def _learn_inversion(run: "Run") -> None:
    """Sees to it that the run has a network that reads z."""
    from infogan.method.inversion import STEPS, learn_inversion
    from infogan.runs.inversion import load_inversion, save_inversion
    from infogan.utils.progress import progress

    model = run.model()
    if load_inversion(run, model) is None:
        *_, last = progress(learn_inversion(model, steps=STEPS), "learning to read z", STEPS)
        save_inversion(run, last.inversion)
