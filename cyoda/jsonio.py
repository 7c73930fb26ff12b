"""JSON in and out with exact numbers (contract: entities 1.3).

Whole numbers decode to `int`, all others to `Decimal`; neither ever passes through a float. A document that is only
stored and returned keeps its text: see `Document` in `workflows.core.entity`.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

Json = Any
"""dict[str, Json] | list[Json] | str | int | Decimal | bool | None"""

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="deterministic")

_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation)
"""What decoding raises; InvalidOperation comes from an exponent that no Decimal can hold."""


class InvalidJson(ValueError):
    """The bytes are not one JSON value; the text says where and why."""


def parse(data: bytes | str) -> Json:
    """Decode exactly one JSON value.

    Raises InvalidJson (malformed, nested too deeply, not UTF-8, trailing content).
    """
    try:
        return _decoder.decode(data)
    except _MALFORMED as error:
        raise InvalidJson(_reason(error)) from error


def first_value(data: bytes) -> tuple[Json, bytes]:
    """Decode the first JSON value of `data`; returns it with its own text, whatever follows is ignored.

    Raises InvalidJson.
    """
    try:
        return _decoder.decode(data), data
    except _MALFORMED as error:
        if "trailing characters" not in str(error):
            raise InvalidJson(_reason(error)) from error
    text = data.decode("utf-8", "surrogateescape").lstrip(" \t\r\n")
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidJson(str(error)) from error
    value_text = text[:end].encode("utf-8", "surrogateescape")
    return parse(value_text), value_text


def _reason(error: Exception) -> str:
    return "number out of range" if isinstance(error, InvalidOperation) else str(error)


def dumps(value: object) -> bytes:
    """Compact JSON in member order; Decimals as numbers, msgspec.Raw verbatim."""
    return _encoder.encode(value)


def dumps_sorted(value: object) -> bytes:
    """Compact JSON with members in byte order at every level (byte-stable exports)."""
    return _sorted_encoder.encode(value)
