"""Criteria of workflows (contract: engine 2.6, 1.5)."""

from __future__ import annotations

import pytest

from cyoda.errors import ConditionTypeMismatch, CyodaError, InvalidCondition, InvalidFieldPath
from workflows.core.predicates.criterion import (
    CriterionError,
    check_criterion,
    compile_criterion,
    parse_criterion,
)

from .support import META, condition, declared

FUNCTION = b'{"type":"function","function":{"name":"f"}}'


def group(operator: str, *children: bytes) -> bytes:
    return b'{"type":"group","operator":"%s","conditions":[%s]}' % (operator.encode(), b",".join(children))


TRUE, FALSE = condition("$.a NOT_NULL"), condition("$.a IS_NULL")


def judge(raw: bytes, types: str = "$.a INTEGER") -> bool:
    return compile_criterion(raw, declared(types))({"a": 1, "tags": ["x", "y"], "none": []}, META)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (condition("$.a IS_CHANGED 1"), "unsupported operator: IS_CHANGED"),
        (condition("@state equals 1"), "unsupported operator: equals"),
        (condition("$.a BETWEEN 1"), "requires exactly two operands"),
        (condition('$.a MATCHES_PATTERN "(["'), "invalid regex pattern"),
        (condition('@nope EQUALS "x"'), "unknown meta filter field"),
        (condition('$.a EQUALS {"k":1}'), "must not be an object"),
        (group("and", TRUE), "unsupported group operator: and"),
        (group("NOT", TRUE), "unsupported group operator: NOT"),
        (FUNCTION, "function conditions not implemented"),
        (group("AND", TRUE, FUNCTION), "function conditions not implemented"),
    ],
)
def test_an_unsupported_part_fails_when_it_is_reached(raw: bytes, reason: str) -> None:
    predicate = compile_criterion(raw, declared("$.a INTEGER"))
    with pytest.raises(CriterionError, match=reason):
        predicate({"a": 1}, META)


def test_an_unsupported_part_that_is_not_reached_does_no_harm() -> None:
    assert judge(group("OR", TRUE, FUNCTION))
    assert not judge(group("AND", FALSE, condition("$.a IS_CHANGED 1")))


@pytest.mark.parametrize("raw", [b"{}", b"", b"null", b'{"type":"odd"}', group("AND", b"{}")])
def test_what_is_no_condition_cannot_be_compiled(raw: bytes) -> None:
    with pytest.raises(CriterionError, match="invalid condition"):
        parse_criterion(raw)


def test_an_operand_that_fits_no_type_is_no_match() -> None:
    assert not judge(condition('$.a EQUALS "abc"'))
    assert not judge(condition('$.unknown NOT_EQUAL "abc"'))


def test_an_array_at_the_path_stands_for_its_elements() -> None:
    types = "$.tags[*] STRING"
    assert judge(condition('$.tags EQUALS "y"'), types)
    assert judge(condition('$.tags STARTS_WITH "x"'), types)
    assert not judge(condition('$.tags EQUALS "z"'), types)
    assert judge(condition("$.none NOT_NULL"), "$.none[*] STRING")
    assert judge(condition('array $.tags ["x"]'), types)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (condition('$.a MATCHES_PATTERN "(["'), InvalidCondition),
        (group("AND", condition('@state MATCHES_PATTERN "(?=a)"')), InvalidCondition),
        (condition('@nope EQUALS "x"'), InvalidFieldPath),
        (condition('@creationDate EQUALS "soon"'), ConditionTypeMismatch),
    ],
)
def test_an_import_inspects_patterns_and_lifecycle_leaves(raw: bytes, error: type[CyodaError]) -> None:
    with pytest.raises(error):
        check_criterion(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"type":"odd"}',
        FUNCTION,
        group("XOR", FUNCTION, condition("$.a IS_CHANGED 1")),
        condition("$.a BETWEEN 1"),
        condition('$.a EQUALS {"k":1}'),
    ],
)
def test_an_import_lets_anything_else_pass(raw: bytes) -> None:
    check_criterion(raw)
