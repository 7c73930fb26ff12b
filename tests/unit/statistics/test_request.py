"""Reading the question of grouped statistics (contract: search 11.1, 11.3)."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from cyoda.errors import CyodaError
from cyoda.http.binding import instant
from workflows.core.stats import Op, StatisticsRequest, parse_request


def parsed(body: object) -> StatisticsRequest:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_request(data, max_groups=100, read_instant=instant)


def refusal(body: object) -> tuple[str, str]:
    with pytest.raises(CyodaError) as raised:
        parsed(body)
    return raised.value.code, raised.value.message


def paths(*entries: str) -> list[str]:
    return [str(path) for path in parsed({"groupBy": list(entries)}).group_by]


def test_a_whole_question() -> None:
    body = {
        "groupBy": ["state", "$.country"], "condition": {"type": "x", "value": 1.50},
        "aggregations": [{"op": "sum", "field": "$.amount", "as": "total"}, {"op": "avg", "field": "$.amount"}],
        "pointInTime": "2026-01-01T01:00:00+01:00", "limit": 50,
    }  # fmt: skip
    question = parsed(body)
    assert [path.names for path in question.group_by] == [(), ("country",)]
    assert [(a.op, str(a.field), a.alias) for a in question.aggregates] == [
        (Op.SUM, "$.amount", "total"), (Op.AVG, "$.amount", "avg_amount"),
    ]  # fmt: skip
    assert (question.at, question.limit) == (datetime.fromisoformat("2026-01-01T00:00:00Z"), 50)
    assert question.condition == b'{"type": "x", "value": 1.5}'


def test_nulls_are_absent_but_for_the_condition() -> None:
    body = {"groupBy": ["a"], "aggregations": None, "pointInTime": None, "limit": None}
    assert parsed(body) == parsed({"groupBy": ["a"]})
    assert parsed({"groupBy": ["a"], "condition": None}).condition == b"null"
    assert parsed({"groupBy": ["a"]}).condition is None


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ("a", "$.a"), ("$.a.b", "$.a.b"), ("$['a']['b']", "$.a.b"), ("$.['a']", "$.a"), ("['a'].b", "$.a.b"),
        ("$['a.b']", "$.a.b"), ("$.state", "$.state"), ("['state']", "$.state"), ("state", "state"),
        ("$.a-b_c.0", "$.a-b_c.0"),
    ],
)  # fmt: skip
def test_paths_are_normalised(entry: str, path: str) -> None:
    assert paths(entry) == [path]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("", "path is empty"),
        (None, "path is empty"),
        ("$", "path is empty"),
        ("$.", "path is empty"),
        ("$.a[*]", "array projection not supported: $.a[*]"),
        ("a[0]", "array projection not supported: a[0]"),
        ('$["a"]', 'array projection not supported: $["a"]'),
        ("$['a'][*].b", "array projection not supported: $['a'][*].b"),
        ("a]", "array projection not supported: a]"),
        ("a b", "unsupported characters in path: a b"),
        ("ä", "unsupported characters in path: ä"),
        ("a..b", "unsupported characters in path: a..b"),
        ("$.a.", "unsupported characters in path: $.a."),
        ("a'b", "unsupported characters in path: a'b"),
        ("a\u0000", "unsupported characters in path: a\u0000"),
        ("a\n", "unsupported characters in path: a\n"),
    ],
)
def test_paths_that_lead_to_no_scalar_are_refused(entry: str | None, message: str) -> None:
    assert refusal({"groupBy": [entry]}) == ("INVALID_GROUP_BY_PATH", message)
    body = {"groupBy": ["a"], "aggregations": [{"op": "sum", "field": entry}]}
    assert refusal(body) == ("INVALID_AGGREGATION_FIELD", entry or "")


def test_entries_are_judged_one_by_one() -> None:
    assert refusal({"groupBy": ["a", "a", "b[*]"]}) == ("DUPLICATE_GROUP_BY", "duplicate groupBy entry: a")
    assert refusal({"groupBy": ["a", "b[*]", "a"]})[0] == "INVALID_GROUP_BY_PATH"
    assert refusal({"groupBy": ["$['a']", "$.a"]}) == ("DUPLICATE_GROUP_BY", "duplicate groupBy entry: $.a")
    assert paths("a", "$.a", "state", "$.state", "['state']") == ["$.a", "$.a", "state", "$.state", "$.state"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"x"', b"1", b'{"groupBy":["a"]} x', b'{"groupBy":["a"],"x":"\xff"}', b'{"groupBy":"a"}',
        b'{"groupBy":[1]}', b'{"groupBy":["a"],"agregations":[]}', b'{"groupBy":["a"],"GroupBy":[]}',
        b'{"groupBy":["a"],"aggregations":{}}', b'{"groupBy":["a"],"aggregations":[1]}',
        b'{"groupBy":["a"],"aggregations":[{"op":1}]}', b'{"groupBy":["a"],"aggregations":[{"operator":"sum"}]}',
        b'{"groupBy":["a"],"limit":1.5}', b'{"groupBy":["a"],"limit":"1"}', b'{"groupBy":["a"],"limit":1e1}',
        b'{"groupBy":["a"],"limit":9223372036854775808}', b'{"groupBy":["a"],"limit":true}',
        b'{"groupBy":["a"],"pointInTime":1}', b'{"groupBy":["a"],"pointInTime":"2026-01-01"}',
        b'{"groupBy":["a"],"pointInTime":""}', b'{"groupBy":["a"],"pointInTime":"2026-01-01T00:00:00"}',
        b'{"groupBy":["a"],"condition":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_question_is_malformed(body: bytes) -> None:
    code, message = refusal(body)
    assert code == "MALFORMED_REQUEST"
    assert message.startswith("invalid JSON: ")


@pytest.mark.parametrize("body", [b"null", b"{}", b'{"groupBy":null}', b'{"groupBy":[],"limit":0}'])
def test_groups_must_be_asked_for(body: bytes) -> None:
    assert refusal(body) == ("MISSING_GROUP_BY", "groupBy is required")


@pytest.mark.parametrize("op", ["median", "SUM", "count", "", None])
def test_an_unknown_operation_is_refused_before_its_field(op: str | None) -> None:
    body = {"groupBy": ["a"], "aggregations": [{"op": op, "field": "x[*]"}], "limit": 0}
    assert refusal(body) == ("INVALID_AGGREGATION_OP", f"unknown op: {op or ''}")
    assert refusal({"groupBy": ["a"], "aggregations": [None]}) == ("INVALID_AGGREGATION_OP", "unknown op: ")


def test_two_figures_need_two_names() -> None:
    def with_figures(*figures: tuple[str, str, str | None]) -> dict[str, object]:
        return {
            "groupBy": ["a"],
            "aggregations": [{"op": op, "field": field, "as": alias} for op, field, alias in figures],
        }

    clash = refusal(with_figures(("sum", "a", "x"), ("avg", "a", "x")))
    assert clash == ("DUPLICATE_AGGREGATION_ALIAS", "x")
    assert refusal(with_figures(("sum", "a", None), ("sum", "$.a", None)))[1] == "sum_a"
    assert refusal(with_figures(("sum", "a", "avg_b"), ("avg", "b", None)))[1] == "avg_b"
    question = parsed(with_figures(("sum", "$['a']", "x"), ("sum", "$.a", "y"), ("avg", "$.a", "y")))
    assert [aggregate.alias for aggregate in question.aggregates] == ["x", "y"]


@pytest.mark.parametrize("limit", [0, -1, 101, 1_000_000_000])
def test_a_limit_lies_between_one_and_the_maximum(limit: int) -> None:
    assert refusal({"groupBy": ["a"], "limit": limit}) == ("INVALID_LIMIT", "limit must be positive and <= 100")
    assert [parsed({"groupBy": ["a"], "limit": good}).limit for good in (1, 100)] == [1, 100]
