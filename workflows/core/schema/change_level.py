"""How far a written document may extend its model's schema (contract: entities 4.6).

The inferred schema of the document is compared with the model's by equality of type sets, not by assignability.
"""

from __future__ import annotations

from enum import IntEnum

from cyoda.errors import BadRequest, PolymorphicSlot
from cyoda.jsonio import Json
from workflows.core.schema.node import NULL_LEAF, ArrayNode, Leaf, Node, ObjectNode, infer, merge
from workflows.core.schema.types import NULL_ONLY, is_array, is_concrete, is_object, united


class ChangeLevel(IntEnum):
    """What may change, each level including those before it."""

    ARRAY_LENGTH = 1
    ARRAY_ELEMENTS = 2
    TYPE = 3
    STRUCTURAL = 4


def extend(node: Node, value: Json, level: ChangeLevel) -> Node:
    """The schema that covers `value` too; `node` itself when nothing is new.

    Raises BadRequest (a change that needs a higher level; nesting or a number out of range), PolymorphicSlot.
    """
    incoming = infer(value)
    if isinstance(incoming, Leaf) and not isinstance(node, Leaf):
        raise _polymorphic_slot("", node, incoming, is_element=False)
    _compare(node, incoming, "", level, is_element=False)
    _refuse_mixed_arrays(value, "")
    return merge(node, incoming)


def _compare(existing: Node, incoming: Node, path: str, level: ChangeLevel, *, is_element: bool) -> None:
    """`path` is that of the slot, or of its array when the slot is an array's element."""
    if isinstance(existing, Leaf) and isinstance(incoming, Leaf):
        if existing.types != incoming.types:
            _require_for_type("array element type change" if is_element else "type change", path, level, is_element)
        return
    if _is_null(existing) or _is_null(incoming):
        _require_for_type(_nullable_marker(is_element), path, level, is_element)
        return
    if existing.kind != incoming.kind:
        raise _polymorphic_slot(path, existing, incoming, is_element)
    _compare_slot_types(existing, incoming, path, level, is_element)
    inner = f"{path}[]" if is_element else path
    if isinstance(existing, ArrayNode) and isinstance(incoming, ArrayNode):
        _compare(existing.element, incoming.element, inner, level, is_element=True)
    elif isinstance(existing, ObjectNode) and isinstance(incoming, ObjectNode):
        _compare_members(existing, incoming, inner, level)


def _compare_members(existing: ObjectNode, incoming: ObjectNode, path: str, level: ChangeLevel) -> None:
    for name, added in incoming.children.items():
        known = existing.children.get(name)
        if known is not None:
            _compare(known, added, f"{path}.{name}", level, is_element=False)
        else:
            _require(ChangeLevel.STRUCTURAL, f'new field "{name}"', f"{path}.{name}", level)


def _compare_slot_types(existing: Node, incoming: Node, path: str, level: ChangeLevel, is_element: bool) -> None:
    """Scalars beside objects or arrays in one list: known ones pass, nulls are a marker, new ones are refused."""
    if incoming.types in (0, existing.types):
        return
    if is_concrete(incoming.types):
        if united(existing.types, incoming.types) != existing.types:
            raise _polymorphic_slot(path, existing, Leaf(incoming.types), is_element)
    else:
        _require_for_type(_nullable_marker(is_element), path, level, is_element)


def _is_null(node: Node) -> bool:
    return isinstance(node, Leaf) and node.types == NULL_ONLY


def _nullable_marker(is_element: bool) -> str:
    return "nullable marker on array element" if is_element else "nullable marker"


def _require_for_type(change: str, path: str, level: ChangeLevel, is_element: bool) -> None:
    _require(ChangeLevel.ARRAY_ELEMENTS if is_element else ChangeLevel.TYPE, change, path, level)


def _require(needed: ChangeLevel, change: str, path: str, level: ChangeLevel) -> None:
    if level < needed:
        raise BadRequest(
            f'change level violation: {change} at {path} requires {needed.name} level, but level is "{level.name}"'
        )


def _refuse_mixed_arrays(value: Json, path: str) -> None:
    """Objects and lists side by side in one list: merging would silently drop what the lists hold."""
    if is_object(value):
        for name, member in value.items():
            _refuse_mixed_arrays(member, f"{path}.{name}")
    elif is_array(value):
        if any(map(is_object, value)) and any(map(is_array, value)):
            raise _polymorphic_slot(path, ObjectNode({}), ArrayNode(NULL_LEAF), is_element=True)
        for item in value:
            _refuse_mixed_arrays(item, f"{path}[]")


def _polymorphic_slot(path: str, existing: Node, incoming: Node, is_element: bool) -> PolymorphicSlot:
    place = f"{path}[]" if is_element else f'"{path}"'
    return PolymorphicSlot(
        f"polymorphic slot not yet supported at {place}: existing {existing.kind}, incoming {incoming.kind} — "
        "keep one kind of value per field, or put the other kind into a field of its own"
    )
