"""Streams that keep pages current (ui: 4.4): what they tell, to whom, and when they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from django.test import Client as Browser
from django.utils import timezone

from cyoda.conf import load
from cyoda.data_plane import OnLoop
from cyoda.pages_api import NodePagesApi, answer_on_loop, asked_by_pages
from cyoda.principal import Principal, system_principal
from cyoda.runtime import build_node
from tenants.models import Environment, Membership, Organisation, Provisioning, Role
from tenants.ui.console.place import slug_of
from tenants.ui.live import SHARE, LiveStreams, Pages
from tests.contract.cloud.test_events import Listening
from tests.contract.http.conftest import no_pages
from tests.contract.tenants.conftest import off_loop
from tests.contract.tenants.people.conftest import SEVERAL_TRANSACTIONS, Make, sign_in
from workflows.storage.memory.store import MemoryStorage

pytestmark = SEVERAL_TRANSACTIONS


@pytest.fixture
def making(acme: Organisation) -> Environment:
    environment = Environment.of_tenant("acme", organisation=acme, name="dev", state=Environment.State.PROVISIONING)
    environment.save()
    state = Provisioning.State.RUNNING
    Provisioning.objects.create(environment=environment, kind="create", state=state, not_before=timezone.now())
    return environment


def signed_in(somebody: Make, organisation: Organisation, name: str) -> str:
    """The cookies of a new developer of the organisation."""
    somebody(name, organisation, Role.DEVELOPER)
    browser = Browser()
    sign_in(browser, name)
    return "; ".join(f"{cookie.key}={cookie.value}" for cookie in browser.cookies.values())


def stream_of(environment: Environment, page: str = "provisioning") -> str:
    return f"/t/{slug_of(environment.organisation)}/e/{environment.name}/live/{page}"


def streams(**pace: float) -> LiveStreams:
    return LiveStreams(no_pages, Pages(), answer_on_loop, **{"interval_s": 0.05, "longest_s": 0.2, **pace})


@asynccontextmanager
async def reading(app: LiveStreams, path: str, cookies: str) -> AsyncIterator[Listening]:
    headers = [(b"cookie", cookies.encode()), (b"host", b"localhost")]
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }
    client = Listening()
    client.task = asyncio.create_task(app(scope, client.receive, client.send))
    try:
        await client.until(lambda one: one.status)
        yield client
    finally:
        client.leave.set()
        await client.task


async def test_a_page_is_told_anew_when_it_has_changed_and_to_nobody_who_may_not_see_it(
    making: Environment, somebody: Make, acme: Organisation
) -> None:
    ann = await off_loop(lambda: signed_in(somebody, acme, "ann@example.org"))()
    others = await off_loop(lambda: Organisation.objects.create(name="Eve's"))()
    eve = await off_loop(lambda: signed_in(somebody, others, "eve@example.org"))()
    app = streams()
    async with reading(app, stream_of(making), eve) as stranger, reading(app, stream_of(making), "") as nobody:
        assert (stranger.status, nobody.status) == (404, 302)
    async with reading(app, stream_of(making), ann) as client:
        assert (client.status, dict(client.headers)[b"content-type"]) == (200, b"text/event-stream")
        await client.until(lambda one: one.text.count("event: same") > 1)
        assert client.text.count("event: page") == 1
        assert ("dev is being made" in client.text, "<html" in client.text) == (True, False)
        await off_loop(lambda: Environment.objects.filter(pk=making.pk).update(state=Environment.State.READY))()
        await off_loop(
            lambda: Provisioning.objects.update(state=Provisioning.State.SUCCEEDED, finished_at=timezone.now())
        )()
        await client.until(lambda one: "dev is ready" in one.text and "data-live-over" in one.text)
        await off_loop(lambda: Membership.objects.filter(organisation=acme).delete())()
        await client.until(lambda one: one.is_ended)
        assert client.text.endswith("event: gone\ndata: \n\n")


async def test_streams_are_bounded_and_end_with_the_node(
    making: Environment, somebody: Make, acme: Organisation
) -> None:
    ann = await off_loop(lambda: signed_in(somebody, acme, "ann@example.org"))()
    app = streams()
    async with reading(app, stream_of(making), ann) as first:
        app._people.extend(app._people[:1] * (SHARE - 1))
        async with reading(app, stream_of(making), ann) as too_much:
            assert too_much.status == 429
        assert not first.is_ended
        app.stop()
        await first.until(lambda one: one.is_ended)


async def test_between_looks_one_question_is_asked_for_all_who_wait_for_its_answer(
    making: Environment, somebody: Make, acme: Organisation
) -> None:
    await off_loop(lambda: Environment.objects.update(state=Environment.State.READY))()
    ann = await off_loop(lambda: signed_in(somebody, acme, "ann@example.org"))()
    node = build_node(load({"CYODA_IAM_MODE": "mock"}), MemoryStorage(), fallback=no_pages)
    await node.platform.storage.open()
    asked: list[str] = []

    async def ask(principal: Principal, target: str) -> bytes:
        asked.append(target)
        return await answer_on_loop(principal, target)

    with asked_by_pages(NodePagesApi(node.api, OnLoop(asyncio.get_running_loop()))):
        app = LiveStreams(no_pages, Pages(), ask, interval_s=0.1, longest_s=60)
        path = stream_of(making, "models/")
        async with reading(app, path, ann) as one, reading(app, path, ann) as other:
            await one.until(lambda one: one.text.count("event: same") > 2)
            assert [client.text.count("event: page") for client in (one, other)] == [1, 1]
            assert len(asked) < 2 * len(set(asked)) * one.text.count("event: same")
            path, body = "/model/import/JSON/SAMPLE_DATA/parcel/1", b'{"to": "Ann"}'
            assert (await node.api.ask(system_principal("acme"), "POST", path, (), body)).status == 200
            await other.until(lambda other: other.text.count("event: page") == 2)
            assert "parcel" in other.text
    await node.platform.storage.close()
