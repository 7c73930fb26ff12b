"""A build's progress as server-sent events: our own addition to the cloud API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from cyoda.schemas import PostgresSchemas
from tenants.cloud import streams
from tenants.cloud.streams import SHARE, EventStreams
from tenants.models import Provisioning
from tenants.models.provisioning import ProvisioningEvent
from tenants.provisioning.base import StepRefused
from tenants.provisioning.local import LocalDriver
from tests.contract.cloud.conftest import Caller, Organise, slug, work
from tests.contract.tenants.conftest import off_loop
from tests.contract.tenants.drivers import STEPS, FailingDriver

pytestmark = pytest.mark.usefixtures("database")
PATIENCE_S = 10.0


@dataclass
class Event:
    id: int
    kind: str
    data: dict[str, Any]


def events_in(text: str) -> list[Event]:
    found: list[Event] = []
    for block in text.split("\n\n"):
        lines = dict(line.partition(": ")[::2] for line in block.splitlines())
        if "id" in lines:
            found.append(Event(int(lines["id"]), lines["event"], json.loads(lines["data"])))
    return found


def events(caller: Caller, build_id: str, last: int | None = None) -> list[Event]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    answer = caller("GET", f"/builds/{build_id}/events", **headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream"), answer.content
    return events_in(answer.content.decode())


def ordered(caller: Caller, name: str = "dev") -> str:
    return caller.up(name).json()["build_id"]


# --- what is told ---------------------------------------------------------------------------------------------------


def test_each_change_of_a_build_and_its_steps_is_an_event_with_a_growing_id(organise: Organise) -> None:
    owner = organise()
    build = ordered(owner)
    assert [(event.kind, event.data["state"]) for event in events(owner, build)] == [("build", "Queued")]
    work()
    told = events(owner, build)
    assert [event.id for event in told] == sorted({event.id for event in told})
    assert {event.data["build_id"] for event in told} == {build}
    states = [event.data["state"] for event in told if event.kind == "build"]
    assert states == ["Queued", "PROCESSING", "SUCCESS"]
    steps = [event.data for event in told if event.kind == "step"]
    assert [(row["step"], row["number"], row["state"], row["attempt"]) for row in steps] == [
        (step, number, state, 1) for number, step in enumerate(STEPS, 1) for state in ("running", "done")
    ]


def test_a_client_that_comes_back_gets_what_it_has_not_seen_and_204_after_the_end(organise: Organise) -> None:
    owner = organise()
    build = ordered(owner)
    work()
    told = events(owner, build)
    for place in (0, 3, len(told) - 2):
        assert events(owner, build, told[place].id) == told[place + 1 :]
    again = owner("GET", f"/builds/{build}/events", **{"Last-Event-ID": str(told[-1].id)})
    assert (again.status_code, again.content) == (204, b"")
    for wrong in ("-1", "x", "9" * 19, "١"):
        answer = owner("GET", f"/builds/{build}/events", **{"Last-Event-ID": wrong})
        assert slug(answer) == (400, "validation-error")


def test_a_failure_is_told_in_the_words_of_the_build_and_without_its_inner_cause(organise: Organise) -> None:
    owner = organise()
    build = ordered(owner)
    work(FailingDriver("create tables", lambda: StepRefused("psycopg at 10.0.0.1")))
    told = events(owner, build)
    assert (told[-1].kind, told[-1].data["state"]) == ("build", "FAILED")
    assert told[-1].data["text"] == owner("GET", f"/builds/{build}").json()["job_status_text"]
    steps = [(event.data["step"], event.data["state"]) for event in told if event.kind == "step"]
    assert ("create tables", "failed") in steps
    assert steps[-1] == ("create schema", "undone")
    assert "10.0.0.1" not in str(told)


def test_a_cancelled_build_ends_its_stream_too(organise: Organise) -> None:
    owner = organise()
    build = ordered(owner)
    assert owner("POST", "/envs/dev:cancel").status_code == 202
    work()
    assert [event.data["state"] for event in events(owner, build)] == ["Queued", "PROCESSING", "CANCELLED"]


def test_a_foreign_or_unknown_build_is_not_found_and_a_token_needs_the_scope(organise: Organise) -> None:
    owner, stranger = organise(), organise("Globex")
    build = ordered(owner)
    for path in (build, str(uuid4()), "no-uuid"):
        assert slug(stranger("GET", f"/builds/{path}/events")) == (404, "not-found")
    owner.claims = {"scope": "deploy:env"}
    assert slug(owner("GET", f"/builds/{build}/events")) == (403, "forbidden")
    assert slug(owner("POST", f"/builds/{build}/events")) == (405, "method-not-allowed")


def test_the_document_says_that_it_is_our_own(organise: Organise) -> None:
    document = organise()("GET", "/.well-known/openapi.json").json()
    described = document["paths"]["/builds/{build_id}/events"]["get"]
    assert "Our own addition" in described["description"]
    assert described["responses"]["200"]["content"].keys() == {"text/event-stream"}


# --- as it happens --------------------------------------------------------------------------------------------------


@dataclass
class Listening:
    """A client of the streams, at the seam to the server; `leave` is its end of the connection."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    text: str = ""
    is_ended: bool = False
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def until(self, happened: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not happened(self):
                await asyncio.sleep(0.01)

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.text += message["body"].decode()
            self.is_ended = not message.get("more_body", False)

    async def receive(self) -> dict[str, Any]:
        await self.leave.wait()
        return {"type": "http.disconnect"}


async def no_django(*_: Any) -> None:
    raise AssertionError("this is no address of a stream")


@asynccontextmanager
async def listening(app: EventStreams, caller: Caller, build: str) -> AsyncIterator[Listening]:
    path = f"/v2/builds/{build}/events"
    headers = [(b"authorization", f"Bearer {caller.token()}".encode()), (b"x-request-id", b"r-1")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    client = Listening()
    client.task = asyncio.create_task(app(scope, client.receive, client.send))
    try:
        await client.until(lambda one: one.status)
        yield client
    finally:
        client.leave.set()
        await client.task


def states(client: Listening) -> list[str]:
    return [event.data["state"] for event in events_in(client.text) if event.kind == "build"]


async def test_listeners_hear_of_changes_until_the_end_and_one_question_serves_them_all(
    organise: Organise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "POLL_SECONDS", 0.05)
    owner = await off_loop(organise)()
    build = await off_loop(lambda: ordered(owner))()
    app = EventStreams(no_django, heartbeat_s=0.2)
    async with listening(app, owner, build) as first, listening(app, owner, build) as second:
        assert (first.status, first.headers[b"content-type"]) == (200, b"text/event-stream")
        assert (first.headers[b"cache-control"], first.headers[b"x-request-id"]) == (b"no-store", b"r-1")
        await first.until(lambda one: ": still under way" in one.text)
        assert states(first) == ["Queued"]
        assert len([task for task in asyncio.all_tasks() if "_poll" in str(task.get_coro())]) == 1
        await off_loop(lambda: work(LocalDriver(PostgresSchemas())))()
        for client in (first, second):
            await client.until(lambda one: one.is_ended)
            assert states(client) == ["Queued", "PROCESSING", "SUCCESS"]
        told = events_in(first.text)
        assert told == events_in(second.text) == await off_loop(lambda: events(owner, build))()
    async with listening(app, owner, build) as late:
        await late.until(lambda one: one.is_ended)
        assert events_in(late.text) == told


async def test_streams_are_bounded_and_end_with_their_client_or_the_node(organise: Organise) -> None:
    owner, other = await off_loop(organise)(), await off_loop(lambda: organise("Globex"))()
    build, foreign = await off_loop(lambda: ordered(owner))(), await off_loop(lambda: ordered(other))()
    app = EventStreams(no_django)
    async with listening(app, other, build) as stranger:
        assert stranger.status == 404
    async with listening(app, owner, build) as only:
        app._listeners.update({_like(next(iter(app._listeners))) for _ in range(SHARE - 1)})
        async with listening(app, owner, build) as too_much:
            assert too_much.status == 429
        async with listening(app, other, foreign) as another:
            assert another.status == 200
        assert not only.is_ended
        app.stop()
        await only.until(lambda one: one.is_ended)
    app._listeners.clear()
    assert await off_loop(lambda: Provisioning.objects.filter(finished_at=None).count())() == 2
    assert await off_loop(lambda: ProvisioningEvent.objects.count())() == 2


def _like(listener: Any) -> Any:
    return type(listener)(listener.organisation_id, listener.run_id, listener.last)
