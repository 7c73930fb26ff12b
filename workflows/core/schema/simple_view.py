"""The SIMPLE_VIEW of a schema: one flat map of descriptors per object node (contract: entities 4.4)."""

from __future__ import annotations

from workflows.core.schema.node import ArrayNode, Node, ObjectNode
from workflows.core.schema.types import display

View = dict[str, dict[str, str]]


def simple_view(node: Node) -> View:
    """Path of each reachable object node -> its descriptors; empty unless the root is an object."""
    view: View = {}
    if isinstance(node, ObjectNode):
        _describe(node, "$", view)
    return view


def _describe(node: ObjectNode, path: str, view: View) -> None:
    entry = view.setdefault(path, {})
    for name in sorted(node.children):
        child, child_path = node.children[name], f"{path}.{name}"
        if isinstance(child, ObjectNode):
            entry[f"#.{name}"] = "OBJECT"
            _describe(child, child_path, view)
        elif not isinstance(child, ArrayNode):
            entry[f".{name}"] = display(child.types)
        elif isinstance(child.element, ObjectNode):
            entry[f"#.{name}"] = "OBJECT"
            view.setdefault(f"{child_path}[*]", {})["#"] = "ARRAY_ELEMENT"
            _describe(child.element, f"{child_path}[*]", view)
        else:
            entry[f".{name}[*]"] = display(child.element.types)
