"""The JSON_SCHEMA export of a schema (contract: entities 4.5)."""

from __future__ import annotations

from collections.abc import Mapping

from cyoda.jsonio import Json
from workflows.core.schema.node import ArrayNode, Leaf, Node
from workflows.core.schema.types import NULL_ONLY, DataType, TypeSet, members

_INTEGER, _NUMBER, _STRING = {"type": "integer"}, {"type": "number"}, {"type": "string"}


def _formatted(name: str) -> Mapping[str, str]:
    return {"type": "string", "format": name}


_FRAGMENTS: Mapping[DataType, Mapping[str, str]] = {
    DataType.INTEGER: _INTEGER,
    DataType.LONG: _INTEGER,
    DataType.BIG_INTEGER: _INTEGER,
    DataType.UNBOUND_INTEGER: _INTEGER,
    DataType.DOUBLE: _NUMBER,
    DataType.BIG_DECIMAL: _NUMBER,
    DataType.UNBOUND_DECIMAL: _NUMBER,
    DataType.STRING: _STRING,
    DataType.CHARACTER: _STRING,
    DataType.BOOLEAN: {"type": "boolean"},
    DataType.NULL: {"type": "null"},
    DataType.LOCAL_DATE: _formatted("date"),
    DataType.LOCAL_DATE_TIME: _formatted("date-time"),
    DataType.ZONED_DATE_TIME: _formatted("date-time"),
    DataType.LOCAL_TIME: _formatted("time"),
    DataType.YEAR: _formatted("year"),
    DataType.YEAR_MONTH: _formatted("year-month"),
    DataType.UUID_TYPE: _formatted("uuid"),
    DataType.TIME_UUID_TYPE: _formatted("uuid"),
    DataType.BYTE_ARRAY: _formatted("byte"),
}


def json_schema(node: Node) -> Json:
    """The schema as a JSON Schema fragment. Scalars seen in the place of an object or array are not shown."""
    if isinstance(node, Leaf):
        return _scalar(node.types)
    if isinstance(node, ArrayNode):
        return {"items": json_schema(node.element), "type": "array"}
    properties: dict[str, Json] = {}
    for name, child in node.children.items():
        properties[name] = json_schema(child)
    return {"properties": properties, "type": "object"}


def _scalar(types: TypeSet) -> Json:
    fragments = [_FRAGMENTS[member] for member in members(types or NULL_ONLY)]
    return fragments[0] if len(fragments) == 1 else {"oneOf": fragments}
