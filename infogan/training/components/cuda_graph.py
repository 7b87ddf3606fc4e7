"""A training step on a GPU as one CUDA graph: one replay instead of a thousand kernel launches."""

import logging
from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor

N_EAGER = 3  # steps run one by one, after which libraries have chosen kernels and Adam has its moments

Step = Callable[..., dict[str, Tensor]]


@final
class CudaGraphStep:
    """Runs a step eagerly a few times, then captures it and replays the graph.

    If the step cannot be captured, training goes on eagerly to the same numbers, with a warning.
    """

    def __init__(self, step: Step, rngs: Sequence[torch.Generator]) -> None:
        """Takes a step that never reads a value back from the device, and the generators it draws from."""
        self.step = step
        self.rngs = rngs
        self.n_done = 0
        self.replay: Step | None = None

    def __call__(self, *inputs: Tensor) -> dict[str, Tensor]:
        if self.replay is not None:
            return self.replay(*inputs)
        if self.n_done == N_EAGER:
            self.replay = self._capture(*inputs)
            return self.replay(*inputs)
        self.n_done += 1
        # Capturing asks for eager steps on a side stream first.
        main, side = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(main)
        with torch.cuda.stream(side):
            metrics = self.step(*inputs)
        main.wait_stream(side)
        return metrics

    def _capture(self, *inputs: Tensor) -> Step:
        graph = torch.cuda.CUDAGraph()
        for rng in self.rngs:
            graph.register_generator_state(rng)
        static_inputs = [x.clone() for x in inputs]
        try:
            with torch.cuda.graph(graph):
                metrics = self.step(*static_inputs)
        except RuntimeError as error:
            logging.getLogger(__name__).warning(
                "infogan: this step cannot be captured as a CUDA graph (%s); training continues without one, "
                "with the same results but slower.",
                str(error).partition("\n")[0],
            )
            return self.step

        def replay(*inputs: Tensor) -> dict[str, Tensor]:
            for static, x in zip(static_inputs, inputs, strict=True):
                static.copy_(x)
            graph.replay()
            return {name: value.clone() for name, value in metrics.items()}  # the next replay overwrites them

        return replay
