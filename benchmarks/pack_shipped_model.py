"""Packs a run as the model of its preset that ships with the package, in at most 3 MB.

docs/results/own-images.md says which run it is, and why:

    OMP_NUM_THREADS=1 infogan train mnist --seed 124 --device cpu
    python benchmarks/pack_shipped_model.py runs/mnist-124

The folder PRESET-SEED says of which preset it is. The encoder of z is left out if it does not fit: the
explorer learns one then. The networks of Tables 2 to 6 have more weights than fit; `small` ones do.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import safetensors.torch
import torch

from infogan.config.presets import get_preset
from infogan.export.hub import save_pretrained
from infogan.method.inversion import learn_inversion
from infogan.runs.find import shipped_run_path
from infogan.runs.inversion import INVERSION_FILE, load_inversion, save_inversion
from infogan.runs.run import Run

MAX_BYTES = 3_000_000
FILES = ("config.json", "run.json", "names.json", "model.safetensors", "metrics.jsonl", INVERSION_FILE)


def halve_precision(path: Path) -> None:
    """Stores matrices in 16 bits, which changes no pixel visibly."""
    state = safetensors.torch.load(path.read_bytes())
    state = {name: value.half() if value.ndim > 1 else value for name, value in state.items()}
    path.write_bytes(safetensors.torch.save(state))


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.name in FILES)


def main() -> None:
    run = Run.open(Path(sys.argv[1]))
    name = run.path.name.rpartition("-")[0]
    get_preset(name)  # raises, if it is none
    with tempfile.TemporaryDirectory() as folder:
        packed = pack(run, Path(folder) / name)
        if size(packed) > MAX_BYTES:
            sys.exit(
                f"{run.path} takes {size(packed):,} bytes, more than {MAX_BYTES:,}; train smaller networks."
            )
        target = shipped_run_path(name)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(packed, target)
    for file in sorted(target.iterdir()):
        print(f"{file.stat().st_size:9,} {file.name}")
    print(f"{size(target):9,}")


def pack(run: Run, target: Path) -> Path:
    """The folder, with nothing but FILES."""
    save_pretrained(run, target)
    halve_precision(target / "model.safetensors")
    (target / "metrics.jsonl").write_text(json.dumps(run.metrics()[-1]) + "\n", "utf-8")
    environment = json.loads((target / "run.json").read_text("utf-8"))
    del environment["machine"]  # private
    packed = Run.open(target)
    packed.write_json("run.json", environment)
    torch.set_num_threads(1)
    *_, last = learn_inversion(packed.model())  # of the rounded weights
    save_inversion(packed, last.inversion)
    assert load_inversion(packed, packed.model()) is not None
    for file in sorted(target.rglob("*"), reverse=True):
        if file.is_dir():
            file.rmdir()
        elif file.name not in FILES:
            file.unlink()
    if size(target) > MAX_BYTES:
        (target / INVERSION_FILE).unlink()
    return target


if __name__ == "__main__":
    main()
