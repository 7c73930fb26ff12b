"""Callouts to the members of this process (contract: grpc 15)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from uuid import UUID

from cyoda.errors import ComputeMemberDisconnected, DispatchTimeout, NoComputeMemberForTag
from cyoda.ids import IdSource
from cyoda.principal import Principal, TenantId
from workflows.compute import events
from workflows.compute.admission import no_member
from workflows.compute.members import Member, Registry
from workflows.core.callout import DEFAULT_TIMEOUT_MS, Callout, CalloutAnswer, CalloutFailed

Choice = Callable[[Sequence[Member]], Member]
"""Picks one of several members; `random.choice` in production."""

Observe = Callable[[Callout, str, float], None]
"""(the callout, its outcome, seconds it took): one finished callout."""

_OUTCOMES: dict[type[BaseException], str] = {
    CalloutFailed: "refused",
    DispatchTimeout: "timed_out",
    ComputeMemberDisconnected: "disconnected",
    NoComputeMemberForTag: "no_member",
    asyncio.CancelledError: "cancelled",
}


def _unobserved(_callout: Callout, _outcome: str, _seconds: float) -> None:
    return None


class LocalDispatcher:
    """The ComputeGateway of a single node: one attempt at a matching member that has room for it."""

    def __init__(self, registry: Registry, *, new_id: IdSource, choose: Choice, observe: Observe = _unobserved) -> None:
        self._registry = registry
        self._new_id = new_id
        self._choose = choose
        self._observe = observe

    async def call(
        self, principal: Principal, callout: Callout, *, token: str | None, tried: set[UUID] | None = None
    ) -> CalloutAnswer:
        """See ComputeGateway.call. When all matching members are full it waits for room, up to its time-out."""
        start, outcome = perf_counter(), "failed"
        timeout_ms = callout.timeout_ms if callout.timeout_ms > 0 else DEFAULT_TIMEOUT_MS
        admission, member = self._registry.admission, None
        try:
            candidates = self._candidates(principal.tenant, callout.tags, tried)
            question = events.question(principal, callout, request_id=str(self._new_id()), token=token)
            member = admission.taken(candidates, self._choose) or await admission.wait(
                principal.tenant, callout.tags, timeout_ms=timeout_ms, kind=callout.kind
            )
            if tried is not None:
                tried.add(member.id)
            answer = await member.ask(callout, question, timeout_ms)
            outcome = "answered"
            return answer
        except BaseException as error:
            outcome = _OUTCOMES.get(type(error), outcome)
            raise
        finally:
            if member is not None:
                member.count(outcome)
                admission.leave(member)
            self._observe(callout, outcome, perf_counter() - start)

    def count(self, tenant: TenantId, requirement: str) -> int:
        """See ComputeGateway.count."""
        return len(self._registry.candidates(tenant, requirement))

    def _candidates(self, tenant: TenantId, requirement: str, tried: set[UUID] | None) -> Sequence[Member]:
        """Raises NoComputeMemberForTag."""
        candidates = self._registry.candidates(tenant, requirement)
        if not candidates:
            raise no_member(requirement)
        if tried:
            return [member for member in candidates if member.id not in tried] or candidates
        return candidates
