"""What a head keeps of a document: `jsonb`, which cannot hold every JSON text.

`jsonb` refuses NUL characters and lone surrogates in strings and numbers beyond its `numeric`. Such a document is kept
with these replaced, or not at all, and its head is marked lossy: searches never narrow it away.
"""

from __future__ import annotations

from decimal import Decimal

from cyoda import jsonio
from cyoda.jsonio import Json
from workflows.core.entity import Document
from workflows.core.schema.types import is_object

UNKEPT = "null"
"""The substitute of a document that the head does not keep."""

_MAX_EXPONENT = 16_000
"""Numbers with more digits than this on either side of the point are replaced by null."""


def is_suspect(text: bytes) -> bool:
    """Whether `jsonb` may refuse the text; a cheap test that finds what strings can hold, not numbers or nesting."""
    return b"\\u" in text and (b"\\u0000" in text or b"\\ud" in text or b"\\uD" in text)


def substitute(document: Document) -> str | None:
    """A text that `jsonb` takes in place of the document's own; None when its own will do."""
    try:
        value = document.value
        kept = _kept(value)
    except (jsonio.InvalidJson, RecursionError):
        return UNKEPT
    return None if kept is value else jsonio.dumps(kept).decode()


def _kept(value: Json) -> Json:
    """The value itself when `jsonb` holds it, else a changed copy."""
    if isinstance(value, str):
        return value if _is_plain(value) else _plain(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | Decimal):
        return value if _is_numeric(value) else None
    if is_object(value):
        members = {name: _kept(member) for name, member in value.items()}
        if all(map(_is_plain, members)) and all(members[name] is value[name] for name in members):
            return value
        return {_plain(name): member for name, member in members.items()}
    items = [_kept(item) for item in value]
    return value if all(kept is item for kept, item in zip(items, value, strict=True)) else items


def _is_plain(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text))


def _plain(text: str) -> str:
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def _is_numeric(value: int | Decimal) -> bool:
    if isinstance(value, int):
        return value.bit_length() < 3 * _MAX_EXPONENT
    _, digits, exponent = value.as_tuple()
    return isinstance(exponent, int) and abs(exponent) + len(digits) <= _MAX_EXPONENT
