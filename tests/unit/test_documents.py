"""Documents compared and shown by path."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tenants.ui.console.documents import Difference, data_of, differences, lines


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": "1"}, [("$.a", "1", '"1"')]),
        ({"a": 1}, {"b": 1}, [("$.a", "1", None), ("$.b", None, "1")]),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, [("$.a[1]", "2", "3"), ("$.a[2]", None, "4")]),
        ({"a": {}}, {"a": {"b": None}}, [("$.a", "{}", None), ("$.a.b", None, "null")]),
        ({"a": []}, {"a": {}}, [("$.a", "[]", "{}")]),
        ({"a": True}, {"a": 1}, [("$.a", "true", "1")]),
        ({"a": Decimal("1.50")}, {"a": Decimal("1.5")}, []),
        ([1], {"a": 1}, [("$[0]", "1", None), ("$.a", None, "1")]),
    ],
)
def test_differences_are_told_by_path(
    before: Any, after: Any, expected: list[tuple[str, str | None, str | None]]
) -> None:
    assert differences(before, after) == [Difference(*each) for each in expected]


def test_a_document_keeps_the_spelling_of_its_numbers() -> None:
    assert data_of(b'{"type":"ENTITY","data":{"a":1.50,"b":1e400},"meta":{}}') == '{\n  "a": 1.50,\n  "b": 1e400\n}'


def test_every_field_and_item_has_a_line() -> None:
    shown = [(line.depth, line.name, line.value) for line in lines({"a": {"b": [1, {"c": None}]}, "d": []})]
    assert shown == [
        (0, "a", ""), (1, "b", ""), (2, "[0]", "1"), (2, "[1]", ""), (3, "c", "null"), (0, "d", ""),
    ]  # fmt: skip
