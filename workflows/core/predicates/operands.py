"""What an operand says, and whether declared types can take it (contract: search 9.3, 8.8)."""

from __future__ import annotations

import operator as op
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

from cyoda.jsonio import Json
from workflows.core.schema.types import NUMERIC_TYPES, TEMPORAL_TYPES, DataType, TypeSet, string_type

from .condition import Operator
from .numbers import number_of

COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUALS: op.eq,
    Operator.NOT_EQUAL: op.ne,
    Operator.GREATER_THAN: op.gt,
    Operator.GREATER_OR_EQUAL: op.ge,
    Operator.LESS_THAN: op.lt,
    Operator.LESS_OR_EQUAL: op.le,
}

UUID_TYPES = DataType.UUID_TYPE | DataType.TIME_UUID_TYPE
_canonical_uuid = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def operand_text(value: Json) -> str | None:
    """The text that is compared; numbers keep their spelling, null is empty. None for an array or object.

    Arrays are accepted as operands and match nothing (contract: search Q8).
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    if value is None:
        return ""
    return str(value) if isinstance(value, int | Decimal) else None


def elements(value: Json) -> list[Json]:
    """The single operands of `value`: the elements of an array, or itself."""
    return cast("list[Json]", value) if isinstance(value, list) else [value]


def contains_object(value: Json) -> bool:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            return True
        if isinstance(item, list):
            pending.extend(cast("list[Json]", item))
    return False


def is_canonical_uuid(text: str) -> bool:
    return _canonical_uuid.fullmatch(text) is not None


def fits(value: Json, types: TypeSet) -> bool:
    """Whether one operand parses into a declared type; null fits anything (contract: search Q5)."""
    if value is None or types & DataType.STRING:
        return True
    text = operand_text(value)
    if text is None:
        return False
    return bool(
        (types & NUMERIC_TYPES and number_of(text) is not None)
        or (types & TEMPORAL_TYPES and string_type(text) & TEMPORAL_TYPES)
        or (types & DataType.BOOLEAN and text in ("true", "false"))
        or (types & DataType.CHARACTER and len(text) == 1)
        or (types & UUID_TYPES and is_canonical_uuid(text))
    )
