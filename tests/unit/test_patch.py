"""RFC 7386: the examples of its appendix, and what our documents add."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from workflows.core.patch import merged


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


def test_the_target_stays_as_it_was() -> None:
    target = {"a": {"b": 1}}
    merged(target, {"a": {"b": 2, "c": 3}})
    assert target == {"a": {"b": 1}}


def test_numbers_keep_their_exact_value() -> None:
    assert merged({"a": Decimal("1.50")}, {"b": 2**53 + 1}) == {"a": Decimal("1.50"), "b": 2**53 + 1}


def test_a_patch_may_be_nested_deeper_than_python_recurses() -> None:
    patch: Any = 1
    for _ in range(5000):
        patch = {"a": patch}
    result = merged({}, patch)
    for _ in range(5000):
        result = result["a"]
    assert result == 1
