"""Whether augmentation helps a small set: FID to images that training did not see, with it and without.

    python benchmarks/few.py RUN 500

RUN was trained on all images, the first 500 of which are trained on here by the defaults for so many. FID is
between 4,000 others and as many generated ones, in the features of RUN's Q. Writes records/few.json.
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

HELD_OUT = 4_000


def main() -> None:
    run, n = Run.open(Path(sys.argv[1])), int(sys.argv[2])
    judge, x = run.model(), run.images().x
    few, rest = x[:n], x[n:][:HELD_OUT]
    real = judge.features(rest).numpy()
    found = {"the images themselves": fid(judge.features(few).numpy(), real)}
    for augment in (True, False):
        config = custom_images("few", n, judge.G.shape).replace(diffaug=augment)
        model = make_model(config)
        trainer = Trainer(config, model, Images.from_arrays(few))
        for _ in progress(trainer.fit(), f"augment={augment}", config.optimisation.steps):
            pass
        load_weights(model, state_of(trainer))
        fake = model.sample(len(rest), make_rng(0, "few"))
        found["augmented" if augment else "as they are"] = fid(judge.features(fake).numpy(), real)
        print(found, flush=True)
    record("few", {"images": n, "fid": found})


if __name__ == "__main__":
    main()
