"""The page of roles is current, and its marks are those of the table."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from django.core.management import call_command

from cyoda.permission_reference import markdown
from cyoda.permissions import ROLE_VIEWER, TABLE, Action

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"


def test_the_page_of_roles_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run `make permission-docs`"


def test_a_row_says_what_the_table_says() -> None:
    (row,) = [line for line in markdown().splitlines() if line.startswith(f"| `{ROLE_VIEWER}`")]
    cells = [cell.strip() for cell in row.split("|")[3:-1]]
    assert dict(zip(Action, cells, strict=True)) == {
        action: "yes" if action is Action.READ else "" for action in Action
    }


def test_the_command_names_every_role() -> None:
    printed = StringIO()
    call_command("permissions", stdout=printed)
    assert [role for role in TABLE if role not in printed.getvalue()] == []
