"""What infogan stands on: pinned, licensed, looked after; and that it begins without network or pickle."""

import re
import runpy
import subprocess
import sys
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
GROUPS: dict[str, list[Any]] = PROJECT["dependency-groups"]
# What only a build of torch for a GPU brings along: no part of the pinned set-up.
OF_GPU = ("nvidia-", "cuda-", "triton")


def requirements(lines: list[str]) -> list[Requirement]:
    """Those of other packages than this one."""
    found = [Requirement(line) for line in lines]
    return [requirement for requirement in found if requirement.name != "infogan"]


def in_all() -> list[str]:
    """The lines of the extras that `infogan[all]` names."""
    (everything,) = EXTRAS["all"]
    return [line for extra in Requirement(everything).extras for line in EXTRAS[extra]]


RUNTIME = requirements(PROJECT["project"]["dependencies"])
SET_UP = RUNTIME + requirements([*in_all(), *GROUPS["test"], *GROUPS["lint"], *GROUPS["docs"]])


def pins() -> dict[str, str]:
    """The release of each package in constraints.txt."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines), lines
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def brought() -> set[str]:
    """The names of all that the set-up brings along here, itself among it."""
    waiting = [(requirement, "") for requirement in SET_UP]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), wanted)
            if key in seen or key[0].startswith(OF_GPU):
                continue
            seen.add(key)
            with suppress(PackageNotFoundError):  # it is in the pins or it is not
                waiting += [(Requirement(line), wanted) for line in requires(requirement.name) or ()]
    return {name for name, _ in seen}


def test_all_that_make_installs_is_pinned() -> None:
    assert brought() - pins().keys() == set()


def test_pins_are_in_the_ranges_for_users() -> None:
    pinned = pins()
    for requirement in SET_UP:
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, but {version}"


def test_every_dependency_has_a_lower_bound() -> None:
    every = RUNTIME + requirements([line for lines in EXTRAS.values() for line in lines])
    assert {str(r) for r in every if not any(bound.operator == ">=" for bound in r.specifier)} == set()


def licences() -> dict[str, tuple[str, str, str]]:
    """Version, licence and what for, of each package in THIRD_PARTY_LICENCES.md."""
    text = (ROOT / "THIRD_PARTY_LICENCES.md").read_text()
    rows = re.findall(r"^\| (\S+) \| (.+?) \| (.+) \| (.+?) \|$", text, re.MULTILINE)[1:]
    return {canonicalize_name(name): (version, licence, why) for name, version, licence, why in rows}


def test_licences_say_what_needs_each_dependency() -> None:
    listed = licences()
    for requirement in RUNTIME:
        assert listed[canonicalize_name(requirement.name)][2] == "runtime"
    for extra, lines in EXTRAS.items():
        for requirement in requirements(lines):
            why = listed[canonicalize_name(requirement.name)][2].split(", ")
            assert why == ["runtime"] or f"extra {extra}" in why
    assert not [name for name, (_, licence, _) in listed.items() if licence in ("", "UNKNOWN")]


def test_licences_are_of_the_pinned_releases() -> None:
    listed = {name: version for name, (version, _, _) in licences().items() if version != "not in `all`"}
    assert listed == pins()


def report(*flaws: dict[str, Any], skipped: int = 0, clean: int = 0) -> dict[str, Any]:
    """What pip-audit writes, as far as it is read."""
    return {
        "dependencies": [
            *({"name": "holed", "version": "1.0", "vulns": [flaw]} for flaw in flaws),
            *({"name": f"unheard-of-{i}", "skip_reason": "not found"} for i in range(skipped)),
            *({"name": f"sound-{i}", "version": "1.0", "vulns": []} for i in range(clean)),
        ]
    }


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        (report({"id": "CVE-1", "fix_versions": ["1.1"]}, clean=2), 1, "holed 1.0: CVE-1, fixed in 1.1"),
        (
            report({"id": "CVE-2", "fix_versions": []}, skipped=3),
            1,
            "holed 1.0: CVE-2, fixed in no release yet",
        ),
        (report(clean=3), 0, "no known vulnerabilities in 3 pinned releases."),
        (report(clean=3, skipped=1), 0, "in 3 pinned releases; not checked: unheard-of-0."),
        (report(skipped=3), 0, "audit: not done, as the package index knows none of the pins."),
    ],
)
def test_audit_tells_flaws_from_silence(given: dict[str, Any], status: int, said: str) -> None:
    verdict = runpy.run_path(str(ROOT / "tools" / "audit.py"))["verdict"]
    found, lines = verdict(given)
    assert found == status
    assert lines.endswith(said)


# Watches its own process from the first line on, and says what it saw when it ends.
WATCHED = """
import atexit, runpy, sys
seen = []
watched = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "pickle.find_class")
sys.addaudithook(lambda event, args: seen.append(event) if event in watched else None)
loaders = ("torch", "dill", "cloudpickle", "joblib", "sklearn", "datasets", "pandas", "h5py")
atexit.register(lambda: print("SEEN", sorted(set(seen)), [name for name in loaders if name in sys.modules]))
"""
IMPORT = "import infogan"
HELP = "sys.argv = ['infogan', '--help']; runpy.run_module('infogan', run_name='__main__', alter_sys=True)"
CONNECT = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
UNPICKLE = "import pickle; pickle.loads(pickle.dumps(print))"


@pytest.mark.parametrize(
    ("does", "seen"),
    [
        pytest.param(IMPORT, "[] []", id="import"),
        pytest.param(HELP, "[] []", id="help"),
        pytest.param(CONNECT, "['socket.connect'] []", id="the watch sees a connection"),
        pytest.param(UNPICKLE, "['pickle.find_class'] []", id="the watch sees a pickle"),
        pytest.param("import cloudpickle", "[] ['cloudpickle']", id="the watch sees a loader"),
    ],
)
def test_nothing_is_asked_or_unpickled_before_there_is_work(does: str, seen: str) -> None:
    ran = subprocess.run([sys.executable, "-c", WATCHED + does], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == f"SEEN {seen}"
