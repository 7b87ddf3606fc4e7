"""The parts of an encoding, worked through by a pool of processes on a Ray cluster.

Each process holds the model and the opened images, takes numbers of parts and writes their files itself. What
is lost with a process or a node is a number, which another one takes.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import safetensors.torch

from infogan.config import Config
from infogan.data import LoadOptions, load
from infogan.method.model import Model, make_model
from infogan.runs.run import load_options_for
from infogan.runs.weights import load_weights
from infogan.scale.encoding.encode import encode, weights_of
from infogan.scale.encoding.parts import Plan
from infogan.scale.ray import places
from infogan.training.session import fingerprint
from infogan.utils.errors import InfoganError, one_line
from infogan.utils.io import wrap_write_errors, write_atomic

WEIGHTS = "_weights.part"
MOST_BLOCKS = 2000  # of numbers, as Ray keeps a record of each


def encode_on_ray(
    plan: Plan,
    parts: list[int],
    model: Model,
    config: Config,
    load_options: LoadOptions,
    *,
    cpus: int,
    gpus: float,
) -> Iterator[int]:
    """Writes these parts on the cluster that this process is joined to, and gives each one's number.

    Args:
        config: the model's.
        reading: how images are read; its folder is one of every node.
        cpus: cores that each process takes.
        gpus: GPUs that each takes, or the share of one.

    Raises:
        InfoganError: where the images cannot be read as here, a part cannot be written, or the cluster lost
            more than it makes up for.
    """
    os.environ.setdefault("RAY_DATA_LOG_LEVEL", "CRITICAL")  # what goes wrong is told here
    import ray.data
    from ray.exceptions import RayError

    ray.data.DataContext.get_current().enable_progress_bars = False
    # In a file, so that no training changes them meanwhile, and no store of Ray's can lose them.
    with wrap_write_errors(plan.folder):
        write_atomic(plan.folder / WEIGHTS, safetensors.torch.save(weights_of(model)))
    numbers = ray.data.from_items(
        [{"part": part} for part in parts], override_num_blocks=min(len(parts), MOST_BLOCKS)
    )
    # What a process had in hand that was lost, Ray hands to another.
    written = numbers.map_batches(
        Encoder,
        fn_constructor_args=[_job(plan, config, load_options, gpus > 0)],
        batch_size=1,
        concurrency=(1, min(len(parts), places(cpus, gpus))),
        num_cpus=cpus,
        num_gpus=gpus,
    )
    try:
        for row in written.iter_rows():
            if row["error"]:
                raise InfoganError(row["error"])
            yield row["part"]
    except RayError as error:
        raise InfoganError(
            f"the cluster lost too much ({one_line(error)}); {plan.folder} keeps the parts that are there, "
            "and the same command goes on."
        ) from error
    finally:
        (plan.folder / WEIGHTS).unlink(missing_ok=True)


@final
class Encoder:
    """A process of the pool, which gives back in words what goes wrong, also at the start."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.opened: tuple[Plan, Model, Any] | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Writes parts by their numbers; for each, its number and what went wrong, or an empty text."""
        parts: list[int] = batch["part"].tolist()
        return {"part": parts, "error": [self._write(part) for part in parts]}

    def _write(self, part: int) -> str:
        try:
            if self.opened is None:
                self.opened = _open(self.job)
            plan, model, images = self.opened
            if not plan.is_whole(part):  # which it may be where another was lost right after writing it
                list(encode(plan, model, images, [part]))
        except Exception as error:  # which Ray would take for a loss, and hand the part to the next
            return str(error) if isinstance(error, InfoganError) else f"a part failed: {one_line(error)}."
        return ""


def _job(plan: Plan, config: Config, load_options: LoadOptions, on_gpu: bool) -> dict[str, Any]:
    """All that a process needs beside the weights, in plain values."""
    return {
        "folder": str(plan.folder.resolve()),
        "about": plan.about,
        "config": config.to_json(),
        "root": None if load_options.data_folder is None else str(load_options.data_folder.resolve()),
        "skip_bad": load_options.skip_bad,
        "device": "cuda" if on_gpu else "cpu",
    }


def _open(job: dict[str, Any]) -> tuple[Plan, Model, Any]:
    """The plan, the model and the images of a job.

    Raises:
        InfoganError: where the images are not those that the plan was made of.
    """
    plan, config = Plan(Path(job["folder"]), job["about"]), Config.from_json(job["config"])
    root = Path(job["root"]) if job["root"] else None
    model = make_model(config)
    load_weights(model, safetensors.torch.load_file(plan.folder / WEIGHTS))
    model.G.to(job["device"])
    model.D.to(job["device"])
    images = load(
        plan.about["source"], load_options=load_options_for(config, LoadOptions(root, job["skip_bad"]))
    )
    if fingerprint(images) != plan.about["mark"]:
        raise InfoganError(
            f"a node finds other images as {plan.about['source']} than this one; name a place that all share."
        )
    return plan, model, images
