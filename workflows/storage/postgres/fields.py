"""What the declared indexes of a model are in the database: their names, keys and definitions.

A field has an index for texts, for numbers, or both, as its declared types ask. Its key is as wide as the field's
values but never wider than an index entry may be: the first characters of a text, a number held within bounds. Keys
order as their values do, so a search by key finds all that a search by value would, and the value decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from workflows.core.field_index import STATE_FIELD
from workflows.core.schema.model import Model
from workflows.core.schema.paths import names_of
from workflows.core.schema.types import NO_TYPES, NUMERIC_TYPES

Kind = Literal["text", "number", "state"]
KINDS: Sequence[Kind] = ("text", "number", "state")

PREFIX = "field_"
"""How the names of all declared indexes begin, and no other index of a head's."""
INDEX_WORK_ID = UUID(int=1)
"""The id of the one row of pending work for the indexes of a schema."""
KEY_CHARACTERS = 512
"""Of four bytes each they fit into an index entry (2,704 bytes)."""
_WIDEST, _FRACTION_DIGITS = "1e300", 60
_rounding = Context(prec=400, rounding=ROUND_HALF_UP)
_LAST_CHARACTER, _SURROGATES = "\U0010ffff", range(0xD800, 0xE000)


class FieldKey(NamedTuple):
    """One index of the database."""

    name: str
    field: str
    definition: str
    """`CREATE INDEX … ON {schema}.head` continues with this."""


def keys_of(model: Model) -> Sequence[FieldKey]:
    """The indexes that a model's declarations ask for, under names that depend on model and field alone."""
    return [_key(model.id, field, kind) for field in sorted(model.indexed) for kind in _kinds(model, field)]


def _kinds(model: Model, field: str) -> Sequence[Kind]:
    if field == STATE_FIELD:
        return ("state",)
    types = model.field_paths.get(field, NO_TYPES)
    kinds: list[Kind] = []
    if types & ~NUMERIC_TYPES or not types:
        kinds.append("text")
    if types & NUMERIC_TYPES:
        kinds.append("number")
    return kinds


def _key(model_id: UUID, field: str, kind: Kind) -> FieldKey:
    if kind == "state":
        expression = "state"
    else:
        expression = (text_key if kind == "text" else number_key)(names_of(field), "document")
    definition = f"({expression}) WHERE {of_model(model_id)} AND NOT deleted"
    return FieldKey(index_name(model_id, field, kind), field, definition)


def index_name(model_id: UUID, field: str, kind: Kind) -> str:
    digest = hashlib.sha256(f"{model_id} {field}".encode()).hexdigest()[:32]
    return f"{PREFIX}{kind}_{digest}"


def of_model(model_id: UUID, head: str = "") -> str:
    """The condition that selects a model's heads, in the words of its indexes."""
    return f"{head}model_id = '{model_id}'::uuid"


def text_key(names: Sequence[str], document: str = "h.document") -> str:
    """The first characters of a value as text; null for a value that is absent or null."""
    *outer, last = map(_literal, names)
    value = document + "".join(f" -> {name}" for name in outer)
    return f'(left(({value}) ->> {last}, {KEY_CHARACTERS})) COLLATE "C"'


def number_key(names: Sequence[str], document: str = "h.document") -> str:
    """A number held within bounds; null for any other value."""
    value = document + "".join(f" -> {_literal(name)}" for name in names)
    bounded = f"greatest(least(({value})::numeric, '{_WIDEST}'::numeric), '-{_WIDEST}'::numeric)"
    return f"(CASE WHEN jsonb_typeof({value}) = 'number' THEN round({bounded}, {_FRACTION_DIGITS}) END)"


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def text_bound(text: str) -> str:
    """The key of a text."""
    return text[:KEY_CHARACTERS]


def number_bound(number: Decimal | int) -> Decimal:
    """The key of a number."""
    widest = Decimal(_WIDEST)
    bounded = max(min(Decimal(number), widest), -widest)
    return bounded.quantize(Decimal(1).scaleb(-_FRACTION_DIGITS), context=_rounding)


def after_prefix(prefix: str) -> str | None:
    """The first text after all that begin with the prefix; None when there is none."""
    kept = prefix.rstrip(_LAST_CHARACTER)
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)
