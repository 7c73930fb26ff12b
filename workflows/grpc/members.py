"""What members and the server say on a stream besides callouts (contract: grpc 11)."""

from __future__ import annotations

from uuid import UUID

import msgspec

from cyoda import jsonio
from cyoda.principal import TenantId

JOIN = "CalculationMemberJoinEvent"
LEAVE = "CalculationMemberLeaveEvent"
"""Not of the contract: a stopping member wants no more callouts, and is told when none will come (docs/adr/0008)."""
GREET = "CalculationMemberGreetEvent"
KEEP_ALIVE = "CalculationMemberKeepAliveEvent"
ACKNOWLEDGEMENT = "EventAckResponse"
SIGNS_OF_LIFE = frozenset({KEEP_ALIVE, ACKNOWLEDGEMENT, LEAVE})


class Join(msgspec.Struct, rename="camel"):
    """The first event of a stream as far as it is read; clients send more, and some send no id."""

    tags: list[str] | None = None
    joined_legal_entity_id: str | None = None


class InvalidJoin(ValueError):
    """The join's payload does not say what a join says."""


_decoder = msgspec.json.Decoder(Join)


def read_join(data: bytes) -> Join:
    """Raises InvalidJoin."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJoin(str(error)) from error


def greet(member_id: UUID, tenant: TenantId) -> bytes:
    """The payload that tells a member its id and tenant."""
    text = str(member_id)
    return jsonio.dumps({"id": text, "memberId": text, "joinedLegalEntityId": tenant, "success": True})


def keep_alive(member_id: UUID) -> bytes:
    """The payload of the server's probe; clients acknowledge its `id`."""
    text = str(member_id)
    return jsonio.dumps({"id": text, "memberId": text, "success": True})


def acknowledgement(source_event_id: str) -> bytes:
    """The payload that tells a member that an event of its own has had its effect."""
    return jsonio.dumps({"id": source_event_id, "sourceEventId": source_event_id, "success": True})
