"""What a tier does not allow is refused with its code, and nothing changes (contract: control plane 3.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from django.db import connection

from cyoda.clock import ManualClock
from cyoda.principal import ROLE_M2M
from tenants.models import Environment, Organisation, Tier
from tenants.services import permits
from tenants.services.audit import PLATFORM
from tenants.services.quotas import StoredQuotas
from tenants.services.tiers import assign_tier, save_tier
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import entity, model, ok, read, refused, workflow
from tests.contract.identity.conftest import Running, Start
from tests.contract.tenants.conftest import off_loop
from tests.contract.tenants.test_quotas import number, rate

QUOTAS = {"CYODA_QUOTAS_ENABLED": "true"}
Entitled = Callable[..., Awaitable[Running]]


@pytest.fixture
def entitled(start: Start, clock: ManualClock) -> Entitled:
    """A node, and the tenant `acme` with a tier of the given limits."""

    def subscribe(limits: list[dict[str, Any]]) -> None:
        organisation = Organisation.objects.create(name="Acme Ltd")
        Environment.of_tenant("acme", organisation=organisation, state=Environment.State.READY).save()
        tier = Tier(name="small", title="Small", limits=limits)
        save_tier(PLATFORM, tier)
        assign_tier(PLATFORM, organisation, tier, clock=clock)

    async def started(*limits: dict[str, Any]) -> Running:
        await off_loop(subscribe)(list(limits))
        return await start(**QUOTAS)

    return started


async def test_requests_beyond_the_rate_are_refused_until_the_window_ends(
    entitled: Entitled, clock: ManualClock
) -> None:
    node = await entitled(rate(4))
    await model(node.admin)
    entity_id = await entity(node.admin)
    clock.advance(timedelta(seconds=20))
    assert (await read(node.admin, entity_id))["data"] == {"amount": 1, "name": "a"}
    refusal = await node.admin.post("/entity/JSON/order/1", json={"amount": 2, "name": "b"})
    refused(
        refusal, 429, "TOO_MANY_REQUESTS", "the limit of 4 requests in 60 seconds is reached",
        entitlementId="API_REQUEST", limit=4, retryAfterSeconds=40, retryable=True,
    )  # fmt: skip
    assert refusal.headers["retry-after"] == "40"
    assert refusal.json()["title"] == "Too Many Requests"
    clock.advance(timedelta(seconds=40))
    assert len(ok(await node.admin.get("/entity/order/1"))) == 1


async def test_what_is_refused_for_other_reasons_or_needs_no_token_is_not_counted(entitled: Entitled) -> None:
    node = await entitled(rate(1))
    operator = await node.client(user_roles=["ROLE_OPERATOR"])
    for _ in range(3):
        assert (await operator.get("/model/")).status_code == 403
        assert (await node.admin.get("/nowhere")).status_code == 404
        assert (await node.admin.get("/health")).status_code == 200
        assert (await node.token()).status_code == 200
    assert (await node.admin.get("/model/")).status_code == 200
    assert (await node.admin.get("/model/")).status_code == 429


async def test_without_the_database_requests_are_refused_like_any_other_use_of_it(
    entitled: Entitled, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await entitled(rate(4))
    await node.admin.get("/model/")
    monkeypatch.setattr(permits, "_TAKE", "SELECT pg_terminate_backend(pg_backend_pid())")
    refused(await node.admin.get("/model/"), 503, "STORAGE_UNAVAILABLE")


async def test_callouts_beyond_the_rate_fail_the_transaction(entitled: Entitled, clock: ManualClock) -> None:
    node = await entitled(rate(1, name="EXTERNALIZED_CALL"))
    asked: list[str] = []

    async def work(request: dict[str, Any], _: dict[str, str]) -> dict[str, Any]:
        asked.append(request["processorName"])
        return {"success": True}

    InProcessMember(node.node, work)
    await model(node.admin)
    processor = {"type": "externalized", "name": "p", "executionMode": "SYNC", "config": {}}
    start = {"name": "start", "next": "DONE", "processors": [processor]}
    states = {"NONE": {"transitions": [start]}, "DONE": {}}
    await workflow(node.admin, definition={"version": "1.3", "name": "w", "initialState": "NONE", "states": states})
    await entity(node.admin)
    answer = await node.admin.post("/entity/JSON/order/1", json={"amount": 2, "name": "b"})
    refused(
        answer, 429, "TOO_MANY_REQUESTS", entitlementId="EXTERNALIZED_CALL", limit=1, retryAfterSeconds=60,
        retryable=True,
    )  # fmt: skip
    assert answer.headers["retry-after"] == "60"
    assert len(ok(await node.admin.get("/entity/order/1"))) == 1
    assert asked == ["p"]
    clock.advance(timedelta(minutes=1))
    await entity(node.admin)


@pytest.mark.parametrize("is_declared", [True, False])
async def test_a_body_over_the_limit_is_refused(entitled: Entitled, is_declared: bool) -> None:
    node = await entitled(number("PAYLOAD_SIZE", 1000))
    await model(node.admin)
    document = b'{"amount":1,"name":"%s"}'
    fitting, larger = document % (b"a" * (1000 - len(document) + 2)), document % (b"a" * (1001 - len(document) + 2))
    assert (len(fitting), len(larger)) == (1000, 1001)

    async def pieces() -> AsyncIterator[bytes]:
        yield larger[:700]
        yield larger[700:]

    answer = await node.admin.post("/entity/JSON/order/1", content=larger if is_declared else pieces())
    refused(
        answer, 413, "BAD_REQUEST", "the request body is larger than 1000 bytes", entitlementId="PAYLOAD_SIZE",
        limit=1000,
    )  # fmt: skip
    assert ok(await node.admin.get("/entity/order/1")) == []
    ok(await node.admin.post("/entity/JSON/order/1", content=fitting))


async def import_(client: httpx.AsyncClient, name: str, sample: object) -> httpx.Response:
    return await client.post(f"/model/import/JSON/SAMPLE_DATA/{name}/1", json=sample)


async def test_models_have_a_number(entitled: Entitled) -> None:
    node = await entitled(number("NUM_MODELS", 2))
    for name in ("a", "b"):
        ok(await import_(node.admin, name, {"x": 1}))
    refused(
        await import_(node.admin, "c", {"x": 1}), 403, "QUOTA_EXCEEDED", "the limit of 2 models is reached",
        entitlementId="NUM_MODELS", limit=2,
    )  # fmt: skip
    assert [one["modelName"] for one in ok(await node.admin.get("/model/"))] == ["a", "b"]
    ok(await import_(node.admin, "a", {"y": 1}))
    ok(await node.admin.delete("/model/a/1"))
    ok(await import_(node.admin, "c", {"x": 1}))


async def test_of_models_that_are_imported_at_once_no_more_than_the_limit_come_in(entitled: Entitled) -> None:
    node = await entitled(number("NUM_MODELS", 3))
    answers = await asyncio.gather(*(import_(node.admin, f"m{each}", {"x": 1}) for each in range(8)))
    assert sorted({answer.status_code for answer in answers} - {409}) == [200, 403]
    assert len(ok(await node.admin.get("/model/"))) == sum(answer.status_code == 200 for answer in answers) <= 3


@pytest.mark.parametrize(("entitlement", "limit"), [("NUM_MODEL_FIELDS", 2), ("NUM_MODEL_FIELDS_CUMULATIVE", 3)])
async def test_fields_have_a_number_when_a_model_is_imported(entitled: Entitled, entitlement: str, limit: int) -> None:
    node = await entitled(number(entitlement, limit))
    ok(await import_(node.admin, "one", {"x": 1}))
    ok(await import_(node.admin, "a", {"x": 1, "y": {"z": [1]}}))
    before = (await node.admin.get("/model/export/SIMPLE_VIEW/a/1")).text
    answer = await import_(node.admin, "a", {"w": 1})
    refused(answer, 403, "QUOTA_EXCEEDED", entitlementId=entitlement, limit=limit)
    assert (await node.admin.get("/model/export/SIMPLE_VIEW/a/1")).text == before
    ok(await import_(node.admin, "a", {"x": 5}))


@pytest.mark.parametrize(("entitlement", "limit"), [("NUM_MODEL_FIELDS", 3), ("NUM_MODEL_FIELDS_CUMULATIVE", 4)])
async def test_fields_have_a_number_when_entities_extend_the_schema(
    entitled: Entitled, entitlement: str, limit: int
) -> None:
    node = await entitled(number(entitlement, limit))
    ok(await import_(node.admin, "one", {"x": 1}))
    await model(node.admin)
    ok(await node.admin.post("/model/order/1/changeLevel/STRUCTURAL"))
    before = (await node.admin.get("/model/export/SIMPLE_VIEW/order/1")).text
    items = [{"amount": 1, "name": "a", "x": 1}, {"amount": 1, "name": "a", "y": 1}]
    answer = await node.admin.post("/entity/JSON/order/1", json=items)
    refused(answer, 403, "QUOTA_EXCEEDED", entitlementId=entitlement, limit=limit)
    assert (await node.admin.get("/model/export/SIMPLE_VIEW/order/1")).text == before
    assert ok(await node.admin.get("/entity/order/1")) == []
    entity_id = await entity(node.admin, items[0])
    refused(await node.admin.put(f"/entity/JSON/{entity_id}", json=items[1]), 403, "QUOTA_EXCEEDED")
    assert (await read(node.admin, entity_id))["data"] == items[0]
    await entity(node.admin, items[0])


async def test_a_full_storage_takes_no_more_and_lets_go(entitled: Entitled) -> None:
    node = await entitled(number("DISK_USAGE", 64 * 1024))
    await model(node.admin)
    entity_id = await entity(node.admin)

    def fill() -> None:
        schema = Environment.objects.get(tenant_id="acme").schema_name
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE SCHEMA "{schema}"')
            cursor.execute(f"CREATE TABLE \"{schema}\".big AS SELECT repeat('x', 500) FROM generate_series(1, 1000)")

    await off_loop(fill)()
    other = await node.client("globex", user_roles=[ROLE_M2M])
    await model(other)

    await cast(StoredQuotas, node.node.quotas).keep()
    refused(
        await node.admin.post("/entity/JSON/order/1", json={"amount": 1, "name": "b"}), 403, "QUOTA_EXCEEDED",
        f"the limit of {64 * 1024} bytes of storage is reached", entitlementId="DISK_USAGE", limit=64 * 1024,
    )  # fmt: skip
    refused(await node.admin.post("/message/new/s", json={"payload": 1}), 403, "QUOTA_EXCEEDED")
    await entity(other)
    assert len(ok(await node.admin.get("/entity/order/1"))) == 1
    ok(await node.admin.delete(f"/entity/{entity_id}"))


async def test_nothing_is_limited_by_default(start: Start) -> None:
    node = await start()
    assert node.node.quotas is None
    for _ in range(400):
        assert (await node.admin.get("/model/")).status_code == 200
