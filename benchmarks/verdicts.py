"""Whether the verdicts of reports agree with what a person sees as each continuous code varies.

    python benchmarks/verdicts.py draw PICTURES mnist svhn runs/celeba-plain-0
    python benchmarks/verdicts.py compare mnist svhn runs/celeba-plain-0

`draw` writes one picture for each run: a block of rows for each continuous code, in order, without verdicts;
each row is one random image, along which the code goes through the range of training. A person judges every
code by these pictures alone and writes into records/judged-codes.json:

    good     it changes one thing, the same in every row
    mixed    it changes something, but several things, or another one in other rows
    none     nothing that can be seen, or noise

`compare` measures the criteria of the runs that are named, and adds them to records/verdicts.json. Then it
counts agreements over all codes there: a code that meets all criteria stands for good, *doubtful* for mixed,
*not reliable* for none. So `compare` without a run counts anew after a change of thresholds.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from record import RECORDS, record

from infogan.evaluation.evidence import Evidence
from infogan.figures.traversal import save_grid, traverse
from infogan.report.build import build_report
from infogan.report.reliability import judge
from infogan.runs.find import open_run_or_shipped
from infogan.runs.run import Run

MEANING = {"self-consistent": "good", "doubtful": "mixed", "not reliable": "none"}
ROWS, STEPS = 6, 9


def open_run(name: str) -> Run:
    return open_run_or_shipped(Path(name), lambda _: None)


def draw(folder: Path, names: list[str]) -> None:
    for name in names:
        model = open_run(name).model()
        blocks = []
        for i, code in enumerate(model.latent.codes):
            if code.kind != "category":
                images = traverse(model, i, rows=ROWS, steps=STEPS, low=-1, high=1).images
                blocks += [images, np.full_like(images[:1], 255)]
        save_grid(np.concatenate(blocks[:-1]), folder / f"{Path(name).name}.png")


def read_record(name: str) -> dict[str, Any]:
    file = RECORDS / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return found


def compare(names: list[str]) -> None:
    criteria = read_record("verdicts").get("criteria", {})
    for name in names:
        run = open_run(name)
        report = build_report(run, run.model(), run.images(), None, lambda _: None)
        for section in report["sections"]:
            measured = {k: round(float(v), 3) for k, v in section.criteria.items() if v is not None}
            if "alignment" in measured:
                criteria[f"{Path(name).name} {section.id}"] = measured
    pairs: Counter[tuple[str, str]] = Counter()
    for run_name, codes in read_record("judged-codes").items():
        for code, by_eye in codes.items():
            pairs[by_eye, MEANING[judge(criteria[f"{run_name} {code}"], Evidence()).word]] += 1
    counts = {f"{eye}, {verdict}": n for (eye, verdict), n in sorted(pairs.items())}
    agreement = sum(n for (eye, verdict), n in pairs.items() if eye == verdict) / pairs.total()
    print(f"{pairs.total()} codes, agreement {agreement:.2f}; by eye, verdict: {counts}")
    record("verdicts", {"agreement": round(agreement, 3), "by eye, verdict": counts, "criteria": criteria})


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "draw":
        draw(Path(rest[0]), rest[1:])
    else:
        compare(rest)


if __name__ == "__main__":
    main()
