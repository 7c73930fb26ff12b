"""What tenants are entitled to now, and how much storage they use, as the rows say (contract: control plane 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection

from tenants.models import Environment, Tier
from tenants.naming import UnusableTenantId, schema_name_of
from tenants.services.tiers import Limit, default_tier, in_force, limits_of

_SIZES = """
SELECT n.nspname, sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'm')
GROUP BY n.nspname
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in each interval."""

    limit: int
    interval: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """The limits of one environment; None is unlimited. `used_bytes` is measured only where it has a limit."""

    schema: str
    requests: Rate | None = None
    callouts: Rate | None = None
    payload_bytes: int | None = None
    disk_bytes: int | None = None
    used_bytes: int = 0
    members: int | None = None
    models: int | None = None
    fields: int | None = None
    all_fields: int | None = None

    @property
    def is_full(self) -> bool:
        return self.disk_bytes is not None and self.used_bytes >= self.disk_bytes


def entitlements_of(tenants: Sequence[str], now: datetime) -> Mapping[str, Entitlements]:
    """By tenant id, the environments that exist. Raises Tier.DoesNotExist (there is no default tier), InvalidTier."""
    rows = Environment.objects.filter(tenant_id__in=tenants).exclude(state=Environment.State.DELETED)
    found = list(rows.values_list("tenant_id", "schema_name", "organisation"))
    organisations = {organisation for _, _, organisation in found}
    subscribed = {row.organisation.pk: row.tier for row in in_force(now).filter(organisation__in=organisations)}
    default = default_tier() if organisations - subscribed.keys() else None
    limits: dict[str, tuple[Limit, ...]] = {}
    entitled = {
        tenant: _entitlements(schema, _limits(subscribed.get(organisation) or default, limits))
        for tenant, schema, organisation in found
    }
    return _measured(entitled)


def sizes_of(schemas: Sequence[str]) -> Mapping[str, int]:
    """Bytes of the schemas that exist: tables, their indexes, their large values."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [list(schemas)])
        return dict(cursor.fetchall())


def newcomers_entitlements(tenant: str) -> Entitlements | None:
    """Of a tenant without an environment; None when it can never have one. Raises Tier.DoesNotExist, InvalidTier."""
    try:
        schema = schema_name_of(tenant)
    except UnusableTenantId:
        return None
    return _entitlements(schema, _limits(default_tier(), {}))


def _limits(tier: Tier | None, known: dict[str, tuple[Limit, ...]]) -> Mapping[str, Limit]:
    assert tier is not None
    if tier.pk not in known:
        known[tier.pk] = limits_of(tier)
    return {limit.entitlement_id: limit for limit in known[tier.pk]}


def _entitlements(schema: str, limits: Mapping[str, Limit]) -> Entitlements:
    numbers = {name: limit.limit for name, limit in limits.items()}
    rates = {name: Rate(limit.limit, limit.interval) for name, limit in limits.items() if limit.time_interval_bound}
    return Entitlements(
        schema=schema,
        requests=rates.get("API_REQUEST"),
        callouts=rates.get("EXTERNALIZED_CALL"),
        payload_bytes=numbers.get("PAYLOAD_SIZE"),
        disk_bytes=numbers.get("DISK_USAGE"),
        members=numbers.get("NUM_CLIENT_NODES"),
        models=numbers.get("NUM_MODELS"),
        fields=numbers.get("NUM_MODEL_FIELDS"),
        all_fields=numbers.get("NUM_MODEL_FIELDS_CUMULATIVE"),
    )


def _measured(entitled: Mapping[str, Entitlements]) -> Mapping[str, Entitlements]:
    """With what the schemas that have a limit take now."""
    limited = [one.schema for one in entitled.values() if one.disk_bytes is not None]
    if not limited:
        return entitled
    sizes = sizes_of(limited)
    return {tenant: replace(one, used_bytes=sizes.get(one.schema, 0)) for tenant, one in entitled.items()}
