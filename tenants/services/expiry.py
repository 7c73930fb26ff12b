"""Environments of tiers that give them a limited time (contract: control plane 3.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from cyoda.clock import Clock, system_clock
from tenants.models import Environment, Tier
from tenants.services.audit import PLATFORM
from tenants.services.provisioning import EnvironmentNotReady, Wake, delete_environment
from tenants.services.tiers import limiting_tier


def expiry_under(tier: Tier | None, now: datetime) -> datetime | None:
    """When an environment that is ordered now comes to its end; None for one without an end."""
    days = None if tier is None else tier.env_lifetime_days
    return None if days is None else now + timedelta(days=days)


def delete_expired(*, wake: Wake = lambda: None, clock: Clock = system_clock) -> int:
    """Order the deletion of what has expired; returns how many. A tier without an end lifts an earlier one's."""
    now, deleted = clock(), 0
    due = Environment.objects.filter(state=Environment.State.READY, expires_at__lte=now).select_related("organisation")
    for environment in due:
        if expiry_under(limiting_tier(environment.organisation, now), now) is None:
            Environment.objects.filter(pk=environment.pk).update(expires_at=None)
            continue
        try:
            delete_environment(replace(PLATFORM, reason="expired"), environment, wake=wake, clock=clock)
        except EnvironmentNotReady:  # somebody was faster
            continue
        deleted += 1
    return deleted
