"""The lock: everything pinned with hashes, and what requirements.in asks for; what `make audit` makes of a report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.audit import NOT_ASKED, verdict

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def pins() -> dict[str, Version]:
    return {canonicalize_name(name): Version(version) for name, version, _ in PIN.findall(lock())}


def lock() -> str:
    return (ROOT / "requirements.txt").read_text()


def asked() -> list[Requirement]:
    lines = (ROOT / "requirements.in").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_everything_is_pinned_with_hashes_and_comes_from_the_index() -> None:
    rest = [line for line in PIN.sub("", lock()).splitlines() if line and not line.lstrip().startswith("#")]
    assert rest == []
    assert len(pins()) > 60


@pytest.mark.parametrize("requirement", asked(), ids=lambda requirement: requirement.name)
def test_the_lock_has_what_is_asked_for(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_nothing_is_asked_for_twice_or_from_elsewhere() -> None:
    names = [canonicalize_name(requirement.name) for requirement in asked()]
    assert len(names) == len(set(names))
    assert [requirement.name for requirement in asked() if requirement.url is not None] == []


def package(**more: Any) -> dict[str, Any]:
    return {"name": "left-pad", "version": "1.0", "vulns": [], **more}


WEAKNESS = {"id": "CVE-1", "fix_versions": ["1.1"]}
SKIPPED = {"name": "left-pad", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "line"),
    [
        ([package()], 0, "1 packages, no known weakness."),
        ([package(vulns=[WEAKNESS]), SKIPPED], 1, "left-pad 1.0: CVE-1, fixed in 1.1"),
        ([SKIPPED], 2, NOT_ASKED),
        ([package(), SKIPPED], 2, "left-pad: not found"),
    ],
)
def test_a_package_that_could_not_be_looked_up_is_not_taken_for_a_good_one(
    packages: list[dict[str, Any]], code: int, line: str
) -> None:
    assert verdict({"dependencies": packages}) == (code, [line])
