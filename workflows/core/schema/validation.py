"""Strict validation of a document against a schema, with its messages (contract: entities 2.7, 2.8)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from cyoda.errors import BadRequest, IncompatibleType
from cyoda.jsonio import Json
from workflows.core.schema.node import MAX_DEPTH, ArrayNode, Leaf, Node, ObjectNode
from workflows.core.schema.types import DataType, TypeSet, assignable_mask, is_array, is_object, names, scalar_type


class Problem(msgspec.Struct, frozen=True):
    """One finding. `expected` and `actual` (type names) are set when a scalar has a type that does not fit."""

    path: str
    fault: str
    expected: tuple[str, ...] = ()
    actual: str | None = None

    @property
    def message(self) -> str:
        return f"{self.path}: {self.fault}" if self.path else self.fault


def validate(node: Node, value: Json) -> list[Problem]:
    """All findings, in document order; empty when the value is valid. Nothing is ever required."""
    problems: list[Problem] = []
    _check(node, value, "", 0, problems)
    return problems


def refusal(problems: Sequence[Problem], name: str, version: int) -> IncompatibleType | BadRequest:
    """The error for one or more findings about a document of model `name`, `version`."""
    message = "validation failed: " + joined(problems)
    for problem in problems:
        if problem.actual is not None:
            return IncompatibleType(
                message,
                {
                    "fieldPath": problem.path,
                    "expectedType": list(problem.expected),
                    "actualType": problem.actual,
                    "entityName": name,
                    "entityVersion": str(version),
                },
            )
    return BadRequest(message)


def joined(problems: Sequence[Problem]) -> str:
    return "; ".join(problem.message for problem in problems)


def value_type(value: Json) -> DataType:
    """The type a value counts as at a scalar slot: structures and numbers out of range count as STRING."""
    if is_object(value) or is_array(value):
        return DataType.STRING
    return scalar_type(value) or DataType.STRING


def _check(node: Node, value: Json, path: str, level: int, problems: list[Problem]) -> None:
    if level >= MAX_DEPTH:
        problems.append(Problem(path, f"validation depth exceeded (max {MAX_DEPTH})"))
    elif isinstance(node, Leaf):
        _check_scalar(node.types, value, path, problems)
    elif isinstance(node, ObjectNode) and is_object(value):
        _check_members(node, value, path, level + 1, problems)
    elif isinstance(node, ArrayNode) and is_array(value):
        for index, item in enumerate(value):
            _check(node.element, item, f"{path}[{index}]", level + 1, problems)
    elif not _fits_slot(node.types, value):
        expected = "object" if isinstance(node, ObjectNode) else "array"
        problems.append(Problem(path, f"expected {expected}, got {_shape(value)}"))


def _check_members(node: ObjectNode, members: dict[str, Json], path: str, level: int, problems: list[Problem]) -> None:
    for name, member in members.items():
        member_path = f"{path}.{name}" if path else name
        child = node.children.get(name)
        if child is None:
            problems.append(Problem(member_path, "unexpected field not present in model"))
        else:
            _check(child, member, member_path, level, problems)


def _check_scalar(types: TypeSet, value: Json, path: str, problems: list[Problem]) -> None:
    if value is None:
        return
    actual = value_type(value)
    if not actual & assignable_mask(types):
        expected = tuple(names(types))
        fault = f"value of type {actual.name} is not compatible with [{' '.join(expected)}]"
        problems.append(Problem(path, fault, expected, actual.name))


def _fits_slot(types: TypeSet, value: Json) -> bool:
    """Whether a value fits in the place of an object or array, where null or scalars `types` were seen before."""
    if not types or is_object(value) or is_array(value):
        return False
    return value is None or value_type(value) & assignable_mask(types) != 0


def _shape(value: Json) -> str:
    """The name of a value's shape in messages."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | Decimal):
        return "json.Number"
    if isinstance(value, str):
        return "string"
    return "[]interface {}" if is_array(value) else "map[string]interface {}"
