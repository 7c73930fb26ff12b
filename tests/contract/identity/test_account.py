"""The account of the caller and of the organisation (contract: identity 1, 11; control plane 3.3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from cyoda.clock import ManualClock
from cyoda.permissions import ROLE_OWNER, ROLE_VIEWER
from cyoda.principal import ROLE_M2M
from tenants.models import Environment, Membership, Organisation, Person, Subscription, Tier
from tenants.services.audit import PLATFORM
from tenants.services.tiers import assign_tier, cancel_subscription, save_tier
from tests.contract.http.steps import ok
from tests.contract.identity.conftest import Running, Start
from tests.contract.tenants.conftest import off_loop

QUOTAS = {"CYODA_QUOTAS_ENABLED": "true"}
UNLIMITED = {
    "id": "unlimited",
    "legalEntityId": "acme",
    "status": "ACTIVE",
    "tierName": "unlimited",
    "periodFrom": "2020-01-01T00:00:00Z",
    "limits": [],
}
SMALL = [
    {"entitlementId": "NUM_MODELS", "cumulative": False, "limit": 20},
    {"entitlementId": "API_REQUEST", "cumulative": True, "limit": 300, "timeIntervalBound": "MINUTES"},
]


@off_loop
def subscribed(clock: ManualClock, name: str = "small", *, until: timedelta | None = None) -> Organisation:
    """The organisation `Acme Ltd` of the tenant `acme`, from now on with a tier of the limits SMALL."""
    environment = Environment.objects.filter(tenant_id="acme").select_related("organisation").first()
    if environment is None:
        environment = Environment.of_tenant(
            "acme", organisation=Organisation.objects.create(), state=Environment.State.READY
        )
        environment.save()
    organisation = environment.organisation
    organisation.name = "Acme Ltd"
    organisation.save()
    tier = Tier(name=name, title=name, limits=SMALL)
    save_tier(PLATFORM, tier)
    assign_tier(PLATFORM, organisation, tier, period_to=None if until is None else clock() + until, clock=clock)
    return organisation


async def account(node: Running, **claims: Any) -> dict[str, Any]:
    return ok(await (await node.client(**claims)).get("/account"))["userAccountInfo"]


async def test_an_account_shows_the_ids_and_roles_of_the_token(node: Running) -> None:
    client = await node.client("acme", sub="u", user_roles=[ROLE_M2M, "ROLE_X"])
    assert ok(await client.get("/account")) == {
        "userAccountInfo": {
            "userId": "u",
            "userName": "u",
            "legalEntity": {"id": "acme", "name": "acme"},
            "roles": [{"id": ROLE_M2M}, {"id": "ROLE_X"}],
            "currentSubscription": UNLIMITED,
        }
    }


async def test_the_mock_principal_has_names_of_its_own(start: Start) -> None:
    info = await account(await start(CYODA_IAM_MODE="mock"))
    assert (info["userName"], info["legalEntity"]) == ("Mock User", {"id": "mock-tenant", "name": "Mock Tenant"})


async def test_subscriptions_are_not_served_without_quotas(node: Running) -> None:
    answer = await node.admin.get("/account/subscriptions")
    assert (answer.status_code, answer.json()["detail"]) == (501, "NOT_IMPLEMENTED: not yet implemented")


async def test_names_are_shown_where_they_are_known(node: Running, clock: ManualClock) -> None:
    organisation = await subscribed(clock)

    def person(username: str, first: str) -> str:
        user = User.objects.create_user(username, first_name=first, last_name="Lee" if first else "")
        Membership.objects.create(user=user, organisation=organisation)
        return str(Person.objects.get_or_create(user=user)[0].pk)

    named = await off_loop(person)("ann", "Ann")
    nameless = await off_loop(person)("bob@example.org", "")
    assert (await account(node, sub=named))["userName"] == "Ann Lee"
    assert (await account(node, sub=nameless))["userName"] == "bob@example.org"
    info = await account(node)
    assert (info["userName"], info["legalEntity"]["name"]) == (info["userId"], "Acme Ltd")
    assert (await account(node, tenant="globex", sub=named))["userName"] == named
    await (await node.client("globex")).post("/clients")
    assert (await account(node, tenant="globex", sub=named))["userName"] == named


async def test_with_quotas_an_account_shows_the_organisations_subscription(start: Start, clock: ManualClock) -> None:
    await subscribed(clock, until=timedelta(days=30))
    info = await account(await start(**QUOTAS), user_roles=[ROLE_OWNER, ROLE_VIEWER, "ROLE_X"])
    assert info["roles"] == [
        {"id": ROLE_OWNER, "desc": "owner of the organisation"},
        {"id": ROLE_VIEWER, "desc": "viewer: may look, and change nothing"},
        {"id": "ROLE_X"},
    ]
    row = await off_loop(Subscription.objects.get)()
    assert info["currentSubscription"] == {
        "id": str(row.pk),
        "legalEntityId": "acme",
        "status": "ACTIVE",
        "tierName": "small",
        "periodFrom": "2026-01-01T00:00:00Z",
        "periodTo": "2026-01-31T00:00:00Z",
        "limits": SMALL,
    }


async def test_former_subscriptions_follow_the_current_one(start: Start, clock: ManualClock) -> None:
    await subscribed(clock)
    clock.advance(timedelta(days=1))
    organisation = await subscribed(clock, "next", until=timedelta(days=1))
    client = await (await start(**QUOTAS)).client()
    listed = ok(await client.get("/account/subscriptions"))["subscriptions"]
    assert [(one["tierName"], one["status"], one.get("periodTo")) for one in listed] == [
        ("next", "ACTIVE", "2026-01-03T00:00:00Z"),
        ("small", "CANCELLED", "2026-01-02T00:00:00Z"),
    ]
    clock.advance(timedelta(days=1))
    client = await (await start(**QUOTAS)).client()
    listed = ok(await client.get("/account/subscriptions"))["subscriptions"]
    assert [(one["tierName"], one["status"]) for one in listed] == [
        ("free", "ACTIVE"), ("next", "EXPIRED"), ("small", "CANCELLED")
    ]  # fmt: skip
    await off_loop(cancel_subscription)(PLATFORM, organisation, clock=clock)
    assert (await off_loop(Subscription.objects.get)(tier="next")).status == "EXPIRED"


async def test_an_organisation_without_a_subscription_shows_the_default_tier(start: Start) -> None:
    node = await start(**QUOTAS)
    current = (await account(node, tenant="nobody knows"))["currentSubscription"]
    assert (current["id"], current["tierName"], current["status"], current["legalEntityId"]) == (
        "free", "free", "ACTIVE", "nobody knows"
    )  # fmt: skip
    assert {"entitlementId": "NUM_MODELS", "cumulative": False, "limit": 20} in current["limits"]


@pytest.mark.parametrize("path", ["/account", "/account/subscriptions"])
async def test_an_account_needs_a_token(node: Running, path: str) -> None:
    client = await node.client()
    del client.headers["authorization"]
    assert (await client.get(path)).status_code == 401
