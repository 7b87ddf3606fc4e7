"""The codes of any number of images, a part of the table after another."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import torch
from torch import Tensor

from infogan.data import Images
from infogan.method.model import Model
from infogan.runs.checkpoints import State, checksum
from infogan.scale.encoding.parts import Plan
from infogan.scale.encoding.table import read_codes, schema_of
from infogan.training.session import fingerprint

PART = 16_384  # images, whose codes are a file
BLOCK = 1024  # images that are read at once
AHEAD = 2  # blocks that are read while the network is at work


def plan_of(folder: Path, model: Model, update: int, images: Images, source: str) -> Plan:
    """How these images are encoded by this model into a folder.

    Args:
        update: after which the model's weights were saved.
        source: the images' name, as it serves anywhere.

    Raises:
        InfoganError: for images of another shape.
    """
    model.check_shape(images.shape, "the images")
    schema = schema_of(model.latent, images.names is not None)
    about = {
        "version": version("infogan"),
        "checkpoint": checksum(weights_of(model)),
        "step": update,
        "source": source,
        "images": len(images),
        "mark": fingerprint(images),
        "columns": {field.name: str(field.type) for field in schema},
        "rows_a_part": PART,
    }
    return Plan(folder, about)


def weights_of(model: Model) -> State:
    """What `load_weights` puts back."""
    nets = (("G", model.G), ("D", model.D))
    return {f"{name}.{key}": value for name, net in nets for key, value in net.state_dict().items()}


def encode(plan: Plan, model: Model, images: Images, parts: Iterable[int]) -> Iterator[int]:
    """Writes these parts one after another, and gives each one's number once it is there.

    Raises:
        InfoganError: where an image cannot be read, or a part cannot be written.
    """
    schema = schema_of(model.latent, images.names is not None)
    tables: list[pa.Table] = []
    blocks = ((part, block) for part in parts for block in _blocks(plan.index(part)))
    for part, index, x in _read_ahead(images, blocks):
        tables.append(read_codes(model, images, index, x, schema))
        if index[-1] + 1 == plan.index(part).stop:
            plan.write(part, pa.concat_tables(tables).combine_chunks())
            tables.clear()
            yield part


def _blocks(index: range) -> Iterator[Tensor]:
    return iter(torch.split(torch.arange(index.start, index.stop), BLOCK))


def _read_ahead(images: Images, blocks: Iterable[tuple[int, Tensor]]) -> Iterator[tuple[int, Tensor, Tensor]]:
    """The images of each block, read by a thread of its own, so that the network does not wait for them."""
    waiting: deque[tuple[int, Tensor, Future[Tensor]]] = deque()
    pool = ThreadPoolExecutor(1)
    try:
        for part, index in blocks:
            waiting.append((part, index, pool.submit(images.pixels.take, index)))
            if len(waiting) > AHEAD:
                first, its, x = waiting.popleft()
                yield first, its, x.result()
        for first, its, x in waiting:
            yield first, its, x.result()
    finally:
        pool.shutdown(cancel_futures=True)
