"""Encodes on a Ray cluster: a pool of processes takes numbers of parts and writes their files.

Each process holds the model and opens the images. If a process or node is lost, another takes its part.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import safetensors.torch

from infogan.config import Config
from infogan.data import Images, LoadOptions, load, load_options_for
from infogan.method.model import Model, make_model
from infogan.runs.fingerprint import fingerprint
from infogan.runs.weights import load_weights
from infogan.scale.encoding.encode import encode_parts, state_of
from infogan.scale.encoding.folder import EncodingFolder
from infogan.scale.ray import count_slots
from infogan.utils.errors import InfoganError, one_line
from infogan.utils.io import wrap_write_errors, write_atomic

WEIGHTS = "_weights.part"
MAX_BLOCKS = 2000  # of part numbers; Ray keeps a record of each


def encode_on_ray(
    target: EncodingFolder,
    parts: list[int],
    model: Model,
    config: Config,
    load_options: LoadOptions,
    *,
    cpus: int,
    gpus: float,
) -> Iterator[int]:
    """Encodes these parts on the connected cluster; yields the number of each once it is written.

    Args:
        config: of the model.
        load_options: how to load the images; its folder must exist on every node.
        cpus, gpus: for each process.

    Raises:
        InfoganError: if the images differ between nodes, a part cannot be written, or the cluster fails.
    """
    os.environ.setdefault("RAY_DATA_LOG_LEVEL", "CRITICAL")
    import ray.data
    from ray.exceptions import RayError

    ray.data.DataContext.get_current().enable_progress_bars = False
    # In a file: a training that continues does not change it, and Ray's object store cannot lose it.
    with wrap_write_errors(target.folder):
        write_atomic(target.folder / WEIGHTS, safetensors.torch.save(state_of(model)))
    numbers = ray.data.from_items(
        [{"part": part} for part in parts], override_num_blocks=min(len(parts), MAX_BLOCKS)
    )
    written = numbers.map_batches(
        Encoder,
        fn_constructor_args=[_make_job(target, config, load_options, gpus > 0)],
        batch_size=1,
        concurrency=(1, min(len(parts), count_slots(cpus, gpus))),
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
            f"the cluster failed ({one_line(error)}); {target.folder} keeps the parts that are written. "
            "Repeat the command to continue."
        ) from error
    finally:
        (target.folder / WEIGHTS).unlink(missing_ok=True)


@final
class Encoder:
    """A process of the pool. It returns errors as text, because Ray would retry an exception elsewhere."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.opened: tuple[EncodingFolder, Model, Images] | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Writes parts; returns the number of each, and its error or an empty text."""
        parts: list[int] = batch["part"].tolist()
        return {"part": parts, "error": [self._write(part) for part in parts]}

    def _write(self, part: int) -> str:
        try:
            if self.opened is None:
                self.opened = _open_job(self.job)
            target, model, images = self.opened
            if not target.is_complete(part):  # it is if another process was lost right after writing it
                list(encode_parts(target, model, images, [part]))
        except InfoganError as error:
            return str(error)
        except Exception as error:
            return f"a part failed: {one_line(error)}."
        return ""


def _make_job(
    target: EncodingFolder, config: Config, load_options: LoadOptions, on_gpu: bool
) -> dict[str, Any]:
    """All that a process needs besides the weights, as JSON types."""
    return {
        "folder": str(target.folder.resolve()),
        "description": target.description,
        "config": config.to_json(),
        "data": None if load_options.data_folder is None else str(load_options.data_folder.resolve()),
        "skip_bad": load_options.skip_bad,
        "device": "cuda" if on_gpu else "cpu",
    }


def _open_job(job: dict[str, Any]) -> tuple[EncodingFolder, Model, Images]:
    target = EncodingFolder(Path(job["folder"]), job["description"])
    config = Config.from_json(job["config"])
    model = make_model(config)
    load_weights(model, safetensors.torch.load_file(target.folder / WEIGHTS))
    model.G.to(job["device"])
    model.D.to(job["device"])
    load_options = LoadOptions(Path(job["data"]) if job["data"] else None, job["skip_bad"])
    source = target.description["source"]
    images = load(source, load_options=load_options_for(config, load_options))
    if fingerprint(images) != target.description["fingerprint"]:
        raise InfoganError(
            f"a node finds other images in {source} than this machine; name a folder that all nodes share."
        )
    return target, model, images
