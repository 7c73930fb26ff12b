"""What is different between two documents: by field, inside long strings, and line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from itertools import islice, zip_longest
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


def differences(before: Any, after: Any, *, everything: bool = False, most: int | None = None) -> list[Difference]:
    """Of two documents, by path; numbers differ when their values do. With `everything` the common leaves too."""
    return list(islice(_differences(before, after, "$", everything), most))


def _differences(before: Any, after: Any, path: str, everything: bool) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict) and before and after:
        names = dict.fromkeys([*before, *after]) if before.keys() != after.keys() else before
        pairs = ((f".{name}", before.get(name, _NOTHING), after.get(name, _NOTHING)) for name in names)
    elif isinstance(before, list) and isinstance(after, list) and before and after:
        both = enumerate(zip_longest(before, after, fillvalue=_NOTHING))
        pairs = ((f"[{index}]", old, new) for index, (old, new) in both)
    else:
        yield from _of_leaves(before, after, path, everything)
        return
    for step, old, new in pairs:
        if everything or old.__class__ is not new.__class__ or old.__class__ in _GROUPS or old != new:
            yield from _differences(old, new, path + step, everything)


_NOTHING = object()
_GROUPS = (dict, list)


def _of_leaves(before: Any, after: Any, path: str, everything: bool) -> Iterator[Difference]:
    """Of two values that have no members in common, unless they are leaves."""
    old = {} if before is _NOTHING else dict(_leaves(before, path))
    new = {} if after is _NOTHING else dict(_leaves(after, path))
    for each in dict.fromkeys([*old, *new]):
        if everything or old.get(each) != new.get(each):
            yield _difference(each, old.get(each), new.get(each))


_Leaf = tuple[str, Any]
"""The kind of a value, by which `1` is not `true`, and the value."""


def _difference(path: str, old: _Leaf | None, new: _Leaf | None) -> Difference:
    before, after = _text(old), _text(new)
    inside = _inside(old[1], new[1]) if old and new and old != new and old[0] == new[0] == "string" else None
    return Difference(path, before, after, old == new, inside)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, _Leaf]]:
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
