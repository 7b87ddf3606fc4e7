"""Seconds of training until a run's one-to-one error on test images is at most 5 %.

    python benchmarks/time_to_error.py PRESET [SEED ...]

As `infogan bench PRESET --to-error 5` has it, for several seeds (0, 1 and 2 by default). Writes
records/time_to_error-PRESET.json.
"""

import sys
from typing import Any

from record import record, spread

from infogan.config.presets import get_preset
from infogan.evaluation.time_to_error import error_curve

GOAL = 0.05


def main() -> None:
    preset, *seeds = sys.argv[1:]
    runs: list[dict[str, Any]] = []
    for seed in seeds or ["0", "1", "2"]:
        curve = error_curve(get_preset(preset).replace(seed=int(seed)))
        points = [(round(s, 2), error) for s, error in zip(*curve, strict=True)]
        runs.append({"seed": int(seed), "seconds_to_goal": curve.seconds_to(GOAL), "curve": points})
        print(f"seed {seed}: {runs[-1]['seconds_to_goal']} s to {GOAL:.0%}; then {points[-1]}", flush=True)
    reached = [run["seconds_to_goal"] for run in runs if run["seconds_to_goal"] is not None]
    summary: dict[str, Any] = {"goal": GOAL, "reached": len(reached), "of": len(runs)}
    if reached:
        summary["seconds"] = spread(reached)
    record(f"time_to_error-{preset}", {"preset": preset, **summary, "runs": runs})


if __name__ == "__main__":
    main()
