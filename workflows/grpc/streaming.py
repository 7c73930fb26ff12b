"""The calculation-member stream: one reader, one writer, one timer (contract: grpc 11).

The stream's end, whatever its cause, is told to clients by a status other than OK: some of them take OK for
"finished" and never come back.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from cyoda.clock import Clock
from cyoda.errors import QuotaExceeded, StorageUnavailable
from cyoda.permissions import Action, permitted
from cyoda.principal import Principal
from workflows.compute.events import RESPONSE_TYPES, UnreadableResponse
from workflows.compute.members import Member, Pending, Registry
from workflows.grpc import cloudevents, members
from workflows.grpc.authentication import Context, metadata_value
from workflows.grpc.cloudevents import MalformedEvent
from workflows.grpc.options import KeepAlive
from workflows.grpc.replies import status_message
from workflows.services.quotas import Quotas

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.02
MAX_AGENT = 200
END: object = grpc.aio.EOF  # pyright: ignore[reportAttributeAccessIssue] - defined by the C extension
"""What a stream gives once the client sends no more."""


class StreamEnded(Exception):
    """The stream must close with this status."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def shutdown() -> StreamEnded:
    return StreamEnded(grpc.StatusCode.UNAVAILABLE, "the server is shutting down")


def half_close() -> StreamEnded:
    """The client sends no more; it learns so by the status that the contract's reference gives."""
    return StreamEnded(grpc.StatusCode.UNKNOWN, "EOF")


@dataclass(frozen=True, slots=True)
class StreamPorts:
    """What every stream needs."""

    registry: Registry
    keep_alive: KeepAlive
    clock: Clock
    quotas: Quotas


class Streams:
    """The member streams that are open in this process."""

    def __init__(self, ports: StreamPorts) -> None:
        self._ports = ports
        self._open: set[MemberStream] = set()
        self._is_closing = False

    async def serve(self, principal: Principal, context: Context) -> None:
        """Run one stream to its end."""
        if Action.COMPUTE not in permitted(principal.roles):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "ROLE_M2M required for streaming")
        stream = MemberStream(principal, context, self._ports)
        if self._is_closing:
            stream.end(shutdown())
        self._open.add(stream)
        try:
            end = await stream.run()
        finally:
            self._open.discard(stream)
        await context.abort(end.status, status_message(end.message))

    async def hand_over(self, grace_s: float) -> None:
        """Ask no member anything more, and close each stream once its member owes nothing, at last after `grace_s`."""
        self._is_closing = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_s
        for stream in self._open:
            stream.retire()
        while self._open and loop.time() < deadline:
            for stream in list(self._open):
                if stream.owes_nothing:
                    stream.end(shutdown())
            await asyncio.sleep(_LOOK_SECONDS)
        self.end_all()

    def end_all(self) -> None:
        """Close every stream with UNAVAILABLE, also those still to come: the server is shutting down."""
        self._is_closing = True
        for stream in list(self._open):
            stream.end(shutdown())


