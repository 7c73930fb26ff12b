"""The account of the caller (contract: identity 1, 11)."""

from __future__ import annotations

import httpx
import pytest

from cyoda.clock import ManualClock
from cyoda.conf import load
from tests.unit.identity.conftest import Mint, client_for

UNLIMITED = {
    "id": "unlimited",
    "legalEntityId": "acme",
    "status": "ACTIVE",
    "tierName": "unlimited",
    "periodFrom": "2020-01-01T00:00:00Z",
    "limits": [],
}


async def test_an_account_shows_the_ids_and_roles_of_the_token(api: httpx.AsyncClient, mint: Mint) -> None:
    answer = await api.get("/account", headers={"Authorization": f"Bearer {mint()}"})
    assert answer.json() == {
        "userAccountInfo": {
            "userId": "u",
            "userName": "u",
            "legalEntity": {"id": "acme", "name": "acme"},
            "roles": [{"id": "ROLE_M2M"}],
            "currentSubscription": UNLIMITED,
        }
    }


async def test_the_mock_principal_has_names_of_its_own(clock: ManualClock) -> None:
    async with client_for(load({}), clock) as api:
        account = (await api.get("/account")).json()["userAccountInfo"]
    assert (account["userName"], account["legalEntity"]) == (
        "Mock User",
        {"id": "mock-tenant", "name": "Mock Tenant"},
    )


@pytest.mark.parametrize("path", ["/account", "/account/subscriptions"])
async def test_an_account_needs_a_token(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(path)).status_code == 401


async def test_subscriptions_are_not_served(api: httpx.AsyncClient, mint: Mint) -> None:
    answer = await api.get("/account/subscriptions", headers={"Authorization": f"Bearer {mint()}"})
    assert (answer.status_code, answer.json()["detail"]) == (501, "NOT_IMPLEMENTED: not yet implemented")
