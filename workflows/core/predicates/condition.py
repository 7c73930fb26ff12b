"""The condition tree: what a client asks, before any schema is known (contract: search 8).

Paths are normalised to `$.a.b`; operators keep the client's text, because an unknown one is only refused after the
sort grammar was checked (contract: search 2.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from cyoda.jsonio import Json

MAX_DEPTH = 50
"""Groups that may enclose a leaf."""

DEFAULT_RESPONSE_TIMEOUT_MS = 30_000


class NumberText(str):
    """A JSON number exactly as the client spelled it (`30.0`, `1e2`, `-0`)."""

    __slots__ = ()


class Operator(StrEnum):
    """The 26 operators (contract: search 9.4)."""

    IS_NULL = "IS_NULL"
    NOT_NULL = "NOT_NULL"
    EQUALS = "EQUALS"
    NOT_EQUAL = "NOT_EQUAL"
    GREATER_THAN = "GREATER_THAN"
    GREATER_OR_EQUAL = "GREATER_OR_EQUAL"
    LESS_THAN = "LESS_THAN"
    LESS_OR_EQUAL = "LESS_OR_EQUAL"
    BETWEEN = "BETWEEN"
    BETWEEN_INCLUSIVE = "BETWEEN_INCLUSIVE"
    CONTAINS = "CONTAINS"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    NOT_CONTAINS = "NOT_CONTAINS"
    NOT_STARTS_WITH = "NOT_STARTS_WITH"
    NOT_ENDS_WITH = "NOT_ENDS_WITH"
    IEQUALS = "IEQUALS"
    INOT_EQUAL = "INOT_EQUAL"
    ICONTAINS = "ICONTAINS"
    ISTARTS_WITH = "ISTARTS_WITH"
    IENDS_WITH = "IENDS_WITH"
    INOT_CONTAINS = "INOT_CONTAINS"
    INOT_STARTS_WITH = "INOT_STARTS_WITH"
    INOT_ENDS_WITH = "INOT_ENDS_WITH"
    LIKE = "LIKE"
    MATCHES_PATTERN = "MATCHES_PATTERN"


PRESENCE = frozenset({Operator.IS_NULL, Operator.NOT_NULL})
ORDERINGS = frozenset({Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL, Operator.LESS_THAN, Operator.LESS_OR_EQUAL})
COMPARISONS = ORDERINGS | {Operator.EQUALS, Operator.NOT_EQUAL}
RANGES = frozenset({Operator.BETWEEN, Operator.BETWEEN_INCLUSIVE})
TYPED = COMPARISONS | RANGES
"""Operators whose operand must fit a declared type; all others act on the stored text or on presence."""


@dataclass(frozen=True, slots=True)
class Simple:
    """A test of the value at `path` (contract: search 8.2); `value` is the operand, its numbers as NumberText."""

    path: str
    operator: str
    value: Json = None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A test of a lifecycle field (contract: search 8.3)."""

    field: str
    operator: str
    value: Json = None


@dataclass(frozen=True, slots=True)
class ArrayCondition:
    """Positional equality: element *i* equals `values[i]`, None accepts anything (contract: search 8.5, Q4)."""

    path: str
    values: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class FunctionConfig:
    """How a function criterion is dispatched (contract: engine 1.3)."""

    calculation_nodes_tags: str = ""
    attach_entity: bool = True
    response_timeout_ms: int = DEFAULT_RESPONSE_TIMEOUT_MS
    context: str = ""
    retry_policy: str = ""


@dataclass(frozen=True, slots=True)
class FunctionCondition:
    """A predicate computed by a client; only meaningful in a workflow criterion (contract: search 8.5, Q10).

    `criterion` is a local pre-check: when it is false the call can be skipped.
    """

    name: str
    config: FunctionConfig = field(default_factory=FunctionConfig)
    criterion: Condition | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """AND / OR over conditions; empty AND is true, empty OR is false (contract: search 8.4)."""

    operator: str
    conditions: tuple[Condition, ...] = ()


Leaf = Simple | Lifecycle | ArrayCondition
Condition = Leaf | Group | FunctionCondition

MATCH_ALL = Group("AND")


def leaves(condition: Condition) -> Iterator[Leaf | FunctionCondition]:
    """Every leaf, left to right; a function counts as a leaf and its pre-check is not entered."""
    if isinstance(condition, Group):
        for child in condition.conditions:
            yield from leaves(child)
    else:
        yield condition


def contains_function(condition: Condition) -> bool:
    return any(isinstance(leaf, FunctionCondition) for leaf in leaves(condition))


def needs_schema(condition: Condition) -> bool:
    """Whether evaluation depends on declared types (lifecycle-only criteria do not need the model)."""
    return any(isinstance(leaf, Simple | ArrayCondition) for leaf in leaves(condition))


def condition_type(condition: Condition) -> str:
    """The wire name of the condition's shape, as audit records it."""
    return _TYPE_NAMES[type(condition)]


_TYPE_NAMES: dict[type, str] = {
    Simple: "simple",
    Lifecycle: "lifecycle",
    Group: "group",
    ArrayCondition: "array",
    FunctionCondition: "function",
}
