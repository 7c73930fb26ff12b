"""Schemas compiled to closures: the fast answer to whether a document needs a closer look.

A compiled node is a table from the Python type of a value to a verdict: True, or a check to be called; a type that
is not in the table is refused. Both compilers answer True only for values that the rules in `validation` and
`change_level` accept without a finding; the strict one does so for exactly those.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import NoneType
from typing import Literal

from cyoda.jsonio import Json
from workflows.core.schema.change_level import ChangeLevel
from workflows.core.schema.node import MAX_DEPTH, ArrayNode, Leaf, Node, ObjectNode
from workflows.core.schema.types import (
    BIG_INTEGER,
    BOOLEAN,
    INTEGER,
    LONG,
    NULL,
    NULL_ONLY,
    NUMERIC_TYPES,
    STRING,
    TEMPORAL_TYPES,
    WHOLE_BOUNDS,
    WHOLE_TYPES,
    DataType,
    TypeSet,
    assignable_mask,
    decimal_type,
    string_type,
    united,
    whole_type,
)

Check = Callable[[Json], bool]
Verdicts = dict[type, Check | Literal[True]]


def compile_validator(node: Node) -> Check:
    """A check that is true exactly when `validate(node, value)` finds nothing."""
    return _check_by(_strict(node, 0))


def compile_absorption(node: Node, level: ChangeLevel) -> Check:
    """A check that, when true, says that `extend(node, value, level)` would succeed and change nothing."""
    verdicts = _absorbing(node, level, is_element=False)
    if not isinstance(node, Leaf):
        verdicts.pop(NoneType, None)  # a null document is never accepted in the place of a structure
    return _check_by(verdicts)


def _check_by(verdicts: Verdicts) -> Check:
    def check(value: Json) -> bool:
        verdict = verdicts.get(value.__class__)
        return verdict is True or (verdict is not None and verdict(value))

    return check


# --- strict validation ------------------------------------------------------------------------------------------


def _strict(node: Node, level: int) -> Verdicts:
    if level >= MAX_DEPTH:
        return {}
    mask = assignable_mask(node.types)
    verdicts = _scalars(mask, counts_out_of_range_as_string=True)
    if isinstance(node, Leaf):
        verdicts[NoneType] = True
        if mask & STRING:
            verdicts[dict] = verdicts[list] = True
        return verdicts
    if node.types:
        verdicts[NoneType] = True
    if isinstance(node, ArrayNode):
        verdicts[list] = _items(_strict(node.element, level + 1))
    else:
        verdicts[dict] = _members({name: _strict(child, level + 1) for name, child in node.children.items()})
    return verdicts


# --- schema extension -------------------------------------------------------------------------------------------


def _absorbing(node: Node, level: ChangeLevel, *, is_element: bool) -> Verdicts:
    may_differ = level >= (ChangeLevel.ARRAY_ELEMENTS if is_element else ChangeLevel.TYPE)
    if isinstance(node, Leaf):
        return _scalars(_absorbed_mask(node.types) if may_differ else _exact_mask(node.types))
    verdicts: Verdicts = {}
    if may_differ and node.types:
        verdicts[NoneType] = True
    if isinstance(node, ObjectNode):
        children = {name: _absorbing(child, level, is_element=False) for name, child in node.children.items()}
        verdicts[dict] = _members(children)
    else:
        element = node.element
        is_empty_fine = level >= ChangeLevel.ARRAY_ELEMENTS and (isinstance(element, Leaf) or element.types != 0)
        is_empty_fine = is_empty_fine or (isinstance(element, Leaf) and element.types == NULL_ONLY)
        items = _items(_absorbing(element, level, is_element=True))
        verdicts[list] = items if is_empty_fine else _nonempty(items)
    return verdicts


def _absorbed_mask(types: TypeSet) -> int:
    """The bits of all types whose union with `types` is `types`."""
    mask = 0
    for member in DataType:
        if united(types, TypeSet(member)) == types:
            mask |= member
    return mask


def _exact_mask(types: TypeSet) -> int:
    """The bit of the only type in `types`, which alone infers the same set; 0 when there are several."""
    return types if types & (types - 1) == 0 else 0


# --- verdicts ---------------------------------------------------------------------------------------------------


def _scalars(mask: int, *, counts_out_of_range_as_string: bool = False) -> Verdicts:
    """Verdicts for scalars whose type is in `mask`."""
    verdicts: Verdicts = {}
    if mask & (STRING | TEMPORAL_TYPES):
        verdicts[str] = _string(mask)
    if mask & WHOLE_TYPES:
        verdicts[int] = _whole(mask)
    out_of_range = counts_out_of_range_as_string and mask & STRING != 0
    if mask & NUMERIC_TYPES or out_of_range:
        verdicts[Decimal] = _decimal(mask, out_of_range)
    if mask & BOOLEAN:
        verdicts[bool] = True
    if mask & NULL:
        verdicts[NoneType] = True
    return verdicts


def _string(mask: int) -> Check | Literal[True]:
    every = STRING | TEMPORAL_TYPES
    if mask & every == every:
        return True
    if not mask & STRING:
        return lambda value: string_type(value) & mask != 0
    # The first comparison holds for texts that start with a digit; no other can be temporal.
    return lambda value: not "0" <= value < ":" or string_type(value) & mask != 0


def _whole(mask: int) -> Check | Literal[True]:
    whole = mask & WHOLE_TYPES
    if whole == WHOLE_TYPES:
        return True
    bound = {
        INTEGER: WHOLE_BOUNDS[INTEGER],
        INTEGER | LONG: WHOLE_BOUNDS[LONG],
        INTEGER | LONG | BIG_INTEGER: WHOLE_BOUNDS[BIG_INTEGER],
    }.get(whole)
    if bound is None:
        return lambda value: whole_type(value) & mask != 0
    low = -bound
    return lambda value: low <= value < bound


def _decimal(mask: int, out_of_range: bool) -> Check:
    def check(value: Json) -> bool:
        found = decimal_type(value)
        return out_of_range if found is None else found & mask != 0

    return check


def _members(children: dict[str, Verdicts]) -> Check:
    def check(value: Json) -> bool:
        try:
            for name, member in value.items():
                verdict = children[name][type(member)]
                if verdict is not True and not verdict(member):
                    return False
        except KeyError:  # an unknown member, or a type that never fits it
            return False
        return True

    return check


def _items(verdicts: Verdicts) -> Check:
    def check(value: Json) -> bool:
        try:
            for item in value:
                verdict = verdicts[type(item)]
                if verdict is not True and not verdict(item):
                    return False
        except KeyError:  # a type that never fits
            return False
        return True

    return check


def _nonempty(items: Check) -> Check:
    return lambda value: bool(value) and items(value)
