"""Stored clients at the token endpoint's registry."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cyoda.schemas import PostgresSchemas
from tenants.identity.secrets import SecretProof
from tenants.models import Client, Environment, Organisation
from tenants.provisioning.local import LocalDriver
from tenants.provisioning.saga import Progress, Saga
from tenants.services.audit import PLATFORM
from tenants.services.clients import KEPT_SECONDS, StoredClients
from tenants.services.off_loop import OrmThread
from tenants.services.organisations import suspend_organisations
from tenants.services.provisioning import Order, provision_environment
from tests.contract.tenants.conftest import off_loop

Clock = list[float]


@pytest.fixture
def now() -> Clock:
    return [0.0]


@pytest.fixture
async def clients(database: str, now: Clock) -> AsyncIterator[StoredClients]:
    orm = OrmThread()
    yield StoredClients(orm, seconds=lambda: now[0])
    await orm.close()


@off_loop
def provisioned(name: str) -> Order:
    order = provision_environment(PLATFORM, name)
    saga = Saga(driver_of=lambda _: LocalDriver(PostgresSchemas()))
    while saga.advance(order.run.pk) is Progress.MORE:
        pass
    return order


async def test_a_provisioned_client_is_let_in_with_its_secret_only(clients: StoredClients) -> None:
    order = await provisioned("a b/ü")
    client = await clients.find(order.client_id)
    assert client is not None
    assert await SecretProof().holds(order.client_secret, client.secret_hashes)
    assert not await SecretProof().holds("wrong", client.secret_hashes)
    assert (client.tenant, client.user_id, client.roles) == ("a b/ü", "admin", ("ROLE_ADMIN", "ROLE_M2M"))
    assert await clients.find("nobody") is None
    assert await clients.find("a\0b") is None


@pytest.mark.parametrize("what", ["suspended", "deleting", "client removed"])
async def test_a_client_is_refused_within_a_second_of_what_closes_its_tenant(
    clients: StoredClients, now: Clock, what: str
) -> None:
    order = await provisioned("Acme")
    assert await clients.find(order.client_id)

    @off_loop
    def close() -> None:
        if what == "suspended":
            suspend_organisations(PLATFORM, Organisation.objects.all())
        elif what == "deleting":
            Environment.objects.update(state="deleting")
        else:
            Client.objects.all().delete()

    await close()
    assert await clients.find(order.client_id)
    now[0] += KEPT_SECONDS
    assert await clients.find(order.client_id) is None
