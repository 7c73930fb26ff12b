"""Every statement names the schema of each table it touches, and rows that all tenants share by their owner."""

from __future__ import annotations

import re

import pytest

from workflows.storage.postgres.statements import templates

NO_TABLE = re.compile(
    r"--[^\n]*|\bIS (?:NOT )?DISTINCT FROM\b|\bEXTRACT\s*\([^()]*\bFROM\b|\bFOR (?:NO KEY )?UPDATE\b|\bDO UPDATE\b"
)
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|EXISTS)\s+([\w{}.\"]+)(\s*\()?", re.IGNORECASE)
DEFINED = re.compile(
    r"(?:\bWITH(?: RECURSIVE)?|,)\s+(\w+)(?:\s*\([^()]*\))?\s+AS\s+(?:NOT )?(?:MATERIALIZED )?\(", re.IGNORECASE
)
WORDS = {"set", "select", "lateral", "if"}
FOR_ONE = re.compile(
    r"\b(?:schema_name|tenant)\s*=\s*(?:\$\d+|ANY)|INSERT INTO public\.cyoda_\w+\s*\([^)]*\bschema_name\b"
)
OF_ALL_TENANTS = {
    "create_registry": "makes the table",
    "has_pending_work": "asks for the table",
    "has_registry": "asks for the table",
    "next_due_work": "when the next work of anybody is due",
    "outdated": "the migration asks which schemas are old",
    "take_due_work": "a node takes what is due, whosever it is, and acts as that tenant",
    "take_wanted_indexes": "a node takes schemas whose indexes are wanted, and works in each",
}
"""Statements over shared tables that are about no single tenant, each with its reason."""


def unqualified(statement: str) -> list[str]:
    """Tables that would be looked for along the search path."""
    text = NO_TABLE.sub(" ", statement)
    fine = WORDS | {found.lower() for found in DEFINED.findall(text)}
    return [
        table
        for table, call in TABLE.findall(text)
        if not call and table.lower() not in fine and not table.startswith(("{schema}.", "public.cyoda_", "pg_"))
    ]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SELECT 1 FROM head h JOIN {schema}.entity_version v ON true", ["head"]),
        ("WITH a AS (SELECT 1), b (x) AS MATERIALIZED (DELETE FROM lost) SELECT * FROM a, b", ["lost"]),
        ("UPDATE {schema}.head SET x = 1 WHERE EXISTS (SELECT FROM unnest($1))", []),
        ("INSERT INTO public.other VALUES (1)", ["public.other"]),
    ],
)
def test_an_unqualified_table_would_be_found(statement: str, found: list[str]) -> None:
    assert unqualified(statement) == found


@pytest.mark.parametrize("name", sorted(templates()))
def test_no_table_is_left_to_the_search_path(name: str) -> None:
    assert unqualified(templates()[name]) == []


@pytest.mark.parametrize("name", sorted(name for name, text in templates().items() if "public.cyoda_" in text))
def test_what_all_tenants_share_is_touched_for_one_of_them(name: str) -> None:
    assert (FOR_ONE.search(templates()[name]) is not None) != (name in OF_ALL_TENANTS)
