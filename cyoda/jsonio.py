"""JSON in and out with exact numbers (contract: entities 1.3).

Whole numbers decode to `int`, all others to `Decimal`; neither ever passes through a float. A whole number of more than
MAX_INT_DIGITS digits is a `Decimal` too, because turning such texts into `int` takes quadratic time. A document that is
only stored and returned keeps its text: see `Document` in `workflows.core.entity`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from typing import Any, NoReturn

import msgspec

Json = Any
"""dict[str, Json] | list[Json] | str | int | Decimal | bool | None"""

MAX_INT_DIGITS = 4300
"""Digits of the longest whole number that decodes to `int`."""
MAX_NESTING = 500
"""Arrays and objects that may enclose a value: what is decoded once can be decoded and encoded again at any time,
however much of the interpreter's stack is in use (limit 1000)."""

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="deterministic")

_MALFORMED = (msgspec.DecodeError, UnicodeError, RecursionError, InvalidOperation)
"""What decoding raises; InvalidOperation comes from an exponent that no Decimal can hold."""
_TRAILING = "trailing characters"
_WIDE_INTEGER = "Integer value out of range"
_WHITESPACE = " \t\r\n"


class InvalidJson(ValueError):
    """The bytes are not one JSON value; the text says where and why."""


def parse(data: bytes | str) -> Json:
    """Decode exactly one JSON value.

    Raises InvalidJson (malformed, nested deeper than MAX_NESTING, not UTF-8, lone surrogates, trailing content).
    """
    try:
        value = _decoder.decode(data)
    except _MALFORMED as error:
        if _WIDE_INTEGER not in str(error):
            raise InvalidJson(_reason(error)) from error
        value = _parse_wide(data)
    if len(data) > 2 * MAX_NESTING:
        _check_nesting(data)
    return value


def reparse(text: bytes) -> Json:
    """Decode a text that `parse` or `first_value` accepted before; faster, and never raises for such a text."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return _parse_wide(text)


def first_value(data: bytes) -> tuple[Json, bytes]:
    """Decode the first JSON value of `data`; returns it with its own text, whatever follows is ignored.

    Raises InvalidJson.
    """
    try:
        return parse(data), data
    except InvalidJson as error:
        if _TRAILING not in str(error):
            raise
    text = data.decode("utf-8", "surrogateescape").lstrip(_WHITESPACE)
    try:
        _, end = _wide_decoder.raw_decode(text)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise InvalidJson(_reason(error)) from error
    value_text = text[:end].encode("utf-8", "surrogateescape")
    return parse(value_text), value_text


# --- numbers by their spelling ----------------------------------------------------------------------------------


def parse_spelled(data: bytes, number: Callable[[str], object]) -> Json:
    """As `parse`, with `number(spelling)` in the place of each number. Raises InvalidJson, and what `number` raises."""
    return _decode_slowly(data, json.JSONDecoder(parse_int=number, parse_float=number, parse_constant=_refuse_constant))


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text.removeprefix("-")) <= MAX_INT_DIGITS else Decimal(text)


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not JSON")


_wide_decoder = json.JSONDecoder(parse_int=_whole, parse_float=Decimal, parse_constant=_refuse_constant)


def _parse_wide(data: bytes | str) -> Json:
    """Decode a text that holds whole numbers of more than MAX_INT_DIGITS digits."""
    return _decode_slowly(data, _wide_decoder)


def _decode_slowly(data: bytes | str, decoder: json.JSONDecoder) -> Json:
    """The standard decoder, made as strict as the fast one."""
    try:
        text = (data if isinstance(data, str) else data.decode()).strip(_WHITESPACE)
        value, end = decoder.raw_decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode()  # fails for lone surrogates
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise InvalidJson(_reason(error)) from error
    if end != len(text):
        raise InvalidJson(f"JSON is malformed: {_TRAILING}")
    return value


# --- nesting ----------------------------------------------------------------------------------------------------

_string = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LEVELS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


def _check_nesting(data: bytes | str) -> None:
    """Raises InvalidJson when well-formed JSON is nested too deeply; cheap unless it has very many brackets."""
    text = data.encode() if isinstance(data, str) else data
    if text.count(b"[") + text.count(b"{") <= MAX_NESTING:
        return
    brackets = _string.sub(b"", text).translate(_LEVELS, _NOT_BRACKETS)
    if max(accumulate(memoryview(brackets).cast("b")), default=0) > MAX_NESTING:
        raise InvalidJson("nesting too deep")


def _reason(error: Exception) -> str:
    return "number out of range" if isinstance(error, InvalidOperation) else str(error)


def dumps(value: object) -> bytes:
    """Compact JSON in member order; Decimals as numbers, msgspec.Raw verbatim."""
    return _encoder.encode(value)


def dumps_sorted(value: object) -> bytes:
    """Compact JSON with members in byte order at every level (byte-stable exports)."""
    return _sorted_encoder.encode(value)
