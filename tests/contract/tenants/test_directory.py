"""Where a tenant's data lives: first sight, refusals, changes, many tenants, several nodes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from django.db import connection

from cyoda.clock import system_clock
from cyoda.conf import load
from cyoda.errors import Forbidden, StorageUnavailable, Unauthorized
from cyoda.principal import Actor
from cyoda.stores import NodeStores
from tenants.models import Environment, Organisation
from tenants.naming import schema_name_of
from tenants.services.audit import PLATFORM
from tenants.services.directory import StoredTenants
from tenants.services.off_loop import OrmThread
from tenants.services.organisations import activate_organisations, suspend_organisations
from tenants.services.provisioning import provision_environment
from tenants.services.standing import standings_changed_since
from tests.contract.tenants.conftest import off_loop
from workflows.core.entity import Document, ModelKey
from workflows.storage.base import ChangeSet, Storage, Write

FIRST_USE_SECONDS = 0.1
STRANGE = ["a b/ü", "x" * 100_000, "o'brien", 'say "no"; --', "{schema}", "%s", "日本\n", " "]


class Node:
    """What one node has: a directory with its thread, and the storage over it."""

    def __init__(self, url: str, *, auto_create: bool = True) -> None:
        self.made: list[str] = []
        self._orm = OrmThread()
        self._stores = NodeStores(load({}), url)
        self.tenants = StoredTenants(self._orm, self._make, auto_create=auto_create)
        self.storage: Storage = self._stores.storage(self.tenants)

    async def _make(self, schema: str) -> None:
        self.made.append(schema)
        await self._stores.make_schema(schema)

    async def close(self) -> None:
        await self.storage.close()
        await self._orm.close()


@pytest.fixture
async def new_node(database: str) -> AsyncIterator[Callable[..., Awaitable[Node]]]:
    nodes: list[Node] = []

    async def new(*, auto_create: bool = True) -> Node:
        node = Node(database, auto_create=auto_create)
        nodes.append(node)
        await node.storage.open()
        return node

    yield new
    for node in nodes:
        await node.close()


NewNode = Callable[..., Awaitable[Node]]


@off_loop
def rows_of(tenant: str) -> list[tuple[str, str]]:
    return list(Environment.objects.filter(tenant_id=tenant).values_list("state", "organisation__name"))


@off_loop
def organisation_count() -> int:
    return Organisation.objects.count()


def saved(entity_id: UUID) -> ChangeSet:
    actor = Actor("u", "user")
    write = Write(
        entity_id=entity_id, model=ModelKey("note", 1), expected=0, state="NEW",
        document=Document.from_value({"a": 1}), transition="",
        attributed=actor, executor=actor,
    )  # fmt: skip
    return ChangeSet(transaction_id=uuid4(), at=system_clock(), writes=(write,))


@pytest.mark.parametrize("tenant", STRANGE)
async def test_a_tenant_of_any_name_is_made_on_first_use_and_kept_apart(new_node: NewNode, tenant: str) -> None:
    node, entity_id = await new_node(), uuid4()
    await node.storage.commit(tenant, saved(entity_id))
    assert list(await node.storage.read(tenant, [entity_id])) == [entity_id]
    assert await node.storage.read("somebody else", [entity_id]) == {}
    assert await rows_of(tenant) == [("ready", tenant)]


async def test_a_first_use_that_nothing_else_disturbs_takes_under_100_ms(new_node: NewNode) -> None:
    """The fastest of ten: what other programs on the machine take is not the platform's."""
    node = await new_node()
    await node.tenants.schema_of("the first question connects")
    seconds: list[float] = []
    for number in range(10):
        began = time.perf_counter()
        await node.tenants.schema_of(f"tenant {number}")
        seconds.append(time.perf_counter() - began)
    print(f"first use of a tenant: {[round(s * 1000) for s in seconds]} ms")
    assert min(seconds) < FIRST_USE_SECONDS


async def test_a_tenant_that_is_known_costs_no_question(new_node: NewNode) -> None:
    node = await new_node()
    schema = await node.tenants.schema_of("a")
    step = node.tenants.schema_of("a")
    with pytest.raises(StopIteration) as answered:
        step.send(None)
    assert answered.value.value == schema


async def test_concurrent_first_uses_on_two_nodes_make_one_tenant(new_node: NewNode) -> None:
    nodes = [await new_node(), await new_node()]
    names = await asyncio.gather(*(node.tenants.schema_of("crowd") for node in nodes for _ in range(20)))
    assert set(names) == {schema_name_of("crowd")}
    assert await rows_of("crowd") == [("ready", "crowd")]
    assert await organisation_count() == 1
    assert all(len(node.made) <= 1 for node in nodes)


