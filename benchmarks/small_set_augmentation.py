"""Whether DiffAugment helps with few images: FID to held-out images, with and without it.

    python benchmarks/small_set_augmentation.py RUN 500

Trains on the first 500 images of RUN with the defaults for your own images. FID is between 4,000 other images
and as many generated ones, in the features of RUN's Q. Writes records/small_set_augmentation.json.
"""

import sys
from pathlib import Path

from record import record

from infogan.config.presets import custom_images
from infogan.data import Images
from infogan.evaluation.image_quality.metrics import fid
from infogan.method.model import make_model
from infogan.runs.run import Run
from infogan.runs.weights import load_weights
from infogan.training.state import state_of
from infogan.training.trainer import Trainer
from infogan.utils.progress import progress
from infogan.utils.rng import make_rng

N_HELD_OUT = 4_000


def main() -> None:
    run, n = Run.open(Path(sys.argv[1])), int(sys.argv[2])
    judge, x = run.model(), run.images().x
    training, held_out = x[:n], x[n:][:N_HELD_OUT]
    real = judge.features(held_out).numpy()
    found = {"training images": fid(judge.features(training).numpy(), real)}
    for diffaug in (True, False):
        config = custom_images("X", n, judge.G.shape).replace(diffaug=diffaug)
        model = make_model(config)
        trainer = Trainer(config, model, Images.from_arrays(training))
        for _ in progress(trainer.fit(), f"diffaug={diffaug}", config.optimisation.steps):
            pass
        load_weights(model, state_of(trainer))
        fake = model.sample(len(held_out), make_rng(0, "few"))
        found["with DiffAugment" if diffaug else "without DiffAugment"] = fid(
            judge.features(fake).numpy(), real
        )
        print(found, flush=True)
    record("small_set_augmentation", {"images": n, "fid": found})


if __name__ == "__main__":
    main()
