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
    ContainsText,
    EqualsBoolean,
    EqualsText,
    Leaf,
    LifecycleEquals,
    LifecycleTimes,
    Narrowing,
    Nothing,
    NumericRange,
    Or,
    PresentLeaf,
    StartsWith,
    TextRange,
)
from workflows.core.predicates.operands import is_canonical_uuid

Number = Decimal | int

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DIGITS = 16_000
_MAX_PARAMETERS = 1000
_TRUE, _FALSE = "true", "false"

_TEXT_COLUMNS = {
    "state": "h.state",
    "transitionForLatestSave": "h.transition",
}
_UUID_COLUMNS = {"transactionId": "h.transaction_id", "id": "h.entity_id"}
_TIME_COLUMNS = {"creationDate": "h.created_at", "lastUpdateTime": "h.valid_from"}


class SqlCondition(NamedTuple):
    sql: str
    parameters: Sequence[object]


class PlainCondition(NamedTuple):
    """`exact`: of heads that are not lossy, it selects just those that the narrowing accepts."""

    sql: str
    parameters: Sequence[object]
    exact: bool


EVERYTHING = SqlCondition(_TRUE, ())
LOSSY = SqlCondition("h.lossy", ())


def condition(narrowing: Narrowing | None, *, first: int) -> PlainCondition:
    """The condition whose first parameter is `$first`; `true` when there is nothing to narrow by."""
    plain = plain_condition(narrowing, first=first)
    if plain is None:
        return PlainCondition(_TRUE, (), False)
    return plain if plain.sql == _TRUE else plain._replace(sql=f"(h.lossy OR {plain.sql})")


def exact_condition(narrowing: Narrowing | None, *, first: int) -> SqlCondition | None:
    """What heads that are not lossy satisfy exactly when their entity matches; None when SQL cannot say it."""
    if narrowing is None:
        return EVERYTHING
    plan = _Plan(first)
    sql = plan.condition(narrowing)
    if not narrowing.exact or plan.is_wider or len(plan.parameters) > _MAX_PARAMETERS:
        return None
    return SqlCondition(sql, plan.parameters)


def plain_condition(narrowing: Narrowing | None, *, first: int) -> PlainCondition | None:
    """The condition on heads that are not lossy; None when it is too long."""
    if narrowing is None:
        return PlainCondition(_TRUE, (), True)
    plan = _Plan(first)
    sql = plan.condition(narrowing)
    too_long = len(plan.parameters) > _MAX_PARAMETERS
    return None if too_long else PlainCondition(sql, plan.parameters, not plan.is_wider)


class _Plan:
    """One translation; parameters are numbered as they are met.

    `is_wider` tells that something of the narrowing was left out.
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

    def _leaf(self, node: Leaf) -> str:
        is_absent = isinstance(node, AbsentLeaf)
        if not all(is_bindable(name) for name in node.names):
            return _TRUE if is_absent else _FALSE  # only a lossy head's document has such a member
        if not is_bindable(_needle(node)):
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
            case TextRange():
                return self._texts(value, node)
            case StartsWith():
                prefix = self._bind(node.prefix, "text")
                return f"(jsonb_typeof({value}) = 'string' AND starts_with(({value}) #>> '{{}}', {prefix}))"
            case ContainsText():
                part = self._bind(node.part, "text")
                return f"(jsonb_typeof({value}) = 'string' AND strpos(({value}) #>> '{{}}', {part}) > 0)"
            case NumericRange():
                return self._numbers(value, node)

    def _texts(self, value: str, node: TextRange) -> str:
        """Text by its bytes."""
        text = f"(({value}) #>> '{{}}') COLLATE \"C\""
        parts = [f"jsonb_typeof({value}) = 'string'"]
        low, high = ">=" if node.low_inclusive else ">", "<=" if node.high_inclusive else "<"
        for bound, operator in ((node.low, low), (node.high, high)):
            if bound is None:
                continue
            if is_bindable(bound):
                parts.append(f"{text} {operator} {self._bind(bound, 'text')}")
            else:
                self.is_wider = True
        return "(" + " AND ".join(parts) + ")"

    def _numbers(self, value: str, node: NumericRange) -> str:
        """`jsonb` compares numbers exactly and never fails, whatever the value is."""
        only = as_numeric(node.low)
        if only is not None and node.low == node.high and node.low_inclusive and node.high_inclusive and not node.whole:
            return f"(({value}) = to_jsonb({self._bind(only, 'numeric')}))"
        parts = [f"jsonb_typeof({value}) = 'number'"]
        if (low := as_numeric(node.low)) is not None:
            operator = ">=" if node.low_inclusive else ">"
            parts.append(f"({value}) {operator} to_jsonb({self._bind(low, 'numeric')})")
        if (high := as_numeric(node.high)) is not None:
            operator = "<=" if node.high_inclusive else "<"
            parts.append(f"({value}) {operator} to_jsonb({self._bind(high, 'numeric')})")
        self.is_wider |= (low is None) > (node.low is None) or (high is None) > (node.high is None)
        if node.whole:  # CASE, for a cast of anything else would fail
            parts.append(f"CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric % 1 = 0 END")
        return "(" + " AND ".join(parts) + ")"

    def _lifecycle_text(self, node: LifecycleEquals) -> str:
        column = _TEXT_COLUMNS.get(node.field)
        if (id_column := _UUID_COLUMNS.get(node.field)) is not None:
            return f"({id_column} = {self._bind(node.value, 'uuid')})" if is_canonical_uuid(node.value) else _FALSE
        if column is None:
            self.is_wider = True
            return _TRUE
        if not is_bindable(node.value):
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


def _needle(node: Leaf) -> str:
    """The text that a document must hold to be accepted; empty when the node asks for none."""
    match node:
        case EqualsText(_, text) | StartsWith(_, text) | ContainsText(_, text):
            return text
        case _:
            return ""


def is_bindable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def as_numeric(bound: Decimal | int | None) -> Decimal | None:
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
