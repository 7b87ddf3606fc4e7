"""Writes docs/results/paper.md from benchmarks/records/paper/NAME.json.

    infogan paper fig3
    python benchmarks/paper_page.py runs/paper

With a folder, its records and pictures are taken over first, as benchmarks/records/paper/NAME.json and
docs/images/paper/NAME.png.
"""

import shutil
import sys
from pathlib import Path

from infogan.paper.page import write_page
from infogan.paper.states import PUBLISHED, read_records

DOCS = Path(__file__).parent.parent / "docs"
PAGE, PICTURES = DOCS / "results" / "paper.md", DOCS / "images" / "paper"


def page() -> str:
    """The page, from what is published."""
    pictures = {file.stem: f"../images/paper/{file.name}" for file in sorted(PICTURES.glob("fig*.png"))}
    return write_page(read_records([PUBLISHED]), pictures)


def main() -> None:
    for folder in map(Path, sys.argv[1:]):
        for target, pattern in ((PUBLISHED, "fig*.json"), (PICTURES, "fig*.png")):
            target.mkdir(parents=True, exist_ok=True)
            for file in folder.glob(pattern):
                shutil.copyfile(file, target / file.name)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), "utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
