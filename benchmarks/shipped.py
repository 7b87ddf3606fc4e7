"""Packs a run as the small model that comes with the package, below 3 MB: `python benchmarks/shipped.py RUN`.

The run is the first of the seeds that nothing was chosen on (docs/results.md):

    infogan train mnist-best --seed 60
    python benchmarks/shipped.py runs/mnist-best-60
"""

import json
import shutil
import sys
from pathlib import Path

import safetensors.torch
import torch

from infogan.export.hub import save_pretrained
from infogan.method.inversion import learn_inversion
from infogan.runs.find import shipped_run_path
from infogan.runs.inversion import INVERSION_FILE, load_inversion, save_inversion
from infogan.runs.run import Run

KEPT = ("config.json", "run.json", "names.json", "model.safetensors", INVERSION_FILE)


def half(path: Path) -> None:
    """Halves a file of weights: matrices in 16 bits, whose rounding no pixel shows; the rest as it is."""
    state = safetensors.torch.load(path.read_bytes())
    state = {name: value.half() if value.ndim > 1 else value for name, value in state.items()}
    path.write_bytes(safetensors.torch.save(state))


def main() -> None:
    run, target = Run.open(Path(sys.argv[1])), shipped_run_path()
    shutil.rmtree(target, ignore_errors=True)
    save_pretrained(run, target)
    half(target / "model.safetensors")
    (target / "metrics.jsonl").write_text(json.dumps(run.metrics()[-1]) + "\n")
    told = json.loads((target / "run.json").read_text())
    del told["machine"]  # which is nobody's business
    packed = Run.open(target)
    packed.write_json("run.json", told)
    torch.set_num_threads(1)
    *_, last = learn_inversion(packed.model())  # of the weights as they are packed, which it is tied to
    save_inversion(packed, last.inversion)
    assert load_inversion(packed, packed.model()) is not None
    for file in sorted(target.rglob("*"), reverse=True):
        if file.is_dir():
            file.rmdir()
        elif file.name not in (*KEPT, "metrics.jsonl"):
            file.unlink()
    for file in sorted(target.iterdir()):
        print(f"{file.stat().st_size:9,} {file.name}")
    print(f"{sum(file.stat().st_size for file in target.iterdir()):9,}")


if __name__ == "__main__":
    main()
