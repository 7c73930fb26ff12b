"""Criteria ready to be evaluated: inline predicates, functions of client compute, and groups of both
(contract: engine 2.6).

A criterion that cannot be understood compiles too, and fails when an evaluation reaches it.
"""

from __future__ import annotations

from dataclasses import dataclass

from workflows.core.predicates.condition import (
    Condition,
    FunctionCondition,
    FunctionConfig,
    Group,
    condition_type,
    contains_function,
)
from workflows.core.predicates.criterion import CriterionError, criterion_predicate, parse_criterion
from workflows.core.predicates.kernel import Predicate
from workflows.core.predicates.paths import FieldTypes


@dataclass(frozen=True, slots=True)
class Inline:
    """Decided from the document and the lifecycle fields alone; `matches` may raise CriterionError.

    `name` is the condition's type, as audit records it.
    """

    name: str
    matches: Predicate


@dataclass(frozen=True, slots=True)
class Function:
    """Decided by a calculation member; not asked when the local pre-check is already false (decision 5)."""

    name: str
    config: FunctionConfig
    pre_check: Criterion | None


@dataclass(frozen=True, slots=True)
class Junction:
    """A group with a function somewhere inside; evaluated left to right until it is decided."""

    name: str
    is_conjunction: bool
    children: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why the criterion can never be evaluated."""

    name: str
    reason: str


Criterion = Inline | Function | Junction | Unusable


def compile_criterion(text: bytes | None, fields: FieldTypes) -> Criterion | None:
    """The criterion behind a JSON text; None for none. Never raises."""
    if text is None:
        return None
    try:
        return _compiled(parse_criterion(text), fields)
    except CriterionError as error:
        return Unusable("", str(error))


def _compiled(condition: Condition, fields: FieldTypes) -> Criterion:
    if not contains_function(condition):
        return Inline(condition_type(condition), criterion_predicate(condition, fields))
    if isinstance(condition, FunctionCondition):
        pre_check = None if condition.criterion is None else _compiled(condition.criterion, fields)
        return Function(condition.name, condition.config, pre_check)
    assert isinstance(condition, Group)
    if condition.operator not in ("AND", "OR"):
        return Unusable("group", f"unsupported group operator: {condition.operator}")
    return Junction("group", condition.operator == "AND", tuple(_compiled(c, fields) for c in condition.conditions))
