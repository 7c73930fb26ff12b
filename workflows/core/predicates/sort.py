"""Sorting: the grammar of keys, their comparison classes, and the key function (contract: search 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import total_ordering
from math import inf
from typing import Any, Literal

from cyoda.errors import InvalidFieldPath
from cyoda.jsonio import Json
from workflows.core.schema.types import NUMERIC_TYPES, TEMPORAL_TYPES, DataType, TypeSet, display, members

from .lifecycle import LIFECYCLE_FIELDS, Meta, TimeField
from .operands import UUID_TYPES
from .paths import FieldTypes, Reader, reader

DEFAULT_MAX_KEYS = 16

Source = Literal["data", "meta"]
SortTuple = tuple[Any, ...]
SortKeyFunction = Callable[[Json, Meta], SortTuple]

META_NAMES = frozenset(LIFECYCLE_FIELDS) - {"previousTransition"}
_data_path = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_TEXT_TYPES = DataType.STRING | DataType.CHARACTER | UUID_TYPES | TEMPORAL_TYPES


class SortClass(StrEnum):
    """How values of a key compare; follows from the declared types, never from the values (contract: search 5.2)."""

    TEXT = "text"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    TEMPORAL = "temporal"


@dataclass(frozen=True, slots=True)
class SortKey:
    """A requested key. `path` is `a.b` (data) or a lifecycle name (meta), as given without prefix."""

    path: str
    source: Source = "data"
    descending: bool = False

    def __str__(self) -> str:
        return f"@{self.path}" if self.source == "meta" else self.path


@dataclass(frozen=True, slots=True)
class SortField:
    """A key with its comparison class, ready to sort by."""

    key: SortKey
    compares: SortClass


# --- grammar ----------------------------------------------------------------------------------------------------


def parse_sort(values: Sequence[str], max_keys: int = DEFAULT_MAX_KEYS) -> tuple[SortKey, ...]:
    """The keys of repeated `sort` parameters, `[@]path[:asc|:desc]`, in order of precedence.

    Raises InvalidFieldPath (grammar, duplicates, more than `max_keys`; `max_keys` below 1 means 16).
    """
    return checked_keys([_parsed(value) for value in values], max_keys)


def checked_keys(keys: Iterable[SortKey], max_keys: int = DEFAULT_MAX_KEYS) -> tuple[SortKey, ...]:
    """The keys, each well formed and named once (also the way of gRPC's `orderBy`). Raises InvalidFieldPath."""
    checked = tuple(keys)
    limit = max_keys if max_keys > 0 else DEFAULT_MAX_KEYS
    if len(checked) > limit:
        raise InvalidFieldPath(f"too many sort keys: {len(checked)} exceeds maximum {limit}")
    seen: set[tuple[Source, str]] = set()
    for key in checked:
        _check_key(key)
        if (key.source, key.path) in seen:
            raise InvalidFieldPath(f'duplicate sort key "{key}"')
        seen.add((key.source, key.path))
    return checked


def _parsed(value: str) -> SortKey:
    path, colon, direction = value.rpartition(":")
    if not colon:
        path, direction = value, "asc"
    if direction not in ("asc", "desc"):
        raise InvalidFieldPath(f'invalid sort direction "{direction}"; use asc or desc')
    descending = direction == "desc"
    if path.startswith("@"):
        return SortKey(path[1:], "meta", descending)
    return SortKey(path.removeprefix("$."), "data", descending)


def _check_key(key: SortKey) -> None:
    if key.source == "meta":
        if key.path not in META_NAMES:
            raise InvalidFieldPath(f'unknown meta sort field "{key.path}"')
    elif _data_path.fullmatch(key.path) is None:
        raise InvalidFieldPath(f'invalid sort path "{key.path}"')


# --- classes ----------------------------------------------------------------------------------------------------


def resolve_sort(keys: Sequence[SortKey], fields: FieldTypes) -> tuple[SortField, ...]:
    """The keys with their comparison classes. Raises InvalidFieldPath (no leaf, mixed classes, only ever null)."""
    return tuple(SortField(key, _class_of_key(key, fields)) for key in keys)


def _class_of_key(key: SortKey, fields: FieldTypes) -> SortClass:
    if key.source == "meta":
        is_time = isinstance(LIFECYCLE_FIELDS[key.path], TimeField)
        return SortClass.TEMPORAL if is_time else SortClass.TEXT
    types = fields.get(f"$.{key.path}")
    if types is None:
        raise InvalidFieldPath(f'sort path "{key.path}" is not a sortable field of the model')
    classes = {_class_of_type(member) for member in members(TypeSet(types & ~DataType.NULL))}
    compares = classes.pop() if len(classes) == 1 else None
    if compares is None:
        raise InvalidFieldPath(f'sort path "{key.path}" has no single order for {display(types)}')
    return compares


def _class_of_type(declared: DataType) -> SortClass | None:
    if declared & NUMERIC_TYPES:
        return SortClass.NUMERIC
    if declared & _TEXT_TYPES:
        return SortClass.TEXT
    return SortClass.BOOLEAN if declared is DataType.BOOLEAN else None


# --- order ------------------------------------------------------------------------------------------------------


def sort_key(fields: Sequence[SortField]) -> SortKeyFunction:
    """The key function: absent and null last in both directions, then entity id ascending (contract: search 5.3)."""
    parts = [_part(field) for field in fields]

    def key(document: Json, meta: Meta) -> SortTuple:
        ranked = [part(document, meta) for part in parts]
        return (*ranked, str(meta.id))

    return key


_LAST = (1, 0)


def _part(field: SortField) -> SortKeyFunction:
    value_of = _value_reader(field)
    if not field.key.descending:
        wrap: Callable[[Any], Any] = _same
    else:
        wrap = Descending if field.compares is SortClass.TEXT else _negative

    def part(document: Json, meta: Meta) -> SortTuple:
        value = value_of(document, meta)
        return _LAST if value is None else (0, wrap(value))

    return part


def _value_reader(field: SortField) -> Callable[[Json, Meta], Any]:
    if field.key.source == "data":
        read = reader(f"$.{field.key.path}")
        convert = _CONVERSIONS[field.compares]
        return lambda document, _meta: convert(read(document))
    lifecycle = LIFECYCLE_FIELDS[field.key.path]
    if isinstance(lifecycle, TimeField):
        read_ms = lifecycle.read
        return lambda _document, meta: read_ms(meta)
    read_text = lifecycle.read
    return lambda _document, meta: read_text(meta) or None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _double(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _boolean(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


_CONVERSIONS: dict[SortClass, Reader] = {
    SortClass.TEXT: _text,
    SortClass.NUMERIC: _double,
    SortClass.BOOLEAN: _boolean,
}


def _same(value: Any) -> Any:
    return value


def _negative(value: float) -> float:
    return -value


@total_ordering
class Descending:
    """A text that sorts before smaller ones."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and self.text == other.text

    def __lt__(self, other: Descending) -> bool:
        return other.text < self.text

    def __hash__(self) -> int:
        return hash(self.text)
