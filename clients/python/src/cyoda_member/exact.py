"""JSON with exact numbers: whole numbers are `int`, all others `Decimal`; neither ever passes through a float."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

Json = Any
"""dict[str, Json] | list[Json] | str | int | Decimal | bool | None; `dumps` takes float and tuple as well."""

MAX_INT_DIGITS = 4300
"""Digits of the longest whole number that becomes an `int`; the interpreter refuses longer ones."""


def loads(text: str | bytes) -> Json:
    """Decode one JSON value. Raises ValueError."""
    return _decoder.decode(text if isinstance(text, str) else text.decode())


def dumps(value: Json) -> str:
    """Encode compactly, in member order.

    Raises TypeError for what JSON cannot say, ValueError for numbers that are not finite.
    """
    return "".join(_pieces(value))


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= MAX_INT_DIGITS and text != "-0" else Decimal(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text} is out of range") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_int=_whole, parse_float=_decimal, parse_constant=_refuse)
_string = json.JSONEncoder(ensure_ascii=False).encode


def _pieces(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        separator = "{"
        for key, member in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a member's name must be a string, not {type(key).__name__}")
            yield f"{separator}{_string(key)}:"
            yield from _pieces(member)
            separator = ","
        yield "}" if value else "{}"
    elif isinstance(value, (list, tuple)):
        separator = "["
        for member in value:
            yield separator
            yield from _pieces(member)
            separator = ","
        yield "]" if value else "[]"
    else:
        yield _scalar(value)


def _scalar(value: Json) -> str:
    if value is None or isinstance(value, (bool, str)):
        return _string(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, (Decimal, float)):
        if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
            raise ValueError(f"{value} is not JSON")
        return str(value) if isinstance(value, Decimal) else float.__repr__(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
