"""Writing single entities: create, update, merge, transition, delete (contract: entities 5.2, 5.5-5.7, 5.10).

Returned means committed (or staged, inside a joined transaction); raised means nothing happened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec

from cyoda.errors import (
    BadRequest,
    Conflict,
    EntityModified,
    EntityNotFound,
    NotImplementedHere,
    PreconditionRequired,
)
from cyoda.principal import Principal
from workflows.core.entity import Document, ModelKey, Version
from workflows.core.patch import merged
from workflows.core.schema.model import Model
from workflows.services.configurations import View
from workflows.services.documents import Accepted, accept, accept_patched, parse_document, parse_json
from workflows.services.entity_reads import not_found
from workflows.services.platform import Platform
from workflows.services.settling import Settling
from workflows.services.transaction import Join, Transaction

MISSING_IF_MATCH = (
    "missing If-Match: send If-Match: <transactionId> from your last GET of this entity to patch safely, "
    "or If-Match: * to explicitly accept last-writer-wins"
)


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What one transaction (one chunk of a collection) stored; `warnings` are shown to gRPC callers only."""

    transaction_id: UUID
    entity_ids: tuple[UUID, ...]
    warnings: tuple[str, ...] = ()


async def create_entity(
    principal: Principal,
    key: ModelKey,
    body: bytes,
    *,
    data_format: str,
    platform: Platform,
    join: Join | None = None,
) -> Committed:
    """Create one entity and run its workflow until it settles.

    Raises ModelNotFound, ModelNotLocked, BadRequest, IncompatibleType, PolymorphicSlot, InvalidUniqueKey,
    UniqueViolation, WorkflowFailed and the errors of compute dispatch.
    """

    async def attempt(view: View) -> Committed:
        async with platform.transactions.run(principal, join) as transaction:
            model = (await view.get(key, transaction)).locked_model
            accepted = accept(parse_document(body, data_format), model)
            settling = Settling(principal, transaction, view, platform)
            version = await settling.create(key, accepted)
        return committed(transaction, (version.entity_id,))

    return await platform.configurations.decide(principal.tenant, attempt)


async def update_entity(
    principal: Principal,
    entity_id: UUID,
    body: bytes,
    *,
    data_format: str,
    transition: str | None = None,
    if_match: str | None = None,
    platform: Platform,
    join: Join | None = None,
) -> Committed:
    """Replace an entity's document; without a transition automated ones are looked at again.

    `if_match` is the transaction id the client last read; empty or None is no precondition.
    Raises BadRequest, EntityNotFound, EntityModified, TransitionNotFound, Conflict and as `create_entity`.
    """
    document = parse_document(body, data_format)

    def replaced(_version: Version, model: Model) -> Accepted:
        return accept(document, model)

    change = _Change(replaced, transition, if_match or None, EntityNotFound("entity not found"))
    return await _update(principal, entity_id, change, platform, join)


async def patch_entity(
    principal: Principal,
    entity_id: UUID,
    body: bytes,
    *,
    transition: str | None = None,
    if_match: str | None,
    json_patch: bool = False,
    platform: Platform,
    join: Join | None = None,
) -> Committed:
    """Merge a document into an entity's (RFC 7386); the merged one must be valid and never extends the model.

    `if_match` None is refused, `*` and empty accept any version; `json_patch` is the other, unsupported format.
    Raises PreconditionRequired, NotImplementedHere, BadRequest, EntityNotFound and as `update_entity`.
    """
    if if_match is None:
        raise PreconditionRequired(MISSING_IF_MATCH)
    if json_patch:
        raise NotImplementedHere("RFC 6902 JSON Patch is not implemented; use application/merge-patch+json")
    patch = parse_json(body)

    def merge(version: Version, model: Model) -> Accepted:
        return accept_patched(Document.from_value(merged(version.document.value, patch.value)), model)

    precondition = None if if_match in ("", "*") else if_match
    change = _Change(merge, transition, precondition, EntityNotFound("entity not found"))
    return await _update(principal, entity_id, change, platform, join)


async def transition_entity(
    principal: Principal,
    entity_id: UUID,
    transition: str,
    *,
    platform: Platform,
    join: Join | None = None,
) -> Committed:
    """Fire a named transition with the entity's current data. Raises as `update_entity`."""

    def unchanged(version: Version, _model: Model) -> Accepted:
        return Accepted(version.document, None)

    change = _Change(unchanged, transition, None, not_found(entity_id))
    return await _update(principal, entity_id, change, platform, join)


@dataclass(frozen=True, slots=True)
class _Change:
    """What an update does to the version it finds, and the refusal when there is none."""

    accepted: Callable[[Version, Model], Accepted]
    transition: str | None
    if_match: str | None
    missing: EntityNotFound


async def _update(
    principal: Principal, entity_id: UUID, change: _Change, platform: Platform, join: Join | None
) -> Committed:
    async def attempt(view: View) -> Committed:
        transaction: Transaction | None = None
        try:
            async with platform.transactions.run(principal, join) as transaction:
                version = await transaction.read(entity_id)
                if version is None:
                    raise change.missing
                configured = await view.get(version.model, transaction)
                settling = Settling(principal, transaction, view, platform)
                accepted = change.accepted(version, configured.model)
                await settling.update(version, accepted, change.transition, change.if_match)
        except Conflict:
            # Once a segment is committed, a repeated request would meet another entity (contract: engine 3.5).
            if transaction is not None and transaction.is_segmented:
                raise EntityModified(entity_id) from None
            raise
        return committed(transaction, (entity_id,))

    return await platform.configurations.decide(principal.tenant, attempt)


async def delete_entity(
    principal: Principal, entity_id: UUID, *, platform: Platform, join: Join | None = None
) -> Version:
    """Delete an entity, keeping its history; no workflow runs. Returns the tombstone.

    Raises EntityNotFound, Conflict.
    """
    async with platform.transactions.run(principal, join) as transaction:
        version = await transaction.read(entity_id)
        if version is None:
            raise not_found(entity_id)
        return transaction.delete(version, executor=principal)


def committed(transaction: Transaction, entity_ids: tuple[UUID, ...]) -> Committed:
    return Committed(transaction_id=transaction.entry_id, entity_ids=entity_ids, warnings=tuple(transaction.warnings))


def check_window(window: int) -> None:
    """Raises BadRequest."""
    if not 0 < window <= MAX_WINDOW:
        raise BadRequest(f"transactionWindow must be in (0, {MAX_WINDOW}]")


MAX_WINDOW = 1000
DEFAULT_WINDOW = 100
