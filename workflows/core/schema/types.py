"""The data types of the platform, how a scalar gets its type, and sets of types (contract: entities 2.1-2.5, 2.7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import IntEnum
from functools import lru_cache
from typing import NewType, TypeGuard

from cyoda.jsonio import Json


class DataType(IntEnum):
    """Type names in display order; each value is the type's bit in a TypeSet."""

    INTEGER = 1 << 0
    LONG = 1 << 1
    BIG_INTEGER = 1 << 2
    UNBOUND_INTEGER = 1 << 3
    DOUBLE = 1 << 4
    BIG_DECIMAL = 1 << 5
    UNBOUND_DECIMAL = 1 << 6
    STRING = 1 << 7
    CHARACTER = 1 << 8
    LOCAL_DATE = 1 << 9
    LOCAL_DATE_TIME = 1 << 10
    LOCAL_TIME = 1 << 11
    ZONED_DATE_TIME = 1 << 12
    YEAR = 1 << 13
    YEAR_MONTH = 1 << 14
    UUID_TYPE = 1 << 15
    TIME_UUID_TYPE = 1 << 16
    BYTE_ARRAY = 1 << 17
    BOOLEAN = 1 << 18
    NULL = 1 << 19

    __hash__ = int.__hash__


TypeSet = NewType("TypeSet", int)
"""A set of DataTypes as a bit mask, with at most one numeric type and NULL only when alone (contract: entities 2.5)."""

NO_TYPES = TypeSet(0)
NULL_ONLY = TypeSet(DataType.NULL)

# Module names, because looking a member up in its enumeration costs more than the rules that use it.
INTEGER, LONG, BIG_INTEGER = DataType.INTEGER, DataType.LONG, DataType.BIG_INTEGER
UNBOUND_INTEGER, DOUBLE = DataType.UNBOUND_INTEGER, DataType.DOUBLE
BIG_DECIMAL, UNBOUND_DECIMAL = DataType.BIG_DECIMAL, DataType.UNBOUND_DECIMAL
STRING, BOOLEAN, NULL = DataType.STRING, DataType.BOOLEAN, DataType.NULL
LOCAL_DATE, LOCAL_DATE_TIME, LOCAL_TIME = DataType.LOCAL_DATE, DataType.LOCAL_DATE_TIME, DataType.LOCAL_TIME
ZONED_DATE_TIME, YEAR, YEAR_MONTH = DataType.ZONED_DATE_TIME, DataType.YEAR, DataType.YEAR_MONTH

WHOLE_TYPES = INTEGER | LONG | BIG_INTEGER | UNBOUND_INTEGER
NUMERIC_TYPES = WHOLE_TYPES | DOUBLE | BIG_DECIMAL | UNBOUND_DECIMAL
TEMPORAL_TYPES = LOCAL_DATE | LOCAL_DATE_TIME | LOCAL_TIME | ZONED_DATE_TIME | YEAR | YEAR_MONTH

WHOLE_BOUNDS: Mapping[DataType, int] = {INTEGER: 1 << 31, LONG: 1 << 63, BIG_INTEGER: 1 << 127}
"""`bound` for each bounded whole type, which holds -bound <= value < bound."""


def is_object(value: Json) -> TypeGuard[dict[str, Json]]:
    return isinstance(value, dict)


def is_array(value: Json) -> TypeGuard[list[Json]]:
    return isinstance(value, list)


# --- scalars ----------------------------------------------------------------------------------------------------


def scalar_type(value: Json) -> DataType | None:
    """The type of a string, number, boolean or null; None for a number whose scale leaves 32 bits.

    Raises TypeError for what `jsonio` never decodes, a float above all.
    """
    kind = value.__class__
    if kind is str:
        return string_type(value)
    if kind is int:
        return whole_type(value)
    if kind is Decimal:
        return decimal_type(value)
    if value is None:
        return NULL
    if kind is bool:
        return BOOLEAN
    raise TypeError(f"not a JSON scalar: {kind.__name__}")


def whole_type(value: int) -> DataType:
    if -0x8000_0000 <= value < 0x8000_0000:
        return INTEGER
    if -0x8000_0000_0000_0000 <= value < 0x8000_0000_0000_0000:
        return LONG
    return BIG_INTEGER if -(1 << 127) <= value < 1 << 127 else UNBOUND_INTEGER


def decimal_type(value: Decimal) -> DataType | None:
    """The type of a number by its exact value; None when its scale leaves 32 bits (contract: entities 2.3)."""
    text = str(value)
    if len(text) <= 16 and "." in text and text[-1] != "0" and "E" not in text:
        return DOUBLE  # at most 15 digits and a fraction: by far the most frequent case
    is_negative, digits, exponent = decimal_parts(value)
    scale, significant = -exponent, digits.rstrip("0")
    stripped_scale = scale - (len(digits) - len(significant))
    if not _is_int32(scale) or not _is_int32(stripped_scale):
        return None
    if not significant:
        return INTEGER
    return _stripped_type(is_negative, significant, stripped_scale)


def decimal_parts(value: Decimal) -> tuple[bool, str, int]:
    """Whether negative, the coefficient's digits without leading zeros, and the power of ten of the last digit.

    Reads the number's text: its cost does not grow with the exponent.
    """
    text = str(value)
    mantissa, _, power = text.lstrip("-").partition("E")
    whole, _, fraction = mantissa.partition(".")
    return text[0] == "-", (whole + fraction).lstrip("0"), int(power or 0) - len(fraction)


