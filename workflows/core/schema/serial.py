"""A schema as JSON for storage, equal for equal schemas.

A leaf is a type name or a list of names; an array `{"items": node}`; an object `{"members": {name: node}}`; the last
two carry `"types": [names]` when scalars or nulls were seen in their place.
"""

from __future__ import annotations

from collections.abc import Iterable

from cyoda.jsonio import Json
from workflows.core.schema.node import ArrayNode, Leaf, Node, ObjectNode
from workflows.core.schema.types import NO_TYPES, DataType, TypeSet, is_array, names


def to_json(node: Node) -> Json:
    """The stored form, members in code point order. A member name may hold any character, NUL included."""
    if isinstance(node, Leaf):
        shown = names(node.types)
        return shown[0] if len(shown) == 1 else shown
    form: dict[str, Json] = {}
    if isinstance(node, ArrayNode):
        form["items"] = to_json(node.element)
    else:
        members: dict[str, Json] = {}
        for name in sorted(node.children):
            members[name] = to_json(node.children[name])
        form["members"] = members
    if node.types:
        form["types"] = names(node.types)
    return form


def from_json(form: Json) -> Node:
    """The schema of a stored form. Raises KeyError for a form that `to_json` never wrote."""
    if isinstance(form, str):
        return Leaf(_types((form,)))
    if is_array(form):
        return Leaf(_types(form))
    types = _types(form.get("types", ()))
    if "items" in form:
        return ArrayNode(from_json(form["items"]), types)
    children: dict[str, Node] = {}
    for name, member in form["members"].items():
        children[name] = from_json(member)
    return ObjectNode(children, types)


def _types(shown: Iterable[str]) -> TypeSet:
    mask = int(NO_TYPES)
    for name in shown:
        mask |= DataType[name]
    return TypeSet(mask)
