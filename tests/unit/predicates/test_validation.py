"""What is refused before a condition is evaluated (contract: search 8.8, 10, 14.3)."""

from __future__ import annotations

import pytest

from cyoda.errors import BadRequest, ConditionTypeMismatch, CyodaError, InvalidCondition, InvalidFieldPath
from workflows.core.predicates.condition import FunctionCondition, Group, Operator, Simple
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.validation import (
    check_operands,
    check_paths,
    check_patterns,
    check_structure,
    validate,
    validate_for_statistics,
)

from .support import condition, declared

FIELDS = declared("$.i INTEGER, $.a.b INTEGER, $.tags[*] STRING, $.items[*].p INTEGER, $.m[*][*] INTEGER, $.n NULL")


def structure_of(short: str, refusal: type[CyodaError] = BadRequest) -> None:
    check_structure(parse_condition(condition(short)), refusal)


@pytest.mark.parametrize("operator", ["equals", "NOT_EQUALS", "IS_CHANGED", "IS_UNCHANGED", "IN"])
def test_an_unknown_operator_is_refused_with_the_valid_ones(operator: str) -> None:
    with pytest.raises(BadRequest, match=", ".join(sorted(Operator))):
        structure_of(f"$.i {operator} 1")
    with pytest.raises(InvalidCondition):
        structure_of(f"$.i {operator} 1", InvalidCondition)


def test_a_missing_operator_is_refused() -> None:
    with pytest.raises(BadRequest, match='unknown operator ""'):
        check_structure(Simple("$.i", ""))


def test_there_are_26_operators() -> None:
    assert len(Operator) == 26


@pytest.mark.parametrize("value", ["[10]", "[1,2,3]", '"10,20"', "null", "5", "[]"])
def test_a_range_needs_exactly_two_bounds(value: str) -> None:
    for operator in ("BETWEEN", "BETWEEN_INCLUSIVE"):
        with pytest.raises(BadRequest, match=f'operator "{operator}" requires exactly two operands, got'):
            structure_of(f"$.i {operator} {value}")


@pytest.mark.parametrize(
    "short",
    [
        '$.i IS_NULL {"k":1}',
        '$.i EQUALS [{"k":1}]',
        '$.i BETWEEN [1,{"k":1}]',
        '$.i BETWEEN {"k":1}',
        '@state EQUALS {"k":1}',
        'array $.tags [{"k":1}]',
    ],
)
def test_an_object_is_no_operand(short: str) -> None:
    with pytest.raises(InvalidCondition):
        structure_of(short)


def test_groups_are_and_or_in_any_case() -> None:
    for name in ("AND", "or", "Or"):
        check_structure(Group(name))
    for name in ("NOT", "", "XOR"):
        with pytest.raises(BadRequest):
            check_structure(Group(name))
        with pytest.raises(InvalidCondition):
            check_structure(Group("AND", (Group(name),)), InvalidCondition)


def test_a_function_is_no_search_condition() -> None:
    with pytest.raises(InvalidCondition):
        check_structure(Group("AND", (FunctionCondition("f"),)))


def test_all_unknown_paths_are_listed_once() -> None:
    unknown = parse_condition(condition("OR($.x EQUALS 1 ; $.i EQUALS 1 ; $.y IS_NULL ; $.x EQUALS 2)"))
    with pytest.raises(InvalidFieldPath, match=r"^condition references unknown field path\(s\): \$\.x, \$\.y$"):
        check_paths(unknown, FIELDS)


@pytest.mark.parametrize(
    "path",
    [
        "$.tags",
        "$.items",
        "$.items[0].p",
        "$.items.0.p",
        "$['i']",
        "$..b",
        "$.i.x",
        "$.m",
        "$.m[*]",
        "$.I",
        "$._meta.id",
    ],
)
def test_a_path_that_is_no_field_and_no_object_is_unknown(path: str) -> None:
    with pytest.raises(InvalidFieldPath):
        check_paths(Simple(path, "IS_NULL"), FIELDS)


def test_an_empty_path_is_unknown() -> None:
    with pytest.raises(InvalidFieldPath):
        check_paths(Simple("", "IS_NULL"), FIELDS)


@pytest.mark.parametrize("path", ["$.i", "$.a", "$.a.b", "$.tags[*]", "$.items[*]", "$.items[*].p", "$.m[*][*]", "$"])
def test_fields_and_objects_around_them_are_known(path: str) -> None:
    check_paths(Simple(path, "NOT_NULL"), FIELDS)
    check_operands(Simple(path, "NOT_NULL"), FIELDS)


@pytest.mark.parametrize("path", ["$.a", "$.items[*]", "$"])
@pytest.mark.parametrize("operator", ["EQUALS", "CONTAINS", "MATCHES_PATTERN"])
def test_an_object_takes_no_operator_but_the_presence_tests(path: str, operator: str) -> None:
    with pytest.raises(InvalidFieldPath):
        check_operands(Simple(path, operator, "x"), FIELDS)


