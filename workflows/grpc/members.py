"""What members and the server say on a stream besides callouts (contract: grpc 11)."""

from __future__ import annotations

from uuid import UUID

import msgspec

from cyoda import jsonio
from cyoda.principal import TenantId

JOIN = "CalculationMemberJoinEvent"
GREET = "CalculationMemberGreetEvent"
KEEP_ALIVE = "CalculationMemberKeepAliveEvent"
SIGNS_OF_LIFE = frozenset({KEEP_ALIVE, "EventAckResponse"})


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
