"""Which code of trained runs follows each known factor best, on images that they did not learn from.

    python benchmarks/factors_read.py chairs-32 runs/chairs-32-111
    python benchmarks/factors_read.py faces runs/faces-130

|Spearman's rho| of numbers, circular correlation of angles; beside the codes principal components, k-means
and a beta-TCVAE of the same training images. Factors serve these scores alone. Writes
records/factors-read-PRESET.json.
"""

import sys
from pathlib import Path
from typing import Any

from record import record

from infogan.data import available_splits
from infogan.paper.baselines import best_codes, known_factors, read_baselines, read_codes
from infogan.runs.run import Run


def main() -> None:
    preset, *paths = sys.argv[1:]
    runs = [Run.open(Path(path)) for path in paths]
    images = runs[0].images(available_splits(runs[0].config.data.images)[-1])
    factors = known_factors(images, ())
    if factors is None:
        raise SystemExit(f"factors_read: nothing is known about the images of {runs[0].path}.")
    found: dict[str, Any] = {}
    for run in runs:
        codes = read_codes(run.model(), images)
        commit = str(run.environment().get("commit"))
        found[run.path.name] = {"commit": commit, "best": best_codes(codes, factors)}
    n = sum(kind != "category" for kind in codes.kinds)
    baselines = {
        name: best_codes(read, factors) for name, read in read_baselines(runs[0].images(), images, n).items()
    }
    record(f"factors-read-{preset}", {"images": len(images), "runs": found, "baselines": baselines})


if __name__ == "__main__":
    main()
