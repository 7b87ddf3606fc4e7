"""The map of the report in the explorer: the training images in two dimensions, coloured by their codes."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
import torch

from infogan.data.images import InMemoryPixels
from infogan.explore.background import Background
from infogan.explore.real_images import BLOCK, RealImages
from infogan.method.model import Model
from infogan.report.render import make_environment
from infogan.runs.run import Run
from infogan.utils.errors import InfoganError

if TYPE_CHECKING:
    from infogan.report.map import ImageMap
    from infogan.report.sample import Sample


class MadeMap(NamedTuple):
    """Without what its colours mean, which changes as people give names."""

    map: "ImageMap"
    sample: "Sample"  # with thumbnails in place of its images


@final
class RealMap:
    """The map, which is made at the first request, after Q has read the images.

    Args:
        submit: runs a call in the model's thread.
    """

    def __init__(
        self, run: Run, model: Model, real_images: RealImages, submit: Callable[..., "Future[Any]"]
    ) -> None:
        self.run, self.model, self.real_images, self.submit = run, model, real_images, submit
        self._making = Background(self._make)

    def close(self) -> None:
        self._making.close()

    def progress(self) -> str | None:
        """What is being done for the map, in words; None if it is there. Called by one thread only.

        Raises:
            InfoganError: if the images cannot be read, or are too few; the next call tries again.
        """
        progress = self.real_images.progress()
        if progress < 1:
            return f"Q is reading the training images: {int(100 * progress)} %"
        return None if self._making.is_done() else "The images get their places on the map …"

    def page(self) -> str:
        """The page of the map, which must be there."""
        from infogan.report.map import code_columns, colouring

        made = self._making.result()
        assert made is not None
        names = self.run.code_names()
        headings = [f"{id} {names.get(id, '')}".strip() for id in self.model.latent.names]
        columns = code_columns(self.run, self.model, made.sample, headings)
        data = made.map.data | {
            "codes": [colouring(column) for column in columns],
            "links": [f"./?real={i}" for i in made.sample.index],
        }
        return self._render(
            sample=made.sample,
            map={"share": made.map.share, "n_neighbours": made.map.n_neighbours, "data": data},
        )

    def message(self, text: str, again: bool) -> str:
        """A page that says something in place of the map.

        Args:
            again: whether the page asks for the map again in a second.
        """
        return self._render(map=None, text=text, again=again)

    def _render(self, **context: Any) -> str:
        template = make_environment(Path(__file__).parent).get_template("map_page.html")
        return template.render(title=self.run.path.resolve().name, **context)

    def _make(self) -> MadeMap:
        from infogan.report.inline_images import thumbnails
        from infogan.report.map import image_map
        from infogan.report.outliers import DuplicatesAndOutliers
        from infogan.report.sample import Sample

        read = self.real_images.encoded()
        features, small = [], []
        for block in torch.split(torch.from_numpy(read.index), BLOCK):
            if self._making.closed.is_set():
                raise InfoganError("The explorer has ended.")
            pixels = read.images.pixels.take(block)
            features.append(self.submit(self.model.features, InMemoryPixels(pixels)).result())
            small.append(thumbnails(pixels.cpu().numpy()))
        names = read.images.names
        sample = Sample(
            n_total=len(read.images),
            index=read.index,
            x=np.concatenate(small),
            names=None if names is None else tuple(names[i] for i in read.index),
            labels=None,
            factors=None,
            values=read.values.astype(float),
            spreads=read.spreads.astype(float),
            features=torch.cat(features).numpy(),
        )
        unmarked = DuplicatesAndOutliers([], [], [], np.empty(0, int), np.empty(0), [])
        made = image_map(sample, [], [], unmarked, 0)
        if made is None:
            raise InfoganError(f"A map needs more than {len(sample)} images.")
        return MadeMap(made, sample)