@pytest.mark.parametrize("path", ["$.tags", "$.tags[*]", "$.m[*]", "$.m[*][*]"])
def test_an_array_condition_names_the_array_or_its_elements(path: str) -> None:
    known = parse_condition(condition(f"array {path} [1, null]"))
    check_paths(known, FIELDS)
    check_operands(known, FIELDS)


@pytest.mark.parametrize("path", ["$.i", "$.a", "$.x"])
def test_an_array_condition_on_something_else_is_unknown(path: str) -> None:
    with pytest.raises(InvalidFieldPath):
        check_paths(parse_condition(condition(f"array {path} [null]")), FIELDS)


def test_values_of_an_array_condition_must_fit_the_elements() -> None:
    with pytest.raises(ConditionTypeMismatch):
        check_operands(parse_condition(condition('array $.m[*] [null, "x"]')), FIELDS)
    with pytest.raises(InvalidFieldPath):
        check_operands(parse_condition(condition("array $.items [1]")), FIELDS)


@pytest.mark.parametrize("value", ['"abc"', "true", '""', '["abc"]', "[1, true]"])
def test_a_comparison_must_fit_a_declared_type(value: str) -> None:
    with pytest.raises(ConditionTypeMismatch, match=r"\$\.i: INTEGER"):
        check_operands(parse_condition(condition(f"$.i EQUALS {value}")), FIELDS)


def test_a_field_that_was_only_ever_null_fits_nothing_but_null() -> None:
    check_operands(Simple("$.n", "EQUALS", None), FIELDS)
    with pytest.raises(ConditionTypeMismatch):
        check_operands(Simple("$.n", "EQUALS", "x"), FIELDS)


@pytest.mark.parametrize("short", ["$.i EQUALS null", "$.i BETWEEN [null,null]", '$.i CONTAINS "x"', '$.i IEQUALS "x"'])
def test_null_and_operands_of_text_operators_are_not_typed(short: str) -> None:
    validate(parse_condition(condition(short)), FIELDS)


@pytest.mark.parametrize("pattern", ["(?=a)abc", "([", r"(a)\\1", "a){", "a{1001}"])
def test_a_pattern_that_re2_lacks_is_refused(pattern: str) -> None:
    for subject in ("$.i", "@state"):
        with pytest.raises(InvalidCondition, match=r"^invalid regex pattern in condition: "):
            check_patterns(parse_condition(condition(f'{subject} MATCHES_PATTERN "{pattern}"')))


def test_patterns_too_long_to_compile_quickly_are_refused() -> None:
    for operator in ("LIKE", "MATCHES_PATTERN"):
        check_patterns(Simple("$.i", operator, "ab" * 5_000))
        with pytest.raises(InvalidCondition, match="longer than 10000 characters"):
            check_patterns(Simple("$.i", operator, "ab" * 5_001))


@pytest.mark.parametrize("field", ["current_state", "State", "createdAt", "", "modelKey"])
def test_an_unknown_lifecycle_field_is_refused(field: str) -> None:
    with pytest.raises(InvalidFieldPath, match="unknown meta filter field"):
        check_operands(parse_condition(condition(f'@{field or "x"} EQUALS "x"')), FIELDS)


def test_paths_are_checked_before_patterns_and_patterns_before_operands() -> None:
    everything = parse_condition(condition('OR($.i EQUALS "x" ; $.i MATCHES_PATTERN "([" ; $.x EQUALS 1)'))
    with pytest.raises(InvalidFieldPath):
        validate(everything, FIELDS)
    with pytest.raises(InvalidCondition):
        validate(parse_condition(condition('OR($.i EQUALS "x" ; $.i MATCHES_PATTERN "([")')), FIELDS)


def test_statistics_leave_data_paths_and_operands_alone() -> None:
    validate_for_statistics(parse_condition(condition('AND($.x EQUALS 1 ; $.i EQUALS "x" ; $.a EQUALS 1)')))


@pytest.mark.parametrize(
    ("short", "error"),
    [
        ("$.i BETWEEN 1", InvalidCondition),
        ("$.i like 1", InvalidCondition),
        ('$.i MATCHES_PATTERN "(["', InvalidCondition),
        ('@nope EQUALS "x"', InvalidFieldPath),
        ('@creationDate EQUALS "x"', ConditionTypeMismatch),
        ('@lastUpdateTime BETWEEN ["2024","x"]', ConditionTypeMismatch),
    ],
)
def test_statistics_check_structure_patterns_and_lifecycle_fields(short: str, error: type[CyodaError]) -> None:
    with pytest.raises(error):
        validate_for_statistics(parse_condition(condition(short)))
