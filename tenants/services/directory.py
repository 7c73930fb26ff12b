"""Where a tenant's data lives, for one node: the answer to the storage's TenantDirectory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Self

import structlog

from cyoda.clock import Clock, system_clock
from cyoda.errors import CyodaError, Forbidden, StorageUnavailable, Unauthorized
from cyoda.principal import TenantId
from tenants.naming import UnusableTenantId, schema_name_of
from tenants.services.off_loop import OrmThread
from tenants.services.sharing import Shared
from tenants.services.standing import Standing, admit_tenant, standing_of, standings_changed_since

REFRESH_SECONDS = 1.0
OVERLAP = timedelta(seconds=60)
"""Changes are asked for from this long ago: transactions that took their time and clocks that differ are covered."""

log = structlog.get_logger(__name__)

MakeSchema = Callable[[str], Awaitable[None]]
"""Creates a schema with its tables unless it is there; several nodes may call it at once."""


class StoredTenants:
    """Knows the tenants that were seen, learns others on first sight, and hears of changes within a second.

    Nothing is loaded in advance: starting costs the same with one tenant and with a hundred thousand.
    """

    def __init__(
        self, orm: OrmThread, make_schema: MakeSchema, *, auto_create: bool, clock: Clock = system_clock
    ) -> None:
        self._orm = orm
        self._make_schema = make_schema
        self._auto_create = auto_create
        self._clock = clock
        self._open: dict[TenantId, str] = {}
        self._closed: dict[TenantId, Standing] = {}
        self._first_sights: Shared[TenantId, Standing] = Shared()
        self._refreshing: asyncio.Task[None] | None = None

    async def schema_of(self, tenant: TenantId) -> str:
        """The schema of a tenant.

        Raises Unauthorized (unknown, deleted), Forbidden (suspended), StorageUnavailable (also while it is being made).
        """
        schema = self._open.get(tenant)
        if schema is not None:
            return schema
        standing = self._closed.get(tenant)
        if standing is None:
            standing = await self._first_sights.ask(
                tenant, lambda: self._first_sight(tenant, may_create=self._auto_create)
            )
        if standing is Standing.OPEN:
            return schema_name_of(tenant)
        raise _refusal(standing)

    async def admit(self, tenant: TenantId) -> None:
        """Make a tenant that the settings name, if it is unknown. Raises StorageUnavailable."""
        await self._first_sight(tenant, may_create=True)

    async def refresh(self) -> None:
        """Take over what changed lately, of the tenants that were seen. Raises StorageUnavailable."""
        since = self._clock() - OVERLAP
        changed = await self._orm.run(lambda: standings_changed_since(since))
        for tenant, standing in changed.items():
            if tenant in self._open or tenant in self._closed:
                self._remember(tenant, standing)

    async def __aenter__(self) -> Self:
        self._refreshing = asyncio.create_task(self._keep_fresh())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])

    async def _first_sight(self, tenant: TenantId, *, may_create: bool) -> Standing:
        try:
            standing = await self._orm.run(lambda: standing_of(tenant))
            if standing is Standing.UNKNOWN and may_create:
                await self._make_schema(schema_name_of(tenant))
                standing = await self._orm.run(lambda: admit_tenant(tenant))
        except UnusableTenantId:
            return Standing.UNKNOWN
        self._remember(tenant, standing)
        return standing

    def _remember(self, tenant: TenantId, standing: Standing) -> None:
        """Unknown tenants are not kept: anyone whose tokens are trusted may name any number of them."""
        self._open.pop(tenant, None)
        self._closed.pop(tenant, None)
        if standing is Standing.OPEN:
            self._open[tenant] = schema_name_of(tenant)
        elif standing is not Standing.UNKNOWN:
            self._closed[tenant] = standing

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except StorageUnavailable:
                log.debug("tenants not refreshed: the database does not answer")


def _refusal(standing: Standing) -> CyodaError:
    if standing is Standing.SUSPENDED:
        return Forbidden("the organisation is suspended")
    if standing is Standing.PROVISIONING:
        return StorageUnavailable("the environment is being provisioned")
    return Unauthorized()
