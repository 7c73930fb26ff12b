"""Reading entities over HTTP (contract: entities 5.8, 5.9, 5.11, 5.12)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from cyoda.clock import utc_text
from cyoda.errors import BadRequest
from cyoda.http import binding
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes, json_response
from cyoda.principal import Actor
from workflows.api.binding import model_key
from workflows.core.entity import Version
from workflows.services import entity_reads
from workflows.services.envelope import envelope
from workflows.services.platform import Platform
from workflows.services.transaction import Transaction

_DEFAULT_PAGE_SIZE = 20


async def get_entity(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
    entity_id = request.path_uuid("entityId")
    at, transaction_id = request.query_time("pointInTime"), request.query_uuid("transactionId")
    version = await entity_reads.get_entity(
        request.principal, entity_id, at=at, transaction_id=transaction_id, platform=platform, join=join
    )
    return json_bytes(envelope(version))


async def list_entities(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
    key = model_key(request)
    page_size, page_number = request.query_int32("pageSize", _DEFAULT_PAGE_SIZE), request.query_int32("pageNumber", 0)
    at = request.query_time("pointInTime")
    page = await entity_reads.list_entities(
        request.principal, key, page_size=page_size, page_number=page_number, at=at, platform=platform, join=join
    )
    return json_bytes(b"[%b]" % b",".join(envelope(version, at=at) for version in page))


async def list_changes(request: ApiRequest, platform: Platform) -> Response:
    entity_id, until = request.path_uuid("entityId"), request.query_time("pointInTime")
    versions = await entity_reads.changes(request.principal, entity_id, until=until, platform=platform)
    return json_response([_change(version) for version in versions])


async def list_transitions(request: ApiRequest, platform: Platform) -> Response:
    names = await entity_reads.available_transitions(
        request.principal,
        request.values["entityId"],
        at=_instant(request.query_text("pointInTime")),
        transaction_id=_transaction_id(request.query_text("transactionId")),
        platform=platform,
    )
    return json_response(names)


async def fetch_transitions(request: ApiRequest, platform: Platform) -> Response:
    """The legacy form: the class must look like one and is otherwise not compared with the entity's model."""
    entity_class, entity_id = request.query_text("entityClass"), request.query_text("entityId")
    if not entity_class or not entity_id:
        raise BadRequest("entityClass and entityId are required")
    if "." not in entity_class or entity_class.endswith("."):
        raise BadRequest("entityClass must be in format Name.Version (e.g., Offer.1)")
    return json_response(await entity_reads.available_transitions(request.principal, entity_id, platform=platform))


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    at = binding.instant(text)
    if at is None:
        raise BadRequest("invalid pointInTime format")
    return at


def _transaction_id(text: str | None) -> UUID | None:
    if not text:
        return None
    transaction_id = binding.uuid(text)
    if transaction_id is None:
        raise BadRequest(f"invalid transactionId (txID={text})")
    return transaction_id


def _change(version: Version) -> dict[str, object]:
    change: dict[str, object] = {
        "changeType": "DELETE" if version.deleted else "CREATE" if version.number == 1 else "UPDATE",
        "timeOfChange": utc_text(version.updated_at),
        "user": version.attributed.id,
        "attributedKind": version.attributed.kind,
        "executedBy": _actor(version.executor),
    }
    if not version.deleted:
        change["transactionId"] = str(version.transaction_id)
    return change


def _actor(actor: Actor) -> dict[str, str]:
    return {"id": actor.id, "kind": actor.kind}
