"""Tiers and subscriptions: what may be stored, and that each change is recorded (contract: control plane 3.1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from cyoda.clock import ManualClock
from tenants.models import AuditEvent, Epoch, Organisation, Subscription, Tier
from tenants.services.audit import Doer, Source
from tenants.services.tiers import (
    InvalidTier,
    TierInUse,
    assign_tier,
    cancel_subscription,
    delete_tier,
    in_force,
    limits_of,
    save_tier,
)

pytestmark = pytest.mark.django_db

ANN = Doer(id="7", name="ann", kind="user", source=Source.BACK_OFFICE, reason="asked for")
MODELS = {"entitlementId": "NUM_MODELS", "cumulative": False, "limit": 20}
REQUESTS = {"entitlementId": "API_REQUEST", "cumulative": True, "limit": 5, "timeIntervalBound": "SECONDS"}


def tier(*limits: Any, **values: Any) -> Tier:
    return Tier(**{"name": "small", "title": "Small", "limits": list(limits)} | values)


def epoch() -> int:
    return sum(Epoch.objects.filter(pk=Epoch.Name.TIERS).values_list("number", flat=True))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ([MODELS | {"entitlementId": "NUM_COWS"}], "cannot be read"),
        ([MODELS | {"limit": "20"}], "cannot be read"),
        ([MODELS | {"limit": 2.5}], "cannot be read"),
        ([MODELS | {"per": "day"}], "cannot be read"),
        ([{"entitlementId": "NUM_MODELS", "limit": 1}], "cannot be read"),
        ([REQUESTS | {"timeIntervalBound": "WEEKS"}], "cannot be read"),
        ("none", "cannot be read"),
        ([MODELS, MODELS], "NUM_MODELS is limited twice"),
        ([MODELS | {"limit": -1}], "must be at least 0"),
        ([MODELS | {"limit": 2**63}], "must be at least 0"),
        ([MODELS | {"timeIntervalBound": "SECONDS"}], "NUM_MODELS has no timeIntervalBound"),
        ([{name: value for name, value in REQUESTS.items() if name != "timeIntervalBound"}],
         "API_REQUEST needs a timeIntervalBound"),
    ],
)  # fmt: skip
def test_limits_that_contradict_themselves_are_refused(limits: Any, reason: str) -> None:
    with pytest.raises(InvalidTier, match=reason):
        save_tier(ANN, tier(limits=limits))
    assert not Tier.objects.filter(pk="small").exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("values", [{"backends": "local"}, {"backends": [1]}, {"env_deploys_per_day": -2}])
def test_other_values_of_a_tier_are_checked_too(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidTier):
        save_tier(ANN, tier(**values))
    assert not Tier.objects.filter(pk="small").exists()


def test_the_planned_tiers_can_be_stored_as_they_are() -> None:
    assert {each.pk for each in Tier.objects.all()} == {"free", "developer", "pro", "enterprise"}
    for each in Tier.objects.all():
        save_tier(ANN, each)
    assert [limit.limit for limit in limits_of(Tier.objects.get(pk="pro"))][-1] == 50
    assert limits_of(Tier.objects.get(pk="enterprise")) == ()


def test_a_changed_tier_is_recorded_with_what_it_was_and_told_to_the_nodes() -> None:
    save_tier(ANN, tier(MODELS))
    before = epoch()
    save_tier(ANN, tier(REQUESTS, title="Smaller"))
    assert epoch() == before + 1
    changed, created = AuditEvent.objects.all()
    assert (created.action, created.before, changed.action) == ("tier created", None, "tier changed")
    assert (changed.before or {})["limits"] == [MODELS]
    assert (changed.after or {})["limits"] == [REQUESTS]
    assert (changed.actor_name, changed.reason, changed.target_id) == ("ann", "asked for", "small")


def test_an_organisation_has_one_tier_at_a_time() -> None:
    clock, organisation = ManualClock(), Organisation.objects.create(name="Acme")
    small, large = tier(MODELS), tier(name="large")
    for each in (small, large):
        save_tier(ANN, each)
    assign_tier(ANN, organisation, small, clock=clock)
    clock.advance(timedelta(days=1))
    before = epoch()
    assign_tier(ANN, organisation, large, period_to=clock() + timedelta(days=1), clock=clock)
    assert epoch() == before + 1
    (current,) = in_force(clock())
    assert (current.tier, current.organisation) == (large, organisation)
    assert Subscription.objects.get(tier=small).period_to == clock()
    event = AuditEvent.objects.first()
    assert event is not None
    assert (event.action, event.organisation_id, event.before, event.after) == (
        "tier assigned", organisation.pk, {"tier": "small", "period_to": None},
        {"tier": "large", "period_to": "2026-01-03T00:00:00+00:00"},
    )  # fmt: skip
    clock.advance(timedelta(days=1))
    assert not in_force(clock()).exists()


def test_a_subscription_that_would_have_ended_is_refused() -> None:
    clock, organisation, small = ManualClock(), Organisation.objects.create(name="Acme"), tier()
    save_tier(ANN, small)
    assign_tier(ANN, organisation, small, clock=clock)
    with pytest.raises(InvalidTier):
        assign_tier(ANN, organisation, small, period_to=clock(), clock=clock)
    assert in_force(clock()).count() == 1


def test_a_cancelled_subscription_ends_at_once_and_only_once() -> None:
    clock, organisation, small = ManualClock(), Organisation.objects.create(name="Acme"), tier()
    save_tier(ANN, small)
    assign_tier(ANN, organisation, small, clock=clock)
    for _ in range(2):
        cancel_subscription(ANN, organisation, clock=clock)
        assert not in_force(clock()).exists()
    assert AuditEvent.objects.filter(action="subscription cancelled").count() == 1


def test_a_tier_that_somebody_has_or_falls_back_to_is_not_deleted() -> None:
    organisation, small, unused = Organisation.objects.create(name="Acme"), tier(), tier(name="unused")
    for each in (small, unused):
        save_tier(ANN, each)
    assign_tier(ANN, organisation, small)
    for each in (small, Tier.objects.get(pk=settings.CONF.quotas.default_tier)):
        with pytest.raises(TierInUse):
            delete_tier(ANN, each)
        assert Tier.objects.filter(pk=each.pk).exists()
    delete_tier(ANN, unused)
    assert not Tier.objects.filter(pk="unused").exists()
    assert AuditEvent.objects.filter(action="tier deleted", target_id="unused").exists()
