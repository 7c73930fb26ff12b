"""The limits of tiers, enforced on one node (contract: control plane 3.1; docs/adr/0012).

Implements the Admission hook of the edges and the data plane's Quotas. What a tenant is entitled to is read at first
sight and kept; nodes hear of changed tiers within about a second, and look at sizes and ended subscriptions every
LOOK_SECONDS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Self
from uuid import UUID

import structlog

from cyoda.clock import Clock, system_clock
from cyoda.errors import QuotaExceeded, StorageUnavailable
from cyoda.permissions import Action
from cyoda.principal import Principal, TenantId
from tenants.models import Epoch
from tenants.services.entitlements import Entitlements, Rate, entitlements_of, newcomers_entitlements
from tenants.services.epochs import Freshness
from tenants.services.off_loop import OrmThread
from tenants.services.permits import Meter
from tenants.services.seats import free_seats, keep_seats, take_seat
from tenants.services.sharing import Shared

LOOK_SECONDS = 10.0
KEPT_TENANTS = 10_000
READ_AT_ONCE = 500
"""Tenants in one question, so that callers who need a lease do not wait long behind it."""

log = structlog.get_logger(__name__)


class StoredQuotas:
    """Enter it while the node serves. It asks the database in a thread of its own."""

    def __init__(self, *, clock: Clock = system_clock) -> None:
        self._orm = OrmThread()
        self._clock = clock
        self._entitled: dict[TenantId, Entitlements] = {}
        self._first_sights: Shared[TenantId, Entitlements | None] = Shared()
        self._meters: dict[tuple[TenantId, str], Meter] = {}
        self._seats: dict[UUID, str] = {}
        self._freeing: set[asyncio.Task[None]] = set()
        self._running = AsyncExitStack()

    # --- what the edges and the data plane ask ---------------------------------------------------------------------

    async def admit(self, principal: Principal, action: Action | None) -> int | None:
        """See Admission."""
        tenant = principal.tenant
        entitled = self._entitled.get(tenant) or await self._learned(tenant)
        if entitled is None:
            return None
        if entitled.requests is not None:
            await self._meter(tenant, entitled, "API_REQUEST", entitled.requests).pass_one()
        if action is Action.WRITE and entitled.is_full:
            raise QuotaExceeded("DISK_USAGE", entitled.disk_bytes or 0, "bytes of storage")
        return entitled.payload_bytes

    async def admit_callout(self, tenant: TenantId) -> None:
        """See Quotas."""
        entitled = self._entitled.get(tenant) or await self._learned(tenant)
        if entitled is not None and entitled.callouts is not None:
            await self._meter(tenant, entitled, "EXTERNALIZED_CALL", entitled.callouts).pass_one()

    async def model_limits(self, tenant: TenantId) -> Entitlements | None:
        """See Quotas."""
        return self._entitled.get(tenant) or await self._learned(tenant)

    async def take_seat(self, tenant: TenantId, member: UUID) -> None:
        """See Quotas."""
        entitled = self._entitled.get(tenant) or await self._learned(tenant)
        entitled = entitled or await self._orm.run(lambda: newcomers_entitlements(tenant))
        if entitled is None:
            return
        now = self._clock()
        self._seats[member] = entitled.schema
        seat = partial(take_seat, entitled.schema, member, entitled.members, now)
        await self._orm.run(seat)

    def leave_seat(self, member: UUID) -> None:
        """See Quotas. A seat that cannot be freed now is free when nobody keeps it any more."""
        if self._seats.pop(member, None) is not None:
            task = asyncio.get_running_loop().create_task(self._free(member))
            self._freeing.add(task)
            task.add_done_callback(self._freeing.discard)

    # --- staying up to date -----------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Read again what is kept. Raises StorageUnavailable."""
        known, now = list(self._entitled), self._clock()
        entitled: dict[TenantId, Entitlements] = {}
        for start in range(0, len(known), READ_AT_ONCE):
            some = known[start : start + READ_AT_ONCE]
            entitled.update(await self._orm.run(partial(entitlements_of, some, now)))
        self._entitled = {tenant: entitled[tenant] for tenant in self._entitled if tenant in entitled}

    async def keep(self) -> None:
        """What is done every LOOK_SECONDS. Raises StorageUnavailable."""
        seats, now = dict(self._seats), self._clock()
        if seats:
            await self._orm.run(lambda: keep_seats(seats, now))
        await self.refresh()

    async def __aenter__(self) -> Self:
        """Raises StorageUnavailable."""
        self._running.push_async_callback(self._close)
        await self._running.enter_async_context(Freshness(self._orm, {Epoch.Name.TIERS: self.refresh}))
        looking = asyncio.create_task(self._keep_looking())
        self._running.push_async_callback(_ended, looking)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    async def _close(self) -> None:
        if self._freeing:
            await asyncio.wait(self._freeing)
        await self._orm.close()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await _tried(self.keep(), "quotas cannot be looked at; what was read last stays in force")

    async def _free(self, member: UUID) -> None:
        await _tried(self._orm.run(lambda: free_seats([member])), "a member's seat stays taken for a while")

    async def _learned(self, tenant: TenantId) -> Entitlements | None:
        """None for a tenant without an environment: it is refused elsewhere, or made by this very request."""
        return None if "\0" in tenant else await self._first_sights.ask(tenant, lambda: self._learn(tenant))

    async def _learn(self, tenant: TenantId) -> Entitlements | None:
        now = self._clock()
        found = (await self._orm.run(lambda: entitlements_of([tenant], now))).get(tenant)
        if found is not None:
            if len(self._entitled) >= KEPT_TENANTS:
                self._forget_idle()
            self._entitled[tenant] = found
        return found

    def _forget_idle(self) -> None:
        """What is needed is learned again; a meter is kept as long as it holds permits of a window."""
        self._entitled.clear()
        self._meters = {key: meter for key, meter in self._meters.items() if not meter.is_idle}

    def _meter(self, tenant: TenantId, entitled: Entitlements, entitlement: str, rate: Rate) -> Meter:
        meter = self._meters.get((tenant, entitlement))
        if meter is None or meter.rate != rate:
            meter = Meter(self._orm, self._clock, entitled.schema, entitlement, rate)
            self._meters[tenant, entitlement] = meter
        return meter


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _tried(act: Coroutine[Any, Any, object], otherwise: str) -> None:
    try:
        await act
    except StorageUnavailable:
        log.warning(otherwise)
