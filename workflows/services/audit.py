"""The audit trail of an entity: what its state machine did, and what was changed (contract: engine 6.1-6.3).

Both kinds merge into one order by time. Every entry has a position in it that never changes, so a cursor names the
last entry of a page and later events shift nothing.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

import msgspec

from cyoda.clock import epoch_micros
from cyoda.errors import BadRequest, EntityNotFound
from cyoda.principal import Principal
from workflows.core.audit import AuditRecord, Event, EventType
from workflows.core.difference import changed_fields
from workflows.core.entity import EMPTY_DOCUMENT, Document, Version
from workflows.services.platform import Platform

STATE_MACHINE, ENTITY_CHANGE = "StateMachine", "EntityChange"
SEVERITY = "INFO"
"""Of every entry."""

DEFAULT_LIMIT, MAX_LIMIT = 20, 1000
DIFFERENCES_LIMIT_BYTES = 1 << 20
"""Of the documents that are compared for one page, together."""
EMPTY_OBJECT = Document(b"{}", {})
_WHOLE_HISTORY = 2**31 - 1
_INT64_DIGITS = 18


class Position(NamedTuple):
    """Where an entry stands, oldest first: a change comes after the events of its microsecond.

    `order` counts the events of one transaction on the entity, or is the version's number.
    """

    micros: int
    is_change: bool
    order: int
    transaction: str


class Entry(NamedTuple):
    """An event of the state machine, or a version that was committed; `transaction_id` is the one it belongs to."""

    position: Position
    transaction_id: UUID
    subject: Event | Version


class AuditFilter(NamedTuple):
    """Which entries are wanted; None does not restrict. `start` is inclusive, `end` is not."""

    kinds: Collection[str] | None = None
    severity: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    transaction_id: UUID | None = None


class Difference(NamedTuple):
    """How a version differs from the one before it; `fields` is None when they were too large to be compared."""

    from_state: str | None
    fields: int | None


class AuditPage(NamedTuple):
    """Entries newest first; `cursor` continues after the last one, None at the end."""

    entries: Sequence[Entry]
    cursor: str | None


async def search_audit(
    principal: Principal,
    entity_id: UUID,
    wanted: AuditFilter,
    *,
    limit: str | None = None,
    cursor: str | None = None,
    platform: Platform,
) -> AuditPage:
    """One page of an entity's trail, deleted entities included; `limit` and `cursor` are texts of query parameters.

    A cursor that cannot be read starts anew; one of digits counts entries from the newest.
    Raises EntityNotFound when the entity never existed, then BadRequest (limit).
    """
    tenant = principal.tenant
    versions = await platform.storage.history(tenant, entity_id, limit=_WHOLE_HISTORY)
    if not versions:
        raise EntityNotFound("entity not found")
    size = audit_limit(limit)
    entries = list(_changes(versions)) if _wants(wanted, ENTITY_CHANGE) else []
    if _wants(wanted, STATE_MACHINE):
        entries += _events(await platform.storage.audit(tenant, entity_id))
    entries = [entry for entry in entries if _is_wanted(entry, wanted)]
    entries.sort(key=lambda entry: entry.position, reverse=True)
    remaining = _after(entries, cursor)
    page = remaining[:size]
    return AuditPage(page, _cursor(page[-1].position) if len(remaining) > size else None)


async def differences(
    principal: Principal, entity_id: UUID, entries: Iterable[Entry], *, platform: Platform
) -> Mapping[UUID, Difference]:
    """Of the versions among the entries, by their transactions; as many of them as DIFFERENCES_LIMIT_BYTES allows."""
    tenant, room = principal.tenant, DIFFERENCES_LIMIT_BYTES
    versions = await platform.storage.history(tenant, entity_id, limit=_WHOLE_HISTORY)
    earlier = {after.number: before for after, before in pairwise(versions)}
    documents: dict[UUID, Document] = {}

    async def document(version: Version) -> Document:
        nonlocal room
        if version.transaction_id not in documents:
            found = await platform.storage.read_written_by(tenant, entity_id, version.transaction_id)
            documents[version.transaction_id] = EMPTY_DOCUMENT if found is None else found.document
            room -= len(documents[version.transaction_id].text)
        return documents[version.transaction_id]

    found: dict[UUID, Difference] = {}
    for entry in entries:
        if not isinstance(entry.subject, Version) or entry.subject.deleted:
            continue
        before, fields = earlier.get(entry.subject.number), None
        if room > 0:
            old = EMPTY_OBJECT if before is None or before.deleted else await document(before)
            new = await document(entry.subject)
            fields = changed_fields(old.value, new.value) if room > 0 else None
        found[entry.transaction_id] = Difference(None if before is None else before.state, fields)
    return found


async def finished_event(principal: Principal, entity_id: UUID, transaction_id: UUID, *, platform: Platform) -> Entry:
    """The earliest STATE_MACHINE_FINISH of the entity in the transaction. Raises EntityNotFound."""
    finishes = [
        entry
        for entry in _events(await platform.storage.audit(principal.tenant, entity_id))
        if entry.transaction_id == transaction_id
        and isinstance(entry.subject, Event)
        and entry.subject.type is EventType.STATE_MACHINE_FINISH
    ]
    if not finishes:
        raise EntityNotFound("finished event not found")
    return min(finishes, key=lambda entry: entry.position)


def audit_limit(text: str | None) -> int:
    """Raises BadRequest."""
    if text is None:
        return DEFAULT_LIMIT
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()) or len(digits.lstrip("0")) > _INT64_DIGITS or int(digits) < 1:
        raise BadRequest("invalid limit parameter")
    return min(int(digits), MAX_LIMIT)


# --- entries --------------------------------------------------------------------------------------------------------


def _changes(versions: Iterable[Version]) -> Iterator[Entry]:
    for version in versions:
        position = Position(epoch_micros(version.updated_at), True, version.number, str(version.transaction_id))
        yield Entry(position, version.transaction_id, version)


def _events(records: Iterable[AuditRecord]) -> Iterator[Entry]:
    counted: dict[UUID, int] = {}
    for record in records:
        transaction_id = record.transaction_id
        for event in record.events:
            order = counted[transaction_id] = counted.get(transaction_id, 0) + 1
            yield Entry(Position(epoch_micros(event.at), False, order, str(transaction_id)), transaction_id, event)


def _wants(wanted: AuditFilter, kind: str) -> bool:
    return (wanted.kinds is None or kind in wanted.kinds) and wanted.severity in (None, SEVERITY)


def _is_wanted(entry: Entry, wanted: AuditFilter) -> bool:
    micros = entry.position.micros
    return (
        (wanted.transaction_id is None or entry.transaction_id == wanted.transaction_id)
        and (wanted.start is None or micros >= epoch_micros(wanted.start))
        and (wanted.end is None or micros < epoch_micros(wanted.end))
    )


# --- cursors --------------------------------------------------------------------------------------------------------

_position = msgspec.json.Decoder(Position)


def _cursor(position: Position) -> str:
    return urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def _after(entries: Sequence[Entry], cursor: str | None) -> Sequence[Entry]:
    """The entries, newest first, that follow the cursor."""
    if not cursor or not cursor.isascii():
        return entries
    if cursor.isdecimal():
        return entries[int(cursor) :] if len(cursor) <= _INT64_DIGITS else entries
    try:
        last = _position.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.DecodeError):
        return entries
    return [entry for entry in entries if entry.position < last]
