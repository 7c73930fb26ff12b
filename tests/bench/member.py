"""A calculation member that answers at once, with as little work of its own as the protocol allows.

    python -m tests.bench.member GRPC_TARGET < token

It prints `joined` when it has been greeted, and ends with its stream.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator

import grpc.aio
import msgspec
import uvloop

from tests.bench.dataset import TAG
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent

_METHOD = "/org.cyoda.cloud.api.grpc.CloudEventsService/startStreaming"


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


def _answer(request: _Request) -> bytes:
    assert request.payload is not None
    text = (
        f'{{"id":"{request.id}","requestId":"{request.request_id}","entityId":"{request.entity_id}","success":true,'
        f'"payload":{{"type":"JSON","data":{bytes(request.payload.data).decode()}}}}}'
    )
    return _event("EntityProcessorCalculationResponse", text)


async def serve(target: str, token: str) -> None:
    outgoing: asyncio.Queue[bytes] = asyncio.Queue()
    outgoing.put_nowait(_event("CalculationMemberJoinEvent", f'{{"id":"join","tags":["{TAG}"]}}'))

    async def requests() -> AsyncIterator[bytes]:
        while True:
            yield await outgoing.get()

    async with grpc.aio.insecure_channel(target) as channel:
        call = channel.stream_stream(_METHOD)
        async for message in call(requests(), metadata=[("authorization", f"Bearer {token}")]):
            event = CloudEvent.FromString(message)
            if event.type == "EntityProcessorCalculationRequest":
                outgoing.put_nowait(_answer(_decode(event.text_data)))
            elif event.type == "CalculationMemberKeepAliveEvent":
                source = _decode(event.text_data).id
                text = f'{{"id":"ack","sourceEventId":"{source}","success":true}}'
                outgoing.put_nowait(_event("EventAckResponse", text))
            elif event.type == "CalculationMemberGreetEvent":
                print("joined", flush=True)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.stdin.read().strip()))
