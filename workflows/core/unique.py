"""Composite unique keys: their declaration, and the claims that documents make under them (contract: entities 4.8)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property

import msgspec

from cyoda.errors import InvalidUniqueKey
from cyoda.jsonio import Json
from workflows.core.schema.node import Node
from workflows.core.schema.paths import names_of, scalar_leaves, value_at
from workflows.core.schema.types import decimal_parts

MAX_COEFFICIENT_DIGITS = 64
MAX_EXPONENT = 6144


class UniqueKey(msgspec.Struct, frozen=True, dict=True):
    """Fields (`$.a.b`) whose joint value may occur once among a model's live entities."""

    id: str
    fields: tuple[str, ...]

    @cached_property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """The member names that lead to each field."""
        return tuple(names_of(field) for field in self.fields)


class Claim(msgspec.Struct, frozen=True):
    """One value taken under one key of a model; `digest` is SHA-256 (32 bytes) of the canonical field values."""

    key: str
    digest: bytes


def definition_fault(keys: Sequence[UniqueKey], node: Node) -> str | None:
    """Why the keys cannot be declared on a schema; None when they can."""
    if not keys:
        return None
    scalars, seen = scalar_leaves(node), set[str]()
    for key in keys:
        if not key.id:
            return "key ID must not be empty"
        if key.id in seen:
            return f'duplicate key ID "{key.id}"'
        seen.add(key.id)
        if fault := _fields_fault(key, scalars):
            return fault
    return None


def _fields_fault(key: UniqueKey, scalars: frozenset[str]) -> str | None:
    if not key.fields:
        return f'key "{key.id}" has no fields'
    for position, field in enumerate(key.fields):
        if field in key.fields[:position]:
            return f'key "{key.id}": duplicate field "{field}"'
        if field not in scalars:
            return f'key "{key.id}": field "{field}" is not a known scalar leaf'
    return None


def claims_of(keys: Sequence[UniqueKey], document: Json, *, is_final: bool = False) -> list[Claim]:
    """The claims that a document makes; a key whose fields are all absent or null makes none.

    `is_final` marks the check after workflow processors ran, whose refusal is worded differently.
    Raises InvalidUniqueKey when a key is partly filled, or a value is a structure or a number out of bounds.
    """
    claims: list[Claim] = []
    for key in keys:
        values = [value_at(document, names) for names in key.names]
        if all(value is None for value in values):
            continue
        texts = [_canonical(value) for value in values]
        if None in texts:
            raise InvalidUniqueKey(
                "one or more unique key fields are null or invalid" if is_final else "composite unique key incomplete"
            )
        claims.append(Claim(key.id, hashlib.sha256(msgspec.json.encode(texts)).digest()))
    return claims


def _canonical(value: Json) -> str | None:
    """A text that equal values share and others do not, led by a type tag; None for what cannot be claimed."""
    if isinstance(value, str):
        return "s" + value
    if isinstance(value, bool):
        return "bt" if value else "bf"
    if isinstance(value, int | Decimal):
        return _canonical_number(Decimal(value))
    return None


def _canonical_number(value: Decimal) -> str | None:
    """Sign, significant digits and power of ten; None for a number out of bounds."""
    is_negative, digits, exponent = decimal_parts(value)
    if len(digits) > MAX_COEFFICIENT_DIGITS or abs(exponent) > MAX_EXPONENT:
        return None
    significant = digits.rstrip("0")
    if not significant:
        return "n0"
    return f"n{'-' if is_negative else ''}{significant}e{exponent + len(digits) - len(significant)}"
