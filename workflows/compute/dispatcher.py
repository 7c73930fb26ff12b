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
from workflows.compute.events import Errand, Response
from workflows.compute.members import Member, Registry
from workflows.core.callout import DEFAULT_TIMEOUT_MS, Callout, CalloutAnswer, CalloutFailed, CalloutKind

Choice = Callable[[Sequence[Member]], Member]
"""Picks one of several members; `random.choice` in production."""

Observe = Callable[[CalloutKind, str, str, float], None]
"""(kind, required tags, outcome, seconds it took): one finished callout."""

OUTCOMES: dict[type[BaseException], str] = {
    CalloutFailed: "refused",
    DispatchTimeout: "timed_out",
    ComputeMemberDisconnected: "disconnected",
    NoComputeMemberForTag: "no_member",
    asyncio.CancelledError: "cancelled",
}


def _unobserved(_kind: CalloutKind, _tags: str, _outcome: str, _seconds: float) -> None:
    return None


class LocalDispatcher:
    """The ComputeGateway of a single node: one attempt at a matching member that has room for it."""

    def __init__(self, registry: Registry, *, new_id: IdSource, choose: Choice, observe: Observe = _unobserved) -> None:
        self.registry = registry
        self.observe = observe
        self._new_id = new_id
        self._choose = choose

    async def call(
        self, principal: Principal, callout: Callout, *, token: str | None, tried: set[UUID] | None = None
    ) -> CalloutAnswer:
        """See ComputeGateway.call. When all matching members are full it waits for room, up to its time-out."""
        return events.answer(callout, await self.give(self.errand(principal, callout, token), tried))

    def errand(self, principal: Principal, callout: Callout, token: str | None) -> Errand:
        """The callout, ready to be handed to a member here or elsewhere. Raises ServerError."""
        return Errand(
            tenant=principal.tenant,
            kind=callout.kind,
            tags=callout.tags,
            timeout_ms=callout.timeout_ms if callout.timeout_ms > 0 else DEFAULT_TIMEOUT_MS,
            question=events.question(principal, callout, request_id=str(self._new_id()), token=token),
        )

    async def give(self, errand: Errand, tried: set[UUID] | None = None) -> Response:
        """A member's response, also one that reports failure. Raises as ComputeGateway.call."""
        start, outcome = perf_counter(), "failed"
        admission, member = self.registry.admission, None
        try:
            candidates = self._candidates(errand.tenant, errand.tags, tried)
            member = admission.taken(candidates, self._choose) or await admission.wait(
                errand.tenant, errand.tags, timeout_ms=errand.timeout_ms, kind=errand.kind
            )
            if tried is not None:
                tried.add(member.id)
            response = await member.ask(errand.kind, errand.question, errand.timeout_ms)
            outcome = "answered" if response.success is True else "refused"
            return response
        except BaseException as error:
            outcome = OUTCOMES.get(type(error), outcome)
            raise
        finally:
            if member is not None:
                member.count(outcome, perf_counter() - start)
                admission.leave(member)
            self.observe(errand.kind, errand.tags, outcome, perf_counter() - start)

    def count(self, tenant: TenantId, requirement: str) -> int:
        """See ComputeGateway.count."""
        return len(self.registry.candidates(tenant, requirement))

    def _candidates(self, tenant: TenantId, requirement: str, tried: set[UUID] | None) -> Sequence[Member]:
        """Raises NoComputeMemberForTag."""
        candidates = self.registry.candidates(tenant, requirement)
        if not candidates:
            raise no_member(requirement)
        if tried:
            return [member for member in candidates if member.id not in tried] or candidates
        return candidates
