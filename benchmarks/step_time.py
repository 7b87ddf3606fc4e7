"""Images per second of every 28x28 preset, and the share of this machine's matrix-multiply peak.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/step_time.py

The peak is that of a 2048x2048 product, measured in the same run and precision. FLOPs are those of the
convolutions, upconvolutions and fully connected layers that an update needs: forward once, backward
twice that, without weight gradients of D in G's step, nor any backward of G in D's.
"""

import os
import statistics
import time
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from infogan.config import Config, Precision
from infogan.data import Images
from infogan.model import make_model
from infogan.presets import PRESETS
from infogan.train import Trainer

RUNS = 7
DTYPES: dict[Precision, torch.dtype] = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16}


def seconds(work: object, repeats: int) -> float:
    """The median time of one call, after one that is not counted."""
    assert callable(work)
    work()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        times.append((time.perf_counter() - start) / repeats)
    return statistics.median(times)


def peak(dtype: torch.dtype) -> float:
    """FLOP/s of a large square matrix product."""
    n = 2048
    a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    return 2 * n**3 / seconds(lambda: a @ b, 2)


def forward_flops(net: nn.Module, run: object) -> int:
    """FLOPs of one forward pass, counted as it runs."""
    assert callable(run)
    total = 0

    def count(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
        places = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        total += 2 * layer.weight.numel() * places[0, 0].numel() * len(output)

    def count_fc(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Linear)
        total += 2 * layer.weight.numel() * len(output)

    hooks = [
        m.register_forward_hook(count_fc if isinstance(m, nn.Linear) else count)
        for m in net.modules()
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    ]
    run()
    for hook in hooks:
        hook.remove()
    return total


def update_flops(config: Config, trainer: Trainer) -> int:
    model = trainer.model
    fake = trainer.draw(learns=False)
    latent = model.latent
    z, c = latent.sample_z(config.batch, trainer.rng), latent.sample_c(config.batch, trainer.rng)
    with torch.no_grad():
        g = forward_flops(model.G, lambda: model.G(z, c))
        d = forward_flops(model.D, lambda: model.D(fake.x))
    fakes = 2 if config.fresh_fake else 1
    return fakes * g + 2 * 3 * d + 2 * g + 2 * d


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, ", end="")
    print(f"OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'unset')}, medians of {RUNS}\n")
    x = np.random.default_rng(0).integers(0, 256, (4096, 1, 28, 28), dtype=np.uint8)
    peaks = {precision: peak(dtype) for precision, dtype in DTYPES.items()}
    for precision, value in peaks.items():
        print(f"matrix product, {precision}: {value / 1e9:.0f} GFLOP/s")
    print("\n| preset | precision | ms/update | images/s | GFLOP/update | share of peak |")
    print("|---|---|---|---|---|---|")
    for name, preset in PRESETS.items():
        for precision in DTYPES:
            config = replace(preset(), precision=precision, device="cpu", updates=10**9)
            model = make_model(config)
            if model.G.shape != (1, 28, 28):
                continue
            trainer = Trainer(config, model, Images.stored(x))
            updates = trainer.fit()
            s = seconds(lambda it=updates: next(it), 3)
            flops = update_flops(config, trainer)
            share = flops / s / peaks[precision]
            print(
                f"| {name} | {precision} | {s * 1e3:.0f} | {config.batch / s:.0f} | "
                f"{flops / 1e9:.1f} | {share:.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
