"""From a narrowing to an SQL condition over the head `h` with bound parameters: a sound superset of what it accepts.

Lossy heads always pass, because their `jsonb` is not their document. A value that no parameter can carry is left out
where it bounds (the condition gets wider), or matches nothing where only an equal document could hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from workflows.core.predicates.narrowing import (
    AbsentLeaf,
    All,
    And,
    EqualsBoolean,
    EqualsText,
    LifecycleEquals,
    LifecycleTimes,
    Narrowing,
    Nothing,
    NumericRange,
    Or,
    PresentLeaf,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DIGITS = 16_000
_MAX_PARAMETERS = 1000
_TRUE, _FALSE = "true", "false"

_TEXT_COLUMNS = {
    "state": "h.state",
    "transitionForLatestSave": "h.transition",
    "transactionId": "h.transaction_id::text",
    "id": "h.entity_id::text",
}
_TIME_COLUMNS = {"creationDate": "h.created_at", "lastUpdateTime": "h.valid_from"}


class SqlCondition(NamedTuple):
    sql: str
    parameters: Sequence[object]


EVERYTHING = SqlCondition(_TRUE, ())
LOSSY = SqlCondition("h.lossy", ())


def condition(narrowing: Narrowing | None, *, first: int) -> SqlCondition:
    """The condition whose first parameter is `$first`; `true` when there is nothing to narrow by."""
    if narrowing is None:
        return EVERYTHING
    plan = _Plan(first)
    sql = plan.condition(narrowing)
    if sql == _TRUE or len(plan.parameters) > _MAX_PARAMETERS:
        return EVERYTHING
    return SqlCondition(f"(h.lossy OR {sql})", plan.parameters)


def exact_condition(narrowing: Narrowing | None, *, first: int) -> SqlCondition | None:
    """What heads that are not lossy satisfy exactly when their entity matches; None when SQL cannot say it."""
    if narrowing is None:
        return EVERYTHING
    plan = _Plan(first)
    sql = plan.condition(narrowing)
    if not narrowing.exact or plan.is_wider or len(plan.parameters) > _MAX_PARAMETERS:
        return None
    return SqlCondition(sql, plan.parameters)


class _Plan:
    """One translation; parameters are numbered as they are met.

    `is_wider` tells, for a narrowing that is exact, that something of it was left out.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self.parameters: list[object] = []
        self.is_wider = False

    def condition(self, node: Narrowing) -> str:
        match node:
            case All():
                return _TRUE
            case Nothing():
                return _FALSE
            case And():
                return "(" + " AND ".join(self.condition(child) for child in node.children) + ")"
            case Or():
                return "(" + " OR ".join(self.condition(child) for child in node.children) + ")"
            case LifecycleEquals():
                return self._lifecycle_text(node)
            case LifecycleTimes():
                return self._lifecycle_times(node)
            case _:
                return self._leaf(node)

    def _leaf(self, node: PresentLeaf | AbsentLeaf | EqualsText | EqualsBoolean | NumericRange) -> str:
        is_absent = isinstance(node, AbsentLeaf)
        if not all(_is_bindable(name) for name in node.names):
            return _TRUE if is_absent else _FALSE  # only a lossy head's document has such a member
        if isinstance(node, EqualsText) and not _is_bindable(node.text):
            return _FALSE
        value = "h.document" + "".join(f" -> {self._bind(name, 'text')}" for name in node.names)
        match node:
            case PresentLeaf():
                return f"(jsonb_typeof({value}) <> 'null')"
            case AbsentLeaf():
                return f"(coalesce(jsonb_typeof({value}), 'null') = 'null')"
            case EqualsText():
                return f"(({value}) = to_jsonb({self._bind(node.text, 'text')}))"
            case EqualsBoolean():
                return f"(({value}) = to_jsonb({self._bind(node.value, 'boolean')}))"
            case NumericRange():
                return self._numbers(value, node)

    def _numbers(self, value: str, node: NumericRange) -> str:
        """`jsonb` compares numbers exactly and never fails, whatever the value is."""
        parts = [f"jsonb_typeof({value}) = 'number'"]
        if (low := _numeric(node.low)) is not None:
            operator = ">=" if node.low_inclusive else ">"
            parts.append(f"({value}) {operator} to_jsonb({self._bind(low, 'numeric')})")
        if (high := _numeric(node.high)) is not None:
            operator = "<=" if node.high_inclusive else "<"
            parts.append(f"({value}) {operator} to_jsonb({self._bind(high, 'numeric')})")
        return "(" + " AND ".join(parts) + ")"

    def _lifecycle_text(self, node: LifecycleEquals) -> str:
        column = _TEXT_COLUMNS.get(node.field)
        if column is None:
            self.is_wider = True
            return _TRUE
        if not _is_bindable(node.value):
            return _FALSE
        return f"({column} = {self._bind(node.value, 'text')})"

    def _lifecycle_times(self, node: LifecycleTimes) -> str:
        column = _TIME_COLUMNS.get(node.field)
        if column is None:
            self.is_wider = True
            return _TRUE
        parts: list[str] = []
        if (start := _moment(node.from_ms)) is not None:
            parts.append(f"{column} >= {self._bind(start, 'timestamptz')}")
        if (end := _moment(node.until_ms)) is not None:
            parts.append(f"{column} < {self._bind(end, 'timestamptz')}")
        self.is_wider |= len(parts) < (node.from_ms is not None) + (node.until_ms is not None)
        return "(" + " AND ".join(parts) + ")" if parts else _TRUE

    def _bind(self, value: object, type_name: str) -> str:
        self.parameters.append(value)
        return f"${self._first + len(self.parameters) - 1}::{type_name}"


def _is_bindable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _numeric(bound: Decimal | int | None) -> Decimal | None:
    """The bound as a parameter; None when it is open or beyond `numeric`."""
    if bound is None or (isinstance(bound, int) and bound.bit_length() > 3 * _MAX_DIGITS):
        return None
    number = Decimal(bound)
    _, digits, exponent = number.as_tuple()
    return number if isinstance(exponent, int) and abs(exponent) + len(digits) <= _MAX_DIGITS else None


def _moment(epoch_ms: int | None) -> datetime | None:
    """The moment as a parameter; None when it is open or outside the calendar."""
    if epoch_ms is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=epoch_ms)
    except OverflowError:
        return None
