"""One connection: join, take what comes, send answers; and work that outlives it (contract: grpc 11)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from cyoda_member import events
from cyoda_member.context import OpenApi
from cyoda_member.generated.cloudevents_pb2 import CloudEvent
from cyoda_member.handlers import Handlers, encoded

_log = logging.getLogger("cyoda_member")
_EOF: object = grpc.aio.EOF  # pyright: ignore[reportAttributeAccessIssue] - defined by the C extension
HALF_CLOSE_SECONDS = 5.0
LEAVE_SECONDS = 1.0


@dataclass(slots=True)
class Work:
    """The callouts being answered, at most `limit` at a time; the others wait their turn, unless their stream ends."""

    handlers: Handlers
    executor: Executor
    limit: asyncio.Semaphore
    open_api: OpenApi
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def start(self, request: CloudEvent, stream: Stream) -> None:
        """Raises UnreadableEvent."""
        callout = events.callout(request, self.open_api)
        task = asyncio.get_running_loop().create_task(self._answer(callout, stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, timeout_seconds: float) -> None:
        """Wait for everything that was started; what takes longer is cancelled."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_seconds)
        if late:
            _log.warning("%d callouts are left unanswered", len(late))
            for task in late:
                task.cancel()
            await asyncio.wait(late)

    async def _answer(self, callout: events.Callout, stream: Stream) -> None:
        context, kind = callout.context, callout.type.kind
        async with self.limit:
            if stream.is_over:
                return
            answer = await self.handlers.answer(kind, callout.document, context, self.executor)
        await stream.send(events.event(callout.type.response, encoded(kind, answer, context)))


class Stream:
    """A joined member on one gRPC call."""

    def __init__(self, call: Any, work: Work) -> None:
        self._call = call
        self._work = work
        self._writing = asyncio.Lock()
        self.is_greeted = False
        self.is_draining = False
        self.is_over = False
        self._is_leaving = False
        self._has_left = asyncio.Event()

    async def run(self, tags: Sequence[str]) -> None:
        """Serve until the stream ends. Raises grpc.aio.AioRpcError unless it ends with OK."""
        try:
            await self._call.write(events.join(tags))
            while (received := await self._call.read()) is not _EOF:
                try:
                    await self._take(received)
                except events.UnreadableEvent as error:
                    _log.warning("ignored an unreadable event: %s", error)
        finally:
            self.is_over = True

    async def _take(self, received: CloudEvent) -> None:
        if received.type in events.CALLOUTS:
            if self.is_draining:
                return  # the platform tells its caller to retry when the stream closes
            self._work.start(received, self)
        elif received.type == events.KEEP_ALIVE:
            await self.send(events.acknowledgement(received))
        elif received.type == events.ACK and self._is_leaving:
            self._has_left.set()
        elif received.type == events.GREET:
            self.is_greeted = True
            _log.info("joined as member %s", events.payload(received).get("memberId"))
        else:
            _log.info("ignored an event of type %s", received.type)

    async def send(self, message: CloudEvent) -> None:
        """Write, one message at a time; an answer for which the stream is gone is of no use to anybody."""
        async with self._writing:
            try:
                await self._call.write(message)
            except (grpc.RpcError, grpc.aio.UsageError, grpc.aio.InternalError, asyncio.InvalidStateError) as error:
                _log.warning("%s could not be sent: %s", message.type, type(error).__name__)

    async def leave(self) -> None:
        """Ask for no more callouts and take those that come until the platform has heard; then take none."""
        if self.is_greeted:
            self._is_leaving = True
            await self.send(events.leave())
            try:
                await asyncio.wait_for(self._has_left.wait(), LEAVE_SECONDS)
            except TimeoutError:
                pass
        self.is_draining = True

    async def close(self) -> None:
        """Say that nothing more comes; everything written before arrives first."""
        async with self._writing:
            try:
                await self._call.done_writing()
            except (grpc.RpcError, grpc.aio.UsageError, asyncio.InvalidStateError):
                return
