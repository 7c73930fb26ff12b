"""`make audit`: pip-audit over the lock. Exit 0: nothing known, 1: known weaknesses, 2: the service told nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.txt"
COMMAND = ["-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
NOT_ASKED = (
    "The vulnerability service cannot be asked, so nothing is known about the packages: run this where it can be."
)


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit code and lines for pip-audit's JSON report. A package that was not looked up is as good as not audited."""
    weak, unknown = [], []
    for package in report["dependencies"]:
        if "skip_reason" in package:
            unknown.append(f"{package['name']}: {package['skip_reason']}")
        for found in package.get("vulns", ()):
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            weak.append(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    if weak:
        return 1, weak
    if not unknown:
        return 0, [f"{len(report['dependencies'])} packages, no known weakness."]
    return 2, [NOT_ASKED] if len(unknown) == len(report["dependencies"]) else unknown


def main() -> int:
    done = subprocess.run([sys.executable, *COMMAND, "-r", str(LOCK)], capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(done.stderr[-2000:], NOT_ASKED, sep="\n", file=sys.stderr)
        return 2
    code, lines = verdict(report)
    print(*lines, sep="\n", file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
