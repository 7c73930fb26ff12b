"""Why an entity is in its state (ours): gathers what the rule `workflows.core.fsm.explain` looks at."""

from __future__ import annotations

from uuid import UUID

from cyoda.principal import Principal
from workflows.core.fsm.explain import Explanation, explain
from workflows.services.entity_reads import get_entity
from workflows.services.platform import Platform


async def explain_entity(principal: Principal, entity_id: UUID, *, platform: Platform) -> Explanation:
    """What each transition of the entity's state waits for now; no member is asked, nothing is recorded.

    Raises EntityNotFound.
    """
    tenant = principal.tenant
    entity = await get_entity(principal, entity_id, platform=platform)
    configured = await platform.configurations.load(tenant, entity.model)
    return explain(
        entity,
        configured.stored.workflows,
        fields=configured.fields,
        timers=await platform.storage.timers_of(tenant, entity_id),
        trail=await platform.storage.audit(tenant, entity_id),
        members_of=lambda tags: platform.compute.count(tenant, tags),
        now=platform.clock(),
    )
