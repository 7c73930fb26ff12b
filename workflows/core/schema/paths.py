"""Flat field paths of a schema, and the value a document has at one (contract: entities 2.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cyoda.jsonio import Json
from workflows.core.schema.node import ArrayNode, Leaf, Node, ObjectNode
from workflows.core.schema.types import NO_TYPES, TypeSet, is_concrete, united

ROOT = "$"


def field_paths(node: Node) -> Mapping[str, TypeSet]:
    """Every field (`$.a.b`, `$.items[*].price`, `$.tags[*]`) with its types.

    An object or array in whose place scalars were seen is also a field of its own; one that was only null is not.
    Names that contain a dot fall together with nested members of the same spelling.
    """
    fields: dict[str, TypeSet] = {}
    _collect(node, ROOT, fields)
    return fields


def _collect(node: Node, path: str, fields: dict[str, TypeSet]) -> None:
    if isinstance(node, Leaf) or is_concrete(node.types):
        fields[path] = united(fields.get(path, NO_TYPES), node.types)
    if isinstance(node, ArrayNode):
        _collect(node.element, f"{path}[*]", fields)
    elif isinstance(node, ObjectNode):
        for name, child in node.children.items():
            _collect(child, f"{path}.{name}", fields)


def scalar_leaves(node: Node) -> frozenset[str]:
    """The paths `$.a.b` of scalar leaves that are reached without passing through an array."""
    leaves: set[str] = set()
    _collect_leaves(node, ROOT, leaves)
    return frozenset(leaves)


def _collect_leaves(node: Node, path: str, leaves: set[str]) -> None:
    if isinstance(node, Leaf) and path != ROOT:
        leaves.add(path)
    elif isinstance(node, ObjectNode):
        for name, child in node.children.items():
            _collect_leaves(child, f"{path}.{name}", leaves)


def names_of(path: str) -> tuple[str, ...]:
    """`$.a.b` -> `("a", "b")`."""
    return tuple(path.removeprefix("$.").split("."))


def value_at(document: Json, names: Sequence[str]) -> Json:
    """The value under nested `names`, or under a member whose own name spells several of them; None when absent."""
    if not names:
        return document
    if not isinstance(document, dict):
        return None
    for count in range(1, len(names) + 1):
        name = ".".join(names[:count])
        if name in document and (value := value_at(document[name], names[count:])) is not None:
            return value
    return None
