"""Conditions in the short spelling of the contract's tables, and plain lifecycle data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cyoda import jsonio
from cyoda.jsonio import Json
from workflows.core.predicates.paths import FieldTypes
from workflows.core.schema.node import infer, merge
from workflows.core.schema.paths import field_paths
from workflows.core.schema.types import DataType, type_set

_LEAF = re.compile(r'(?:type "(?P<type>\w+)": )?(?P<path>\S+) (?P<operator>\w+)(?: (?P<value>.*))?', re.DOTALL)


@dataclass(frozen=True)
class Lifecycle:
    """The lifecycle data of one entity version."""

    id: str = "0b6f3a1e-0000-1000-8000-000000000001"
    state: str = "NEW"
    creation_date: datetime | None = datetime(2025, 8, 1, 10, 0, 0, 123456, UTC)
    last_update_time: datetime | None = datetime(2025, 8, 2, tzinfo=UTC)
    transition_for_latest_save: str = ""
    transaction_id: str = ""


META = Lifecycle()


def fields_of(*documents: str) -> FieldTypes:
    """The flattened schema of sample documents."""
    schema = infer(jsonio.parse(documents[0]))
    for document in documents[1:]:
        schema = merge(schema, infer(jsonio.parse(document)))
    return field_paths(schema)


def declared(text: str) -> FieldTypes:
    """`$.a INTEGER+STRING, $.b YEAR` as field types."""
    pairs = [part.split(" ") for part in text.split(", ")]
    return {path: type_set(DataType[name] for name in names.split("+")) for path, names in pairs}


def document(text: str) -> Json:
    return jsonio.parse(text)


def condition(text: str) -> bytes:
    """The condition document of `$.path OPERATOR value`, `@field OPERATOR value`, `array path values`, `AND(… ; …)`."""
    return _condition(text).encode()


def _condition(text: str) -> str:
    for group in ("AND", "OR"):
        if text.startswith(f"{group}(") and text.endswith(")"):
            inner = text[len(group) + 1 : -1]
            children = [_condition(part) for part in inner.split(" ; ")] if inner else []
            return f'{{"type":"group","operator":"{group}","conditions":[{",".join(children)}]}}'
    if text.startswith("array "):
        _, path, values = text.split(" ", 2)
        return f'{{"type":"array","jsonPath":"{path}","values":{values}}}'
    found = _LEAF.fullmatch(text)
    assert found is not None, text
    path = found["path"]
    kind, member = ("lifecycle", "field") if path.startswith("@") else ("simple", "jsonPath")
    value = "" if found["value"] is None else f',"value":{found["value"]}'
    operator = json.dumps(found["operator"])
    return (
        f'{{"type":"{found["type"] or kind}",'
        f'"{member}":{json.dumps(path.removeprefix("@"))},"operatorType":{operator}{value}}}'
    )
