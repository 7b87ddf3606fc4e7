"""What our networks need of PyTorch: its defaults, which a caller may have changed, and a memory format."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Within, new tensors are float32 and gradients are recorded.

    The caller may have called `torch.set_default_dtype`, which holds for the process, or be within
    `torch.no_grad` or `torch.inference_mode`.
    """
    before = torch.get_default_dtype()
    if before != torch.float32:
        torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        if before != torch.float32:
            torch.set_default_dtype(before)


def to_channels_last(net: nn.Module) -> None:
    """Lays out the weights of convolutions as (out, height, width, in), with which they are faster."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.weight.data = layer.weight.to(memory_format=torch.channels_last)


if hasattr(os, "register_at_fork"):
    # PyTorch's OpenMP would wait for threads of the parent, which a forked child does not have.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
