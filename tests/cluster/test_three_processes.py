"""Three nodes as processes over Zookeeper and PostgreSQL, killed, frozen and restarted (contract: engine 5.6, 33)."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import grpc.aio
import httpx
import pytest

from cyoda.embedded import EmbeddedPostgres
from tests.cluster.conftest import SECRET
from tests.contract.grpc.conftest import Client, MemberClient
from tests.contract.http.steps import model, ok, read, refused, workflow
from tests.contract.http.test_audit import states
from tests.nodes import NodeProcess, free_port, signing_key
from tests.zookeeper import ZookeeperServer
from workflows.grpc.streaming import END

PATIENCE_SECONDS = 30
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZookeeperServer]:
    with ZookeeperServer(tmp_path_factory.mktemp("zookeeper")) as server:
        yield server


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory, zookeeper: ZookeeperServer) -> Iterator[list[NodeProcess]]:
    folder, key = tmp_path_factory.mktemp("nodes"), signing_key()
    with EmbeddedPostgres(folder / "postgres", durable=False) as postgres:
        shared = {
            "CYODA_DATABASE_URL": postgres.url,
            "CYODA_CLUSTER_ENABLED": "true",
            "CYODA_HMAC_SECRET": SECRET,
            "CYODA_ZOOKEEPER_HOSTS": zookeeper.hosts,
            "CYODA_ZOOKEEPER_SESSION_TIMEOUT": "3s",
            "CYODA_NODE_ADDR": "http://127.0.0.1:1",
            "CYODA_PEER_BIND_ADDRESS": "127.0.0.1",
            "CYODA_SCHEDULER_SCAN_INTERVAL": "200ms",
            "CYODA_DRAIN_DELAY": "300ms",
        }
        nodes = [
            NodeProcess(folder, shared | {"CYODA_NODE_ID": name, "CYODA_PEER_PORT": str(free_port())}, key=key)
            for name in ("a", "b", "c")
        ]
        nodes[0].start()
        with ThreadPoolExecutor() as threads:
            list(threads.map(NodeProcess.start, nodes[1:]))
        yield nodes
        for node in nodes:
            node.kill()


@pytest.fixture
async def nodes(processes: list[NodeProcess]) -> list[NodeProcess]:
    """All three, serving."""
    for node in processes:
        assert node.process is not None
        if node.process.poll() is not None:
            node.start()
    await all_ready(processes)
    return processes


class Person:
    """A tenant's service with a client for each node, and a balancer's view: one after the other."""

    def __init__(self, nodes: list[NodeProcess], token: str) -> None:
        self.nodes = nodes
        self.token = token
        self.life = AsyncExitStack()
        self._turn = -1

    async def __aenter__(self) -> Person:
        headers = {"Authorization": f"Bearer {self.token}"}
        self.at = [
            await self.life.enter_async_context(
                httpx.AsyncClient(base_url=node.api, headers=headers, timeout=20, trust_env=False)
            )
            for node in self.nodes
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.life.aclose()

    @property
    def next(self) -> httpx.AsyncClient:
        """The client of the next node in turn."""
        self._turn += 1
        return self.at[self._turn % len(self.at)]

    async def member(self, node: NodeProcess, *tags: str) -> MemberClient:
        channel = await self.life.enter_async_context(grpc.aio.insecure_channel(node.grpc))
        return await Client(channel).member(tags, self.token)


@pytest.fixture
async def person(nodes: list[NodeProcess]) -> AsyncIterator[Person]:
    async with Person(nodes, nodes[0].token()) as person:
        yield person


async def all_ready(nodes: list[NodeProcess]) -> None:
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(PATIENCE_SECONDS):
        for node in nodes:
            while not await is_ready(http, node):
                await asyncio.sleep(0.05)


async def is_ready(http: httpx.AsyncClient, node: NodeProcess) -> bool:
    try:
        return (await http.get(f"http://127.0.0.1:{node.admin_port}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


def flow(tag: str) -> dict[str, Any]:
    work = {"name": "p", "executionMode": "SYNC", "config": {"calculationNodesTags": tag}}
    return states(NONE=[{"name": "go", "next": "DONE", "processors": [work]}], DONE=[])


async def asked(member: MemberClient) -> tuple[dict[str, Any], str]:
    event = await member.event()
    return json.loads(event.text_data), event.attributes["cyodatxtoken"].ce_string


def create(api: httpx.AsyncClient, name: str, amount: int = 1) -> asyncio.Task[httpx.Response]:
    return asyncio.ensure_future(api.post(f"/entity/JSON/{name}/1", json={"amount": amount, "name": "a"}))


async def test_what_one_node_has_answered_the_next_one_knows(person: Person) -> None:
    """Each step goes to the next node, as through a balancer without memory."""
    for round_number in range(3):
        name = f"round{round_number}"
        ok(await person.next.post(f"/model/import/JSON/SAMPLE_DATA/{name}/1", json={"amount": 1}))
        ok(await person.next.put(f"/model/{name}/1/lock"))
        body = {"importMode": "REPLACE", "workflows": [states(NONE=[{"name": "go", "next": "ONE"}], ONE=[])]}
        ok(await person.next.post(f"/model/{name}/1/workflow/import", json=body))
        (first,) = ok(await person.next.post(f"/entity/JSON/{name}/1", json={"amount": 1}))[0]["entityIds"]
        assert (await read(person.next, first))["meta"]["state"] == "ONE"
        body["workflows"] = [states(NONE=[{"name": "go", "next": "TWO"}], TWO=[])]
        ok(await person.next.post(f"/model/{name}/1/workflow/import", json=body))
        (second,) = ok(await person.next.post(f"/entity/JSON/{name}/1", json={"amount": 2}))[0]["entityIds"]
        assert (await read(person.next, second))["meta"]["state"] == "TWO"
        for entity_id in (first, second):
            ok(await person.next.delete(f"/entity/{entity_id}"))
        ok(await person.next.put(f"/model/{name}/1/unlock"))
        refused(await person.next.post(f"/entity/JSON/{name}/1", json={"amount": 3}), 409, "MODEL_NOT_LOCKED")


async def test_what_a_client_may_do_is_the_same_on_every_node_at_once(person: Person) -> None:
    async def token(client: dict[str, Any]) -> int:
        credentials = (client["client_id"], client["client_secret"])
        form = {"grant_type": "client_credentials"}
        answer = await person.next.post("/oauth/token", data=form, auth=httpx.BasicAuth(*credentials))
        return answer.status_code

    for _ in range(2):
        client = ok(await person.next.post("/clients"))
        assert [await token(client) for _ in person.nodes] == [200, 200, 200]
        rotated = ok(await person.next.put(f"/clients/{client['client_id']}/secret"))
        assert [await token(client) for _ in person.nodes] == [401, 401, 401]
        assert [await token(rotated) for _ in person.nodes] == [200, 200, 200]
        ok(await person.next.delete(f"/clients/{client['client_id']}"))
        assert [await token(rotated) for _ in person.nodes] == [401, 401, 401]


async def test_updates_of_one_entity_through_all_nodes_end_in_one_history(person: Person) -> None:
    await model(person.next, "counter")
    (entity_id,) = ok(await create(person.next, "counter"))[0]["entityIds"]
    answers = await asyncio.gather(
        *(person.next.put(f"/entity/JSON/{entity_id}", json={"amount": n, "name": "a"}) for n in range(30))
    )
    accepted = [answer.json()["transactionId"] for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    for _ in person.nodes:
        history = ok(await person.next.get(f"/entity/{entity_id}/changes"))
        assert {change["transactionId"] for change in history[:-1]} == set(accepted)
        assert history[0]["transactionId"] == (await read(person.next, entity_id))["meta"]["transactionId"]


async def test_the_death_of_an_owner_is_the_contracts_code_and_leaves_nothing(person: Person) -> None:
    a, b, _ = person.nodes
    await model(person.at[0], "orphan")
    await workflow(person.at[0], "orphan", flow("orphan"))
    member = await person.member(b, "orphan")
    creating = create(person.at[0], "orphan")
    _, joined = await asked(member)
    assert len(ok(await person.at[1].get("/entity/orphan/1", headers={"X-Tx-Token": joined}))) == 1
    a.kill()
    with pytest.raises(httpx.TransportError):
        await creating
    gone = await person.at[1].get("/entity/orphan/1", headers={"X-Tx-Token": joined})
    refused(gone, 503, "TRANSACTION_NODE_UNAVAILABLE", "transaction node is not available")
    assert "retryable" not in gone.json()["properties"]
    assert ok(await person.at[2].get("/entity/orphan/1")) == []
    creating = create(person.at[2], "orphan")
    request, _ = await asked(member)
    await member.answer(request)
    ok(await creating)


async def test_the_death_of_a_members_node_fails_its_callouts_and_no_others(person: Person) -> None:
    _, b, c = person.nodes
    await model(person.at[0], "shared")
    await workflow(person.at[0], "shared", flow("shared"))
    member = await person.member(b, "shared")
    creating = create(person.at[0], "shared")
    await asked(member)
    b.kill()
    refused(await creating, 503, "DISPATCH_FORWARD_FAILED", "forwarding the callout to a peer node failed")
    waiting = create(person.at[0], "shared")
    again = await person.member(c, "shared")
    request, _ = await asked(again)
    await again.answer(request)
    ok(await waiting)


async def test_a_frozen_node_delays_nobody_for_long(person: Person) -> None:
    _, b, c = person.nodes
    await model(person.at[0], "frozen")
    await workflow(person.at[0], "frozen", flow("frozen"))
    member = await person.member(b, "frozen")
    given = create(person.at[0], "frozen")
    await asked(member)
    owned = create(person.at[1], "frozen")
    question, joined = await asked(member)
    assert b.process is not None
    b.process.send_signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(15):
            callback = person.at[2].get("/entity/frozen/1", headers={"X-Tx-Token": joined})
            lost, unreached = await asyncio.gather(given, callback)
            refused(lost, 503, "DISPATCH_FORWARD_FAILED")
            refused(unreached, 503, "TRANSACTION_NODE_UNAVAILABLE")
        again = await person.member(c, "frozen")
        served = create(person.at[0], "frozen")
        request, _ = await asked(again)
        await again.answer(request)
        ok(await served)
    finally:
        b.process.send_signal(signal.SIGCONT)
    await member.answer({"requestId": question["requestId"]})
    ok(await owned)


async def test_a_lost_membership_stops_forwarding_and_is_told_until_it_is_back(
    person: Person, zookeeper: ZookeeperServer
) -> None:
    a, b, _ = person.nodes
    await model(person.at[0], "cut")
    await workflow(person.at[0], "cut", flow("cut"))
    member = await person.member(b, "cut")
    zookeeper.signal(signal.SIGSTOP)
    try:
        async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(PATIENCE_SECONDS):
            while await is_ready(http, a):
                await asyncio.sleep(0.05)
            told = await http.get(f"http://127.0.0.1:{a.admin_port}/readyz")
            assert told.text == "not ready: the cluster's membership is lost"
        own = create(person.at[1], "cut")
        request, _ = await asked(member)
        await member.answer(request)
        ok(await own)
        foreign = create(person.at[0], "cut")
    finally:
        zookeeper.signal(signal.SIGCONT)
    request, _ = await asked(member)
    await member.answer(request)
    ok(await foreign)
    await all_ready(person.nodes)


@dataclass
class Balancer:
    """Sends each request to the next node that says it is ready, and to another one when none listens there."""

    nodes: list[NodeProcess]
    clients: list[httpx.AsyncClient]
    ready: list[bool]
    turn: int = 0

    async def look(self) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            while True:
                self.ready = [await is_ready(http, node) for node in self.nodes]
                await asyncio.sleep(0.05)

    def next(self) -> int:
        for _ in self.nodes:
            self.turn = (self.turn + 1) % len(self.nodes)
            if self.ready[self.turn]:
                break
        return self.turn

    async def post(self, path: str, body: Any) -> httpx.Response:
        while True:
            try:
                return await self.clients[self.next()].post(path, json=body)
            except httpx.ConnectError:
                await asyncio.sleep(0.01)


async def serve_anywhere(person: Person, balancer: Balancer, tag: str) -> None:
    """A member that connects to another node whenever its stream ends."""
    while True:
        try:
            member = await person.member(person.nodes[balancer.next()], tag)
            while (event := await member.call.read()) is not END:
                if event.type == "EntityProcessorCalculationRequest":
                    await member.answer(json.loads(event.text_data))
        except (AssertionError, grpc.aio.AioRpcError):
            await asyncio.sleep(0.05)


async def test_a_rolling_restart_under_load_fails_no_request(person: Person) -> None:
    await model(person.at[0], "rolling")
    await workflow(person.at[0], "rolling", flow("rolling"))
    balancer = Balancer(person.nodes, person.at, [True] * 3)
    answers: list[httpx.Response] = []

    async def load() -> None:
        while True:
            answers.append(await balancer.post("/entity/JSON/rolling/1", {"amount": len(answers), "name": "a"}))

    tasks = [asyncio.ensure_future(balancer.look())]
    tasks += [asyncio.ensure_future(serve_anywhere(person, balancer, "rolling")) for _ in range(2)]
    tasks += [asyncio.ensure_future(load()) for _ in range(4)]
    for node in person.nodes:
        done = len(answers)
        assert await asyncio.to_thread(node.stop) == 0
        await asyncio.to_thread(node.start)
        await all_ready(person.nodes)
        assert len(answers) > done
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes
    assert {answer.status_code for answer in answers} == {200}, [a.text for a in answers if a.status_code != 200]
    stored = sum(row["count"] for row in ok(await person.at[0].get("/entity/stats/states/rolling/1")))
    assert stored >= len(answers)
