"""Forms of the 4x4 convolutions with stride 2, and what the faster layout of weights brings to a whole step.

    OMP_NUM_THREADS=1 python benchmarks/convolutions.py

Milliseconds of the processor for a forward and a backward pass, the median of 15 by turns: with weights as
PyTorch makes them and in channels_last; as a matrix product of patches; as a 2x2 convolution of an image
whose pixels were taken four by four into channels (space to depth); and, of a transposed convolution, as a
3x3 convolution whose channels become pixels. In bf16 too, where the processor has it. Then of whole steps
with weights in either layout. Writes records/convolutions.json.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from operators import stage_steps, updates
from record import record
from torch import Tensor

N_TURNS = 15
SHAPES = {  # images, channels, side, channels of the output; `transposed` doubles the side
    "first, D of mnist": (128, 1, 28, 32),
    "second, D of mnist": (128, 32, 14, 64),
    "second, D of mnist-code": (128, 64, 14, 128),
    "third, autoencoder": (128, 64, 8, 64),
}
TRANSPOSED = {
    "first, G of mnist": (128, 64, 7, 32),
    "last, G of mnist": (128, 32, 14, 1),
    "first, G of mnist-code": (128, 128, 7, 64),
}
Form = Callable[[Tensor, Tensor], Tensor]


def plain(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, stride=2, padding=1)


def patches(x: Tensor, weight: Tensor) -> Tensor:
    (n, ch, side, _), n_out = x.shape, len(weight)
    padded = F.pad(x, (1, 1, 1, 1)).permute(0, 2, 3, 1).contiguous()
    s = padded.stride()
    half = side // 2
    taken = padded.as_strided((n, half, half, 4, 4, ch), (s[0], 2 * s[1], 2 * s[2], s[1], s[2], s[3]))
    product = taken.reshape(-1, 16 * ch) @ weight.permute(2, 3, 1, 0).reshape(16 * ch, n_out)
    return product.view(n, half, half, n_out).permute(0, 3, 1, 2)


def space_to_depth(x: Tensor, weight: Tensor) -> Tensor:
    n_out, ch = weight.shape[:2]
    small = weight.reshape(n_out, ch, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(n_out, 4 * ch, 2, 2)
    return F.conv2d(F.pixel_unshuffle(F.pad(x, (1, 1, 1, 1)), 2), small)


def transposed(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv_transpose2d(x, weight, stride=2, padding=1)


def sub_pixel(x: Tensor, weight: Tensor) -> Tensor:
    n_in, n_out = weight.shape[:2]

    def two(w: Tensor, dim: int) -> Tensor:
        """The three taps of the even and of the odd pixels along a dimension of four."""
        w0, w1, w2, w3 = w.unbind(dim)
        return torch.stack(
            [torch.stack([w3, w1, 0 * w0], -1), torch.stack([0 * w0, w2, w0], -1)], -2
        )  # (..., 2, 3)

    by_row = two(weight, 2)  # in, out, 4, 2, 3
    both = two(by_row, 2)  # in, out, 2, 3, 2, 3: row parity, row tap, column parity, column tap
    kernel = both.permute(1, 2, 4, 0, 3, 5).reshape(4 * n_out, n_in, 3, 3)
    return F.pixel_shuffle(F.conv2d(x, kernel, padding=1), 2)


def passes(form: Form, x: Tensor, weight: Tensor, dtype: torch.dtype) -> Callable[[], None]:
    x, weight = (t.detach().clone(memory_format=torch.preserve_format).requires_grad_() for t in (x, weight))

    def both_ways() -> None:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            torch.autograd.backward(form(x, weight).float().square().sum())
        x.grad = weight.grad = None

    return both_ways


def forms(
    shape: tuple[int, int, int, int], others: Mapping[str, Form], dtype: torch.dtype
) -> dict[str, float]:
    """Milliseconds of each form."""
    n, ch, side, n_out = shape
    is_transposed = "3x3" in others
    form: Form = transposed if is_transposed else plain
    x = torch.randn(n, ch, side, side)
    weight = torch.randn(ch, n_out, 4, 4) if is_transposed else torch.randn(n_out, ch, 4, 4)
    for other in others.values():
        torch.testing.assert_close(other(x, weight), form(x, weight), rtol=1e-3, atol=1e-3)
    x_last, weight_last = (t.to(memory_format=torch.channels_last) for t in (x, weight))
    works = {
        "contiguous": passes(form, x, weight, dtype),
        "channels_last": passes(form, x_last, weight_last, dtype),
        **{name: passes(other, x_last, weight, dtype) for name, other in others.items()},
    }
    return by_turns(works)


def by_turns(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The median milliseconds of the processor for each, after a first turn."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(N_TURNS + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            times[name].append(1000 * (time.process_time() - start))
    return {name: statistics.median(each[1:]) for name, each in times.items()}


def in_either_layout(make: Callable[[], Iterator[object]]) -> dict[str, float]:
    """Milliseconds of a step, with the weights in either layout."""
    last, contiguous = make(), make()
    next(last)
    with ExitStack() as stack:
        for module in ("method.model", "pretraining.encoder", "pretraining.autoencoding.vae"):
            stack.enter_context(patch(f"infogan.{module}.to_channels_last", lambda net: None))
        next(contiguous)
    return by_turns({"contiguous": lambda: next(contiguous), "channels_last": lambda: next(last)})


def main() -> None:
    dtypes = {"float32": torch.float32}
    if torch.cpu.get_capabilities().get("avx512_bf16"):
        dtypes["bfloat16"] = torch.bfloat16
    rows: list[dict[str, Any]] = []
    for precision, dtype in dtypes.items():
        for shapes, others in (
            (SHAPES, {"patches": patches, "space to depth": space_to_depth}),
            (TRANSPOSED, {"3x3": sub_pixel}),
        ):
            for name, shape in shapes.items():
                rows.append({"layer": name, "precision": precision, "ms": forms(shape, others, dtype)})
                print(rows[-1], flush=True)
    steps = {
        "update of mnist": in_either_layout(lambda: updates("mnist")),
        "update of mnist-code": in_either_layout(lambda: updates("mnist-code")),
        "update of celeba": in_either_layout(lambda: updates("celeba")),
        "clustering of mnist": in_either_layout(lambda: stage_steps("mnist", knobs="")),
        "knobs of mnist": in_either_layout(lambda: stage_steps("mnist", pretraining_steps=0, transforms="")),
        "autoencoding of faces": in_either_layout(lambda: stage_steps("faces", knobs="")),
    }
    record("convolutions", {"layers": rows, "steps": steps, "threads": torch.get_num_threads()})


if __name__ == "__main__":
    main()
