"""Environments with tiers of chosen limits, over the real database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User

from cyoda.clock import ManualClock
from tenants.models import Environment, Membership, Organisation, Role, Subscription, Tier
from tenants.services.audit import PLATFORM
from tenants.services.tiers import assign_tier, save_tier
from tests.contract.tenants.conftest import data_plane, database, office, order

__all__ = ["data_plane", "database", "office", "order"]


@pytest.fixture(autouse=True)
def conf(settings: Any) -> None:
    """Tiers limit, secrets have a key, and webhooks may be on this machine."""
    conf = settings.CONF
    settings.CONF = replace(
        conf,
        quotas=replace(conf.quotas, enabled=True),
        iam=replace(conf.iam, encryption_keys=("a passphrase of tests",)),
        oidc=replace(conf.oidc, require_https=False, allow_private_networks=True),
    )


def limited(name: str, *limits: tuple[str, int] | tuple[str, int, str]) -> Environment:
    """A ready environment whose organisation has an owner and a tier of these limits."""
    organisation = Organisation.objects.create(name=f"{name} works")
    user = User.objects.create(username=name, email=f"{name}@example.org")
    Membership.objects.create(user=user, organisation=organisation, role=Role.OWNER)
    rows = [
        {"entitlementId": one[0], "cumulative": len(one) > 2, "limit": one[1]}
        | ({"timeIntervalBound": one[2]} if len(one) > 2 else {})
        for one in limits
    ]
    tier = Tier(name=f"tier of {name}", title="T", limits=rows)
    save_tier(PLATFORM, tier)
    assign_tier(PLATFORM, organisation, tier)
    Subscription.objects.update(period_from=ManualClock()())
    environment = Environment.of_tenant(name, organisation=organisation, name="dev", state=Environment.State.READY)
    environment.save()
    return environment
