"""Encodes images into a folder, one part after another."""

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
from infogan.runs.fingerprint import fingerprint
from infogan.scale.encoding.folder import EncodingFolder
from infogan.scale.encoding.table import encode_rows, table_schema

ROWS_PER_PART = 16_384
BLOCK = 1024  # images read at once
N_AHEAD = 2  # blocks read in advance, while the network encodes


def make_target(folder: Path, model: Model, steps: int, images: Images, source: str) -> EncodingFolder:
    """The folder for the encoding of these images by this model; touches no disk.

    Args:
        steps: of training, that the model has had.
        source: the absolute name of the images.

    Raises:
        InfoganError: if the images have another shape.
    """
    model.check_shape(images.shape, "the images")
    schema = table_schema(model.latent, images.names is not None)
    description = {
        "version": version("infogan"),
        "checkpoint": checksum(state_of(model)),
        "step": steps,
        "source": source,
        "images": len(images),
        "fingerprint": fingerprint(images),
        "columns": {field.name: str(field.type) for field in schema},
        "rows_per_part": ROWS_PER_PART,
    }
    return EncodingFolder(folder, description)


def state_of(model: Model) -> State:
    """The weights, as `load_weights` takes them."""
    networks = (("G", model.G), ("D", model.D))
    return {
        f"{name}.{key}": value.contiguous()
        for name, network in networks
        for key, value in network.state_dict().items()
    }


def encode_parts(target: EncodingFolder, model: Model, images: Images, parts: Iterable[int]) -> Iterator[int]:
    """Encodes and writes these parts; yields the number of each once it is written.

    Raises:
        InfoganError: if an image cannot be read, or a part cannot be written.
    """
    schema = table_schema(model.latent, images.names is not None)
    tables: list[pa.Table] = []
    blocks = ((part, block) for part in parts for block in _blocks(target.index(part)))
    for part, index, x in _read_ahead(images, blocks):
        tables.append(encode_rows(model, images, index, x, schema))
        if index[-1] + 1 == target.index(part).stop:
            target.write(part, pa.concat_tables(tables).combine_chunks())
            tables.clear()
            yield part


def _blocks(index: range) -> Iterator[Tensor]:
    return iter(torch.split(torch.arange(index.start, index.stop), BLOCK))


def _read_ahead(images: Images, blocks: Iterable[tuple[int, Tensor]]) -> Iterator[tuple[int, Tensor, Tensor]]:
    """The images of each block, read by a thread, so that the network does not wait for them."""
    waiting: deque[tuple[int, Tensor, Future[Tensor]]] = deque()
    pool = ThreadPoolExecutor(1)
    try:
        for part, index in blocks:
            waiting.append((part, index, pool.submit(images.pixels.take, index)))
            if len(waiting) > N_AHEAD:
                first_part, first_index, x = waiting.popleft()
                yield first_part, first_index, x.result()
        for part, index, x in waiting:
            yield part, index, x.result()
    finally:
        pool.shutdown(cancel_futures=True)
