"""Sort keys as bytes: comparing them is comparing the keys, so that any store can order what no memory holds.

A key is a tag (a value, or last because absent) and the value for each sort field, then the entity id; no key is the
beginning of another one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from cyoda.jsonio import Json

from .lifecycle import Meta
from .sort import Descending, SortField, sort_key

BytesKey = Callable[[Json, Meta, UUID], bytes]

_VALUE, _LAST = b"\0", b"\1"
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_inverted = bytes(range(255, -1, -1))


def bytes_key(fields: Sequence[SortField]) -> BytesKey:
    """The order of `sort_key(fields)` as bytes, with the entity id as its last 16."""
    key = sort_key(fields)

    def encoded(document: Json, meta: Meta, entity_id: UUID) -> bytes:
        return b"".join(map(_part, key(document, meta)[:-1])) + entity_id.bytes

    return encoded


def _part(part: tuple[int, Any]) -> bytes:
    is_last, value = part
    return _LAST if is_last else _VALUE + _value(value)


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Descending):
        return _text(value.text).translate(_inverted)
    if isinstance(value, float):
        return _double(value)
    return (int(value) + _SIGN).to_bytes(8)


def _text(text: str) -> bytes:
    """Terminated by two zeros; a zero inside is followed by 255, which is above the terminator."""
    return text.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff") + b"\0\0"


def _double(value: float) -> bytes:
    """IEEE bits in numeric order: positive ones above the sign, negative ones inverted. -0.0 is 0.0."""
    bits: int = struct.unpack(">Q", struct.pack(">d", value + 0.0))[0]
    return (_ALL - bits if bits & _SIGN else bits | _SIGN).to_bytes(8)
