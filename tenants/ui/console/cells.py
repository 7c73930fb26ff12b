"""Columns of entities: a value by its path, as a list and an export show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from cyoda import jsonio
from tenants.ui.console.documents import spelled

STANDARD_FIELDS = 4
SHOWN_CHARACTERS = 80
_META = {
    "@state": "state",
    "@creationDate": "creationDate",
    "@lastUpdateTime": "lastUpdateTime",
    "@previousTransition": "transitionForLatestSave",
    "@transactionId": "transactionId",
    "@id": "id",
}


def standard_columns(entities: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """State, the first fields with a plain value that any of the entities has, and when they changed."""
    plain = dict.fromkeys(
        name
        for entity in entities
        if isinstance(entity["data"], dict)
        for name, value in entity["data"].items()
        if isinstance(value, str | int | Decimal)
    )
    return ("@state", *(f"$.{name}" for name in list(plain)[:STANDARD_FIELDS]), "@lastUpdateTime")


class HasPath(Protocol):
    @property
    def path(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Line:
    """An entity in a table: each column with its text."""

    entity: dict[str, Any]
    cells: list[tuple[HasPath, str | None]]


def table(entities: Iterable[dict[str, Any]], columns: Sequence[HasPath]) -> list[Line]:
    return [Line(entity, [(column, shown(entity, column.path)) for column in columns]) for entity in entities]


def shown(entity: dict[str, Any], column: str) -> str | None:
    """A cell as far as a list shows it."""
    text = cell(entity, column)
    return text if text is None or len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def cell(entity: dict[str, Any], column: str) -> str | None:
    """A column's text; of several values, the values in a row. None: there is none."""
    if column.startswith("@"):
        return entity["meta"].get(_META.get(column, ""))
    values = list(_values(entity["data"], column.removeprefix("$").removeprefix(".").split(".")))
    if not values:
        return None
    return ", ".join(_text(value) for value in values)


def _values(value: Any, names: Sequence[str]) -> Iterable[Any]:
    if not names:
        if value is not None:
            yield value
        return
    name, *rest = names
    stars = 0
    while name.endswith("[*]"):
        name, stars = name[:-3], stars + 1
    if not isinstance(value, dict) or name not in value:
        return
    found = [value[name]]
    for _ in range(stars):
        found = [item for one in found if isinstance(one, list) for item in one]
    for one in found:
        yield from _values(one, rest)


def _text(value: Any) -> str:
    return jsonio.dumps(value).decode() if isinstance(value, dict | list) else spelled(value)
