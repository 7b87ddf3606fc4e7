"""Asks whether anything is known against the pinned releases: `make audit`.

Exit status 0 where nothing is known, or, with a line that says so, where nobody could be asked; 1 where
something is known; 2 where the pins cannot be read.
"""

import json
import subprocess
import sys
from typing import Any


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """The exit status and the lines that go with what pip-audit reports as JSON."""
    dependencies = report["dependencies"]
    unknown = [dependency for dependency in dependencies if "skip_reason" in dependency]
    known = [
        f"{dependency['name']} {dependency['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw['fix_versions']) or 'no release yet'}"
        for dependency in dependencies
        for flaw in dependency.get("vulns", [])
    ]
    if known:
        return 1, "\n".join(["audit: flaws are known of:", *known])
    if len(unknown) == len(dependencies):
        return 0, "audit: not done, as the package index answers for none of the pins."
    names = ", ".join(dependency["name"] for dependency in unknown)
    but = f"; nothing was to be learnt of {names}" if unknown else ""
    return 0, f"audit: no flaw is known of {len(dependencies) - len(unknown)} pinned releases{but}."


def main(pins: str) -> int:
    # The pins are all there is, so that nothing is resolved or installed.
    asked = [sys.executable, "-m", "pip_audit", "-r", pins, "--no-deps", "--disable-pip"]
    ran = subprocess.run(
        [*asked, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True
    )
    try:
        status, said = verdict(json.loads(ran.stdout))
    except ValueError:
        if "onnect" in ran.stderr or "timed out" in ran.stderr:
            status, said = 0, "audit: not done, as the package index could not be reached."
        else:
            status, said = 2, f"audit: pip-audit ended with status {ran.returncode}:\n{ran.stderr.strip()}"
    print(said, file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
