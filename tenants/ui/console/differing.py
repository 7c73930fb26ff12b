"""What is different between two documents: by field, inside long strings, and line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from tenants.ui.console.documents import SHOWN_VALUE, kind_of, spelled

LONG_STRING = 60
MOST_WORDS = 3_000
"""Of two strings together, and MOST_LINES of two texts: longer ones are not compared inside."""
MOST_LINES = 10_000
_WORD = re.compile(r"\s+|\w+|[^\w\s]")

Piece = tuple[bool, str]
"""A part of a string, and whether the other one does not have it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A leaf of one of two documents, or of both; None where one of them has nothing."""

    path: str
    before: str | None
    after: str | None
    is_same: bool = False
    inside: tuple[list[Piece], list[Piece]] | None = None
    """Of long strings that are partly the same: both in pieces."""

    @property
    def before_marked(self) -> SafeString:
        """The string with what the other one does not have in `<del>`."""
        return _marked(self.inside[0] if self.inside else (), "del")

    @property
    def after_marked(self) -> SafeString:
        return _marked(self.inside[1] if self.inside else (), "ins")


def differences(before: Any, after: Any, *, everything: bool = False) -> list[Difference]:
    """Of two documents, by path; numbers differ when their values do. With `everything` the common leaves too."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    paths = [*old, *(path for path in new if path not in old)]
    return [
        _difference(path, old.get(path), new.get(path))
        for path in paths
        if everything or old.get(path) != new.get(path)
    ]


_Leaf = tuple[str, Any]
"""The kind of a value, by which `1` is not `true`, and the value."""


def _difference(path: str, old: _Leaf | None, new: _Leaf | None) -> Difference:
    before, after = _text(old), _text(new)
    inside = _inside(old[1], new[1]) if old and new and old != new and old[0] == new[0] == "string" else None
    return Difference(path, before, after, old == new, inside)


def _leaves(value: Any, path: str = "$") -> Iterator[tuple[str, _Leaf]]:
    match value:
        case dict() if value:
            for key, inner in value.items():
                yield from _leaves(inner, f"{path}.{key}")
        case list() if value:
            for index, inner in enumerate(value):
                yield from _leaves(inner, f"{path}[{index}]")
        case _:
            yield path, (kind_of(value), value)


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


def _inside(before: str, after: str) -> tuple[list[Piece], list[Piece]] | None:
    """Both strings in pieces; None for short ones, and for those that have nothing in common or are too long."""
    if min(len(before), len(after)) < LONG_STRING or max(len(before), len(after)) > SHOWN_VALUE * 10:
        return None
    old, new = _WORD.findall(before), _WORD.findall(after)
    if len(old) + len(new) > MOST_WORDS:
        return None
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    lefts, rights = list[Piece](), list[Piece]()
    for tag, start, end, begin, finish in matcher.get_opcodes():
        if start < end:
            lefts.append((tag != "equal", "".join(old[start:end])))
        if begin < finish:
            rights.append((tag != "equal", "".join(new[begin:finish])))
    return (lefts, rights) if any(not changed for changed, _ in lefts) else None


def _marked(pieces: Iterable[Piece], tag: str) -> SafeString:
    opened, closed = mark_safe(f"<{tag}>"), mark_safe(f"</{tag}>")  # noqa: S308 - our own tags
    marks = ((opened if changed else "", text, closed if changed else "") for changed, text in pieces)
    return format_html_join("", "{}{}{}", marks)


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of one text or of both; `mark` is `+`, `-`, `@` (something is left out) or a space."""

    mark: str
    text: str


def text_differences(before: str, after: str, *, everything: bool = False) -> list[TextLine] | None:
    """Line by line, with three lines around each change; None when the texts are too long for it."""
    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > MOST_LINES:
        return None
    around = len(old) + len(new) if everything else 3
    found = list(unified_diff(old, new, lineterm="", n=around))[2:]
    if not found and everything:
        return [TextLine(" ", line) for line in old]
    return [TextLine(line[0], line[1:]) for line in found if not (everything and line.startswith("@"))]
