"""Numeric branches: an operand folded into each declared type, compared exactly (contract: search 9.5).

No float occurs. Huge exponents stay exponents: nothing here writes out a power of ten beyond 40 digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal, DecimalException
from typing import Any

from workflows.core.schema.types import (
    NUMERIC_TYPES,
    WHOLE_BOUNDS,
    WHOLE_TYPES,
    DataType,
    TypeSet,
    assignable_mask,
    decimal_type,
    members,
)

from .condition import Operator

KindTests = dict[type, Callable[[Any], bool]]
"""Tests of a stored value by its JSON kind; a kind without a test never matches."""

_number = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

_DOUBLE_LIMIT = Decimal("9.99999999999999e292")
_BIG_DECIMAL_LIMIT = Decimal(1 << 127).scaleb(-18, Context(prec=60))
_DOUBLE_DIGITS, _DOUBLE_SCALE = 15, 292
_INT32 = 0x7FFF_FFFF

_ROUNDING = {
    Operator.GREATER_OR_EQUAL: ROUND_CEILING,
    Operator.LESS_THAN: ROUND_CEILING,
    Operator.GREATER_THAN: ROUND_FLOOR,
    Operator.LESS_OR_EQUAL: ROUND_FLOOR,
}
_ABOVE_IS_PRESENT = frozenset({Operator.LESS_THAN, Operator.LESS_OR_EQUAL})
_BELOW_IS_PRESENT = frozenset({Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL})


@dataclass(frozen=True, slots=True)
class NumericBranch:
    """One declared type's share of a comparison: `stored <operator> bound` for stored numbers that fit `declared`.

    Without a bound every such number matches.
    """

    declared: DataType
    operator: Operator
    bound: Decimal | int | None


def number_of(text: str) -> Decimal | None:
    """The exact value of a decimal literal; None for anything else and for a scale beyond 32 bits (Q19)."""
    if _number.fullmatch(text) is None:
        return None
    try:
        value = Decimal(text)
    except DecimalException:
        return None
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and abs(exponent) <= _INT32 else None


def numeric_branches(operator: Operator, text: str, types: TypeSet) -> list[NumericBranch]:
    """The branches of a comparison; none when the operand is no number or every type drops it (a void leaf)."""
    value = number_of(text)
    if value is None:
        return []
    folded = (_folded(operator, value, declared) for declared in numeric_members(types))
    return [branch for branch in folded if branch is not None]


def numeric_members(types: TypeSet) -> tuple[DataType, ...]:
    return members(TypeSet(types & NUMERIC_TYPES))


def _folded(operator: Operator, value: Decimal, declared: DataType) -> NumericBranch | None:
    lowest, highest = _range_of(declared)
    if highest is not None and value > highest:
        return NumericBranch(declared, operator, None) if operator in _ABOVE_IS_PRESENT else None
    if lowest is not None and value < lowest:
        return NumericBranch(declared, operator, None) if operator in _BELOW_IS_PRESENT else None
    precision, scale = _significant(value)
    if declared & WHOLE_TYPES:
        exact = scale <= 0
    else:
        exact = declared is not DataType.DOUBLE or (precision <= _DOUBLE_DIGITS and scale <= _DOUBLE_SCALE)
    if exact:
        return NumericBranch(declared, operator, _compact(value, precision, scale))
    rounding = _ROUNDING.get(operator)
    if rounding is None:
        return None
    return NumericBranch(declared, operator, _rounded(value, declared, rounding))


def _range_of(declared: DataType) -> tuple[Decimal | int | None, Decimal | int | None]:
    if declared in WHOLE_BOUNDS:
        bound = WHOLE_BOUNDS[declared]
        return -bound, bound - 1
    if declared is DataType.DOUBLE:
        return _DOUBLE_LIMIT.copy_negate(), _DOUBLE_LIMIT
    if declared is DataType.BIG_DECIMAL:
        return _BIG_DECIMAL_LIMIT.copy_negate(), _BIG_DECIMAL_LIMIT
    return None, None


def _significant(value: Decimal) -> tuple[int, int]:
    """Precision and scale without trailing zeros; zero has precision 0 and scale 0."""
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    precision = len(digits)
    while precision and not digits[precision - 1]:
        precision -= 1
    return (precision, -exponent - (len(digits) - precision)) if precision else (0, 0)


def _compact(value: Decimal, precision: int, scale: int) -> Decimal | int:
    """An int where one of at most 40 digits is exact: those compare fastest."""
    return int(value) if scale <= 0 and precision - scale <= 40 else value


def _rounded(value: Decimal, declared: DataType, rounding: str) -> Decimal | int:
    if declared & WHOLE_TYPES:
        whole = value.to_integral_value(rounding)
        return _compact(whole, *_significant(whole))
    return Context(_DOUBLE_DIGITS, rounding, MIN_EMIN, MAX_EMAX, traps=[]).plus(value)


# --- stored numbers ---------------------------------------------------------------------------------------------


def whole_range(declared: DataType) -> tuple[int, int] | None:
    """The stored whole numbers assignable to `declared` as low <= n < high; None for all."""
    mask = assignable_mask(TypeSet(declared))
    if mask & DataType.UNBOUND_INTEGER:
        return None
    widest = max(kind for kind in WHOLE_BOUNDS if mask & kind)
    bound = WHOLE_BOUNDS[widest]
    return -bound, bound


def comparison_tests(branch: NumericBranch, compare: Callable[[Any, Any], bool]) -> KindTests:
    """The tests of stored whole numbers and decimals for one branch."""
    bound = branch.bound
    if bound is None:
        return _assignable_tests(branch.declared)
    mask = assignable_mask(TypeSet(branch.declared))
    limits = whole_range(branch.declared)

    def decimal_test(stored: Decimal) -> bool:
        return compare(stored, bound) and bool((decimal_type(stored) or 0) & mask)

    if limits is None:
        return {int: lambda stored: compare(stored, bound), Decimal: decimal_test}
    low, high = limits
    return {int: lambda stored: compare(stored, bound) and low <= stored < high, Decimal: decimal_test}


def _assignable_tests(declared: DataType) -> KindTests:
    mask = assignable_mask(TypeSet(declared))
    limits = whole_range(declared)

    def decimal_test(stored: Decimal) -> bool:
        return bool((decimal_type(stored) or 0) & mask)

    if limits is None:
        return {int: lambda _stored: True, Decimal: decimal_test}
    low, high = limits
    return {int: lambda stored: low <= stored < high, Decimal: decimal_test}


def range_tests(low_text: str, high_text: str, types: TypeSet, *, inclusive: bool) -> KindTests:
    """BETWEEN over numbers: exact bounds, no folding; none unless both bounds are numbers (contract: search 9.7)."""
    low, high = number_of(low_text), number_of(high_text)
    declared = TypeSet(types & NUMERIC_TYPES)
    if low is None or high is None or not declared:
        return {}
    assignable = [_assignable_tests(member) for member in numeric_members(declared)]

    def test(stored: Decimal | int) -> bool:
        inside = low <= stored <= high if inclusive else low < stored < high
        return inside and any(tests[type(stored)](stored) for tests in assignable)

    return {int: test, Decimal: test}
