"""What an import inspects of a criterion: patterns and lifecycle fields, as far as it parses (contract: engine 1.5)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Raw, UnsetType

from cyoda.errors import CyodaError, InvalidCondition
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
from .issue import Issue, Place, pointed

_INSTANT = TypeSet(DataType.ZONED_DATE_TIME)


Test = Simple | Lifecycle
Located = tuple[str, Condition]
"""A part of a condition with its JSON pointer inside of it."""


def criterion_faults(place: Place, criterion: Raw | UnsetType) -> Iterator[Issue]:
    """What does not parse is accepted here and fails when it is evaluated. `place` is the owner's."""
    text = criterion_text(criterion)
    if text is None:
        return
    try:
        condition = parse_condition(text)
    except CyodaError:
        return
    for pointer, leaf in located(condition):
        if isinstance(leaf, Simple | Lifecycle):
            here = Place(place.location, pointed(place.pointer, "criterion") + pointer)
            yield from _pattern_faults(here, leaf)
            if isinstance(leaf, Lifecycle):
                yield from _lifecycle_faults(here, leaf)


def located(condition: Condition, pointer: str = "") -> Iterator[Located]:
    """Every part of a condition, itself first; those of functions' pre-checks included."""
    yield pointer, condition
    if isinstance(condition, Group):
        for index, child in enumerate(condition.conditions):
            yield from located(child, pointed(pointer, "conditions", index))
    elif isinstance(condition, FunctionCondition) and condition.criterion is not None:
        yield from located(condition.criterion, pointed(pointer, "function", "criterion"))


def _pattern_faults(place: Place, leaf: Test) -> Iterator[Issue]:
    pattern = operand_text(leaf.value)
    if leaf.operator != Operator.MATCHES_PATTERN or pattern is None:
        return
    try:
        pattern_test(pattern)
    except InvalidCondition as error:
        reason = error.message.removeprefix("invalid regex pattern in condition: ")
        yield place.fault(f": invalid MATCHES_PATTERN regex {quoted(pattern)}: {reason}", "value")


def _lifecycle_faults(place: Place, leaf: Lifecycle) -> Iterator[Issue]:
    field = LIFECYCLE_FIELDS.get(leaf.field)
    if field is None:
        yield place.fault(f": unknown meta filter field {quoted(leaf.field)}: invalid field path", "field")
        return
    if not isinstance(field, TimeField) or operator_named(leaf.operator) not in TYPED:
        return
    for index, operand in enumerate(elements(leaf.value)):
        if not fits(operand, _INSTANT):
            yield place.fault(
                f": operand[{index}] {operand} parses into no temporal type "
                f"for field {quoted(leaf.field)}: condition type mismatch",
                "value",
            )
