"""How an operator on one value of the document narrows: one part for each JSON kind and declared type, joined by OR.

Each part accepts all that the kernel's test of that kind and type accepts. It is exact where nothing else can pass: a
number must have a value whose type fits the declared one (contract: search 9.5), a date its one spelling (9.6).
"""

from __future__ import annotations

from decimal import Decimal

from cyoda.jsonio import Json
from workflows.core.schema.types import WHOLE_TYPES, DataType, TypeSet, assignable_mask, decimal_type, whole_type

from . import numbers, temporal
from .condition import COMPARISONS, ORDERINGS, RANGES, Operator
from .kernel import range_texts, time_bounds, value_tests
from .narrowed import (
    ContainsText,
    EqualsBoolean,
    EqualsText,
    Names,
    Narrowing,
    Nothing,
    NumericRange,
    PresentLeaf,
    StartsWith,
    TextRange,
)
from .operands import UUID_TYPES, is_canonical_uuid, operand_text
from .text import like_literal

_DAY_MS = 86_400_000
_FARTHEST_OFFSET_MS = 25 * 3_600_000
_GREATER = (Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL)

Number = Decimal | int


def value_narrowings(names: Names, operator: Operator, value: Json, types: TypeSet) -> list[Narrowing]:
    """What a stored value must be to pass; no part when none can. Raises as `kernel.value_tests`."""
    tests = value_tests(operator, value, types)
    text = operand_text(value)
    parts: list[Narrowing] = []
    if int in tests:
        parts.extend(_numbers(names, operator, value, types))
    if str in tests:
        parts.extend(_texts(names, operator, value, types))
    if bool in tests:
        parts.append(EqualsBoolean(names, (text == "true") is (operator is Operator.EQUALS)))
    return list(dict.fromkeys(parts))


# --- numbers ----------------------------------------------------------------------------------------------------


def _numbers(names: Names, operator: Operator, value: Json, types: TypeSet) -> list[Narrowing]:
    if operator in RANGES:
        texts = range_texts(value)
        assert texts is not None  # a test for numbers exists
        low, high = (numbers.number_of(text) for text in texts)
        inclusive = operator is Operator.BETWEEN_INCLUSIVE
        asked = NumericRange(names, low, high, inclusive, inclusive)
        return [_fitting(asked, declared) for declared in numbers.numeric_members(types)]
    text = operand_text(value)
    assert text is not None
    branches = numbers.numeric_branches(operator, text, types)
    if operator is Operator.NOT_EQUAL:
        return [NumericRange(names) for _ in branches]
    return [_fitting(_range(names, branch), branch.declared) for branch in branches]


def _range(names: Names, branch: numbers.NumericBranch) -> NumericRange:
    bound = branch.bound
    match branch.operator:
        case _ if bound is None:
            return NumericRange(names)
        case Operator.EQUALS:
            return NumericRange(names, bound, bound)
        case Operator.GREATER_THAN | Operator.GREATER_OR_EQUAL:
            return NumericRange(names, low=bound, low_inclusive=branch.operator is Operator.GREATER_OR_EQUAL)
        case _:
            return NumericRange(names, high=bound, high_inclusive=branch.operator is Operator.LESS_OR_EQUAL)


def _fitting(asked: NumericRange, declared: DataType) -> Narrowing:
    """The range among the numbers that fit the declared type, exact where that can be said."""
    names, low, high = asked.names, asked.low, asked.high
    if low is not None and low == high:
        if not (asked.low_inclusive and asked.high_inclusive and _type_of(low) & assignable_mask(TypeSet(declared))):
            return Nothing()
        return NumericRange(names, low, high, exact=True)
    if not declared & WHOLE_TYPES:
        return NumericRange(
            names, low, high, asked.low_inclusive, asked.high_inclusive, exact=declared is DataType.UNBOUND_DECIMAL
        )
    low_inclusive, high_inclusive = asked.low_inclusive, asked.high_inclusive
    if (limits := numbers.whole_range(declared)) is not None:
        if low is None or low < limits[0]:
            low, low_inclusive = limits[0], True
        if high is None or high >= limits[1]:
            high, high_inclusive = limits[1] - 1, True
    return NumericRange(names, low, high, low_inclusive, high_inclusive, whole=True, exact=True)


def _type_of(number: Number) -> int:
    found = whole_type(number) if isinstance(number, int) else decimal_type(number)
    return 0 if found is None else found


# --- texts ------------------------------------------------------------------------------------------------------


