"""What every membership service promises, checked over a real server of each (docs/adr/0017)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest

from cyoda.cluster.directory import Directory
from cyoda.cluster.embedded import EmbeddedDirectory
from cyoda.cluster.following import Follower
from cyoda.cluster.membership import ConnectedMember, DuplicateNode, MembershipUnavailable, NodeInfo, NodeState
from cyoda.cluster.zookeeper import ZookeeperDirectory, ZookeeperOptions
from tests.zookeeper import ZookeeperServer

NewDirectory = Callable[[], Awaitable[Directory]]
PATIENCE_SECONDS = 10
SESSION_SECONDS = 1.0


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZookeeperServer]:
    with ZookeeperServer(tmp_path_factory.mktemp("zookeeper")) as server:
        yield server


@pytest.fixture(params=["embedded", "zookeeper"])
async def new_directory(request: pytest.FixtureRequest) -> NewDirectory:
    """Makes clusters of their own."""

    async def new_directory() -> Directory:
        name = f"t{uuid.uuid4().hex}"
        if request.param == "zookeeper":
            return in_zookeeper(request.getfixturevalue("zookeeper"), root=f"/{name}")
        url = request.getfixturevalue("postgres_url")
        connection = await asyncpg.connect(url)
        await connection.execute(f"CREATE SCHEMA {name}")
        await connection.close()
        return EmbeddedDirectory(url, schema=name, lease_s=SESSION_SECONDS)

    return new_directory


@pytest.fixture
async def directory(new_directory: NewDirectory) -> Directory:
    return await new_directory()


def in_zookeeper(server: ZookeeperServer, **changed: Any) -> ZookeeperDirectory:
    options: dict[str, Any] = {"user": "cyoda", "password": "secret"} | changed
    return ZookeeperDirectory(ZookeeperOptions(hosts=server.hosts, session_timeout_s=SESSION_SECONDS, **options))


Join = Callable[..., Any]


@pytest.fixture
async def join(directory: Directory) -> AsyncIterator[Join]:
    joined: list[Follower] = []

    async def join(node_id: str, **info: Any) -> Follower:
        joined.append(Follower(directory, node_id))
        await joined[-1].join(node(node_id, **info))
        return joined[-1]

    yield join
    for follower in joined:
        await follower.leave()


def node(node_id: str, state: NodeState = "serving", **changed: Any) -> NodeInfo:
    values: dict[str, Any] = {"peer": f"{node_id}:1", "incarnation": uuid.uuid4().hex} | changed
    return NodeInfo(id=node_id, http="http://h", grpc="h:1", version="1", capacity=7, state=state, **values)


def member(*tags: str, tenant: str = "acme") -> ConnectedMember:
    return ConnectedMember(id=uuid.uuid4(), tenant=tenant, tags=tags)


async def until(follower: Follower, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            changed = follower.view.changed
            if holds():
                return
            await changed.wait()


async def in_time(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


async def test_nodes_see_each_other_come_change_and_go(join: Join) -> None:
    one, two = await join("one"), await join("two")
    assert two.is_current
    assert set(two.view.nodes) == {"one", "two"}
    await until(one, lambda: set(one.view.nodes) == {"one", "two"})
    assert one.view.nodes["two"].capacity == 7
    two.publish(node("two", "draining", incarnation=two.view.nodes["two"].incarnation))
    await until(one, lambda: one.view.nodes["two"].state == "draining")
    await two.leave()
    await until(one, lambda: set(one.view.nodes) == {"one"})
    assert not two.is_current
    assert two.is_lost


async def test_members_are_offered_to_other_nodes_by_tenant_and_tag(join: Join) -> None:
    one, two = await join("one"), await join("two")
    red, both, theirs = member("red"), member("red", "blue"), member("red", tenant="globex")
    for each in (red, both, theirs):
        two.connected(each)
    await until(one, lambda: len(one.view.members.get("two", ())) == 3)
    assert one.view.offers("acme", ("red",)) == {"two": 2}
    assert one.view.offers("acme", ("blue",)) == one.view.offers("globex", None) == {"two": 1}
    assert one.view.offers("acme", None) == {"two": 2}
    assert one.view.offers("acme", ("green",)) == one.view.offers("initech", None) == {}
    assert one.view.offers("acme", ("red",), {red.id}) == {"two": 1}
    assert two.view.offers("acme", ("red",)) == {}, "its own members are no offer of others"
    two.disconnected(both.id)
    await until(one, lambda: one.view.offers("acme", ("blue",)) == {})
    two.publish(node("two", "draining", incarnation=two.view.nodes["two"].incarnation))
    await until(one, lambda: one.view.offers("acme", None) == {})


async def test_who_comes_late_sees_what_is_there(join: Join) -> None:
    one = await join("one")
    members = [member("red") for _ in range(300)]
    for each in members:
        one.connected(each)
    await until(one, lambda: len(one.view.members["one"]) == 300)
    two = await join("two")
    assert two.view.offers("acme", ("red",)) == {"one": 300}
    assert two.view.members["one"] == {each.id: each for each in members}


async def test_an_id_belongs_to_one_node(join: Join) -> None:
    await join("one")
    with pytest.raises(DuplicateNode):
        await join("one", peer="elsewhere:1")


async def test_a_new_life_at_the_same_address_takes_over_at_once(join: Join, directory: Directory) -> None:
    other = await join("other")
    session = await directory.open("one", Follower(directory, "one"))
    await session.announce(node("one"))
    lost = member("red")
    await session.change([lost], [])
    await until(other, lambda: other.view.offers("acme", ("red",)) == {"one": 1})
    again = await join("one")
    assert again.is_current
    assert again.view.members["one"] == {}
    await until(other, lambda: other.view.offers("acme", ("red",)) == {})
    await session.close()


async def test_an_interruption_that_is_over_before_anything_has_failed_is_healed_too(join: Join) -> None:
    one, two = await join("one"), await join("two")
    one.interrupted()
    assert not one.is_current
    await in_time(lambda: one.is_current)
    red = member("red")
    one.connected(red)
    await until(two, lambda: two.view.offers("acme", ("red",)) == {"one": 1})


async def test_an_interruption_is_known_at_once_and_healed(
    join: Join, directory: Directory, request: pytest.FixtureRequest
) -> None:
    one, two = await join("one"), await join("two")
    red = member("red")
    one.connected(red)
    await until(two, lambda: two.view.offers("acme", ("red",)) == {"one": 1})
    blue = member("blue")
    if isinstance(directory, EmbeddedDirectory):
        await end_connections(request.getfixturevalue("postgres_url"), directory)
        await in_time(lambda: not one.is_current)
        one.connected(blue)
    else:
        zookeeper: ZookeeperServer = request.getfixturevalue("zookeeper")
        await asyncio.to_thread(zookeeper.stop)
        await in_time(lambda: not one.is_current)
        assert not one.is_lost
        one.connected(blue)
        await in_time(lambda: one.is_lost)
        zookeeper.start()
    await in_time(lambda: one.is_current and two.is_current)
    await until(two, lambda: two.view.members.get("one") == {red.id: red, blue.id: blue})


async def test_in_zookeeper_another_digest_sees_nothing_and_changes_nothing(zookeeper: ZookeeperServer) -> None:
    ours, theirs = [in_zookeeper(zookeeper, root="/guarded", password=password) for password in ("ours", "theirs")]
    session = await ours.open("one", Follower(ours, "one"))
    await session.announce(node("one"))
    intruder = await theirs.open("two", Follower(theirs, "two"))
    for attempt in (intruder.announce(node("two")), intruder.node_ids(), intruder.read("one")):
        with pytest.raises(MembershipUnavailable):
            await attempt
    assert list(await session.node_ids()) == ["one"]
    await intruder.close()
    await session.close()


async def end_connections(url: str, directory: EmbeddedDirectory) -> None:
    """Those of a directory, as if the database had cut them off."""
    connection = await asyncpg.connect(url)
    name = directory.application_name
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name)
    await connection.close()


async def test_a_cluster_has_a_space_of_its_own(join: Join, new_directory: NewDirectory) -> None:
    await join("one")
    follower = Follower(await new_directory(), "one")
    await follower.join(node("one", peer="elsewhere:1"))
    assert set(follower.view.nodes) == {"one"}
    await follower.leave()
