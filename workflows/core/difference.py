"""How far two documents are apart."""

from __future__ import annotations

from collections.abc import Iterator

from cyoda.jsonio import Json
from workflows.core.schema.types import is_array, is_object

_Leaf = tuple[str, object]
"""The kind of a value, by which `1` is not `true`, and the value."""


def changed_fields(before: Json, after: Json) -> int:
    """How many fields have another value in one of the documents, or are in only one of them."""
    old, new = dict(_leaves(before, ())), dict(_leaves(after, ()))
    return len(old.keys() ^ new.keys()) + sum(old[path] != new[path] for path in old.keys() & new.keys())


def _leaves(value: Json, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], _Leaf]]:
    if is_object(value) and (value or not path):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif is_array(value) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, (_kind(value), value)


def _kind(value: Json) -> str:
    name = type(value).__name__
    return "number" if name in ("int", "Decimal") else name
