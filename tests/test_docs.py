"""docs/maths.md points at functions and tests that exist."""

import importlib
import re
from functools import reduce
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MATHS = (ROOT / "docs" / "maths.md").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(infogan\.[\w.]+)`", MATHS))))
def test_a_named_function_exists(name: str) -> None:
    module, attributes = name, []
    while True:
        try:
            found = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            attributes.insert(0, last)
    assert callable(reduce(getattr, attributes, found))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[\w.]+)`", MATHS))))
def test_a_named_test_exists(name: str) -> None:
    assert (ROOT / name).is_file()
