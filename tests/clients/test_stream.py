"""What the library makes of a platform that says strange things: a scripted server at the other end of its stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio
import pytest

from cyoda_member import Member, Settings
from cyoda_member.generated.cloudevents_pb2 import CloudEvent
from cyoda_member.generated.cyoda_cloud_api_pb2_grpc import (
    CloudEventsServiceServicer,
    CloudEventsServiceStub,
    add_CloudEventsServiceServicer_to_server,
)
from cyoda_member.member import open_channel
from cyoda_member.stream import Stream, Work
from tests.clients.conftest import PATIENCE_SECONDS, until

PROCESSOR = "EntityProcessorCalculationRequest"
SETTINGS = Settings(client_id="c", client_secret="s")


def asked(**changes: Any) -> str:
    """The text of a processor request."""
    named = {"id": "w", "name": "w"}
    request = {"id": "r", "requestId": "r", "entityId": "e", "processorName": "add", "workflow": named,
               "transition": named, "payload": {"type": "JSON", "data": {"a": 1}, "meta": {"state": "S"}}}  # fmt: skip
    return json.dumps({name: value for name, value in {**request, **changes}.items() if value is not ...})


class Script(CloudEventsServiceServicer):
    """Says its lines after the join, then takes what it is told until the client sends no more."""

    def __init__(self, lines: list[CloudEvent], answers: int) -> None:
        self.lines = lines
        self.answers = answers
        self.heard: list[CloudEvent] = []

    async def startStreaming(  # noqa: N802 - the protocol's spelling
        self, request_iterator: Any, context: Any
    ) -> AsyncIterator[CloudEvent]:
        self.heard.append(await anext(request_iterator))
        for line in self.lines:
            yield line
        while len(self.heard) <= self.answers:
            self.heard.append(await anext(request_iterator))


@asynccontextmanager
async def served(script: Script) -> AsyncIterator[str]:
    """The address of a server that plays a script."""
    server = grpc.aio.server()
    add_CloudEventsServiceServicer_to_server(script, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def adding() -> Member:
    member = Member(tags=["t"])
    member.processor("add")(lambda document: None if document is None else {"a": document["a"] + 1})
    return member


def no_transaction(_token: str) -> Any:
    raise AssertionError("nothing joins")


async def play(member: Member, script: Script, settings: Settings) -> None:
    """One connection to the script, to its end."""
    with ThreadPoolExecutor(2) as executor:
        work = Work(member.handlers, executor, asyncio.Semaphore(5), no_transaction)
        async with open_channel(settings) as channel:
            stream = Stream(CloudEventsServiceStub(channel).startStreaming(), work)
            await asyncio.wait_for(stream.run(member.tags), PATIENCE_SECONDS)


def line(event_type: str, text: str | None = None, *, binary: bytes = b"") -> CloudEvent:
    if text is None:
        return CloudEvent(id="x", source="s", spec_version="1.0", type=event_type, binary_data=binary)
    return CloudEvent(id="x", source="s", spec_version="1.0", type=event_type, text_data=text)


@pytest.mark.parametrize(
    "nonsense",
    [
        line(PROCESSOR, "{"),
        line(PROCESSOR, "[]"),
        line(PROCESSOR, "[" * 100_000),
        line(PROCESSOR, '{"a":1e9999999999999999999999}'),
        line(PROCESSOR, binary=b"\xff\xfe"),
        line(PROCESSOR, asked(requestId=...)),
        line(PROCESSOR, asked(processorName=...)),
        line(PROCESSOR, asked(workflow="w")),
        line(PROCESSOR, asked(transition=None)),
        line(PROCESSOR, asked(payload="text")),
        line(PROCESSOR, asked(payload={"data": {}, "meta": "text"})),
        line(PROCESSOR, asked(payload={"data": {}, "meta": {"modelKey": {"name": "m", "version": "one"}}})),
        line("CalculationMemberKeepAliveEvent", "x"),
        line("CalculationMemberGreetEvent", "[]"),
        line("SomethingNewEvent", "{}"),
        line("", ""),
        CloudEvent(type=PROCESSOR),
    ],
)
async def test_nonsense_is_passed_over(nonsense: CloudEvent) -> None:
    script = Script([nonsense, line(PROCESSOR, binary=asked().encode())], answers=1)
    async with served(script) as address:
        await play(adding(), script, replace(SETTINGS, grpc=address))
    join, answer = script.heard
    assert json.loads(join.text_data)["tags"] == ["t"]
    told = json.loads(answer.text_data)
    assert (answer.type, told["requestId"], told["success"]) == ("EntityProcessorCalculationResponse", "r", True)
    assert told["payload"]["data"] == {"a": 2}


async def test_a_request_without_what_is_optional_is_answered() -> None:
    script = Script([line(PROCESSOR, asked(payload=...))], answers=1)
    async with served(script) as address:
        await play(adding(), script, replace(SETTINGS, grpc=address))
    told = json.loads(script.heard[1].text_data)
    assert (told["success"], "payload" in told) == (True, False)


async def test_a_keep_alive_is_acknowledged_by_its_id() -> None:
    script = Script([line("CalculationMemberKeepAliveEvent", '{"id":"m-1","memberId":"m-1"}')], answers=1)
    async with served(script) as address:
        await play(adding(), script, replace(SETTINGS, grpc=address))
    told = json.loads(script.heard[1].text_data)
    assert (script.heard[1].type, told["sourceEventId"], told["success"]) == ("EventAckResponse", "m-1", True)


async def test_a_platform_that_knows_no_leaving_is_waited_for_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cyoda_member.stream.LEAVE_SECONDS", 0.05)
    script = Script([line("CalculationMemberGreetEvent", "{}")], answers=1)
    async with served(script) as address, open_channel(replace(SETTINGS, grpc=address)) as channel:
        with ThreadPoolExecutor(1) as executor:
            work = Work(adding().handlers, executor, asyncio.Semaphore(5), no_transaction)
            stream = Stream(CloudEventsServiceStub(channel).startStreaming(), work)
            running = asyncio.create_task(stream.run(()))
            await until(lambda: stream.is_greeted)
            await stream.leave()
            assert stream.is_draining
            await asyncio.wait_for(running, PATIENCE_SECONDS)
    assert [event.type for event in script.heard] == ["CalculationMemberJoinEvent", "CalculationMemberLeaveEvent"]
