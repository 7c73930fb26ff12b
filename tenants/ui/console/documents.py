"""Documents as people read them: a line for each field, long values and long documents a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec

from cyoda import jsonio

SHOWN_CHARACTERS = 200_000
"""Of a longer text the beginning is shown; the API has it whole."""
SHOWN_VALUE = 2_000
SHOWN_LINES = 2_000
DEEPEST = 12
"""How far lines are indented."""


def indented(text: bytes) -> str:
    """Numbers keep their spelling."""
    return msgspec.json.format(text, indent=2).decode()


def shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "\n…"


class _Envelope(msgspec.Struct):
    data: msgspec.Raw
    meta: dict[str, Any] = {}


def meta_of(envelope: bytes) -> dict[str, Any]:
    return msgspec.json.decode(envelope, type=_Envelope).meta


def raw_data_of(envelope: bytes) -> bytes:
    """The document inside the API's envelope, as it was written."""
    return bytes(msgspec.json.decode(envelope, type=_Envelope).data)


def data_of(envelope: bytes) -> str:
    """The document inside the API's envelope, indented."""
    return indented(raw_data_of(envelope))


@dataclass(frozen=True, slots=True)
class Line:
    """A field, item, object or array of a document: how it is called, how deep it lies, and its value as text.

    `path` is as searches spell it, `pointer` as RFC 6901 does; of a long value `cut` counts what is not shown.
    """

    name: str
    depth: int
    value: str
    kind: str
    path: str
    pointer: str
    cut: int = 0

    @property
    def indent(self) -> int:
        return min(self.depth, DEEPEST)


@dataclass(frozen=True, slots=True)
class Extract:
    """A piece of a document's lines; `following` is where the next one starts, None at the end."""

    lines: list[Line]
    start: int
    following: int | None

    @property
    def first(self) -> int:
        return self.start + 1

    @property
    def last(self) -> int:
        return self.start + len(self.lines)


def extract(value: Any, start: int) -> Extract:
    found = list(islice(lines(value), start, start + SHOWN_LINES + 1))
    return Extract(found[:SHOWN_LINES], start, start + SHOWN_LINES if len(found) > SHOWN_LINES else None)


def lines(value: Any, name: str = "", depth: int = 0, path: str = "$", pointer: str = "") -> Iterator[Line]:
    """A document as indented lines: a line for each field and item, the empty ones too."""
    match value:
        case dict():
            if name:
                yield Line(name, depth, "" if value else "{}", "object", path, pointer)
            for key, inner in value.items():
                below = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
                yield from lines(inner, str(key), depth + bool(name), f"{path}.{key}", below)
        case list():
            yield Line(name or "$", depth, "" if value else "[]", "array", path, pointer)
            for index, inner in enumerate(value):
                yield from lines(inner, f"[{index}]", depth + 1, f"{path}[{index}]", f"{pointer}/{index}")
        case _:
            text = spelled(value)
            yield Line(
                name or "$", depth, text[:SHOWN_VALUE], kind_of(value), path, pointer, max(0, len(text) - SHOWN_VALUE)
            )


def pointed(value: Any, pointer: str) -> Any:
    """The value at an RFC 6901 pointer. Raises LookupError."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        match value:
            case dict():
                value = value[name]
            case list() if name.isdecimal():
                value = value[int(name)]
            case _:
                raise LookupError(pointer)
    return value


def whole(value: Any) -> str:
    """A value with nothing left out: a string as its characters, all else as indented JSON."""
    return value if isinstance(value, str) else indented(jsonio.dumps(value))


def spelled(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def kind_of(value: Any) -> str:
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
