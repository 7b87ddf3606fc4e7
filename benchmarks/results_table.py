"""Prints the table of docs/results/mnist.md: the scores of finished runs, and the medians of each preset.

    python benchmarks/results_table.py runs/mnist-code-0 runs/mnist-code-1 ...

Each run was made by `infogan train PRESET --seed N [--precision bf16-mixed]` and `infogan evaluate RUN`.
"""

import json
import statistics
import sys
from pathlib import Path

COLUMNS = {
    "L_I(c1)": ("generated", "info_bound_c1"),
    "1-1 error, test": ("test", "one_to_one_error"),
    "purity, test": ("test", "purity"),
    "NMI, test": ("test", "nmi"),
    "ARI, test": ("test", "ari"),
    "1-1 error, train": ("train", "one_to_one_error"),
    "1-1 error, test, batch statistics": ("test", "one_to_one_error_batch_statistics"),
}


def main() -> None:
    rows: dict[str, list[list[float]]] = {}
    print("| run | commit | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for path in map(Path, sys.argv[1:]):
        evaluation = json.loads((path / "evaluation.json").read_text("utf-8"))
        commit = json.loads((path / "run.json").read_text("utf-8"))["commit"]
        values = [evaluation[split][score]["value"] for split, score in COLUMNS.values()]
        rows.setdefault(path.name.rpartition("-")[0], []).append(values)
        print(f"| {path.name} | {commit} | " + " | ".join(f"{v:.3f}" for v in values) + " |")
    for name, of_preset in rows.items():
        spread = [
            f"**{statistics.median(column):.3f}** ({min(column):.3f}–{max(column):.3f})"
            for column in zip(*of_preset, strict=True)
        ]
        print(f"| **{name}**, median (range) of {len(of_preset)} | | " + " | ".join(spread) + " |")


if __name__ == "__main__":
    main()
