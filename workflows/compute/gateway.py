"""The door through which the engine asks client compute, whichever node the answering member is connected to."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from cyoda.principal import Principal, TenantId
from workflows.core.callout import Callout, CalloutAnswer


class ComputeGateway(Protocol):
    """Sends one callout to one member of the principal's tenant and waits for its answer (contract: grpc 12-15)."""

    async def call(
        self, principal: Principal, callout: Callout, *, token: str | None, tried: set[UUID] | None = None
    ) -> CalloutAnswer:
        """The member's answer; `token` lets the member join the open transaction, None outside of one.

        One attempt, no retry. `tried` are members that others are preferred to; the one that is asked joins them.
        Cancelling the call forgets the request; a later answer is ignored.
        Raises NoComputeMemberForTag, DispatchTimeout, ComputeMemberDisconnected, CalloutFailed,
        ServerError (the principal's kind is unknown; nothing was sent).
        """
        ...

    def count(self, tenant: TenantId, requirement: str) -> int:
        """How many connected members match a comma separated tag requirement now."""
        ...
