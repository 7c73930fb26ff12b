"""AI Studio's service account: how it signs in, and what its token is good for (contract: control plane 6, 6.3)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from cyoda.clock import Clock, system_clock
from tenants.identity.keys import KeyPair
from tenants.models import Environment, Organisation, Role
from tenants.services import people
from tenants.services.audit import PLATFORM
from tests.contract.cloud.conftest import Caller, slug, work
from tests.contract.identity.conftest import Running, Start, start
from tests.contract.studio.conftest import Studio, ordered
from tests.contract.tenants.conftest import off_loop

__all__ = ["start"]

LOGIN = {"username": "studio", "password": "a long passphrase 7"}
HEADERS = {"X-Requested-With": "XMLHttpRequest"}


@pytest.fixture
def clock() -> Clock:
    return system_clock


@pytest.fixture
def signing_key(cloud_key: KeyPair) -> KeyPair:
    """The node and the pages judge by one key."""
    return cloud_key


@pytest.fixture
async def host(database: str, start: Start) -> Running:
    @off_loop
    def populate() -> None:
        cache.clear()
        make: Any = User._default_manager
        user = make.create_user("studio", "studio@example.org", LOGIN["password"])
        people.add_member(PLATFORM, Organisation.objects.create(name="Acme"), user, Role.OWNER)

    await populate()
    return await start()


async def signed_in(host: Running, **changes: str) -> httpx.Response:
    transport = httpx.ASGITransport(host.node.api)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        return await client.post("/api/auth/login", json=LOGIN | changes, headers=HEADERS)


def bearing(answer: httpx.Response) -> Studio:
    """Whoever has the token of a sign-in."""
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]

    class Account(Caller):
        def token(self) -> str:
            return token

    return Studio(Account(key=None, tenant=""))  # type: ignore[arg-type] - it signs nothing


async def test_it_orders_the_first_environment_of_its_organisation_and_works_in_it(host: Running) -> None:
    first = await signed_in(host)
    assert first.json().get("refreshToken") is None

    @off_loop
    def order() -> Any:
        studio = bearing(first)
        deployed = studio.deploy()
        work()
        return studio.status(deployed["build_id"])["state"]

    assert await order() == "SUCCESS"
    again = await signed_in(host)
    assert again.json()["refreshToken"]
    environment = await off_loop(lambda: Environment.objects.get(name="ann-dev"))()
    assert again.json()["legalEntityId"] == environment.tenant_id
    inside = await host.bearing(again.json()["token"])
    assert (await inside.get("/clients")).status_code == 200
    outside = await host.bearing(first.json()["token"])
    assert (await outside.get("/clients")).status_code == 401, "an organisation is no environment"
    assert await off_loop(lambda: bearing(again).namespaces())() == ["client-ann-dev"]


async def test_a_technical_client_may_name_scopes_that_mean_nothing_here(host: Running) -> None:
    answer = await host.token(scope="read write")
    assert answer.status_code == 200
    assert answer.json()["access_token"]
    assert answer.json()["expires_in"] > 60


async def test_a_wrong_password_and_an_unknown_environment_are_refused(host: Running) -> None:
    assert (await signed_in(host, password="wrong")).status_code == 401
    assert (await signed_in(host, environment="nothing")).status_code == 403


@off_loop
def suspend() -> None:
    Organisation.objects.update(state=Organisation.State.SUSPENDED)


async def test_a_suspended_organisation_signs_nobody_in_and_orders_nothing(host: Running) -> None:
    before = await signed_in(host)
    await suspend()
    assert (await signed_in(host)).status_code == 403
    refused = await off_loop(lambda: bearing(before)("POST", "/deploy/cyoda-env", ordered("dev")))()
    assert slug(refused) == (403, "forbidden")
