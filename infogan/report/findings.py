"""What a report found, as numbers and words for other programs."""

import math
from collections.abc import Mapping
from typing import Any

from infogan.report.associations import Row
from infogan.report.code_section import CodeSection


def to_findings(report: Mapping[str, Any]) -> dict[str, Any]:
    """The codes with their verdicts, what they go with, duplicates and outliers; ready for JSON.

    Args:
        report: as `build_report` returns it.
    """
    sections: list[CodeSection] = report["sections"]
    rows: list[Row] = report["rows"]
    return {
        "images": report["sample"].n_total,
        "left_out": list(report["sample"].left_out),
        "codes": [
            {
                "code": section.id,
                "name": section.name or None,
                "kind": section.kind,
                "under": section.parent,
                "images_per_category": None if section.counts is None else _counts(section),
                "verdict": section.verdict.word,
                "reasons": list(section.verdict.reasons),
                "L_I": _finite(section.bound),
                "criteria": {name: _finite(value) for name, value in section.criteria.items()},
            }
            for section in sections
        ],
        "associations": [
            {
                "column": row.column.name,
                "kind": row.column.kind,
                "images": row.n,
                "strongest": None if row.strongest is None else sections[row.strongest].id,
                "codes": {
                    section.id: {"value": _finite(a.value), "noise_level": _finite(a.noise_level)}
                    for section, a in zip(sections, row.associations, strict=True)
                },
                "baselines": {
                    b.method: {
                        "found_by": b.name,
                        "value": _finite(b.association.value),
                        "noise_level": _finite(b.association.noise_level),
                    }
                    for b in row.baselines
                },
            }
            for row in rows
        ],
        "duplicates": [[title for title, _ in group] for group in report["duplicates"]],
        "near_duplicates": [[a[0], b[0]] for a, b, _ in report["near_duplicates"]],
        "copies": [[a[0], b[0], how] for a, b, how in report["copies"]],
        "outliers": [title for title, *_ in report["outliers"]],
    }


def _counts(section: CodeSection) -> list[int] | list[list[int]]:
    """How many images each category holds; of a code under a category, for each of its categories."""
    assert section.counts is not None
    found: list[list[int]] = section.counts.tolist()
    return found[0] if section.parent is None else found


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 4)
