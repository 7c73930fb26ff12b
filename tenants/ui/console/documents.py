"""Documents as people read, edit and compare them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

SHOWN_CHARACTERS = 200_000
"""Of a longer text the beginning is shown; the API has it whole."""


def indented(text: bytes) -> str:
    """Numbers keep their spelling."""
    return msgspec.json.format(text, indent=2).decode()


def shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "\n…"


class _Envelope(msgspec.Struct):
    data: msgspec.Raw


def data_of(envelope: bytes) -> str:
    """The document inside the API's envelope, indented."""
    return indented(bytes(msgspec.json.decode(envelope, type=_Envelope).data))


@dataclass(frozen=True, slots=True)
class Line:
    """One leaf of a document: its path below `$`, how deep it lies, and its value as text."""

    name: str
    depth: int
    value: str
    kind: str


def lines(value: Any, name: str = "", depth: int = 0) -> Iterator[Line]:
    """A document as indented lines: a line for each field and item, the empty ones too."""
    match value:
        case dict():
            if name:
                yield Line(name, depth, "", "object")
            for key, inner in value.items():
                yield from lines(inner, str(key), depth + bool(name))
        case list():
            yield Line(name, depth, "", "array")
            for index, inner in enumerate(value):
                yield from lines(inner, f"[{index}]", depth + 1)
        case _:
            yield Line(name, depth, spelled(value), _kind(value))


def spelled(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | Decimal():
            return "number"
        case dict():
            return "object"
        case list():
            return "array"
        case _:
            return "string"


@dataclass(frozen=True, slots=True)
class Difference:
    """A leaf that two documents do not share; None where one of them has nothing."""

    path: str
    before: str | None
    after: str | None


def differences(before: Any, after: Any) -> list[Difference]:
    """Of two documents, by path; numbers differ when their values do."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    paths = [*old, *(path for path in new if path not in old)]
    return [
        Difference(path, _text(old.get(path)), _text(new.get(path))) for path in paths if old.get(path) != new.get(path)
    ]


_Leaf = tuple[str, Any]
"""The kind of a value, by which `1` is not `true`, and the value."""


def _leaves(value: Any, path: str = "$") -> Iterator[tuple[str, _Leaf]]:
    match value:
        case dict() if value:
            for key, inner in value.items():
                yield from _leaves(inner, f"{path}.{key}")
        case list() if value:
            for index, inner in enumerate(value):
                yield from _leaves(inner, f"{path}[{index}]")
        case _:
            yield path, (_kind(value), value)


def _text(leaf: _Leaf | None) -> str | None:
    if leaf is None:
        return None
    kind, value = leaf
    match kind:
        case "string":
            return f'"{value}"'
        case "object":
            return "{}"
        case "array":
            return "[]"
        case _:
            return spelled(value)
