"""Counting on a node: an addition in memory for each request and callout, written as sums every few seconds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Protocol, Self, TypeVar
from uuid import UUID, uuid4

import structlog

from cyoda.admission import Admission
from cyoda.clock import Clock, system_clock
from cyoda.errors import StorageUnavailable, TooManyRequests
from cyoda.permissions import Action
from cyoda.principal import Principal, TenantId
from tenants.naming import UnusableTenantId, schema_name_of
from tenants.services.entitlements import Entitlements
from tenants.services.off_loop import OrmThread
from tenants.usage.sums import Tally, add_sums

FLUSH_SECONDS = 5.0

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Limiting(Admission, AbstractAsyncContextManager[object, None], Protocol):
    """What holds tenants to their limits, entered while the node runs (tenants.services.quotas.StoredQuotas)."""

    async def admit_callout(self, tenant: TenantId) -> None: ...

    async def model_limits(self, tenant: TenantId) -> Entitlements | None: ...

    async def take_seat(self, tenant: TenantId, member: UUID) -> None: ...

    def leave_seat(self, member: UUID) -> None: ...


class UsageCounter:
    """Stands before a node's quotas, or in their place where nobody is limited, and counts what passes.

    A node that is killed loses what it counted in the last FLUSH_SECONDS; one that stops loses nothing. While the
    database does not answer, sums are kept.
    """

    def __init__(self, quotas: Limiting | None = None, *, clock: Clock = system_clock) -> None:
        self._quotas = quotas
        self._clock = clock
        self._node = uuid4()
        self._orm = OrmThread()
        self._tallies: dict[TenantId, Tally] = {}
        self._members: dict[UUID, TenantId] = {}
        self._left: set[TenantId] = set()
        self._stopping = asyncio.Event()
        self._running = AsyncExitStack()

    async def admit(self, principal: Principal, action: Action | None) -> int | None:
        """See Admission."""
        limit_bytes = None
        if self._quotas is not None:
            try:
                limit_bytes = await self._quotas.admit(principal, action)
            except TooManyRequests:
                self._tally(principal.tenant).requests_refused += 1
                raise
        self._tally(principal.tenant).requests += 1
        return limit_bytes

    async def admit_callout(self, tenant: TenantId) -> None:
        """See Quotas."""
        if self._quotas is not None:
            try:
                await self._quotas.admit_callout(tenant)
            except TooManyRequests:
                self._tally(tenant).callouts_refused += 1
                raise
        self._tally(tenant).callouts += 1

    async def model_limits(self, tenant: TenantId) -> Entitlements | None:
        """See Quotas."""
        return None if self._quotas is None else await self._quotas.model_limits(tenant)

    async def take_seat(self, tenant: TenantId, member: UUID) -> None:
        """See Quotas."""
        if self._quotas is not None:
            await self._quotas.take_seat(tenant, member)
        self._members[member] = tenant

    def leave_seat(self, member: UUID) -> None:
        """See Quotas."""
        tenant = self._members.pop(member, None)
        if tenant is not None:
            self._left.add(tenant)
        if self._quotas is not None:
            self._quotas.leave_seat(member)

    async def flush(self) -> None:
        """Write what was counted. Raises StorageUnavailable; nothing is lost then."""
        tallies, self._tallies = self._tallies, {}
        left, self._left = self._left, set()
        members = Counter(self._members.values())
        held = {tenant: members[tenant] for tenant in {*members, *left}}
        if not tallies and not held:
            return
        now = self._clock()
        try:
            await self._orm.run(lambda: add_sums(self._node, _by_schema(tallies), _by_schema(held), now))
        except StorageUnavailable:
            self._left |= left
            for tenant, tally in tallies.items():
                self._tally(tenant).add(tally)
            raise

    async def __aenter__(self) -> Self:
        """Raises StorageUnavailable."""
        self._running.push_async_callback(self._orm.close)
        self._running.push_async_callback(self._flush_last)
        if self._quotas is not None:
            await self._running.enter_async_context(self._quotas)
        self._running.push_async_callback(self._stop_flushing, asyncio.create_task(self._keep_flushing()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    def _tally(self, tenant: TenantId) -> Tally:
        tally = self._tallies.get(tenant)
        if tally is None:
            tally = self._tallies[tenant] = Tally()
        return tally

    async def _keep_flushing(self) -> None:
        while not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), FLUSH_SECONDS)
            except TimeoutError:
                await self._try_to_flush("usage cannot be written; it is kept until it can")

    async def _stop_flushing(self, flushing: asyncio.Task[None]) -> None:
        """What is being written is written, not cancelled: nobody could tell whether it was."""
        self._stopping.set()
        await flushing

    async def _flush_last(self) -> None:
        self._left |= set(self._members.values())
        self._members.clear()
        await self._try_to_flush("the usage of the last seconds is lost")

    async def _try_to_flush(self, otherwise: str) -> None:
        try:
            await self.flush()
        except StorageUnavailable:
            log.warning(otherwise)


def _by_schema(values: Mapping[TenantId, T]) -> dict[str, T]:
    """Texts that no environment can have as its tenant id are left out."""
    named: dict[str, T] = {}
    for tenant, value in values.items():
        try:
            named[schema_name_of(tenant)] = value
        except UnusableTenantId:
            continue
    return named
