"""What a report shows of the entities that it finds: columns, grouping and figures, read off its definition once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import msgspec

from cyoda.clock import utc_text
from cyoda.jsonio import Json
from cyoda.principal import Actor
from workflows.core.entity import Version
from workflows.core.predicates.paths import collector, has_elements, reader

Read = Callable[[Version], Json]


class Function(StrEnum):
    """The figures of a group."""

    MAX = "MAX"
    MIN = "MIN"
    COUNT = "COUNT"
    COUNT_UNIQUE = "COUNT_UNIQUE"
    SUM = "SUM"
    AVG = "AVG"


class Column(msgspec.Struct, frozen=True):
    """A value of every entity: `path` is `$.a.b` of the document, or `@name` of a lifecycle field."""

    name: str
    path: str

    @property
    def short_name(self) -> str:
        return self.name.removeprefix("$.").removeprefix("@")

    @property
    def key(self) -> str:
        """The member of a row (contract: control plane 9.5)."""
        return self.short_name.replace(".", "_")


class Summary(msgspec.Struct, frozen=True):
    column: Column
    functions: tuple[Function, ...]


class ReportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A definition as one run understands it. `hierarchical` shows groups level by level, else only the innermost."""

    definition_id: str
    request_class: str
    """The model, `<name>.<version>`."""
    description: str = ""
    columns: tuple[Column, ...] = ()
    grouping: tuple[Column, ...] = ()
    summaries: tuple[Summary, ...] = ()
    hierarchical: bool = False


class ReportDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A stored definition; `document` is its text as it was sent, whatever it has."""

    id: str
    document: bytes
    owner: Actor
    created_at: datetime


def column_reader(column: Column) -> Read:
    """Reads a column of an entity: null where it is absent, a list where the path leads through arrays."""
    if column.path.startswith("@"):
        return LIFECYCLE[column.path[1:]]
    read = collector(column.path) if has_elements(column.path) else reader(column.path)
    return lambda version: read(version.document.value)


LIFECYCLE: dict[str, Read] = {
    "id": lambda version: version.id,
    "state": lambda version: version.state,
    "creationDate": lambda version: utc_text(version.created_at),
    "lastUpdateTime": lambda version: utc_text(version.updated_at),
    "transitionForLatestSave": lambda version: version.transition,
    "transactionId": lambda version: str(version.transaction_id),
}
"""The lifecycle fields that a report can show, as answers spell them."""
