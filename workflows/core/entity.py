"""The entity: a JSON document of a model, in a state, with its whole history (contract: entities 5.1).

A document keeps the text it was written with (whitespace removed, number literals untouched) and is parsed only
when a rule looks inside.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from cyoda import ids, jsonio
from cyoda.jsonio import Json
from cyoda.principal import Actor


class ModelKey(NamedTuple):
    """Name and version of an entity model within a tenant."""

    name: str
    version: int

    @property
    def id(self) -> UUID:
        return ids.model_id(self.name, self.version)

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


class Document:
    """A JSON document: its compact text, and its value parsed on first use.

    The value must not be changed in place; a changed document is a new one.
    """

    __slots__ = ("_value", "text")

    def __init__(self, text: bytes, value: Json = msgspec.UNSET) -> None:
        self.text = text
        self._value = value

    @classmethod
    def from_text(cls, text: bytes) -> Document:
        """The first JSON value in `text`. Raises jsonio.InvalidJson."""
        value, own_text = jsonio.first_value(text)
        return cls(msgspec.json.format(own_text, indent=-1), value)

    @classmethod
    def from_value(cls, value: Json) -> Document:
        return cls(jsonio.dumps(value), value)

    @property
    def value(self) -> Json:
        if self._value is msgspec.UNSET:
            self._value = jsonio.reparse(self.text)
        return self._value

    @property
    def raw(self) -> msgspec.Raw:
        """The text as it goes into an enclosing message, verbatim."""
        return msgspec.Raw(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Document({self.text[:80]!r})"


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One committed version of an entity (or one buffered in an open transaction).

    `number` counts from 1; `updated_at` is the commit moment of this version, strictly rising per entity;
    `transition` is `loopback` or the name requested by the client; `document` is empty for a tombstone.
    """

    entity_id: UUID
    model: ModelKey
    number: int
    state: str
    document: Document
    created_at: datetime
    updated_at: datetime
    transaction_id: UUID
    transition: str
    attributed: Actor
    executor: Actor
    deleted: bool = False

    # The predicate kernel's view of the lifecycle fields (contract: search 9.9).
    @property
    def id(self) -> str:
        return str(self.entity_id)

    @property
    def creation_date(self) -> datetime:
        return self.created_at

    @property
    def last_update_time(self) -> datetime:
        return self.updated_at

    @property
    def transition_for_latest_save(self) -> str:
        return self.transition


EMPTY_DOCUMENT = Document(b"null", None)
LOOPBACK = "loopback"
