"""An entity as its pages show it: as it is now, as it was at a moment or after a transaction, or before its deletion.

`?at=` is a moment and `?tx=` a transaction; every tab of the entity keeps them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest

from cyoda.errors import EntityNotFound
from tenants.services.people import names_of
from tenants.ui.console.api import Answer, Refused
from tenants.ui.console.documents import meta_of
from tenants.ui.console.place import Place

_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?")
"""What a field for a moment sends: without a zone, which is ours, and mostly without seconds."""

Change = dict[str, Any]
MOST_CHANGES = 1000
"""That the API lists."""


@dataclass(frozen=True)
class Standing:
    """`changes` are the entity's versions, the newest first; `answer` is the API's for the one that is shown."""

    answer: Answer
    changes: list[Change]
    names: dict[str, str]
    at: str | None = None
    tx: str | None = None
    deletion: Change | None = None
    total: int = 0
    """How many versions there are; the API lists the newest of very many."""

    @cached_property
    def entity(self) -> dict[str, Any]:
        return self.answer.json

    @cached_property
    def meta(self) -> dict[str, Any]:
        """Read without the document, which may be large."""
        return meta_of(self.answer.body)

    @property
    def is_past(self) -> bool:
        """Whether nothing can be changed here."""
        return bool(self.at or self.tx or self.deletion)

    @property
    def is_chosen(self) -> bool:
        """Whether the reader asked for a moment."""
        return bool(self.at or self.tx)

    @property
    def query(self) -> str:
        """What the other tabs' addresses end with, to show the same moment."""
        chosen = {"tx": self.tx} if self.tx else {"at": self.at} if self.at else {}
        return f"?{urlencode(chosen)}" if chosen else ""

    @property
    def index(self) -> int | None:
        """Of the version shown among the changes; None where the API lists only newer ones."""
        shown = self.meta["transactionId"]
        return next((i for i, each in enumerate(self.changes) if each.get("transactionId") == shown), None)

    @property
    def number(self) -> int | None:
        return None if self.index is None else self.total - self.index

    @property
    def change(self) -> Change | None:
        """The one that made the version shown."""
        return None if self.index is None else self.changes[self.index]

    @property
    def earlier(self) -> str:
        """The transaction that made the version before; empty for the first one."""
        return "" if self.index is None else self._transaction(self.index + 1)

    @property
    def later(self) -> str:
        """The transaction that made the version after; empty for the newest one."""
        return "" if self.index is None else self._transaction(self.index - 1)

    @property
    def until(self) -> str:
        """The moment up to which the version shown was the newest; empty while it is."""
        return "" if not self.index else self.changes[self.index - 1]["timeOfChange"]

    @property
    def by(self) -> str:
        return "" if self.change is None else self.name(self.change["user"])

    @property
    def deleted_by(self) -> str:
        return "" if self.deletion is None else self.name(self.deletion["user"])

    def name(self, user: str) -> str:
        return self.names.get(user, user)

    def _transaction(self, index: int) -> str:
        return self.changes[index].get("transactionId", "") if 0 <= index < len(self.changes) else ""


class NotThen(Exception):
    """The entity was not there at the moment asked for, or the transaction made no version of it."""

    def __init__(self, changes: list[Change], at: str | None) -> None:
        super().__init__(at)
        self.at = at
        self.first, self.last = changes[-1], changes[0]

    @property
    def is_deleted(self) -> bool:
        return self.last["changeType"] == "DELETE"


def standing_of(request: HttpRequest, place: Place, entity_id: UUID) -> Standing:
    """Raises Refused, NotThen."""
    at, tx = moment_given(request.GET.get("at", "")), request.GET.get("tx") or None
    try:
        answer = _entity(place, entity_id, None if tx else at, tx)
    except Refused as refusal:
        if refusal.code != EntityNotFound.code:
            raise
        if at or tx:
            raise NotThen(place.api.get("entity", entity_id, "changes"), at) from None
        return _deleted(place, entity_id, refusal)
    found = _found(place, entity_id, answer, place.api.get("entity", entity_id, "changes"))
    return replace(found, at=None if tx else at, tx=tx)


def moment_given(text: str) -> str | None:
    """A moment of a query or form; without a zone it is UTC."""
    if not _LOCAL.fullmatch(text):
        return text or None
    return f"{text}Z" if text.count(":") > 1 else f"{text}:00Z"


def _entity(place: Place, entity_id: UUID, at: str | None, tx: str | None) -> Answer:
    return place.api.answer("entity", entity_id, pointInTime=at, transactionId=tx)


def _deleted(place: Place, entity_id: UUID, refusal: Refused) -> Standing:
    """The last version of an entity that is no more. Raises Refused for one that never was."""
    changes: list[Change] = place.api.get("entity", entity_id, "changes")
    last = next((each["transactionId"] for each in changes if "transactionId" in each), None)
    if last is None or changes[0]["changeType"] != "DELETE":
        raise refusal
    found = _found(place, entity_id, _entity(place, entity_id, None, last), changes)
    return replace(found, deletion=changes[0])


def _found(place: Place, entity_id: UUID, answer: Answer, changes: list[Change]) -> Standing:
    names = names_of(place.organisation, {change["user"] for change in changes})
    total = len(changes)
    if total >= MOST_CHANGES:
        newest = place.api.get("audit", "entity", entity_id, eventType="EntityChange", differences="true", limit=1)
        total = newest["items"][0]["version"]
    return Standing(answer, changes, names, total=total)
