"""Images per second of presets, and the share of this machine's matrix-multiply peak, as a table.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/step_time.py [PRESET ...]

The 28x28 presets where none is named. What the numbers mean is said in `infogan.bench`; this runs it in a
process of its own for every preset and precision, so that peak memory is of one alone.
"""

import json
import subprocess
import sys

PRESETS = ("mnist", "mnist-code", "mnist-gan", "mnist-small", "fashion")


def main() -> None:
    columns = (
        "preset",
        "precision",
        "ms/update",
        "D",
        "G",
        "images/s",
        "GFLOP/update",
        "of peak",
        "peak",
        "MiB",
    )
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for preset in sys.argv[1:] or PRESETS:
        for precision in ("32-true", "bf16-mixed"):
            line = [sys.executable, "-m", "infogan", "bench", preset, "--precision", precision, "--json"]
            r = json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
            print(
                f"| {preset} | {precision} | {r['ms_per_update']:.0f} | {r['ms_d']:.0f} | {r['ms_g']:.0f} | "
                f"{r['images_per_s']:.0f} | {r['gflop_per_update']:.1f} | {r['share_of_peak']:.0%} | "
                f"{r['peak_gflop_per_s']:.0f} | {r['peak_memory_mib']:.0f} |",
                flush=True,
            )
    print(
        f"\ntorch {r['torch']}, {r['threads']} threads, OMP_WAIT_POLICY={r['omp_wait_policy']}, {r['device']}"
    )


if __name__ == "__main__":
    main()
