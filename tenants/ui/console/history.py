"""What happened to an entity, transaction by transaction: its changes and what the state machine did, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenants.ui.console.place import Place
from tenants.ui.console.standing import Standing

SHOWN_EVENTS = 100
KINDS = (("EntityChange", _("Data changes")), ("StateMachine", _("State machine")), ("System", _("System")))
SEVERITIES = (("INFO", _("Information")), ("WARN", _("Warnings")), ("ERROR", _("Errors")))

Event = dict[str, Any]

_TROUBLE = frozenset({"CANCEL", "TRANSITION_ABORTED", "SCHEDULED_TRANSITION_EXPIRE", "TRANSITION_NOT_FOUND"})
_REFUSAL = frozenset({"TRANSITION_NOT_MATCH_CRITERION", "WORKFLOW_SKIP"})


@dataclass(frozen=True, slots=True)
class Happened:
    """What one transaction did: the change it made, if it did, and the engine's events, the last one first.

    `previous` is the transaction that made the version before.
    """

    transaction_id: str
    at: str
    change: Event | None
    events: list[Event]
    previous: str
    transition: str

    @property
    def moved(self) -> bool:
        """Whether the state is another one since."""
        return self.change is not None and self.change.get("fromState") != self.change.get("toState")

    @property
    def may_be_seen(self) -> bool:
        return self.change is not None and self.change["changeType"] != "DELETE"


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on or off; its address turns it."""

    label: str | Promise
    query: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Story:
    """A page of the trail; `next` is the query of the following one, empty at the end."""

    happened: list[Happened]
    kinds: list[Chip]
    severities: list[Chip]
    next: str
    is_filtered: bool
    is_continued: bool


def story(place: Place, standing: Standing, asked: QueryDict) -> Story:
    """`?type=` (repeatable), `?severity=` and `?cursor=` say which page of which trail; of the past what was known."""
    kinds = [kind for kind, _label in KINDS if kind in asked.getlist("type")]
    severity, cursor = asked.get("severity") or None, asked.get("cursor") or None
    page = place.api.get(
        "audit", "entity", standing.meta["id"],
        limit=SHOWN_EVENTS, differences="true", cursor=cursor, severity=severity, eventType=kinds or None,
        toUtcTime=(standing.is_chosen and standing.until) or None,
    )  # fmt: skip
    further = page["pagination"].get("nextCursor", "")
    return Story(
        happened=list(_by_transaction(page["items"], standing)),
        kinds=[_kind_chip(asked, kinds, kind, label) for kind, label in KINDS],
        severities=[_severity_chip(asked, severity, value, label) for value, label in SEVERITIES],
        next=_query(asked, cursor=further) if further else "",
        is_filtered=bool(kinds or severity),
        is_continued=bool(cursor),
    )


def _by_transaction(items: list[Event], standing: Standing) -> Iterator[Happened]:
    changes = [item for item in items if item["auditEventType"] == "EntityChange"]
    earlier = {after["transactionId"]: before["transactionId"] for after, before in pairwise(changes)}
    for transaction, group in groupby(items, lambda item: item["transactionId"]):
        entries = list(group)
        change = next((entry for entry in entries if entry["auditEventType"] == "EntityChange"), None)
        if change is not None:
            change["by"] = standing.name(change["actor"]["id"])
        yield Happened(
            transaction_id=transaction,
            at=entries[0]["utcTime"],
            change=change,
            events=[_marked(entry) for entry in entries if entry is not change],
            previous=earlier.get(transaction, "") or _before(standing, transaction),
            transition=_transition(entries),
        )


def _before(standing: Standing, transaction: str) -> str:
    """Of a change that is the last one of its page."""
    ids = [change.get("transactionId", "") for change in standing.changes]
    return ids[ids.index(transaction) + 1] if transaction in ids[:-1] else ""


def _marked(event: Event) -> Event:
    """With `mark`, how much it matters to somebody who looks for trouble."""
    kind, data = event.get("eventType", ""), event.get("data")
    failed = isinstance(data, dict) and data.get("success") is False
    event["mark"] = "error" if failed or kind in _TROUBLE else "refused" if kind in _REFUSAL else "quiet"
    if kind in ("TRANSITION_MAKE", "SCHEDULED_TRANSITION_FIRE"):
        event["mark"] = "move"
    return event


def _transition(entries: list[Event]) -> str:
    """How the state machine says that it moved, the first move of the transaction."""
    return next((entry["details"] for entry in reversed(entries) if entry.get("eventType") == "TRANSITION_MAKE"), "")


def _kind_chip(asked: QueryDict, on: list[str], kind: str, label: str | Promise) -> Chip:
    kinds = [each for each in on if each != kind] if kind in on else [*on, kind]
    return Chip(label, _query(asked, type=kinds), kind in on)


def _severity_chip(asked: QueryDict, on: str | None, value: str, label: str | Promise) -> Chip:
    return Chip(label, _query(asked, severity=None if on == value else value), on == value)


def _query(asked: QueryDict, **changed: object) -> str:
    """The address' query with some of it changed; another filter starts at the newest page."""
    names = ("at", "tx", "type", "severity")
    given: dict[str, object] = {name: asked.getlist(name) for name in names if asked.getlist(name)}
    pairs = {name: value for name, value in {**given, **changed}.items() if value}
    return f"?{urlencode(pairs, doseq=True)}"
