"""The documentation names what exists."""

import ast
import contextlib
import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import run

from infogan.config.presets import PRESETS

ROOT = Path(__file__).parent.parent
FOLDERS = ("infogan", "tests", "benchmarks", "docs", "tools")
# `make docs` writes these; the other files of docs/reference/api are not Markdown.
GENERATED = {ROOT / "docs" / "reference" / f"{name}.md" for name in ("cli", "config", "presets", "data-sets")}
GENERATED.add(ROOT / "docs" / "contributing" / "benchmarks.md")
DOCS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
DOCS += sorted(set((ROOT / "docs").rglob("*.md")) - GENERATED)
OPTIONS_OF_OTHERS = {
    "--nightly",
    "--max-restarts",
    "--name",
}  # of the tests, torchrun, benchmarks/ablation.py


def docstrings(file: Path) -> str:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kinds)]
    return "\n".join(ast.get_docstring(node) or "" for node in nodes)


TEXTS = {str(file.relative_to(ROOT)): file.read_text() for file in DOCS} | {
    str(file.relative_to(ROOT)): docstrings(file)
    for folder in FOLDERS
    for file in sorted((ROOT / folder).rglob("*.py"))
}


def named(pattern: str) -> set[tuple[str, str]]:
    """What a pattern finds, and in which text."""
    return {(where, found) for where, text in TEXTS.items() for found in re.findall(pattern, text)}


def test_every_path_exists() -> None:
    pattern = rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)}|\.ci)/[\w./-]*\w)"
    # docs/_build is what `make docs` writes.
    paths = {
        (where, path) for where, path in named(pattern) if not re.search(r"NAME|PRESET|XXX|docs/_build", path)
    }
    assert len(paths) > 150
    assert {pair for pair in paths if not (ROOT / pair[1]).exists()} == set()


def test_every_module_file_exists() -> None:
    known = {file.name for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")}
    assert {pair for pair in named(r"(?<![\w*])(\w+\.py)\b") if pair[1] not in known} == set()


def exists(name: str) -> bool:
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        with contextlib.suppress(ModuleNotFoundError):
            value = importlib.import_module(".".join(parts[:n]))
            return (
                functools.reduce(lambda at, attribute: getattr(at, attribute, None), parts[n:], value)
                is not None
            )
    return False


def test_every_dotted_name_exists() -> None:
    names = named(r"(?<![\w/.@-])(infogan(?:\.[A-Za-z_]\w*)+)")
    assert len(names) > 50
    assert {pair for pair in names if not exists(pair[1])} == set()


def anchors(file: Path) -> set[str]:
    """GitHub's anchors of the headings of a Markdown file."""
    text = re.sub(r"^```.*?^```$", "", file.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
def test_every_link_leads_somewhere(file: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", file.read_text()):
        if path.startswith("https://"):
            continue
        target = file.parent / path if path else file
        if target.resolve() in GENERATED:
            continue  # `make docs` checks these
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_every_make_target_exists() -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    in_docs = "\n".join(file.read_text() for file in DOCS)
    lines = re.findall(r"(?:`|^    )make ((?:[a-z]+ ?)+)", in_docs, re.MULTILINE)
    assert {target for line in lines for target in line.split()} <= known


def commands(text: str) -> Iterator[str]:
    """Commands in blocks and inline code, without comments."""
    for code in re.findall(r"(?:`|^ {4,})(infogan [^`\n]*)", text, re.MULTILINE):
        yield code.partition(" # ")[0].strip()


def test_every_preset_and_option_exists(tmp_path: Path) -> None:
    verbs = (
        "train;train mnist;sweep mnist;presets;bench;evaluate;compare;select;figures;traverse;paper;report;"
        "explore;"
    )
    verbs += "encode;export;data pack;data info;data preview;"
    known = set(OPTIONS_OF_OTHERS)
    for verb in verbs.split(";"):
        help_text = run(*verb.split(), "--help-all", cwd=tmp_path, env={"COLUMNS": "200"}).out
        known |= set(re.findall(r"--[a-z][\w-]*", help_text))
    in_docs = "\n".join(file.read_text() for file in DOCS)
    options = {option for line in commands(in_docs) for option in re.findall(r" (--[a-z][\w-]*)", line)}
    options |= set(re.findall(r"`(--[a-z][\w-]*)[ `]", in_docs))
    assert len(options) > 30
    assert options - known - {"--help-all", "--quiet"} == set()
    presets = set(re.findall(r"infogan (?:train|sweep|bench) ([a-z][\w-]*)(?![\w:-])", in_docs))
    assert len(presets) > 6
    assert presets <= set(PRESETS)


def test_the_table_of_folders_is_complete() -> None:
    packages = {str(file.parent.relative_to(ROOT)) for file in (ROOT / "infogan").rglob("*/__init__.py")}
    listed = re.findall(
        r"^\| `(infogan/[\w/]+)/` \|",
        (ROOT / "docs" / "contributing" / "architecture.md").read_text(),
        re.MULTILINE,
    )
    assert set(listed) == packages - {"infogan"}
