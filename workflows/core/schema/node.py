"""Schema nodes: what a document's shape is, inferred from values and merged (contract: entities 2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from cyoda.errors import BadRequest
from cyoda.jsonio import Json
from workflows.core.schema.types import NO_TYPES, NULL_ONLY, DataType, TypeSet, scalar_type, united

MAX_DEPTH = 256
"""The deepest nesting level a schema may have; the root is level 0."""


class Leaf(msgspec.Struct, frozen=True):
    """A scalar slot."""

    types: TypeSet
    kind: ClassVar[str] = "LEAF"
    rank: ClassVar[int] = 0


class ArrayNode(msgspec.Struct, frozen=True):
    """A list whose items all share one element schema.

    `types` are scalars seen in the list's place (a polymorphic slot), or NULL alone when only nulls were seen there.
    """

    element: Node
    types: TypeSet = NO_TYPES
    kind: ClassVar[str] = "ARRAY"
    rank: ClassVar[int] = 1


class ObjectNode(msgspec.Struct, frozen=True):
    """Named children; `types` as for ArrayNode. `children` must not be changed in place."""

    children: Mapping[str, Node]
    types: TypeSet = NO_TYPES
    kind: ClassVar[str] = "OBJECT"
    rank: ClassVar[int] = 2


Node = Leaf | ArrayNode | ObjectNode

NULL_LEAF = Leaf(NULL_ONLY)
EMPTY_OBJECT = ObjectNode({})
_single_leaves: dict[DataType, Leaf] = {member: Leaf(TypeSet(member)) for member in DataType}


def infer(value: Json, level: int = 0) -> Node:
    """The schema of one value.

    Raises BadRequest when the value is nested deeper than MAX_DEPTH or holds a number whose scale leaves 32 bits.
    """
    if level > MAX_DEPTH:
        raise BadRequest("parse JSON: nesting too deep")
    kind = value.__class__
    if kind is dict:
        children: dict[str, Node] = {}
        for name, member in value.items():
            children[name] = infer(member, level + 1)
        return ObjectNode(children)
    if kind is list:
        return ArrayNode(_infer_element(value, level + 1))
    scalar = scalar_type(value)
    if scalar is None:
        raise BadRequest(f"parse JSON: number out of range: {value}")
    return _single_leaves[scalar]


def _infer_element(items: list[Json], level: int) -> Node:
    """The schema that covers every item; LEAF{NULL} when there is none."""
    types, structures = NO_TYPES, list[Node]()
    for item in items:
        node = infer(item, level)
        if isinstance(node, Leaf):
            types = united(types, node.types)
        elif not structures or node != structures[-1]:  # most items look like the one before
            structures.append(node)
    if not structures:
        return Leaf(types or NULL_ONLY)
    # Merged pairwise, so that many items of different shapes do not copy one growing map again and again.
    while len(structures) > 1:
        odd = structures[-1:] if len(structures) % 2 else []
        structures = [merge(*pair) for pair in zip(structures[::2], structures[1::2], strict=False)] + odd
    return merge(structures[0], Leaf(types))


def merge(one: Node, other: Node) -> Node:
    """The schema that covers both; commutative and associative. Returns `one` itself when `other` adds nothing.

    Of different kinds OBJECT wins over ARRAY and ARRAY over LEAF, keeping the scalar types of both.
    """
    if one is other:
        return one
    if isinstance(one, Leaf) and isinstance(other, Leaf):
        types = united(one.types, other.types)
        return one if types == one.types else Leaf(types)
    if isinstance(one, ObjectNode) and isinstance(other, ObjectNode):
        return _merge_objects(one, other)
    if isinstance(one, ArrayNode) and isinstance(other, ArrayNode):
        element, types = merge(one.element, other.element), united(one.types, other.types)
        return one if element is one.element and types == one.types else ArrayNode(element, types)
    types = united(one.types, other.types)
    winner = one if one.rank > other.rank else other
    return winner if types == winner.types else msgspec.structs.replace(winner, types=types)


def _merge_objects(one: ObjectNode, other: ObjectNode) -> ObjectNode:
    types = united(one.types, other.types)
    children = one.children
    for name, added in other.children.items():
        known = children.get(name)
        merged = added if known is None else merge(known, added)
        if merged is not known:
            if children is one.children:
                children = dict(children)
            children[name] = merged  # pyright: ignore[reportIndexIssue] - the copy made above
    return one if children is one.children and types == one.types else ObjectNode(children, types)
