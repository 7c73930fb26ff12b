"""Reading entities: one, many, as of an instant or a transaction, and their history (contract: entities 5.8-5.12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cyoda.errors import BadRequest, EntityNotFound, ModelNotFound
from cyoda.principal import Principal
from workflows.core.entity import ModelKey, Version
from workflows.services.engine import offered_transitions
from workflows.services.platform import Platform
from workflows.services.transaction import Join
from workflows.storage.base import Scan

MAX_PAGE_SIZE = 10_000
MAX_PAGE_NUMBER = 214_748
MAX_CHANGES = 1000


def not_found(entity_id: UUID) -> EntityNotFound:
    return EntityNotFound(f"entity id={entity_id} not found", {"entityId": str(entity_id)})


async def get_entity(
    principal: Principal,
    entity_id: UUID,
    *,
    at: datetime | None = None,
    transaction_id: UUID | None = None,
    platform: Platform,
    join: Join | None = None,
) -> Version:
    """The latest live version, the one at an instant, or the one a transaction wrote.

    Raises EntityNotFound, BadRequest (both selectors given).
    """
    if at is not None and transaction_id is not None:
        raise BadRequest("cannot specify both pointInTime and transactionId")
    if transaction_id is not None:
        version = await platform.storage.read_written_by(principal.tenant, entity_id, transaction_id)
    else:
        version = await _seen(principal, entity_id, at, platform, join)
    if version is None:
        raise not_found(entity_id)
    return version


async def _seen(
    principal: Principal, entity_id: UUID, at: datetime | None, platform: Platform, join: Join | None
) -> Version | None:
    """The live version at an instant, in the joined transaction, or else the latest."""
    if at is not None:
        return await platform.storage.read_as_of(principal.tenant, entity_id, at)
    if join is not None:
        async with platform.transactions.run(principal, join) as transaction:
            return await transaction.read(entity_id)
    return (await platform.storage.read(principal.tenant, (entity_id,))).get(entity_id)


async def list_entities(
    principal: Principal,
    key: ModelKey,
    *,
    page_size: int,
    page_number: int,
    at: datetime | None = None,
    platform: Platform,
    join: Join | None = None,
) -> list[Version]:
    """One page of a model's live entities in id order.

    Raises BadRequest (page out of bounds, before the model is looked up), ModelNotFound.
    """
    check_page(page_size, page_number)
    if (await platform.configurations.load(principal.tenant, key)).stored.model is None:
        raise ModelNotFound(f"model {key.name}/{key.version} not found")
    if page_size == 0:
        return []
    if join is not None and at is None:
        return await _list_joined(principal, key, page_size, page_number, platform, join)
    scan = Scan(model=key, at=at, offset=page_number * page_size, limit=page_size)
    return [version async for batch in platform.storage.scan(principal.tenant, scan) for version in batch]


async def _list_joined(
    principal: Principal, key: ModelKey, page_size: int, page_number: int, platform: Platform, join: Join
) -> list[Version]:
    """Own uncommitted versions over the snapshot; the rows read join the read set (contract: engine 5.1)."""
    async with platform.transactions.run(principal, join) as transaction:
        own = transaction.buffered(key)
        scan = Scan(model=key, snapshot=await transaction.snapshot())
        committed = [
            version
            async for batch in platform.storage.scan(principal.tenant, scan)
            for version in batch
            if version.entity_id not in own
        ]
        live = committed + [version for version in own.values() if not version.deleted]
        live.sort(key=lambda version: version.entity_id.int)
        page = live[page_number * page_size : (page_number + 1) * page_size]
        transaction.track(version for version in page if version.entity_id not in own)
        return page


def check_page(page_size: int, page_number: int) -> None:
    """Raises BadRequest in the contract's order (contract: entities 1.10)."""
    if page_number < 0:
        raise BadRequest("invalid pageNumber")
    if page_size < 0:
        raise BadRequest("invalid pageSize")
    if page_size > MAX_PAGE_SIZE:
        raise BadRequest(f"pageSize exceeds maximum {MAX_PAGE_SIZE}")
    if page_number > MAX_PAGE_NUMBER:
        raise BadRequest(f"pageNumber exceeds maximum {MAX_PAGE_NUMBER}")


async def changes(
    principal: Principal, entity_id: UUID, *, until: datetime | None = None, platform: Platform
) -> Sequence[Version]:
    """An entity's versions, newest first, tombstones included. Raises EntityNotFound when it never existed."""
    versions = await platform.storage.history(principal.tenant, entity_id, until=until, limit=MAX_CHANGES)
    if not versions and (until is None or not await platform.storage.history(principal.tenant, entity_id, limit=1)):
        raise not_found(entity_id)
    return versions


async def available_transitions(
    principal: Principal,
    entity_id: str,
    *,
    at: datetime | None = None,
    transaction_id: UUID | None = None,
    platform: Platform,
    join: Join | None = None,
) -> list[str]:
    """Names of all transitions of the entity's state in the selected workflow, in order (contract: engine 2.7).

    Raises EntityNotFound, BadRequest (both selectors, unknown transaction).
    """
    version = await _version_for_transitions(principal, entity_id, at, transaction_id, platform, join)
    configured = await platform.configurations.load(principal.tenant, version.model)
    return await offered_transitions(
        principal, version, configured.workflows, compute=platform.compute, clock=platform.clock
    )


async def _version_for_transitions(
    principal: Principal,
    entity_id: str,
    at: datetime | None,
    transaction_id: UUID | None,
    platform: Platform,
    join: Join | None,
) -> Version:
    missing = EntityNotFound(f"entity {entity_id} not found")
    if at is not None and transaction_id is not None:
        raise BadRequest("pointInTime and transactionId are mutually exclusive")
    try:
        identity = UUID(entity_id)
    except ValueError:
        raise missing from None
    if transaction_id is not None:
        written = await platform.storage.read_written_by(principal.tenant, identity, transaction_id)
        if written is None:
            raise BadRequest(f"cannot resolve the transaction's commit time (txID={transaction_id})")
        return written
    version = await _seen(principal, identity, at, platform, join)
    if version is None:
        raise missing
    return version
