"""JSON pointers (RFC 6901): how the pages name a part of a workflow."""

from __future__ import annotations

from typing import Any

Json = Any


def segments(pointer: str) -> list[str]:
    """Of `/states/A~1B` the segments `states` and `A/B`."""
    return [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:]]


def pointed(*parts: str | int) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def found(document: Json, pointer: str) -> Json:
    """What a pointer leads to. Raises KeyError."""
    for segment in segments(pointer):
        match document:
            case dict():
                document = document[segment]
            case list() if segment.isdecimal() and int(segment) < len(document):
                document = document[int(segment)]
            case _:
                raise KeyError(pointer)
    return document


def lines_of(document: Json, indent: int = 2) -> dict[str, int]:
    """The line, counted from 1, of each part in the indented text of a document, by its pointer."""
    lines: dict[str, int] = {}
    _count(document, "", 1, lines)
    return lines


def _count(value: Json, pointer: str, line: int, lines: dict[str, int]) -> int:
    """Notes where a value begins; returns the line on which it ends."""
    lines[pointer] = line
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    is_empty = True
    for key, child in inner:
        line = _count(child, pointer + pointed(key), line + 1, lines)
        is_empty = False
    return line if is_empty else line + 1