class MemberStream:
    """One member's stream from join to end."""

    def __init__(self, principal: Principal, context: Context, ports: StreamPorts) -> None:
        self._principal = principal
        self._context = context
        self._ports = ports
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[StreamEnded] = self._loop.create_future()
        self._outbox = Outbox(context)
        self._member: Member | None = None
        self._heard_at = 0.0
        self._tick: asyncio.TimerHandle | None = None

    def end(self, reason: StreamEnded) -> None:
        """Close the stream; the first reason counts."""
        if not self._ended.done():
            self._ended.set_result(reason)

    def retire(self) -> None:
        """Ask the member nothing more."""
        if self._member is not None:
            self._ports.registry.retire(self._member)

    @property
    def owes_nothing(self) -> bool:
        return self._member is None or self._member.in_flight == 0

    async def run(self) -> StreamEnded:
        """Serve until the stream ends, by either side; returns why."""
        tasks = [self._loop.create_task(self._read()), self._loop.create_task(self._outbox.drain())]
        for task in tasks:
            task.add_done_callback(self._stopped)
        try:
            return await self._ended
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        match task.exception():
            case StreamEnded() as ended:
                self.end(ended)
            case None:
                self.end(half_close())
            case error:
                _log.error("a member stream broke", exc_info=error)
                self.end(StreamEnded(grpc.StatusCode.INTERNAL, "the stream failed"))

    async def _read(self) -> None:
        member = self._member = self._join(await self._context.read())
        try:
            await self._take_seat(member)
            self._heard_at = self._loop.time()
            self._probe_later(member)
            self._outbox.put(cloudevents.write(members.GREET, members.greet(member.id, member.tenant)))
            self._ports.registry.add(member)
            try:
                while (message := await self._context.read()) is not END:
                    self._receive(member, message)
            finally:
                self._ports.registry.remove(member)
        finally:
            self._ports.quotas.leave_seat(member.id)
            if self._tick is not None:
                self._tick.cancel()

    def _join(self, message: Any) -> Member:
        """Make a member of the first message. Raises StreamEnded (contract: grpc 11.2)."""
        if message is END:
            raise half_close()
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        try:
            event = cloudevents.read(message)
            data = cloudevents.data_of(event)
        except MalformedEvent as error:
            raise StreamEnded(invalid, f"failed to parse first message: {error}") from error
        if event.type != members.JOIN:
            raise StreamEnded(invalid, f"first message must be {members.JOIN}, got {event.type}")
        try:
            join = members.read_join(data)
        except members.InvalidJoin as error:
            raise StreamEnded(invalid, f"invalid join event payload: {error}") from error
        tenant = self._principal.tenant
        if join.joined_legal_entity_id not in (None, "", tenant):
            raise StreamEnded(grpc.StatusCode.PERMISSION_DENIED, "tenant mismatch")
        return Member(
            id=uuid.uuid4(),
            tenant=tenant,
            tags=join.tags or (),
            send=self._outbox.ask,
            clock=self._ports.clock,
            client=self._principal.user_id,
            agent=(metadata_value(self._context, "user-agent") or "")[:MAX_AGENT],
        )

    async def _take_seat(self, member: Member) -> None:
        """Raises StreamEnded: the organisation has as many members connected as its tier allows."""
        try:
            await self._ports.quotas.take_seat(member.tenant, member.id)
        except QuotaExceeded as refusal:
            raise StreamEnded(grpc.StatusCode.RESOURCE_EXHAUSTED, refusal.detail) from refusal
        except StorageUnavailable as refusal:
            raise StreamEnded(grpc.StatusCode.UNAVAILABLE, refusal.detail) from refusal

    def _receive(self, member: Member, message: bytes) -> None:
        """Nothing that a joined member says ends its stream (contract: grpc 11.7)."""
        try:
            event = cloudevents.read(message)
            if event.type in RESPONSE_TYPES:
                if not member.receive(cloudevents.data_of(event)):
                    _log.debug("member %s answered what it was not asked, or too late", member.id)
            elif event.type == members.LEAVE:
                self._retire(member, event.id)
            elif event.type not in members.SIGNS_OF_LIFE:
                _log.info("member %s sent an event of the unexpected type %.100r", member.id, event.type)
                return
        except (MalformedEvent, UnreadableResponse) as error:
            _log.info("member %s sent an unreadable event: %.300s", member.id, error)
            return
        self._heard_at = self._loop.time()
        member.seen()

    def _retire(self, member: Member, event_id: str) -> None:
        member.loss = "it has left"
        self._ports.registry.retire(member)
        told = cloudevents.write(members.ACKNOWLEDGEMENT, members.acknowledgement(event_id))
        self._loop.call_soon(self._outbox.put, told)  # after the callouts that were given to it before

    def _probe_later(self, member: Member) -> None:
        interval = self._ports.keep_alive.interval.total_seconds()
        self._tick = self._loop.call_later(interval, self._probe, member)

    def _probe(self, member: Member) -> None:
        """Cut off a silent member, or one that takes nothing from its stream; otherwise ask for a sign of life."""
        limit = self._ports.keep_alive.timeout.total_seconds()
        now = self._loop.time()
        if now - self._heard_at > limit or self._outbox.is_stuck(now - limit):
            member.loss = "keep-alive timeout"
            self.end(StreamEnded(grpc.StatusCode.DEADLINE_EXCEEDED, member.loss))
            return
        self._outbox.put(cloudevents.write(members.KEEP_ALIVE, members.keep_alive(member.id)))
        self._probe_later(member)


class Outbox:
    """The one writer of a stream, and the queue before it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._queue: deque[bytes | Pending] = deque()
        self._waiting = asyncio.Event()
        self._writing_since: float | None = None

    def put(self, message: bytes) -> None:
        """Queue a serialised event."""
        self._queue.append(message)
        self._waiting.set()

    def ask(self, pending: Pending) -> None:
        """Queue a callout; it is serialised, and its time starts, when its turn comes."""
        self._queue.append(pending)
        self._waiting.set()

    def is_stuck(self, moment: float) -> bool:
        """Whether one and the same write has been under way since before a moment of the loop's clock."""
        return self._writing_since is not None and self._writing_since < moment

    async def drain(self) -> None:
        """Write what is queued, in order, until cancelled. Raises StreamEnded when the stream takes no more."""
        loop = asyncio.get_running_loop()
        while True:
            while self._queue:
                item = self._queue.popleft()
                self._writing_since = loop.time()
                await (self._write(item) if isinstance(item, bytes) else self._write_question(item))
            self._writing_since = None
            self._waiting.clear()
            await self._waiting.wait()

    async def _write_question(self, pending: Pending) -> None:
        if pending.is_over:
            return
        question = pending.question
        try:
            await self._write(cloudevents.write(question.type, question.data, question.attributes))
        except (MalformedEvent, StreamEnded) as error:
            pending.unwritable(str(error))
            if isinstance(error, StreamEnded):
                raise
        else:
            pending.written()

    async def _write(self, message: bytes) -> None:
        try:
            await self._context.write(message)
        except (grpc.RpcError, grpc.aio.UsageError, grpc.aio.InternalError) as error:
            raise StreamEnded(grpc.StatusCode.UNAVAILABLE, f"the stream takes no more messages: {error}") from error
