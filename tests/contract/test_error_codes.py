"""Every code that the platform can answer is provoked by some test of the contract."""

from __future__ import annotations

import re
from pathlib import Path

from cyoda.http.error_reference import documented_errors

TESTS = Path(__file__).resolve().parents[1]
SUITES = ("contract", "acceptance", "cluster")
NO_EVIDENCE = {"test_error_codes.py", "test_fuzz.py", "test_openapi.py"}
"""Files that name codes without provoking each of them."""


def provoked() -> set[str]:
    code = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b")
    files = [file for suite in SUITES for file in (TESTS / suite).rglob("*.py") if file.name not in NO_EVIDENCE]
    return {name for file in files for name in code.findall(file.read_text(encoding="utf-8"))}


def test_every_code_is_provoked() -> None:
    codes = {kind.code for kind in documented_errors()}
    assert sorted(codes - provoked()) == []
