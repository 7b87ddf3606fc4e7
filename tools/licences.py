"""Writes docs/licences.md: what is installed, under which licence, and what pyproject.toml needs it for."""

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

What `make` installs, each with the licence that its metadata name; `make licences` writes this table anew.
Runtime is what everybody gets, an extra what `pip install "infogan[NAME]"` adds, development what tests,
types and format need. infogan itself is under the [MIT licence](../LICENSE).

| name | version | licence | needed by |
|---|---|---|---|
"""
# Metadata that holds the text itself, or nothing, read by a person.
READ = {"embreex": "BSD-2-Clause"}

Installed = dict[str, Distribution]


def below(requirements: list[str], installed: Installed) -> set[str]:
    """The names of all that these requirements bring with them, themselves among them."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), "") for line in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        found.add(name)
        for wanted in ("", *requirement.extras):
            if name in installed and (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(Requirement(line), wanted) for line in installed[name].requires or ()]
    return found - {"infogan"}


def needs(project: dict[str, Any], installed: Installed) -> dict[str, str]:
    """What each package is needed for, by its name; those that nothing needs are left out."""
    runtime = below(project["project"]["dependencies"], installed)
    said: dict[str, list[str]] = {name: ["runtime"] for name in runtime}
    for extra, requirements in project["project"]["optional-dependencies"].items():
        own = [line for line in requirements if not line.startswith("infogan[")]
        for name in below(own, installed) - runtime:
            said.setdefault(name, []).append(f"extra {extra}")
    groups = project["dependency-groups"]
    for name in below([*groups["test"], *groups["lint"]], installed):
        said.setdefault(name, ["development"])
    return {name: ", ".join(why) for name, why in said.items()}


def licences(python: str) -> dict[str, str]:
    """The licence of each package that this interpreter has, as its metadata say."""
    asked = ["-m", "piplicenses", "--python", python, "--with-system", "--from=mixed", "--format=json"]
    ran = subprocess.run([sys.executable, *asked], capture_output=True, text=True, check=True)
    return {canonicalize_name(row["Name"]): row["License"] for row in json.loads(ran.stdout)}


def main(python: str) -> None:
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    ran = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
    installed: Installed = {canonicalize_name(d.name): d for d in distributions(path=[ran.stdout.strip()])}
    for name in ("infogan", "pip"):
        installed.pop(name, None)
    said = licences(python) | READ
    rows = []
    for name, why in sorted(needs(tomllib.loads((ROOT / "pyproject.toml").read_text()), installed).items()):
        if name in installed:
            version = re.sub(r"\+.*", "", installed[name].version)  # a local one is of one machine
            rows.append(f"| {installed[name].name} | {version} | {said[name]} | {why} |")
        else:
            rows.append(f"| {name} | not in `all` | see its own page | {why} |")
    (ROOT / "docs" / "licences.md").write_text(HEAD + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
