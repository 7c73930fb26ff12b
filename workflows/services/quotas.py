"""What a tenant is entitled to, as the data plane asks it (contract: control plane 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from cyoda.errors import QuotaExceeded
from cyoda.principal import Principal, TenantId
from workflows.compute.gateway import ComputeGateway
from workflows.core.callout import Callout, CalloutAnswer
from workflows.core.entity import ModelKey
from workflows.core.schema.model import Model
from workflows.storage.base import ConfigurationStore, StaleConfiguration


class ModelLimits(Protocol):
    """How many models a tenant may have, and how many fields in one and in all of them; None is any number."""

    @property
    def models(self) -> int | None: ...

    @property
    def fields(self) -> int | None: ...

    @property
    def all_fields(self) -> int | None: ...


class Quotas(Protocol):
    """The limits of tenants. All methods raise StorageUnavailable when they cannot be known."""

    async def admit_callout(self, tenant: TenantId) -> None:
        """Count one callout. Raises TooManyRequests."""
        ...

    async def model_limits(self, tenant: TenantId) -> ModelLimits | None:
        """None is unlimited."""
        ...

    async def take_seat(self, tenant: TenantId, member: UUID) -> None:
        """Let one more calculation member connect; it leaves in the end, also when this raises.

        Raises QuotaExceeded.
        """
        ...

    def leave_seat(self, member: UUID) -> None:
        """The member is gone. Returns at once and never raises."""
        ...


class NoQuotas:
    """Everything is unlimited."""

    async def admit_callout(self, tenant: TenantId) -> None:
        pass

    async def model_limits(self, tenant: TenantId) -> ModelLimits | None:
        return None

    async def take_seat(self, tenant: TenantId, member: UUID) -> None:
        pass

    def leave_seat(self, member: UUID) -> None:
        pass


class CountedGateway:
    """A ComputeGateway whose callouts count against their tenant's quota."""

    def __init__(self, gateway: ComputeGateway, quotas: Quotas) -> None:
        self._gateway = gateway
        self._quotas = quotas

    async def call(
        self, principal: Principal, callout: Callout, *, token: str | None, tried: set[UUID] | None = None
    ) -> CalloutAnswer:
        """See ComputeGateway.call. Raises TooManyRequests besides."""
        await self._quotas.admit_callout(principal.tenant)
        return await self._gateway.call(principal, callout, token=token, tried=tried)

    def count(self, tenant: TenantId, requirement: str) -> int:
        return self._gateway.count(tenant, requirement)


Check = Callable[[Model, int], None]
"""Judges a model that is to be stored under an epoch. Raises QuotaExceeded, StaleConfiguration."""


async def model_check(tenant: TenantId, key: ModelKey, quotas: Quotas, store: ConfigurationStore) -> Check | None:
    """What a new or wider model must pass, as of now; None when there is nothing to check.

    A check that was made under another configuration than the one it is used under is stale.
    """
    limits = await quotas.model_limits(tenant)
    if limits is None or (limits.models, limits.fields, limits.all_fields) == (None, None, None):
        return None
    epoch = (await store.load(tenant, key)).epoch
    stored = {model.key: model for model in await store.models(tenant)}
    known = stored.get(key)
    others = sum(len(model.field_paths) for model in stored.values() if model.key != key)

    def check(model: Model, current_epoch: int) -> None:
        if current_epoch != epoch:
            raise StaleConfiguration
        if known is None:
            _require_room("NUM_MODELS", len(stored) + 1, limits.models, "models")
        fields = len(model.field_paths)
        if known is not None and fields <= len(known.field_paths):
            return
        _require_room("NUM_MODEL_FIELDS", fields, limits.fields, "fields in a model")
        _require_room("NUM_MODEL_FIELDS_CUMULATIVE", others + fields, limits.all_fields, "fields in all models")

    return check


def _require_room(entitlement: str, number: int, limit: int | None, what: str) -> None:
    if limit is not None and number > limit:
        raise QuotaExceeded(entitlement, limit, what)
