"""Criteria of workflows and transitions: the same kernel, other manners (contract: engine 2.6, 1.5).

What a search would refuse imports without complaint and fails when an evaluation reaches it, so unsupported leaves
compile into predicates that raise. Function conditions are the engine's to dispatch: it walks the tree of
`parse_criterion`, takes `criterion_leaf` for every leaf and asks clients for the rest (`contains_function`).
"""

from __future__ import annotations

from dataclasses import replace

from cyoda.errors import CyodaError
from cyoda.jsonio import Json

from .condition import PRESENCE, ArrayCondition, Condition, FunctionCondition, Group, Leaf, Lifecycle, Simple, leaves
from .kernel import Predicate, all_of, any_of, compile_leaf
from .lifecycle import Meta
from .parsing import parse_condition
from .paths import FieldTypes
from .validation import check_lifecycle, check_pattern, operator_named


class CriterionError(ValueError):
    """The criterion cannot be evaluated; the text is the reason in the WORKFLOW_FAILED message."""


def parse_criterion(raw: bytes) -> Condition:
    """The tree of a stored criterion. Raises CriterionError."""
    if not raw:
        raise CriterionError("invalid condition: empty document")
    try:
        return parse_condition(raw)
    except CyodaError as error:
        raise CriterionError(error.message) from error


def compile_criterion(raw: bytes, fields: FieldTypes) -> Predicate:
    """A predicate that raises CriterionError when it reaches a function or an unsupported leaf.

    Raises CriterionError at once when `raw` is no condition document.
    """
    return criterion_predicate(parse_criterion(raw), fields)


def criterion_predicate(condition: Condition, fields: FieldTypes) -> Predicate:
    """As compile_criterion, from the tree."""
    if isinstance(condition, FunctionCondition):
        return _failing("function conditions not implemented")
    if not isinstance(condition, Group):
        return criterion_leaf(condition, fields)
    children = [criterion_predicate(child, fields) for child in condition.conditions]
    match condition.operator:
        case "AND":
            return all_of(children)
        case "OR":
            return any_of(children)
        case unknown:
            return _failing(f"unsupported group operator: {unknown}")


def criterion_leaf(leaf: Leaf, fields: FieldTypes) -> Predicate:
    """The predicate of one leaf; it raises CriterionError on every call when the leaf is unsupported."""
    if isinstance(leaf, Simple | Lifecycle) and operator_named(leaf.operator) is None:
        return _failing(f"unsupported operator: {leaf.operator}")
    try:
        return compile_leaf(_with_elements(leaf, fields), fields)
    except CyodaError as error:
        return _failing(error.message)


def check_criterion(raw: bytes) -> None:
    """What an import inspects: patterns compile, lifecycle names and times are right; anything unparsable passes.

    Raises InvalidCondition, InvalidFieldPath, ConditionTypeMismatch.
    """
    try:
        condition = parse_criterion(raw)
    except CriterionError:
        return
    for leaf in leaves(condition):
        if isinstance(leaf, Simple | Lifecycle):
            check_pattern(leaf)
        if isinstance(leaf, Lifecycle):
            check_lifecycle(leaf)


def _with_elements(leaf: Leaf, fields: FieldTypes) -> Leaf:
    """In a criterion an array at the path stands for its elements (contract: engine 2.6)."""
    if isinstance(leaf, ArrayCondition | Lifecycle) or operator_named(leaf.operator) in PRESENCE:
        return leaf
    elements = f"{leaf.path}[*]"
    return replace(leaf, path=elements) if leaf.path not in fields and elements in fields else leaf


def _failing(reason: str) -> Predicate:
    def fail(_document: Json, _meta: Meta) -> bool:
        raise CriterionError(reason)

    return fail