def _texts(names: Names, operator: Operator, value: Json, types: TypeSet) -> list[Narrowing]:
    if operator is Operator.NOT_EQUAL:
        return [PresentLeaf(names)]
    if operator in RANGES:
        return _text_ranges(names, operator, value, types)
    text = operand_text(value)
    assert text is not None
    if operator not in COMPARISONS:
        return [_text_operator(names, operator, text)]
    parts = [
        _moments(names, kind, *resolution)
        for kind in temporal.temporal_members(types)
        if (resolution := temporal.resolved(operator, text, kind)) is not None
    ]
    if types & DataType.STRING or (operator not in ORDERINGS and _is_plain(text, types)):
        parts.append(_compared(names, operator, text))
    elif types & DataType.CHARACTER and operator in ORDERINGS:
        parts.append(PresentLeaf(names))
    return parts


def _is_plain(text: str, types: TypeSet) -> bool:
    """Whether the text itself may be a stored character or UUID."""
    return bool((types & DataType.CHARACTER and len(text) == 1) or (types & UUID_TYPES and is_canonical_uuid(text)))


def _text_ranges(names: Names, operator: Operator, value: Json, types: TypeSet) -> list[Narrowing]:
    parts: list[Narrowing] = []
    for kind in temporal.temporal_members(types):
        bounds = time_bounds(value, kind)
        if bounds is not None:
            parts.append(_spelled_range(names, kind, *bounds))
    texts = range_texts(value)
    if types & DataType.STRING and texts is not None:
        inclusive = operator is Operator.BETWEEN_INCLUSIVE
        parts.append(TextRange(names, *texts, low_inclusive=inclusive, high_inclusive=inclusive, exact=True))
    return parts


def _compared(names: Names, operator: Operator, text: str) -> Narrowing:
    match operator:
        case Operator.EQUALS:
            return EqualsText(names, text)
        case Operator.GREATER_THAN | Operator.GREATER_OR_EQUAL:
            return TextRange(names, low=text, low_inclusive=operator is Operator.GREATER_OR_EQUAL, exact=True)
        case _:
            return TextRange(names, high=text, high_inclusive=operator is Operator.LESS_OR_EQUAL, exact=True)


def _text_operator(names: Names, operator: Operator, text: str) -> Narrowing:
    if operator is Operator.STARTS_WITH:
        return StartsWith(names, text)
    if operator in (Operator.CONTAINS, Operator.ENDS_WITH):
        return ContainsText(names, text, exact=operator is Operator.CONTAINS)
    if operator is Operator.LIKE:
        literal, is_whole = like_literal(text)
        return EqualsText(names, literal) if is_whole else StartsWith(names, literal, exact=False)
    return PresentLeaf(names)


# --- moments ----------------------------------------------------------------------------------------------------


def _moments(names: Names, kind: DataType, operator: Operator, bound_ms: int) -> Narrowing:
    if operator is Operator.NOT_EQUAL:
        return PresentLeaf(names)
    if operator is Operator.EQUALS:
        spelled = _only_spelling(kind, bound_ms)
        return _spelled_range(names, kind, bound_ms, bound_ms) if spelled is None else EqualsText(names, spelled)
    return _spelled_range(
        names, kind, bound_ms if operator in _GREATER else None, None if operator in _GREATER else bound_ms
    )


def _only_spelling(kind: DataType, bound_ms: int) -> str | None:
    """The one text of this type with this instant; None where there are several."""
    length = _SPELLED_LENGTH.get(kind)
    day = temporal.day_text(bound_ms)
    return None if length is None or day is None else day[:length]


_SPELLED_LENGTH = {DataType.YEAR: 4, DataType.YEAR_MONTH: 7, DataType.LOCAL_DATE: 10}


def _spelled_range(names: Names, kind: DataType, low_ms: int | None, high_ms: int | None) -> Narrowing:
    """Texts of a temporal type begin with their day, month or year as it is written, which sorts by time.

    With an offset that is the day where it was written, a day before or after at most.
    """
    if kind is DataType.LOCAL_TIME:
        return PresentLeaf(names)  # `9:30` comes after `10:00`
    length = _SPELLED_LENGTH.get(kind)
    offset_ms = _FARTHEST_OFFSET_MS if kind is DataType.ZONED_DATE_TIME else 0
    to_next_day_ms = _DAY_MS if length is None else 0  # what begins with a day comes before the next one
    low = None if low_ms is None else temporal.day_text(low_ms - offset_ms)
    high = None if high_ms is None else temporal.day_text(high_ms + offset_ms + to_next_day_ms)
    return TextRange(names, low and low[:length], high and high[:length])
