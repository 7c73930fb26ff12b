"""Which declared indexes can answer a narrowing, and the heads that they lead to.

An AND needs one child that an index can find, the rest filters; an OR needs one for every child. What indexes lead to
is filtered by the whole narrowing, and lossy heads are always among it. Which of several indexed children of an AND is
looked up first is the database's choice, by what it knows about their values.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from workflows.core.field_index import STATE_FIELD
from workflows.core.predicates.narrowing import (
    AbsentLeaf,
    And,
    ContainsText,
    EqualsBoolean,
    EqualsText,
    Leaf,
    LifecycleEquals,
    Narrowing,
    NumericRange,
    Or,
    PresentLeaf,
    StartsWith,
    TextRange,
)
from workflows.core.predicates.operands import is_canonical_uuid
from workflows.storage.base import Scan
from workflows.storage.postgres import fields, planner
from workflows.storage.postgres.statements import Statements

_MAX_BRANCHES = 50

Lookup = LifecycleEquals | Leaf
Branch = Sequence[Lookup]
"""What one lookup must find all of."""


class Candidates(NamedTuple):
    """A query for `entity_id, valid_from, lossy` of heads; its rows are unordered and each once.

    `exact`: all of them that are not lossy are what the narrowing accepts.
    """

    sql: str
    parameters: Sequence[object]
    exact: bool


def candidates(scan: Scan, sql: Statements, *, first: int) -> Candidates | None:
    """The heads that a scan of the latest state may find by indexes, with parameters from `$first` on.

    None when no index helps.
    """
    branches = None if scan.narrowing is None else _branches(scan.narrowing, scan.indexed)
    if scan.offset or scan.limit is not None or branches is None or len(branches) > _MAX_BRANCHES:
        return None
    condition = planner.plain_condition(scan.narrowing, first=first)
    if condition is None:
        return None
    parameters = list(condition.parameters)
    lookups = _Lookups(parameters, first)
    found = [_selected(sql, scan.model.id, branch, lookups, condition) for branch in branches]
    united = " UNION ".join(f"({select})" for select in found)
    lossy = sql["lossy_candidates"].replace("{model}", fields.of_model(scan.model.id, "h."))
    return Candidates(f"({united}) UNION ALL ({lossy})", parameters, condition.exact)


def _selected(
    sql: Statements, model_id: UUID, branch: Branch, lookups: _Lookups, condition: planner.PlainCondition
) -> str:
    by_id = any(isinstance(leaf, LifecycleEquals) and leaf.field == "id" for leaf in branch)
    # Said by its function, the model is no lookup: the id is the better one, whatever the database knows about them.
    model = f"uuid_eq(h.model_id, '{model_id}'::uuid)" if by_id else fields.of_model(model_id, "h.")
    text = sql["candidates"].replace("{model}", model).replace("{narrowing}", condition.sql)
    return text.replace("{lookup}", lookups.conditions(branch))  # the last, for it spells names of fields


def fields_of(scan: Scan, indexes: Collection[str]) -> tuple[str, ...]:
    """The fields, as they are declared, that the indexes of these names belong to; `@id` is always indexed."""
    names = {fields.index_name(scan.model.id, field, kind): field for field in scan.indexed for kind in fields.KINDS}
    return tuple(sorted(names.get(index, "@id") for index in indexes))


def _branches(node: Narrowing, indexed: frozenset[str]) -> Sequence[Branch] | None:
    match node:
        case And():
            return _of_and(node, indexed)
        case Or():
            found: list[Branch] = []
            for child in node.children:
                branches = _branches(child, indexed)
                if branches is None:
                    return None
                found.extend(branches)
            return found
        case LifecycleEquals() | AbsentLeaf() | EqualsText() | TextRange() | StartsWith() | EqualsBoolean():
            return [[node]] if _is_found(node, indexed) else None
        case NumericRange():
            return [[node]] if _is_found(node, indexed) else None
        case _:
            return None


def _of_and(node: And, indexed: frozenset[str]) -> Sequence[Branch] | None:
    """Its own lookups together, unless only an OR among its children says something definite."""
    own = [child for child in node.children if isinstance(child, Lookup) and _is_found(child, indexed)]
    if any(map(_is_definite, own)):
        return [own]
    for child in node.children:
        if isinstance(child, And | Or) and (branches := _branches(child, indexed)) is not None:
            return [[*own, *branch] for branch in branches]
    return [own] if own else None


def _is_found(node: Lookup, indexed: frozenset[str]) -> bool:
    if isinstance(node, LifecycleEquals):
        return node.field == "id" or (node.field == "state" and STATE_FIELD in indexed)
    if isinstance(node, PresentLeaf | ContainsText) or "$." + ".".join(node.names) not in indexed:
        return False
    if isinstance(node, NumericRange | TextRange):
        return node.low is not None or node.high is not None
    return True


def _is_definite(node: Lookup) -> bool:
    """Whether few entities are to be expected."""
    if isinstance(node, NumericRange | TextRange):
        return node.low is not None and node.high is not None
    return isinstance(node, LifecycleEquals | EqualsText | StartsWith)


class _Lookups:
    """Conditions on the keys of indexes, each implied by its leaf; their parameters follow those there are."""

    def __init__(self, parameters: list[object], first: int) -> None:
        self._parameters = parameters
        self._first = first

    def conditions(self, branch: Branch) -> str:
        return " AND ".join(self._condition(leaf) for leaf in branch)

    def _condition(self, leaf: Lookup) -> str:
        match leaf:
            case LifecycleEquals("id", value):
                return f"h.entity_id = {self._bind(value, 'uuid')}" if is_canonical_uuid(value) else "false"
            case LifecycleEquals(_, value):
                return self._text("h.state", "=", value)
            case EqualsText(names, text):
                return self._text(fields.text_key(names), "=", text)
            case EqualsBoolean(names, value):
                return self._text(fields.text_key(names), "=", "true" if value else "false")
            case StartsWith(names, prefix):
                return self._prefix(fields.text_key(names), prefix)
            case TextRange(names, low, high):
                key = fields.text_key(names)
                bounds = [(">=", low), ("<=", high)]
                return " AND ".join(self._text(key, operator, bound) for operator, bound in bounds if bound is not None)
            case NumericRange(names, low, high):
                return self._numbers(fields.number_key(names), low, high)
            case AbsentLeaf(names):
                return f"{fields.text_key(names)} IS NULL AND {fields.number_key(names)} IS NULL"
            case PresentLeaf() | ContainsText():
                return "true"

    def _text(self, key: str, operator: str, text: str) -> str:
        if not planner.is_bindable(text):
            return "false" if operator == "=" else "true"
        return f"{key} {operator} {self._bind(fields.text_bound(text), 'text')}"

    def _prefix(self, key: str, prefix: str) -> str:
        low = self._text(key, ">=", prefix)
        end = fields.after_prefix(fields.text_bound(prefix))
        return low if end is None else f"{low} AND {self._text(key, '<', end)}"

    def _numbers(self, key: str, low: planner.Number | None, high: planner.Number | None) -> str:
        if low is not None and low == high:
            return f"{key} = {self._bind(fields.number_bound(low), 'numeric')}"
        bounds = [(">=", low), ("<=", high)]
        return " AND ".join(
            f"{key} {operator} {self._bind(fields.number_bound(bound), 'numeric')}"
            for operator, bound in bounds
            if bound is not None
        )

    def _bind(self, value: object, type_name: str) -> str:
        self._parameters.append(value)
        return f"${self._first + len(self._parameters) - 1}::{type_name}"
