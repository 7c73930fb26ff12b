"""The SQL of narrowings: parameters bound, never spliced; lossy heads always pass."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workflows.core.predicates.narrowing import (
    AbsentLeaf,
    All,
    And,
    ContainsText,
    EqualsBoolean,
    EqualsText,
    LifecycleEquals,
    LifecycleTimes,
    Narrowing,
    Nothing,
    NumericRange,
    Or,
    PresentLeaf,
    StartsWith,
    TextRange,
)
from workflows.storage.postgres.planner import condition

_ID = "0b6f3a1e-0000-1000-8000-000000000001"
_STATE_B = LifecycleEquals("state", "B")


@pytest.mark.parametrize("narrowing", [None, All(), All(exact=True)])
def test_nothing_to_narrow_by_is_true(narrowing: Narrowing | None) -> None:
    found = condition(narrowing, first=4)
    assert (found.sql, list(found.parameters), found.exact) == ("true", [], True)


@pytest.mark.parametrize(
    ("narrowing", "sql", "parameters"),
    [
        (Nothing(), "false", []),
        (LifecycleEquals("state", "it's"), "(h.state = $4::text)", ["it's"]),
        (LifecycleEquals("id", "x"), "false", []),
        (LifecycleEquals("id", _ID), "(h.entity_id = $4::uuid)", [_ID]),
        (LifecycleEquals("transactionId", _ID), "(h.transaction_id = $4::uuid)", [_ID]),
        (LifecycleEquals("state", "\0"), "false", []),
        (
            LifecycleTimes("creationDate", 0, 1500),
            "(h.created_at >= $4::timestamptz AND h.created_at < $5::timestamptz)",
            [datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)],
        ),
        (EqualsText(("a", "b"), "x"), "((h.document -> $4::text -> $5::text) = to_jsonb($6::text))", ["a", "b", "x"]),
        (EqualsText(("a",), "\0"), "false", []),
        (EqualsText(("a",), "\ud800"), "false", []),
        (EqualsBoolean(("a",), True), "((h.document -> $4::text) = to_jsonb($5::boolean))", ["a", True]),
        (PresentLeaf(("a",)), "(jsonb_typeof(h.document -> $4::text) <> 'null')", ["a"]),
        (PresentLeaf(("\0",)), "false", []),
        (AbsentLeaf(("a",)), "(coalesce(jsonb_typeof(h.document -> $4::text), 'null') = 'null')", ["a"]),
        (NumericRange(("a",), 5, 5), "((h.document -> $4::text) = to_jsonb($5::numeric))", ["a", Decimal(5)]),
        (NumericRange(("a",)), "(jsonb_typeof(h.document -> $4::text) = 'number')", ["a"]),
        (
            NumericRange(("a",), 1, Decimal("2.5"), True, False),
            (
                "(jsonb_typeof(h.document -> $4::text) = 'number' AND (h.document -> $4::text) >= to_jsonb($5::numeric)"
                " AND (h.document -> $4::text) < to_jsonb($6::numeric))"
            ),
            ["a", Decimal(1), Decimal("2.5")],
        ),
        (
            TextRange(("a",), "x", "y", False, True),
            (
                "(jsonb_typeof(h.document -> $4::text) = 'string' AND ((h.document -> $4::text) #>> '{}') COLLATE \"C\""
                " > $5::text AND ((h.document -> $4::text) #>> '{}') COLLATE \"C\" <= $6::text)"
            ),
            ["a", "x", "y"],
        ),
        (
            StartsWith(("a",), "x"),
            (
                "(jsonb_typeof(h.document -> $4::text) = 'string'"
                " AND starts_with((h.document -> $4::text) #>> '{}', $5::text))"
            ),
            ["a", "x"],
        ),
        (StartsWith(("a",), "\0"), "false", []),
        (
            ContainsText(("a",), "x"),
            (
                "(jsonb_typeof(h.document -> $4::text) = 'string'"
                " AND strpos((h.document -> $4::text) #>> '{}', $5::text) > 0)"
            ),
            ["a", "x"],
        ),
        (ContainsText(("a",), "\0"), "false", []),
        (
            NumericRange(("a",), whole=True),
            (
                "(jsonb_typeof(h.document -> $4::text) = 'number' AND CASE WHEN jsonb_typeof(h.document -> $4::text)"
                " = 'number' THEN (h.document -> $4::text)::numeric % 1 = 0 END)"
            ),
            ["a"],
        ),
        (
            And((LifecycleEquals("state", "A"), Or((_STATE_B, EqualsText(("c",), "C")), True)), True),
            "((h.state = $4::text) AND ((h.state = $5::text) OR ((h.document -> $6::text) = to_jsonb($7::text))))",
            ["A", "B", "c", "C"],
        ),
    ],
)  # fmt: skip
def test_each_node_has_its_condition(narrowing: Narrowing, sql: str, parameters: list[object]) -> None:
    assert condition(narrowing, first=4) == (f"(h.lossy OR {sql})", parameters, True)


@pytest.mark.parametrize(
    "narrowing",
    [
        AbsentLeaf(("\0",)),
        LifecycleTimes("creationDate", None, None),
        LifecycleTimes("lastUpdateTime", -(10**18), 10**18),
        LifecycleEquals("unheard of", "x"),
        And(tuple(LifecycleEquals("state", "x") for _ in range(1001)), True),
    ],
)
def test_what_cannot_be_said_in_sql_narrows_nothing(narrowing: Narrowing) -> None:
    assert condition(narrowing, first=1).sql == "true"


def test_a_bound_beyond_the_databases_numbers_is_left_open() -> None:
    found = condition(NumericRange(("a",), Decimal("1e99999"), Decimal("-1e-99999")), first=1)
    assert found == ("(h.lossy OR (jsonb_typeof(h.document -> $1::text) = 'number'))", ["a"], False)
