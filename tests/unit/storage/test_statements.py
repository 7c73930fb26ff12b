"""Named statements and quoted schemas."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workflows.storage.postgres import statements
from workflows.storage.postgres.arguments import Care, gather
from workflows.storage.postgres.statements import Statements, quoted, templates

SOURCES = Path(statements.__file__).parent


def test_every_statement_is_used_and_every_used_one_exists() -> None:
    code = "".join(file.read_text() for file in SOURCES.glob("*.py"))
    assert {name for name in templates() if f'"{name}"' not in code} == set()
    used = re.findall(r'sql\["(\w+)"\]|templates\(\)\["(\w+)"\]', code)
    assert {one or other for one, other in used} <= set(templates())


def test_a_schema_name_is_quoted_whatever_it_holds() -> None:
    assert quoted('a"; DROP') == '"a""; DROP"'
    assert ' "a""b".head' in Statements('a"b')["count_live"]


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "é" * 32])
def test_a_name_that_would_be_cut_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a schema name"):
        quoted(name)


def test_the_commit_statement_takes_what_is_gathered() -> None:
    numbers = {int(number) for number in re.findall(r"\$(\d+)", templates()["commit"])}
    assert numbers == set(range(1, len(gather([], Care.CHEAP, "s", "t").values) + 1))


def test_parts_of_a_statement_that_are_not_needed_are_left_out_and_its_parameters_numbered_anew() -> None:
    parts = frozenset(("creates", "updates", "reads", "claims", "timers", "armed"))
    whole, all_used = Statements("s").variant("commit", parts)
    small, used = Statements("s").variant("commit", frozenset(("creates",)))
    assert list(all_used) == list(range(len(gather([], Care.CHEAP, "s", "t").values)))
    assert {int(n) for n in re.findall(r"\$(\d+)", small)} == set(range(1, len(used) + 1))
    assert "timer" in whole
    assert "timer" not in small
    assert "-- when" not in whole + small
