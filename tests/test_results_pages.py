"""The tables of README and docs are what benchmarks/results_pages.py writes from the records."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import results_pages  # noqa: E402  # benchmarks is a folder of scripts, not a package


@pytest.mark.parametrize("page", results_pages.pages(), ids=lambda page: page.name)
def test_a_page_holds_what_its_records_say(page: Path) -> None:
    text = page.read_text("utf-8")
    assert results_pages.fill(text) == text, "run python benchmarks/results_pages.py"


def test_every_table_stands_on_a_page_and_every_marker_is_closed() -> None:
    texts = [page.read_text("utf-8") for page in results_pages.pages()]
    begun, ended = (
        [name for text in texts for name in re.findall(rf"<!-- {word} ([\w-]+) -->", text)]
        for word in ("begin", "end")
    )
    assert sorted(begun) == sorted(ended)
    assert set(begun) == set(results_pages.tables())