async def test_a_caller_that_gives_up_does_not_end_the_first_use_of_the_others(new_node: NewNode) -> None:
    node = await new_node()
    impatient = asyncio.create_task(node.tenants.schema_of("slow"))
    patient = asyncio.create_task(node.tenants.schema_of("slow"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == schema_name_of("slow")


async def test_a_failed_first_use_is_tried_again(database: str) -> None:
    attempts: list[str] = []

    async def broken(schema: str) -> None:
        attempts.append(schema)
        if len(attempts) == 1:
            raise StorageUnavailable

    orm = OrmThread()
    tenants = StoredTenants(orm, broken, auto_create=True)
    with pytest.raises(StorageUnavailable):
        await tenants.schema_of("a")
    assert await rows_of("a") == []
    assert await tenants.schema_of("a") == schema_name_of("a")
    await orm.close()


async def test_unknown_tenants_are_refused_where_they_are_not_made(new_node: NewNode) -> None:
    node = await new_node(auto_create=False)
    with pytest.raises(Unauthorized):
        await node.tenants.schema_of("nobody")
    assert node.made == []
    await (await new_node()).tenants.schema_of("nobody")
    assert await node.tenants.schema_of("nobody")


@pytest.mark.parametrize("tenant", ["", "a\0b", "\ud800"])
async def test_what_can_be_no_tenant_is_refused(new_node: NewNode, tenant: str) -> None:
    node = await new_node()
    with pytest.raises(Unauthorized):
        await node.tenants.schema_of(tenant)
    assert node.made == []


async def test_a_suspended_tenant_is_refused_on_every_node_until_it_is_active(new_node: NewNode) -> None:
    seen, fresh = await new_node(), await new_node()
    await seen.tenants.schema_of("a")
    await off_loop(lambda: suspend_organisations(PLATFORM, Organisation.objects.all()))()
    await seen.tenants.refresh()
    for node in (seen, fresh):
        with pytest.raises(Forbidden):
            await node.tenants.schema_of("a")
    await off_loop(lambda: activate_organisations(PLATFORM, Organisation.objects.all()))()
    for node in (seen, fresh):
        await node.tenants.refresh()
        assert await node.tenants.schema_of("a")


async def test_a_running_node_hears_of_a_suspension_by_itself(new_node: NewNode) -> None:
    node = await new_node()
    await node.tenants.schema_of("a")
    async with node.tenants, asyncio.timeout(10):
        await off_loop(lambda: suspend_organisations(PLATFORM, Organisation.objects.all()))()
        while True:
            try:
                await node.tenants.schema_of("a")
            except Forbidden:
                break
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("provisioning", StorageUnavailable),
        ("failed", Unauthorized),
        ("deleting", Unauthorized),
        ("deleted", Unauthorized),
    ],
)
async def test_an_environment_that_is_not_ready_is_refused_and_not_made_by_itself(
    new_node: NewNode, state: str, refusal: type[Exception]
) -> None:
    node = await new_node()
    await off_loop(provision_environment)(PLATFORM, "a")
    await off_loop(Environment.objects.update)(state=state)
    with pytest.raises(refusal):
        await node.tenants.schema_of("a")
    assert node.made == []


async def test_a_thousand_tenants_cost_a_start_and_a_look_nothing(new_node: NewNode) -> None:
    @off_loop
    def settle(count: int) -> None:
        owners = Organisation.objects.bulk_create(Organisation(name=f"o{n}") for n in range(count))
        Environment.objects.bulk_create(
            Environment.of_tenant(owner.name, organisation=owner, state="ready") for owner in owners
        )
        Environment.objects.update(updated_at="2020-01-01T00:00Z")
        Organisation.objects.update(updated_at="2020-01-01T00:00Z")

    await settle(1000)
    node = await new_node()
    assert await node.tenants.schema_of("o7") == schema_name_of("o7")
    assert await off_loop(standings_changed_since)(system_clock()) == {}
    assert node.made == []


async def test_a_database_that_is_gone_is_said_so_and_used_again_when_it_is_back(new_node: NewNode) -> None:
    node = await new_node()
    await node.tenants.schema_of("before")

    @off_loop
    def cut_all_connections() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    await cut_all_connections()
    for _ in range(3):
        try:
            assert await node.tenants.schema_of("after")
            break
        except StorageUnavailable:
            continue
    else:
        raise AssertionError("the directory does not come back")
