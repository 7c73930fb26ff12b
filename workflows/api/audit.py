"""The audit trail over HTTP (contract: engine 6.1-6.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from cyoda.clock import utc_text
from cyoda.errors import EntityNotFound, StorageUnavailable
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from cyoda.principal import TenantId
from workflows.api.wire import Json, Moment, Shape
from workflows.core.audit import Event
from workflows.core.entity import Version
from workflows.services import audit
from workflows.services.audit import ENTITY_CHANGE, SEVERITY, STATE_MACHINE, AuditFilter, Difference, Entry
from workflows.services.platform import Platform

_FINER_THAN_MICROSECONDS = re.compile(r"\.\d{6}\d*[1-9]")
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class AuditEvent(Shape, frozen=True, kw_only=True):
    """A state machine's event or a change of an entity; which members it has depends on `auditEventType`."""

    audit_event_type: Literal["StateMachine", "EntityChange"]
    severity: str
    utc_time: Moment
    micros_time: int
    entity_id: UUID
    transaction_id: UUID
    event_type: str = ""
    state: str = ""
    details: str = ""
    data: Json = None
    change_type: str = ""
    system: bool = False
    actor: dict[str, str] = {}
    version: int = 0
    from_state: str = ""
    to_state: str = ""
    changed_fields: int = 0


class AuditPagination(Shape, frozen=True, kw_only=True):
    has_next: bool
    next_cursor: str = ""


class AuditPage(Shape, frozen=True, kw_only=True):
    items: list[AuditEvent]
    pagination: AuditPagination


@operation(
    "Read the audit trail of an entity, newest first",
    query("eventType", list[Literal["StateMachine", "EntityChange"]], "Repeatable; both kinds unless given."),
    query("severity", str),
    query("fromUtcTime", Moment, "The first moment."),
    query("toUtcTime", Moment, "The last moment."),
    query("transactionId", UUID, "Only what this transaction did."),
    query("limit", Annotated[int, Meta(ge=1, le=1000)], "20 unless given."),
    query("cursor", str, "`nextCursor` of the page before."),
    query("differences", bool, "Say of each change how it differs from the version before it."),
    answer=AuditPage,
    errors=[EntityNotFound, StorageUnavailable],
)
async def search_audit(request: ApiRequest, platform: Platform) -> Response:
    entity_id = request.path_uuid("entityId")
    wanted = AuditFilter(
        kinds=request.query_list("eventType"),
        severity=request.query_text("severity") or None,
        start=_bound(request, "fromUtcTime"),
        end=_bound(request, "toUtcTime"),
        transaction_id=request.query_uuid("transactionId"),
    )
    limit, cursor = request.query_text("limit"), request.query_text("cursor")
    page = await audit.search_audit(request.principal, entity_id, wanted, limit=limit, cursor=cursor, platform=platform)
    pagination: dict[str, object] = {"hasNext": page.cursor is not None}
    if page.cursor is not None:
        pagination["nextCursor"] = page.cursor
    tenant = request.principal.tenant
    items = [_item(entry, str(entity_id), tenant) for entry in page.entries]
    if request.query_boolean("differences"):
        found = await audit.differences(request.principal, entity_id, page.entries, platform=platform)
        for entry, item in zip(page.entries, items, strict=True):
            if isinstance(entry.subject, Version):
                item |= _difference(entry.subject, found.get(entry.transaction_id))
    return json_response({"items": items, "pagination": pagination})


@operation(
    "Read how a transaction's workflow run ended", answer=AuditEvent, errors=[EntityNotFound, StorageUnavailable]
)
async def finished_event(request: ApiRequest, platform: Platform) -> Response:
    entity_id, transaction_id = request.path_uuid("entityId"), request.path_uuid("transactionId")
    entry = await audit.finished_event(request.principal, entity_id, transaction_id, platform=platform)
    return json_response(_item(entry, str(entity_id), request.principal.tenant))


def _bound(request: ApiRequest, name: str) -> datetime | None:
    """The first microsecond at or after the moment given. Raises InvalidParameter."""
    moment, text = request.query_time(name), request.query_text(name)
    if moment is None or text is None or moment == _END_OF_TIME or not _FINER_THAN_MICROSECONDS.search(text):
        return moment
    return moment + timedelta(microseconds=1)


def _item(entry: Entry, entity_id: str, tenant: TenantId) -> dict[str, object]:
    subject = entry.subject
    return _event(entry, subject, entity_id) if isinstance(subject, Event) else _change(entry, subject, tenant)


def _difference(version: Version, difference: Difference | None) -> dict[str, object]:
    """Of a deletion its number alone."""
    told: dict[str, object] = {"version": version.number}
    if difference is None:
        return told
    told["toState"] = version.state
    if difference.from_state is not None:
        told["fromState"] = difference.from_state
    if difference.fields is not None:
        told["changedFields"] = difference.fields
    return told


def _event(entry: Entry, event: Event, entity_id: str) -> dict[str, object]:
    item: dict[str, object] = {
        "auditEventType": STATE_MACHINE,
        "eventType": event.type,
        "severity": SEVERITY,
        "utcTime": utc_text(event.at),
        "microsTime": entry.position.micros,
        "entityId": entity_id,
        "transactionId": str(entry.transaction_id),
        "details": event.details,
        "data": event.data,
    }
    if event.state:
        item["state"] = event.state
    return item


def _change(entry: Entry, version: Version, tenant: TenantId) -> dict[str, object]:
    actor = version.attributed.id
    return {
        "auditEventType": ENTITY_CHANGE,
        "changeType": "DELETE" if version.deleted else "CREATE" if version.number == 1 else "UPDATE",
        "severity": SEVERITY,
        "system": False,
        "utcTime": utc_text(version.updated_at),
        "microsTime": entry.position.micros,
        "entityId": str(version.entity_id),
        "transactionId": str(version.transaction_id),
        "actor": {"id": actor, "name": actor, "legalId": tenant},
    }
