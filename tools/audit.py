"""Checks the pinned releases for known vulnerabilities: `make audit`.

Exit status 0 if there are none, or if the package index cannot be reached, which it reports; 1 if there are
some; 2 if the pins cannot be read.
"""

import json
import subprocess
import sys
from typing import Any


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """The exit status and the message for pip-audit's JSON report."""
    dependencies = report["dependencies"]
    unknown = [dependency for dependency in dependencies if "skip_reason" in dependency]
    known = [
        f"{dependency['name']} {dependency['version']}: {flaw['id']}, fixed in "
        f"{', '.join(flaw['fix_versions']) or 'no release yet'}"
        for dependency in dependencies
        for flaw in dependency.get("vulns", [])
    ]
    if known:
        return 1, "\n".join(["audit: known vulnerabilities:", *known])
    if len(unknown) == len(dependencies):
        return 0, "audit: not done, as the package index knows none of the pins."
    names = ", ".join(dependency["name"] for dependency in unknown)
    exception = f"; not checked: {names}" if unknown else ""
    n_checked = len(dependencies) - len(unknown)
    return 0, f"audit: no known vulnerabilities in {n_checked} pinned releases{exception}."


def main(pins: str) -> int:
    # The pins are complete, so nothing needs to be resolved or installed.
    command = [sys.executable, "-m", "pip_audit", "-r", pins, "--no-deps", "--disable-pip"]
    ran = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True
    )
    try:
        status, message = verdict(json.loads(ran.stdout))
    except ValueError:
        if "onnect" in ran.stderr or "timed out" in ran.stderr:
            status, message = 0, "audit: not done, as the package index could not be reached."
        else:
            status, message = 2, f"audit: pip-audit ended with status {ran.returncode}:\n{ran.stderr.strip()}"
    print(message, file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
