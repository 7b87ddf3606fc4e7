"""Whether the verdicts of reports agree with what a person sees as each continuous code varies.

    python benchmarks/verdicts.py draw PICTURES mnist svhn runs/celeba-0
    python benchmarks/verdicts.py compare mnist svhn runs/celeba-0

`draw` writes one picture for each run: a block of rows for each continuous code, in order, without verdicts;
each row is one random image, along which the code goes through the range of training. A person judges every
code by these pictures alone and writes into records/judged-codes.json:

    good     it changes one thing, the same in every row
    mixed    it changes something, but several things, or another one in other rows
    none     nothing that can be seen, or noise

`compare` asks for the verdicts and writes records/verdicts.json. *reliable* and *self-consistent* stand for
good, *doubtful* for mixed, *not reliable* for none.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from record import RECORDS, record

from infogan.figures.traversal import save_grid, traverse
from infogan.report.build import build_report
from infogan.runs.find import open_run_or_shipped
from infogan.runs.run import Run

MEANING = {"reliable": "good", "self-consistent": "good", "doubtful": "mixed", "not reliable": "none"}
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


def compare(names: list[str]) -> None:
    judged = json.loads((RECORDS / "judged-codes.json").read_text("utf-8"))
    codes: dict[str, Any] = {}
    for name in names:
        run, by_eye = open_run(name), judged[Path(name).name]
        report = build_report(run, run.model(), run.images(), None, lambda _: None)
        for section in report["sections"]:
            if section.id in by_eye:
                codes[f"{Path(name).name} {section.id}"] = {
                    "by eye": by_eye[section.id],
                    "verdict": section.verdict.word,
                    "criteria": {k: v and round(float(v), 3) for k, v in section.criteria.items()},
                }
        print(
            name,
            {k: (v["by eye"], v["verdict"]) for k, v in codes.items() if k.startswith(f"{run.path.name} ")},
        )
    pairs = Counter((of["by eye"], MEANING[of["verdict"]]) for of in codes.values())
    agree = sum(n for (eye, verdict), n in pairs.items() if eye == verdict) / len(codes)
    counts = {f"{eye}, {verdict}": n for (eye, verdict), n in sorted(pairs.items())}
    print(f"{len(codes)} codes, agreement {agree:.2f}; by eye and verdict: {counts}")
    record("verdicts", {"codes": codes, "agreement": round(agree, 3), "by eye, verdict": counts})


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "draw":
        draw(Path(rest[0]), rest[1:])
    else:
        compare(rest)


if __name__ == "__main__":
    main()
