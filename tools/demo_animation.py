"""The animation on top of README.md: images of the model that ships, as its codes move.

    python tools/demo_animation.py

Writes docs/images/demo.gif.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from infogan.figures.traversal import make_grid, sample_rows
from infogan.runs.find import shipped_run_path
from infogan.runs.run import Run

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "demo.gif"
ROWS, SEED = 4, 0
FRAMES = 24  # of a code that goes from -1 to 1 and back
SIZE = 2  # pixels of the picture for a pixel of an image
MS = 70


def main() -> None:
    model = Run.open(shipped_run_path()).model()
    n_categories = len(model.latent.codes[0].sweep(2, -1, 1))
    z, values = sample_rows(model, ROWS, SEED)
    z, values = z.repeat_interleave(n_categories, dim=0), values.repeat_interleave(n_categories, dim=0)
    values[:, 0] = torch.arange(n_categories).repeat(ROWS)
    frames = []
    for code in (1, 2):
        for at in -np.sin(np.linspace(0, 2 * np.pi, FRAMES, endpoint=False)):
            values[:, 1:] = 0
            values[:, code] = float(at)
            images = model.decode(values, z)
            grid = make_grid(images.reshape(ROWS, n_categories, *images.shape[1:]))[..., 0]
            picture = Image.fromarray(grid)
            frames.append(
                picture.resize((SIZE * picture.width, SIZE * picture.height), Image.Resampling.BICUBIC)
            )
    grays = [frame.quantize(32) for frame in frames]
    grays[0].save(PICTURE, save_all=True, append_images=grays[1:], duration=MS, loop=0, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
