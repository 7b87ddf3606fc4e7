"""Writes THIRD_PARTY_LICENCES.md: the installed packages, their licences, and what needs them."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
HEAD = """# Licences

The packages that `make` installs, each with the licence that its metadata state; `make licences` writes
this table. "Needed by" says why a package is installed: *runtime* packages always are, those of
*extra NAME* by `pip install "infogan[NAME]"`, and *development* packages for tests, type checks and
formatting. Extras that are "not in `all`" are listed, but not installed by `make`. infogan itself is under
the MIT licence (LICENSE).

| name | version | licence | needed by |
|---|---|---|---|
"""
# Licences whose metadata lack the name, read by hand.
READ_BY_HAND = {"embreex": "BSD-2-Clause"}

Installed = dict[str, Distribution]


def closure(requirements: list[str], installed: Installed) -> set[str]:
    """The names of these requirements and of their dependencies, direct and indirect."""
    found: set[str] = set()
    visited: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), "") for line in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        found.add(name)
        for wanted in ("", *requirement.extras):
            if name in installed and (name, wanted) not in visited:
                visited.add((name, wanted))
                waiting += [(Requirement(line), wanted) for line in installed[name].requires or ()]
    return found - {"infogan"}


def needs(project: dict[str, Any], installed: Installed) -> dict[str, str]:
    """The dependencies that need each package, by its name."""
    runtime = closure(project["project"]["dependencies"], installed)
    reasons: dict[str, list[str]] = {name: ["runtime"] for name in runtime}
    for extra, requirements in project["project"]["optional-dependencies"].items():
        external = [line for line in requirements if not line.startswith("infogan[")]
        for name in closure(external, installed) - runtime:
            reasons.setdefault(name, []).append(f"extra {extra}")
    groups = project["dependency-groups"]
    for name in closure([*groups["test"], *groups["lint"], *groups["docs"]], installed):
        reasons.setdefault(name, ["development"])
    return {name: ", ".join(of_name) for name, of_name in reasons.items()}


def licences(python: str) -> dict[str, str]:
    """The licence of each package of a Python interpreter, from its metadata."""
    arguments = ["-m", "piplicenses", "--python", python, "--with-system", "--from=mixed", "--format=json"]
    ran = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return {canonicalize_name(row["Name"]): row["License"] for row in json.loads(ran.stdout)}


def main(python: str) -> None:
    print_path = "import sysconfig; print(sysconfig.get_path('purelib'))"
    ran = subprocess.run([python, "-c", print_path], capture_output=True, text=True, check=True)
    installed: Installed = {canonicalize_name(d.name): d for d in distributions(path=[ran.stdout.strip()])}
    for name in ("infogan", "pip"):
        installed.pop(name, None)
    licence_of = licences(python) | READ_BY_HAND
    rows = []
    for name, reason in sorted(
        needs(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8")), installed).items()
    ):
        if name in installed:
            version = re.sub(r"\+.*", "", installed[name].version)  # without the local version
            rows.append(f"| {installed[name].name} | {version} | {licence_of[name]} | {reason} |")
        else:
            rows.append(f"| {name} | not in `all` | see its own page | {reason} |")
    (ROOT / "THIRD_PARTY_LICENCES.md").write_text(HEAD + "\n".join(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
