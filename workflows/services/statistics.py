"""Counting live entities (contract: entities 6.1-6.4)."""

from __future__ import annotations

from collections.abc import Sequence

from cyoda.errors import BadRequest, ModelNotFound
from cyoda.principal import Principal
from workflows.core.entity import ModelKey
from workflows.services.platform import Platform
from workflows.storage.base import StateCount

MAX_STATES = 1000


async def count_entities(principal: Principal, *, platform: Platform) -> list[tuple[ModelKey, int]]:
    """Every registered model of the tenant with its number of live entities, zero included."""
    counts: dict[ModelKey, int] = {}
    for row in await platform.storage.count_by_state(principal.tenant):
        counts[row.model] = counts.get(row.model, 0) + row.count
    models = await platform.storage.models(principal.tenant)
    return [(model.key, counts.get(model.key, 0)) for model in models]


async def count_entities_of(principal: Principal, key: ModelKey, *, platform: Platform) -> int:
    """Raises ModelNotFound."""
    await _require_model(principal, key, platform)
    return sum(row.count for row in await platform.storage.count_by_state(principal.tenant, key))


async def count_states(
    principal: Principal, key: ModelKey | None, *, states: Sequence[str] | None, platform: Platform
) -> list[StateCount]:
    """Live entities by model and state, of one model or of all; `states` None means every state.

    Raises BadRequest (more than 1000 states), ModelNotFound.
    """
    if states is not None and len(states) > MAX_STATES:
        raise BadRequest(f"states filter has {len(states)} entries; maximum is {MAX_STATES}")
    if key is not None:
        await _require_model(principal, key, platform)
        known = {key}
    else:
        known = {model.key for model in await platform.storage.models(principal.tenant)}
    wanted = None if states is None else frozenset(states)
    rows = await platform.storage.count_by_state(principal.tenant, key)
    return [row for row in rows if row.model in known and (wanted is None or row.state in wanted)]


async def _require_model(principal: Principal, key: ModelKey, platform: Platform) -> None:
    if (await platform.configurations.load(principal.tenant, key)).stored.model is None:
        raise ModelNotFound(f"model {key.name}/{key.version} not found")
