"""The one judge of conditions: compiles one into a predicate over a document and its meta data (contract: search 9).

Search, statistics, criteria and every storage engine use this; whatever narrows candidates before is only a superset.
A leaf becomes a table from the stored value's JSON kind to a test, so a row costs one lookup and one comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import NoneType
from typing import Any

from cyoda.errors import BadRequest, InvalidCondition
from cyoda.jsonio import Json
from workflows.core.schema.types import NO_TYPES, DataType, TypeSet

from . import numbers, temporal
from .condition import (
    COMPARISONS,
    ORDERINGS,
    PRESENCE,
    RANGES,
    ArrayCondition,
    Condition,
    FunctionCondition,
    Group,
    Leaf,
    Lifecycle,
    Operator,
)
from .lifecycle import Meta, TimeField
from .numbers import KindTests
from .operands import COMPARE, UUID_TYPES, is_canonical_uuid, operand_text
from .paths import FieldTypes, array_path, collector, element_path, has_elements, reader
from .text import text_test
from .validation import Refusal, group_is_conjunction, leaf_operator, lifecycle_field

Predicate = Callable[[Json, Meta], bool]
"""(document as decoded, meta) -> whether it matches. Never raises for a decoded document."""

StringTest = Callable[[str], bool]

_PRESENT_KINDS = (int, Decimal, str, bool, dict, list)


def compile_condition(condition: Condition, fields: FieldTypes, refusal: Refusal = BadRequest) -> Predicate:
    """Compile once per query; a leaf on an unknown path has no declared types (contract: search 9.7).

    Raises what `validation.check_structure` and `check_patterns` raise; types and paths are not checked here.
    """
    if isinstance(condition, Group):
        children = [compile_condition(child, fields, refusal) for child in condition.conditions]
        return all_of(children) if group_is_conjunction(condition, refusal) else any_of(children)
    if isinstance(condition, FunctionCondition):
        raise InvalidCondition("function conditions are only supported in workflow criteria")
    return compile_leaf(condition, fields, refusal)


def compile_leaf(leaf: Leaf, fields: FieldTypes, refusal: Refusal = BadRequest) -> Predicate:
    """The predicate of one leaf. Raises as `compile_condition`."""
    operator = leaf_operator(leaf, refusal)
    if isinstance(leaf, ArrayCondition):
        return _array_predicate(leaf, fields)
    if isinstance(leaf, Lifecycle):
        return _lifecycle_predicate(leaf, operator)
    return _simple_predicate(leaf.path, value_tests(operator, leaf.value, fields.get(leaf.path, NO_TYPES)))


def all_of(predicates: list[Predicate]) -> Predicate:
    """Left-to-right AND; empty is true."""
    match predicates:
        case []:
            return lambda _document, _meta: True
        case [only]:
            return only
        case [first, second]:
            return lambda document, meta: first(document, meta) and second(document, meta)
        case _:
            return lambda document, meta: all(predicate(document, meta) for predicate in predicates)


def any_of(predicates: list[Predicate]) -> Predicate:
    """Left-to-right OR; empty is false."""
    match predicates:
        case []:
            return lambda _document, _meta: False
        case [only]:
            return only
        case [first, second]:
            return lambda document, meta: first(document, meta) or second(document, meta)
        case _:
            return lambda document, meta: any(predicate(document, meta) for predicate in predicates)


# --- leaves -----------------------------------------------------------------------------------------------------


def _simple_predicate(path: str, tests: KindTests) -> Predicate:
    find_test = tests.get
    if has_elements(path):
        collect = collector(path)

        def any_element(document: Json, _meta: Meta) -> bool:
            for value in collect(document):
                test = find_test(value.__class__)
                if test is not None and test(value):
                    return True
            return False

        return any_element
    read = reader(path)

    def matches(document: Json, _meta: Meta) -> bool:
        value = read(document)
        test = find_test(value.__class__)
        return test is not None and test(value)

    return matches


def _lifecycle_predicate(leaf: Lifecycle, operator: Operator) -> Predicate:
    field = lifecycle_field(leaf.field)
    if isinstance(field, TimeField):
        read_ms = field.read
        present, absent = _time_tests(operator, leaf.value)

        def time_matches(_document: Json, meta: Meta) -> bool:
            moment_ms = read_ms(meta)
            return absent if moment_ms is None else present(moment_ms)

        return time_matches
    read = field.read
    test = value_tests(operator, leaf.value, TypeSet(DataType.STRING)).get(str)
    if test is None:
        return lambda _document, _meta: False
    return lambda _document, meta: test(read(meta))


def _time_tests(operator: Operator, value: Json) -> tuple[Callable[[int], bool], bool]:
    """The test of a set time in epoch milliseconds, and the outcome for an unset one (contract: search 9.9, Q6)."""
    if operator in PRESENCE:
        absent = operator is Operator.IS_NULL
        return (lambda _ms: not absent), absent
    if operator in RANGES:
        bounds = time_bounds(value, DataType.ZONED_DATE_TIME)
        if bounds is not None:
            low, high = bounds
            if operator is Operator.BETWEEN_INCLUSIVE:
                return (lambda ms: low <= ms <= high), False
            return (lambda ms: low < ms < high), False
    elif operator in COMPARISONS and (text := operand_text(value)) is not None:
        resolution = temporal.resolved(operator, text, DataType.ZONED_DATE_TIME)
        if resolution is not None:
            compare, bound_ms = COMPARE[resolution[0]], resolution[1]
            return (lambda ms: compare(ms, bound_ms)), False
    return (lambda _ms: False), False


def _array_predicate(leaf: ArrayCondition, fields: FieldTypes) -> Predicate:
    """Positional equality on any array the path reaches; elements beyond `values` are free."""
    path = element_path(leaf.path, fields) or f"{leaf.path}[*]"
    types = fields.get(path, NO_TYPES)
    tests = [
        (position, value_tests(Operator.EQUALS, value, types))
        for position, value in enumerate(leaf.values)
        if value is not None
    ]
    arrays = array_path(path)
    if not tests:
        return lambda _document, _meta: True

    def is_matched(value: Json) -> bool:
        if len(value) <= tests[-1][0]:
            return False
        for position, kind_tests in tests:
            test = kind_tests.get(value[position].__class__)
            if test is None or not test(value[position]):
                return False
        return True

    return _simple_predicate(arrays, {list: is_matched})


# --- operators --------------------------------------------------------------------------------------------------


def value_tests(operator: Operator, value: Json, types: TypeSet) -> KindTests:
    """The tests of a stored value under `operator value`, for a field of `types` (contract: search 9.4).

    Raises InvalidCondition for a pattern that does not compile.
    """
    if operator is Operator.IS_NULL:
        return {NoneType: lambda _value: True}
    if operator is Operator.NOT_NULL:
        return dict.fromkeys(_PRESENT_KINDS, lambda _value: True)
    if operator in RANGES:
        return _range_tests(operator, value, types)
    text = operand_text(value)
    if text is None:
        return {}
    if operator in COMPARISONS:
        return _comparison_tests(operator, text, types)
    return {str: text_test(operator, text)}


def _comparison_tests(operator: Operator, text: str, types: TypeSet) -> KindTests:
    """One branch a declared type, branches of one JSON kind joined by OR; no branch at all is a void leaf."""
    compare = COMPARE[operator]
    tests: KindTests = {}
    for branch in numbers.numeric_branches(operator, text, types):
        for kind, test in numbers.comparison_tests(branch, compare).items():
            tests[kind] = _either(tests.get(kind), test)
    for test in _string_tests(operator, text, types):
        tests[str] = _either(tests.get(str), test)
    if types & DataType.BOOLEAN and operator not in ORDERINGS and text in ("true", "false"):
        operand = text == "true"
        tests[bool] = lambda stored: compare(stored, operand)
    return tests


def _string_tests(operator: Operator, text: str, types: TypeSet) -> list[StringTest]:
    compare = COMPARE[operator]
    tests = [
        _instant_test(*resolution, kind)
        for kind in temporal.temporal_members(types)
        if (resolution := temporal.resolved(operator, text, kind)) is not None
    ]
    if types & DataType.STRING:
        tests.append(lambda stored: compare(stored, text))
    if types & DataType.CHARACTER and len(text) == 1:
        tests.append(lambda stored: len(stored) == 1 and compare(stored, text))
    if types & UUID_TYPES and operator not in ORDERINGS and is_canonical_uuid(text):
        tests.append(lambda stored: compare(stored, text) and is_canonical_uuid(stored))
    return tests


def _instant_test(operator: Operator, bound_ms: int, kind: DataType) -> StringTest:
    compare = COMPARE[operator]

    def test(stored: str) -> bool:
        instant_ms = temporal.stored_ms(stored, kind)
        return instant_ms is not None and compare(instant_ms, bound_ms)

    return test


def _range_tests(operator: Operator, value: Json, types: TypeSet) -> KindTests:
    inclusive = operator is Operator.BETWEEN_INCLUSIVE
    bounds = range_texts(value)
    if bounds is None:
        return {}
    low, high = bounds
    tests = numbers.range_tests(low, high, types, inclusive=inclusive)
    for kind in temporal.temporal_members(types):
        instants = time_bounds(value, kind)
        if instants is not None:
            tests[str] = _either(tests.get(str), _instant_range_test(*instants, kind, inclusive=inclusive))
    if types & DataType.STRING:
        tests[str] = _either(tests.get(str), _text_range_test(low, high, inclusive=inclusive))
    return tests


def _text_range_test(low: str, high: str, *, inclusive: bool) -> StringTest:
    if inclusive:
        return lambda stored: low <= stored <= high
    return lambda stored: low < stored < high


def _instant_range_test(low_ms: int, high_ms: int, kind: DataType, *, inclusive: bool) -> StringTest:
    def test(stored: str) -> bool:
        instant_ms = temporal.stored_ms(stored, kind)
        if instant_ms is None:
            return False
        return low_ms <= instant_ms <= high_ms if inclusive else low_ms < instant_ms < high_ms

    return test


def range_texts(value: Json) -> tuple[str, str] | None:
    """The texts of both bounds; None when one is null or no scalar, which never matches."""
    low, high = value
    low_text, high_text = operand_text(low), operand_text(high)
    if low is None or high is None or low_text is None or high_text is None:
        return None
    return low_text, high_text


def time_bounds(value: Json, kind: DataType) -> tuple[int, int] | None:
    """Both bounds of a range on `kind` in epoch milliseconds; None unless both are temporal and can get there."""
    texts = range_texts(value)
    if texts is None:
        return None
    low_ms, high_ms = (temporal.resolved_bound(text, kind) for text in texts)
    return None if low_ms is None or high_ms is None else (low_ms, high_ms)


def _either(one: Callable[[Any], bool] | None, other: Callable[[Any], bool]) -> Callable[[Any], bool]:
    if one is None:
        return other
    return lambda value: one(value) or other(value)