def _is_int32(value: int) -> bool:
    return -0x8000_0000 <= value < 0x8000_0000


def _stripped_type(is_negative: bool, digits: str, scale: int) -> DataType:
    """The type of +-digits * 10^-scale, where `digits` has no trailing zero."""
    precision = len(digits)
    if scale <= 0:
        # 40 digits exceed 128 bits: answered without writing out a huge power of ten.
        if precision - scale > 39:
            return UNBOUND_INTEGER
        magnitude = int(digits) * 10**-scale
        return whole_type(-magnitude if is_negative else magnitude)
    if precision <= 15 and scale <= 292:
        return DOUBLE
    if scale > 18:
        return UNBOUND_DECIMAL
    if precision <= 38 and precision - scale <= 20:
        return BIG_DECIMAL
    if precision <= 39 and precision - scale <= 21 and int(digits) * 10 ** (18 - scale) < (1 << 127) + is_negative:
        return BIG_DECIMAL
    return UNBOUND_DECIMAL


_TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?"
_ZONE = r"Z|[+-](?:[01][0-9]|2[0-4]):[0-5][0-9]"
_local_time = re.compile(_TIME)
_year_month = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_date_and_time = re.compile(
    rf"([0-9]{{4}})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T{_TIME}({_ZONE})?)?",
)
_DAYS_IN_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def string_type(value: str) -> DataType:
    """STRING, or the temporal type whose shape the whole text has (contract: entities 2.4)."""
    if not "0" <= value < ":":  # every temporal text starts with an ASCII digit
        return STRING
    length = len(value)
    if length < 4 or (length > 4 and value[4] != "-"):
        return LOCAL_TIME if length >= 4 and _local_time.fullmatch(value) else STRING
    if length == 4:
        if value.isascii() and value.isdigit():
            return YEAR
        return LOCAL_TIME if _local_time.fullmatch(value) else STRING
    if length == 7:
        return YEAR_MONTH if _year_month.fullmatch(value) else STRING
    return _date_type(value)


def _date_type(value: str) -> DataType:
    found = _date_and_time.fullmatch(value)
    if found is None:
        return STRING
    year, month, day, time, zone = found.groups()
    if day > "28" and int(day) > _days_in_month(int(year), int(month)):
        return STRING
    if time is None:
        return LOCAL_DATE
    return LOCAL_DATE_TIME if zone is None else ZONED_DATE_TIME


def _days_in_month(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and is_leap else _DAYS_IN_MONTH[month - 1]


# --- sets -------------------------------------------------------------------------------------------------------


def _collapse_table() -> dict[int, int]:
    """What two different numeric types, given as the union of their bits, become."""
    table = {
        LONG | DOUBLE: UNBOUND_DECIMAL,
        BIG_INTEGER | DOUBLE: UNBOUND_DECIMAL,
        UNBOUND_INTEGER | DOUBLE: UNBOUND_DECIMAL,
        BIG_INTEGER | BIG_DECIMAL: UNBOUND_DECIMAL,
        UNBOUND_INTEGER | BIG_DECIMAL: UNBOUND_DECIMAL,
        DOUBLE | BIG_DECIMAL: UNBOUND_DECIMAL,
    }
    numeric = members(TypeSet(NUMERIC_TYPES))
    for position, one in enumerate(numeric):
        for other in numeric[position + 1 :]:
            table.setdefault(one | other, other)
    return {bits: int(result) for bits, result in table.items()}


def united(one: TypeSet, other: TypeSet) -> TypeSet:
    """The union of two sets: numbers collapse to one type, NULL gives way to any concrete type."""
    both = one | other
    if both == one:
        return TypeSet(one)
    numeric = both & NUMERIC_TYPES
    if numeric & (numeric - 1):
        both = both & ~NUMERIC_TYPES | _COLLAPSED[numeric]
    if both != NULL:
        both &= ~NULL
    return TypeSet(both)


def type_set(types: Iterable[DataType]) -> TypeSet:
    result = NO_TYPES
    for member in types:
        result = united(result, TypeSet(member))
    return result


def members(types: TypeSet) -> tuple[DataType, ...]:
    """The members in display order."""
    return tuple(member for member in DataType if member & types)


def names(types: TypeSet) -> list[str]:
    return [member.name for member in members(types)]


def display(types: TypeSet) -> str:
    """`NULL` for an empty set, the name of a single type, or `[T1, T2]` (contract: entities 4.4)."""
    shown = names(types)
    if not shown:
        return DataType.NULL.name
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def is_concrete(types: TypeSet) -> bool:
    """Whether the set has a member other than NULL."""
    return types & ~NULL != 0


# --- assignability ----------------------------------------------------------------------------------------------

_ASSIGNABLE_TO: Mapping[DataType, int] = {
    INTEGER: INTEGER,
    LONG: INTEGER | LONG,
    BIG_INTEGER: INTEGER | LONG | BIG_INTEGER,
    UNBOUND_INTEGER: WHOLE_TYPES,
    DOUBLE: INTEGER | DOUBLE,
    BIG_DECIMAL: INTEGER | LONG | BIG_DECIMAL,
    UNBOUND_DECIMAL: NUMERIC_TYPES,
}


@lru_cache(maxsize=4096)
def assignable_mask(declared: TypeSet) -> int:
    """The bits of all value types that fit at least one declared type (contract: entities 2.7)."""
    mask = 0
    for member in members(declared):
        mask |= _ASSIGNABLE_TO.get(member, member)
    return mask


_COLLAPSED = _collapse_table()
