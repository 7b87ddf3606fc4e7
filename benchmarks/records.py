"""Reads benchmarks/records, and writes what they hold as Markdown tables."""

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).parent / "records"


def read(name: str) -> Any:
    return json.loads((RECORDS / f"{name}.json").read_text("utf-8"))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def middle(values: Sequence[float], digits: int, scale: float = 1) -> str:
    """Median and range: 0.84 (0.77 to 0.87)."""
    median, low, high = (scale * f(values) for f in (statistics.median, min, max))
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ablation(name: str, variant: str = "whole") -> list[dict[str, Any]]:
    return [run for run in read(f"ablation-{name}")["runs"] if run["variant"] == variant]


def each(name: str, variant: str, score: str, digits: int, scale: float = 1) -> str:
    """A score of every seed, separated by commas."""
    return ", ".join(f"{scale * run[score]:.{digits}f}" for run in ablation(name, variant))
