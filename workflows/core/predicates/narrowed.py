"""The tree that `narrowing.narrow` gives: at each node is written which entities it accepts (contract: search 13)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

Names = tuple[str, ...]
"""Member names from the document's root to a value; each container on the way must be an object."""


@dataclass(frozen=True, slots=True)
class All:
    """Every entity."""

    exact: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """No entity."""

    exact: bool = True


@dataclass(frozen=True, slots=True)
class And:
    """Entities that every child accepts; never empty."""

    children: tuple[Narrowing, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class Or:
    """Entities that some child accepts; never empty."""

    children: tuple[Narrowing, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class LifecycleEquals:
    """A lifecycle text (`state`, `transitionForLatestSave`, `transactionId`, `id`) equals `value`."""

    field: str
    value: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class LifecycleTimes:
    """`creationDate` or `lastUpdateTime` is set, at or after `from_ms` and before `until_ms` (epoch milliseconds)."""

    field: str
    from_ms: int | None
    until_ms: int | None
    exact: bool = True


@dataclass(frozen=True, slots=True)
class PresentLeaf:
    """The value is neither absent nor JSON null."""

    names: Names
    exact: bool = False


@dataclass(frozen=True, slots=True)
class AbsentLeaf:
    """The value is absent or JSON null."""

    names: Names
    exact: bool = True


@dataclass(frozen=True, slots=True)
class EqualsText:
    """The value is the JSON string `text`."""

    names: Names
    text: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class TextRange:
    """The value is a JSON string between `low` and `high` in the order of code points (UTF-8 bytes); None is open."""

    names: Names
    low: str | None = None
    high: str | None = None
    low_inclusive: bool = True
    high_inclusive: bool = True
    exact: bool = False


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The value is a JSON string that begins with `prefix`."""

    names: Names
    prefix: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class ContainsText:
    """The value is a JSON string with `part` somewhere in it."""

    names: Names
    part: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class EqualsBoolean:
    """The value is the JSON boolean `value`."""

    names: Names
    value: bool
    exact: bool = True


@dataclass(frozen=True, slots=True)
class NumericRange:
    """The value is a JSON number between `low` and `high`, compared exactly; None is open, and both None any number.

    `whole` asks for a whole number besides (`5.0` is one).
    """

    names: Names
    low: Decimal | int | None = None
    high: Decimal | int | None = None
    low_inclusive: bool = True
    high_inclusive: bool = True
    whole: bool = False
    exact: bool = False


Leaf = PresentLeaf | AbsentLeaf | EqualsText | TextRange | StartsWith | ContainsText | EqualsBoolean | NumericRange
"""Nodes about one value of the document."""

Narrowing = All | Nothing | And | Or | LifecycleEquals | LifecycleTimes | Leaf
