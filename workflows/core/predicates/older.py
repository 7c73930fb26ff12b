"""Conditions as older clients write them, in the dialect of this platform (contract: control plane 9.4, 9.5).

Theirs have no `type`: what has `conditions` is a group, everything else a test of a field. Values come bare, wrapped
with the name of their type (`{"@type": "Integer", "value": "5"}`), or as `from` and `to`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from cyoda.jsonio import Json

from .condition import MAX_DEPTH, Operator

Node = dict[str, Json]
Leaf = Callable[[str], Node]
"""What a field's name means: the members that name it in a condition. Raises Untranslatable."""


class Untranslatable(ValueError):
    """Why something of an older document has no counterpart here."""


def document_path(field: str) -> str:
    """The path of a document that a field's name means. Raises Untranslatable for the names of Java classes in it."""
    if not field or "@" in field or "#" in field:
        raise Untranslatable(f"the field {field!r} cannot be translated into a path of the document")
    return field if field.startswith("$") else f"$.{field}"


def simple_leaf(field: str) -> Node:
    """Every field is one of the document."""
    return {"type": "simple", "jsonPath": document_path(field)}


def from_older(condition: Json, leaf: Leaf = simple_leaf, depth: int = 0) -> Node:
    """The condition document that means the same. Raises Untranslatable."""
    if not isinstance(condition, dict):
        raise Untranslatable("a condition must be a JSON object")
    if depth > MAX_DEPTH:
        raise Untranslatable(f"the condition is deeper than {MAX_DEPTH} groups")
    node = cast("Node", condition)
    children = node.get("conditions")
    if isinstance(children, list):
        return {
            "type": "group",
            "operator": str(node.get("operator") or "AND").upper(),
            "conditions": [from_older(child, leaf, depth + 1) for child in cast("list[Json]", children)],
        }
    field = str(node.get("fieldName") or node.get("jsonPath") or node.get("field") or "")
    named = leaf(field)
    operation = str(node.get("operation") or node.get("operatorType") or "").upper()
    if operation not in Operator.__members__:
        raise Untranslatable(f"the operation {operation!r} is not known")
    return {**named, "operatorType": operation, "value": _operand(node)}


def _operand(node: Node) -> Json:
    if "value" not in node and ("from" in node or "to" in node):
        return [_unwrapped(node.get("from")), _unwrapped(node.get("to"))]
    value = node.get("value", node.get("values"))
    return [_unwrapped(each) for each in cast("list[Json]", value)] if isinstance(value, list) else _unwrapped(value)


def _unwrapped(value: Json) -> Json:
    members = cast("Node", value) if isinstance(value, dict) else {}
    return members.get("value", cast("Json", value))
