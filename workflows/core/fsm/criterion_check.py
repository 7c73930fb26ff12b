"""What an import inspects of a criterion: patterns and lifecycle fields, as far as it parses (contract: engine 1.5)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Raw, UnsetType

from cyoda.errors import CyodaError, InvalidCondition, ValidationFailed
from workflows.core.predicates.condition import (
    TYPED,
    Condition,
    FunctionCondition,
    Group,
    Lifecycle,
    Operator,
    Simple,
)
from workflows.core.predicates.lifecycle import LIFECYCLE_FIELDS, TimeField
from workflows.core.predicates.operands import elements, fits, operand_text
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.text import pattern_test
from workflows.core.predicates.validation import operator_named
from workflows.core.schema.types import DataType, TypeSet

from .document import criterion_text, quoted

_INSTANT = TypeSet(DataType.ZONED_DATE_TIME)


def check_criterion(location: str, criterion: Raw | UnsetType) -> None:
    """Raises ValidationFailed. What does not parse is accepted here and fails when it is evaluated."""
    text = criterion_text(criterion)
    if text is None:
        return
    try:
        condition = parse_condition(text)
    except CyodaError:
        return
    for leaf in _tests(condition):
        _check_pattern(location, leaf)
        if isinstance(leaf, Lifecycle):
            _check_lifecycle(location, leaf)


def _tests(condition: Condition) -> Iterator[Simple | Lifecycle]:
    """Every simple and lifecycle leaf, those of functions' pre-checks included."""
    if isinstance(condition, Group):
        for child in condition.conditions:
            yield from _tests(child)
    elif isinstance(condition, FunctionCondition):
        if condition.criterion is not None:
            yield from _tests(condition.criterion)
    elif isinstance(condition, Simple | Lifecycle):
        yield condition


def _check_pattern(location: str, leaf: Simple | Lifecycle) -> None:
    pattern = operand_text(leaf.value)
    if leaf.operator != Operator.MATCHES_PATTERN or pattern is None:
        return
    try:
        pattern_test(pattern)
    except InvalidCondition as error:
        reason = error.message.removeprefix("invalid regex pattern in condition: ")
        raise ValidationFailed(f"{location}: invalid MATCHES_PATTERN regex {quoted(pattern)}: {reason}") from error


def _check_lifecycle(location: str, leaf: Lifecycle) -> None:
    field = LIFECYCLE_FIELDS.get(leaf.field)
    if field is None:
        raise ValidationFailed(f"{location}: unknown meta filter field {quoted(leaf.field)}: invalid field path")
    if not isinstance(field, TimeField) or operator_named(leaf.operator) not in TYPED:
        return
    for index, operand in enumerate(elements(leaf.value)):
        if not fits(operand, _INSTANT):
            raise ValidationFailed(
                f"{location}: operand[{index}] {operand} parses into no temporal type "
                f"for field {quoted(leaf.field)}: condition type mismatch"
            )
