"""A calculation member with as little work of its own as the protocol allows.

    python -m tests.bench.member < employment.json

It prints `joined` when it has been greeted, and ends with its stream.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc.aio
import msgspec
import uvloop

from tests.bench.callbacks import Callbacks
from tests.bench.dataset import TAG
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent

_METHOD = "/org.cyoda.cloud.api.grpc.CloudEventsService/startStreaming"


@dataclass(frozen=True)
class Manner:
    """How a member answers: after a while, once it owes `hold` answers, or after callbacks that join."""

    delay_ms: int = 0
    hold: int = 0
    joins: bool = False


@dataclass(frozen=True)
class Employment:
    """Where a member works, and how."""

    grpc: str
    http_port: int
    token: str
    manner: Manner

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()


class _Payload(msgspec.Struct):
    data: msgspec.Raw


class _Request(msgspec.Struct, rename="camel"):
    id: str
    request_id: str = ""
    entity_id: str = ""
    payload: _Payload | None = None


_decode = msgspec.json.Decoder(_Request).decode
_numbers = itertools.count()


def _event(kind: str, text: str) -> bytes:
    event = CloudEvent(id=str(next(_numbers)), source=TAG, spec_version="1.0", type=kind, text_data=text)
    return event.SerializeToString()


def _answer(request: _Request, success: str = "true") -> bytes:
    assert request.payload is not None
    text = (
        f'{{"id":"{request.id}","requestId":"{request.request_id}","entityId":"{request.entity_id}",'
        f'"success":{success},"payload":{{"type":"JSON","data":{bytes(request.payload.data).decode()}}}}}'
    )
    return _event("EntityProcessorCalculationResponse", text)


class _Member:
    def __init__(self, employment: Employment) -> None:
        self._employment = employment
        self._callbacks = Callbacks(employment.http_port, employment.token)
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._held: list[bytes] | None = [] if employment.manner.hold else None
        self._joining: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        metadata = [("authorization", f"Bearer {self._employment.token}")]
        self._outgoing.put_nowait(_event("CalculationMemberJoinEvent", f'{{"id":"join","tags":["{TAG}"]}}'))
        async with grpc.aio.insecure_channel(self._employment.grpc) as channel:
            call = channel.stream_stream(_METHOD)
            async for message in call(self._requests(), metadata=metadata):
                self._receive(CloudEvent.FromString(message))

    async def _requests(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._outgoing.get()

    def _receive(self, event: CloudEvent) -> None:
        if event.type == "EntityProcessorCalculationRequest":
            self._asked(_decode(event.text_data), event)
        elif event.type == "CalculationMemberKeepAliveEvent":
            source = _decode(event.text_data).id
            text = f'{{"id":"ack","sourceEventId":"{source}","success":true}}'
            self._outgoing.put_nowait(_event("EventAckResponse", text))
        elif event.type == "CalculationMemberGreetEvent":
            print("joined", flush=True)

    def _asked(self, request: _Request, event: CloudEvent) -> None:
        manner = self._employment.manner
        if manner.joins:
            task = asyncio.get_running_loop().create_task(
                self._join(request, event.attributes["cyodatxtoken"].ce_string)
            )
            self._joining.add(task)
            task.add_done_callback(self._joining.discard)
        elif self._held is not None:
            self._hold(self._held, _answer(request))
        elif manner.delay_ms:
            asyncio.get_running_loop().call_later(
                manner.delay_ms / 1000, self._outgoing.put_nowait, _answer(request)
            )  # fmt: skip
        else:
            self._outgoing.put_nowait(_answer(request))

    def _hold(self, held: list[bytes], answer: bytes) -> None:
        held.append(answer)
        if len(held) == self._employment.manner.hold:
            self._held = None
            for each in held:
                self._outgoing.put_nowait(each)

    async def _join(self, request: _Request, tx_token: str) -> None:
        assert request.payload is not None
        is_done = await self._callbacks.touch(bytes(request.payload.data), tx_token)
        self._outgoing.put_nowait(_answer(request, "true" if is_done else "false"))


if __name__ == "__main__":
    uvloop.run(_Member(msgspec.json.decode(sys.stdin.read(), type=Employment)).serve())
