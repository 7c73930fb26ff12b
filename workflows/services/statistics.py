"""Counting live entities (contract: entities 6.1-6.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cyoda.errors import BadRequest, ModelNotFound
from cyoda.principal import Principal
from workflows.core.entity import ModelKey
from workflows.services.platform import Platform
from workflows.services.transaction import Join, Transaction
from workflows.storage.base import Aggregation, EntityStore, Scan, StateCount

MAX_STATES = 1000
_ALL_STATES = 1_000_000


async def count_entities(
    principal: Principal, *, platform: Platform, join: Join | None = None
) -> list[tuple[ModelKey, int]]:
    """Every registered model of the tenant with its number of live entities, zero included."""
    models = await platform.storage.models(principal.tenant)
    counts: Counter[ModelKey] = Counter()
    for row in await _counted(principal, [model.key for model in models], platform, join):
        counts[row.model] += row.count
    return [(model.key, counts[model.key]) for model in models]


async def count_entities_of(
    principal: Principal, key: ModelKey, *, platform: Platform, join: Join | None = None
) -> int:
    """Raises ModelNotFound."""
    await _require_model(principal, key, platform)
    return sum(row.count for row in await _counted(principal, [key], platform, join))


async def count_states(
    principal: Principal,
    key: ModelKey | None,
    *,
    states: Sequence[str] | None,
    platform: Platform,
    join: Join | None = None,
) -> list[StateCount]:
    """Live entities by model and state, of one model or of all; `states` None means every state.

    Raises BadRequest (more than 1000 states), ModelNotFound.
    """
    if states is not None and len(states) > MAX_STATES:
        raise BadRequest(f"states filter has {len(states)} entries; maximum is {MAX_STATES}")
    if key is not None:
        await _require_model(principal, key, platform)
        keys = [key]
    else:
        keys = [model.key for model in await platform.storage.models(principal.tenant)]
    wanted = None if states is None else frozenset(states)
    rows = await _counted(principal, keys, platform, join)
    return [row for row in rows if wanted is None or row.state in wanted]


async def _counted(
    principal: Principal, keys: Sequence[ModelKey], platform: Platform, join: Join | None
) -> Sequence[StateCount]:
    """A joined transaction counts its own writes over its snapshot, and tracks no reads (contract: grpc 16.4)."""
    if join is None:
        rows = await platform.storage.count_by_state(principal.tenant, keys[0] if len(keys) == 1 else None)
        known = frozenset(keys)
        return [row for row in rows if row.model in known]
    async with platform.transactions.run(principal, join) as transaction:
        return [row for key in keys for row in await _counted_by(transaction, key, platform.storage)]


async def _counted_by(transaction: Transaction, key: ModelKey, store: EntityStore) -> list[StateCount]:
    own = transaction.buffered(key)
    counts = Counter(version.state for version in own.values() if not version.deleted)
    scan = Scan(model=key, snapshot=await transaction.snapshot())
    by_state = Aggregation(scan=scan, group_by=((),), fields=(), without=tuple(own), max_groups=_ALL_STATES)
    aggregated = await store.aggregate(transaction.tenant, by_state)
    for group in aggregated.groups if aggregated is not None else ():
        counts[group.key[0] or ""] += group.count
    uncounted = aggregated.uncounted if aggregated is not None else store.scan(transaction.tenant, scan)
    async for batch in uncounted:
        counts.update(version.state for version in batch if version.entity_id not in own)
    return [StateCount(key, state, count) for state, count in counts.items()]


async def _require_model(principal: Principal, key: ModelKey, platform: Platform) -> None:
    if (await platform.configurations.load(principal.tenant, key)).stored.model is None:
        raise ModelNotFound(f"model {key.name}/{key.version} not found")
