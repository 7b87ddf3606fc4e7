"""An update on a GPU as one CUDA graph: the host says "again" instead of launching a thousand kernels."""

import logging
from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor

WARM_UP = 3  # updates one by one, after which libraries have chosen their kernels and Adam has its moments

Step = Callable[[Tensor], tuple[Tensor, ...]]


@final
class Captured:
    """The same updates, replayed; where they cannot be captured they go on as before, with a line of notice.

    The first few run as they are, on a stream of their own, as capturing asks for; they count like any.
    """

    def __init__(self, update: Step, rngs: Sequence[torch.Generator]) -> None:
        """Takes an update that never asks the device for a value, and the streams that it draws from."""
        self.update = update
        self.rngs = rngs
        self.done = 0
        self.replay: Step | None = None

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.replay is not None:
            return self.replay(x)
        if self.done == WARM_UP:
            self.replay = self._capture(x)
            return self.replay(x)
        self.done += 1
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            out = self.update(x)
        here.wait_stream(aside)
        return out

    def _capture(self, x: Tensor) -> Step:
        graph = torch.cuda.CUDAGraph()
        for rng in self.rngs:
            graph.register_generator_state(rng)
        x_static = x.clone()
        try:
            with torch.cuda.graph(graph):
                out = self.update(x_static)
        except RuntimeError as error:
            logging.getLogger(__name__).warning(
                "infogan: this update cannot be captured as a CUDA graph (%s); going on step by step, to the "
                "same numbers but slower.",
                str(error).partition("\n")[0],
            )
            return self.update

        def replay(x: Tensor) -> tuple[Tensor, ...]:
            x_static.copy_(x)
            graph.replay()
            return tuple(value.clone() for value in out)  # the next replay writes over them

        return replay
