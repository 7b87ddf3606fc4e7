"""The layout of the package: which folder may import which."""

import ast
from pathlib import Path

import infogan

PACKAGE = Path(infogan.__file__).parent
# A folder imports itself and those before it.
FOLDERS = (
    "utils",
    "config",
    "data",
    "method",
    "pretraining",
    "runs",
    "training",
    "evaluation",
    "figures",
    "report",
    "explore",
    "export",
    "estimator",
    "scale",
    "paper",
    "cli",
)


def imported(file: Path) -> set[str]:
    """The folders of the package that a file imports from."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("infogan.")}


def test_imports_go_one_way() -> None:
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if (folder := file.relative_to(PACKAGE).parts[0]) in FOLDERS
        for name in imported(file)
        if name in FOLDERS and FOLDERS.index(name) > FOLDERS.index(folder)
    ]
    assert wrong == []


def test_every_module_lies_in_a_folder() -> None:
    loose = {path.name for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__.py", "__main__.py"}
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(FOLDERS)


def test_folders_and_files_stay_small() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    beside = [path.parent for path in files if path.name != "__init__.py"]
    assert {f"{folder}: {beside.count(folder)}" for folder in beside if beside.count(folder) > 14} == set()
    long = {path.name: n for path in files if (n := len(path.read_text().splitlines())) > 250}
    assert long == {}


def test_every_folder_says_what_lives_there() -> None:
    silent = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("__init__.py")
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
