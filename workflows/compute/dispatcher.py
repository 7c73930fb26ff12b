"""Callouts to the members of this process (contract: grpc 15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cyoda.errors import NoComputeMemberForTag
from cyoda.ids import IdSource
from cyoda.principal import Principal
from workflows.compute import events
from workflows.compute.members import Member, Registry
from workflows.core.callout import DEFAULT_TIMEOUT_MS, Callout, CalloutAnswer

Choice = Callable[[Sequence[Member]], Member]
"""Picks one of several members; `random.choice` in production."""


class LocalDispatcher:
    """The ComputeGateway of a single node: one attempt at a matching member, chosen without regard to its load."""

    def __init__(self, registry: Registry, *, new_id: IdSource, choose: Choice) -> None:
        self._registry = registry
        self._new_id = new_id
        self._choose = choose

    async def call(self, principal: Principal, callout: Callout, *, token: str | None) -> CalloutAnswer:
        """See ComputeGateway.call."""
        candidates = self._registry.candidates(principal.tenant, callout.tags)
        if not candidates:
            raise NoComputeMemberForTag(f'no matching calculation member: tags "{callout.tags}"')
        question = events.question(principal, callout, request_id=str(self._new_id()), token=token)
        timeout_ms = callout.timeout_ms if callout.timeout_ms > 0 else DEFAULT_TIMEOUT_MS
        return await self._choose(candidates).ask(callout, question, timeout_ms)
