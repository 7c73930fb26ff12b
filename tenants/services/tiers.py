"""The tiers that an installation begins with (contract: control plane 3.1, 3.2); operators change them afterwards."""

from __future__ import annotations

from typing import Any

from tenants.models import Tier

MIB, GIB = 1024**2, 1024**3


def ensure_tiers(**_: Any) -> None:
    """Write the planned tiers into an installation that has none; called after migrating."""
    if not Tier.objects.exists():
        Tier.objects.bulk_create(_planned(), ignore_conflicts=True)


def _planned() -> list[Tier]:
    small = _limits(fields=150, all_fields=300, models=20, members=1, payload=5 * MIB, disk=2 * GIB)
    return [
        Tier(name="free", title="Free", limits=[*small, *_rates(300, "MINUTES")], backends=["local"],
             env_deploys_per_day=1, env_lifetime_days=30),
        Tier(name="developer", title="Developer", limits=[*small, *_rates(300, "MINUTES")], backends=["local"],
             env_deploys_per_day=3),
        Tier(name="pro", title="Pro", backends=["*"], env_deploys_per_day=3, limits=[
            *_limits(fields=500, all_fields=2000, models=100, members=5, payload=50 * MIB, disk=1024 * GIB),
            *_rates(50, "SECONDS"),
        ]),
        Tier(name="enterprise", title="Enterprise", backends=["*"], deploys_apps=True),
    ]  # fmt: skip


def _limits(
    *, fields: int, all_fields: int, models: int, members: int, payload: int, disk: int
) -> list[dict[str, object]]:
    return [
        {"entitlementId": "NUM_MODEL_FIELDS", "cumulative": False, "limit": fields},
        {"entitlementId": "NUM_MODEL_FIELDS_CUMULATIVE", "cumulative": True, "limit": all_fields},
        {"entitlementId": "NUM_MODELS", "cumulative": False, "limit": models},
        {"entitlementId": "NUM_CLIENT_NODES", "cumulative": False, "limit": members},
        {"entitlementId": "PAYLOAD_SIZE", "cumulative": False, "limit": payload},
        {"entitlementId": "DISK_USAGE", "cumulative": False, "limit": disk},
    ]


def _rates(limit: int, interval: str) -> list[dict[str, object]]:
    return [
        {"entitlementId": name, "cumulative": True, "limit": limit, "timeIntervalBound": interval}
        for name in ("API_REQUEST", "EXTERNALIZED_CALL")
    ]
