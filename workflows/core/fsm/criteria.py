"""Criteria ready to be evaluated: inline predicates, functions of client compute, and groups of both
(contract: engine 2.6).

A criterion that cannot be understood compiles too; it raises WorkflowFailed when it is reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cyoda.errors import BadRequest, CyodaError
from workflows.core.predicates.condition import (
    ArrayCondition,
    Condition,
    FunctionCondition,
    FunctionConfig,
    Group,
    Leaf,
    condition_type,
)
from workflows.core.predicates.kernel import Predicate, all_of, any_of, compile_leaf
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.paths import FieldTypes
from workflows.core.predicates.validation import operator_named


@dataclass(frozen=True, slots=True)
class Inline:
    """Decided from the document and the lifecycle fields alone. `name` is the condition's type."""

    name: str
    matches: Predicate


@dataclass(frozen=True, slots=True)
class Function:
    """Decided by a calculation member; skipped when the local pre-check is already false (decision 5)."""

    name: str
    config: FunctionConfig
    pre_check: Criterion | None


@dataclass(frozen=True, slots=True)
class Junction:
    """A group that holds something not inline; evaluated left to right until it is decided."""

    name: str
    is_conjunction: bool
    children: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why the criterion can not be evaluated."""

    name: str
    reason: str


Criterion = Inline | Function | Junction | Unusable


def compile_criterion(text: bytes | None, fields: FieldTypes) -> Criterion | None:
    """The criterion behind a JSON text; None for none. Never raises."""
    if text is None:
        return None
    try:
        condition = parse_condition(text)
    except CyodaError as error:
        return Unusable("unknown", error.message)
    return _compiled(condition, fields)


def _compiled(condition: Condition, fields: FieldTypes) -> Criterion:
    if isinstance(condition, Group):
        return _group(condition, fields)
    if isinstance(condition, FunctionCondition):
        pre_check = None if condition.criterion is None else _compiled(condition.criterion, fields)
        return Function(condition.name, condition.config, pre_check)
    return _leaf(condition, fields)


def _group(group: Group, fields: FieldTypes) -> Criterion:
    if group.operator not in ("AND", "OR"):
        return Unusable("group", f"unsupported group operator: {group.operator}")
    children = [_compiled(child, fields) for child in group.conditions]
    is_conjunction = group.operator == "AND"
    inline = _inline_only(children)
    if inline is None:
        return Junction("group", is_conjunction, tuple(children))
    return Inline("group", all_of(inline) if is_conjunction else any_of(inline))


def _inline_only(children: Sequence[Criterion]) -> list[Predicate] | None:
    predicates = [child.matches for child in children if isinstance(child, Inline)]
    return predicates if len(predicates) == len(children) else None


def _leaf(leaf: Leaf, fields: FieldTypes) -> Criterion:
    name = condition_type(leaf)
    if not isinstance(leaf, ArrayCondition) and operator_named(leaf.operator) is None:
        return Unusable(name, f"unsupported operator: {leaf.operator}")
    try:
        return Inline(name, compile_leaf(leaf, fields, BadRequest))
    except CyodaError as error:
        return Unusable(name, error.message)
