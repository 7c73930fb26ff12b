"""What a backend may use to find candidates for a condition, without knowing its rules (contract: search 13, 15.3).

`narrow` gives a tree whose meaning is written at each node. It always accepts a superset of what the kernel accepts;
where a node says `exact` it accepts the same, and when the root does, candidates need no second look. A planner may
replace any node by a wider one, and must then treat the whole as not exact.
"""

from __future__ import annotations

from cyoda.errors import BadRequest, InvalidCondition
from cyoda.jsonio import Json
from workflows.core.schema.types import NO_TYPES, DataType, TypeSet

from . import temporal
from .condition import (
    COMPARISONS,
    RANGES,
    ArrayCondition,
    Condition,
    FunctionCondition,
    Group,
    Lifecycle,
    Operator,
    Simple,
)
from .kernel import time_bounds, value_tests
from .lifecycle import TextField, TimeField
from .narrowed import (
    AbsentLeaf,
    All,
    And,
    ContainsText,
    EqualsBoolean,
    EqualsText,
    Leaf,
    LifecycleEquals,
    LifecycleTimes,
    Names,
    Narrowing,
    Nothing,
    NumericRange,
    Or,
    PresentLeaf,
    StartsWith,
    TextRange,
)
from .operands import operand_text
from .parsing import Refusal
from .paths import FieldTypes, array_path, element_path, has_elements, steps
from .validation import group_is_conjunction, leaf_operator, lifecycle_field
from .value_narrowing import value_narrowings

__all__ = [
    "AbsentLeaf", "All", "And", "ContainsText", "EqualsBoolean", "EqualsText", "Leaf", "LifecycleEquals",
    "LifecycleTimes", "Names", "Narrowing", "Nothing", "NumericRange", "Or", "PresentLeaf", "StartsWith", "TextRange",
    "narrow",
]  # fmt: skip


def narrow(condition: Condition, fields: FieldTypes, refusal: Refusal = BadRequest) -> Narrowing:
    """The narrowing of a condition. Raises as `kernel.compile_condition`."""
    if isinstance(condition, Group):
        children = [narrow(child, fields, refusal) for child in condition.conditions]
        return _conjunction(children) if group_is_conjunction(condition, refusal) else _disjunction(children)
    if isinstance(condition, FunctionCondition):
        raise InvalidCondition("function conditions are only supported in workflow criteria")
    operator = leaf_operator(condition, refusal)
    if isinstance(condition, Lifecycle):
        field = lifecycle_field(condition.field)
        if isinstance(field, TimeField):
            return _time(field, operator, condition.value)
        return _lifecycle_text(field, operator, condition.value)
    if isinstance(condition, ArrayCondition):
        return _array(condition, fields)
    return _simple(condition, operator, fields.get(condition.path, NO_TYPES))


def _conjunction(children: list[Narrowing]) -> Narrowing:
    if any(isinstance(child, Nothing) for child in children):
        return Nothing()
    exact = all(child.exact for child in children)
    narrowing = tuple(child for child in children if not isinstance(child, All))
    return And(narrowing, exact) if narrowing else All(exact)


def _disjunction(children: list[Narrowing]) -> Narrowing:
    everything = [child for child in children if isinstance(child, All)]
    if everything:
        return All(any(child.exact for child in everything))
    narrowing = tuple(child for child in children if not isinstance(child, Nothing))
    return Or(narrowing, all(child.exact for child in narrowing)) if narrowing else Nothing()


# --- lifecycle leaves -------------------------------------------------------------------------------------------


def _lifecycle_text(field: TextField, operator: Operator, value: Json) -> Narrowing:
    text = operand_text(value)
    if operator is Operator.EQUALS and text is not None:
        return LifecycleEquals(field.name, text)
    if operator is Operator.NOT_NULL:
        return All(exact=True)
    return All() if value_tests(operator, value, TypeSet(DataType.STRING)).get(str) else Nothing()


def _time(field: TimeField, operator: Operator, value: Json) -> Narrowing:
    if operator is Operator.NOT_NULL:
        return LifecycleTimes(field.name, None, None)
    if operator is Operator.IS_NULL:
        return All()
    if operator in RANGES:
        bounds = time_bounds(value, DataType.ZONED_DATE_TIME)
        if bounds is None:
            return Nothing()
        open_ms = 0 if operator is Operator.BETWEEN_INCLUSIVE else 1
        return LifecycleTimes(field.name, bounds[0] + open_ms, bounds[1] + 1 - open_ms)
    text = operand_text(value)
    if operator not in COMPARISONS or text is None:
        return Nothing()
    resolution = temporal.resolved(operator, text, DataType.ZONED_DATE_TIME)
    return Nothing() if resolution is None else _times(field.name, *resolution)


def _times(field: str, operator: Operator, bound_ms: int) -> Narrowing:
    match operator:
        case Operator.EQUALS:
            return LifecycleTimes(field, bound_ms, bound_ms + 1)
        case Operator.GREATER_THAN:
            return LifecycleTimes(field, bound_ms + 1, None)
        case Operator.GREATER_OR_EQUAL:
            return LifecycleTimes(field, bound_ms, None)
        case Operator.LESS_THAN:
            return LifecycleTimes(field, None, bound_ms)
        case Operator.LESS_OR_EQUAL:
            return LifecycleTimes(field, None, bound_ms + 1)
        case _:
            return LifecycleTimes(field, None, None, exact=False)


# --- data leaves ------------------------------------------------------------------------------------------------


def _array(leaf: ArrayCondition, fields: FieldTypes) -> Narrowing:
    if all(value is None for value in leaf.values):
        return All(exact=True)
    return _outermost_present(array_path(element_path(leaf.path, fields) or f"{leaf.path}[*]"))


def _outermost_present(path: str) -> Narrowing:
    """Whatever is reached through `[*]` needs the outermost array."""
    names: list[str] = []
    for step in steps(path):
        if step is None:
            break
        names.append(step)
    return PresentLeaf(tuple(names)) if names else All()


def _simple(leaf: Simple, operator: Operator, types: TypeSet) -> Narrowing:
    if has_elements(leaf.path):
        return All() if operator is Operator.IS_NULL else _outermost_present(leaf.path)
    names = tuple(step for step in steps(leaf.path) if step is not None)
    if operator is Operator.IS_NULL:
        return AbsentLeaf(names) if names else All(exact=True)
    if not names:
        return Nothing()  # the document itself reads as absent (contract: search 8.7)
    if operator is Operator.NOT_NULL:
        return PresentLeaf(names, exact=True)
    parts = value_narrowings(names, operator, leaf.value, types)
    return parts[0] if len(parts) == 1 else _disjunction(parts)
