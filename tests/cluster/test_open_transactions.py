"""A node that is killed while its transactions wait for members leaves nothing of them (contract: engine 5.6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest

from cyoda.embedded import EmbeddedPostgres
from tests.contract.grpc.conftest import Client, MemberClient
from tests.contract.http.steps import ok
from tests.contract.http.test_audit import states
from tests.nodes import NodeProcess

OPEN = 30
LATER = {"name": "late", "next": "C", "schedule": {"delayMs": 1}}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    with (
        EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres,
        NodeProcess(tmp_path, {"CYODA_DATABASE_URL": postgres.url}) as node,
    ):
        yield node


@asynccontextmanager
async def connected(node: NodeProcess) -> AsyncIterator[tuple[httpx.AsyncClient, MemberClient]]:
    """A client, and a member that has joined with the tag `slow`."""
    token = node.token()
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        grpc.aio.insecure_channel(node.grpc) as channel,
        httpx.AsyncClient(base_url=node.api, headers=headers, timeout=30, limits=httpx.Limits()) as api,
    ):
        yield api, await Client(channel).member(("slow",), token)


def flow(mode: str) -> dict[str, Any]:
    """A new entity stays in A until a member has answered; in B a timer is armed at once."""
    work = {"name": "p", "executionMode": mode, "config": {"calculationNodesTags": "slow"}}
    return states(A=[{"name": "go", "next": "B", "processors": [work]}], B=[LATER], C=[])


async def prepare(api: httpx.AsyncClient, name: str, mode: str | None = None) -> None:
    ok(await api.post(f"/model/import/JSON/SAMPLE_DATA/{name}/1", json={"no": 1}))
    keys = {"uniqueKeys": [{"id": "no", "fields": ["$.no"]}]}
    ok(await api.put(f"/model/{name}/1/unique-keys", json=keys))
    ok(await api.put(f"/model/{name}/1/lock"))
    if mode is not None:
        body = {"importMode": "REPLACE", "workflows": [flow(mode)]}
        ok(await api.post(f"/model/{name}/1/workflow/import", json=body))


async def create(api: httpx.AsyncClient, name: str, number: int, **joined: str) -> httpx.Response:
    return await api.post(f"/entity/JSON/{name}/1", json={"no": number}, headers=joined)


async def asked(member: MemberClient) -> tuple[dict[str, Any], str]:
    """The next request and its join token."""
    event = await member.event()
    assert event.type == "EntityProcessorCalculationRequest"
    return json.loads(event.text_data), event.attributes["cyodatxtoken"].ce_string


async def counts(api: httpx.AsyncClient) -> dict[tuple[str, str], int]:
    rows = ok(await api.get("/entity/stats/states"))
    return {(row["modelName"], row["state"]): row["count"] for row in rows if row["count"]}


async def test_what_was_open_is_gone_and_what_was_committed_stays(node: NodeProcess) -> None:
    async with connected(node) as (api, member):
        await prepare(api, "note")
        await prepare(api, "order", "SYNC")
        await prepare(api, "parcel", "COMMIT_BEFORE_DISPATCH")
        orders = [asyncio.ensure_future(create(api, "order", number)) for number in range(OPEN)]
        requests = [await asked(member) for _ in orders]
        token = ""
        for number, (_, token) in enumerate(requests):
            ok(await create(api, "note", number, **{"X-Tx-Token": token}))
        parcel = asyncio.ensure_future(create(api, "parcel", 1))
        detached, _ = await asked(member)
        assert await counts(api) == {("parcel", "A"): 1}
        node.kill()
        for outcome in await asyncio.gather(*orders, parcel, return_exceptions=True):
            assert isinstance(outcome, httpx.TransportError)
    node.start()
    async with connected(node) as (api, member):
        assert await counts(api) == {("parcel", "A"): 1}
        for request, _ in requests:
            assert (await api.get(f"/audit/entity/{request['entityId']}")).status_code == 404
        assert (await create(api, "note", 0, **{"X-Tx-Token": token})).status_code in (401, 404)
        for number in range(OPEN):  # no value is still taken
            ok(await create(api, "note", number))
        again = asyncio.ensure_future(api.put(f"/entity/JSON/{detached['entityId']}", json={"no": 1}))
        request, _ = await asked(member)
        await member.answer(request)
        ok(await again)
        async with asyncio.timeout(20):  # the timer of the state it has reached now
            while await counts(api) != {("parcel", "C"): 1, ("note", "CREATED"): OPEN}:
                await asyncio.sleep(0.05)
