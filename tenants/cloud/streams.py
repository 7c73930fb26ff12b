"""Streams of events that stay open: on the node's loop, without a thread or a database connection of their own.

One question, a few times a second, is asked for all listeners of the node; none while there are none.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse

from cyoda.errors import StorageUnavailable
from cyoda.telemetry import request_ids
from tenants.cloud.endpoint import Beginning, Following, rendered, respond
from tenants.cloud.events import OF_BUILD, PATH, is_end, text_of
from tenants.cloud.problems import too_many
from tenants.models.provisioning import ProvisioningEvent
from tenants.services.off_loop import OrmThread, OrmThreads
from tenants.services.progress import events_after

POLL_SECONDS = 0.3
HEARTBEAT_SECONDS = 15.0
LONGEST_SECONDS = 300.0
"""Then the client comes back, and whether it may listen is judged anew."""
SHARE = 20
"""Streams of one organisation at the same time."""
_ADDRESS = re.compile(r"/v2/builds/([^/]+)/events")
_OVER = (b"", True)

Asgi = Callable[[Any, Any, Any], Any]


@dataclass(eq=False)
class _Listener:
    """`parts` are what is to be sent, and whether that was the end."""

    organisation_id: UUID
    run_id: UUID
    last: int
    parts: asyncio.Queue[tuple[bytes, bool]] = field(default_factory=asyncio.Queue)

    def hear(self, found: Iterable[ProvisioningEvent]) -> None:
        mine = [event for event in found if event.run.pk == self.run_id and event.pk > self.last]
        if mine:
            self.last = mine[-1].pk
            self.parts.put_nowait((b"".join(text_of(event) for event in mine), any(is_end(event) for event in mine)))

    def leave(self) -> None:
        self.parts.put_nowait(_OVER)


class EventStreams:
    """The ASGI application before Django that keeps streams open; all else goes to `fallback`."""

    def __init__(self, fallback: Asgi, *, heartbeat_s: float = HEARTBEAT_SECONDS) -> None:
        self._fallback = fallback
        self._heartbeat_s = heartbeat_s
        self._judging = OrmThreads()
        self._listeners: set[_Listener] = set()
        self._polling: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        match = _ADDRESS.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if match is None:
            return await self._fallback(scope, receive, send)
        request = ASGIRequest(scope, BytesIO())
        request_ids.begin(request.headers.get("X-Request-Id"))
        response = await self._judging.run(lambda: respond(OF_BUILD, PATH, request, {"build_id": match[1]}))
        if isinstance(response, Beginning) and not response.following.is_over:
            if self._has_room(response.following.organisation_id):
                return await self._stream(response, receive, send)
            detail = f"More than {SHARE} streams at the same time."
            response = rendered(too_many(detail, round(LONGEST_SECONDS)), request.path)
        await _start(response, send)
        return await send({"type": "http.response.body", "body": response.content})

    def stop(self) -> None:
        """End the streams: their clients come back to another node, or to the next one here."""
        self._is_stopping = True
        for listener in self._listeners:
            listener.leave()

    def _has_room(self, organisation_id: UUID) -> bool:
        mine = sum(listener.organisation_id == organisation_id for listener in self._listeners)
        return mine < SHARE and not self._is_stopping

    async def _stream(self, response: Beginning, receive: Any, send: Any) -> None:
        listener = self._listening(response.following)
        gone = asyncio.create_task(_disconnected(receive))
        gone.add_done_callback(lambda _: listener.leave())
        timer = asyncio.get_running_loop().call_later(LONGEST_SECONDS, listener.leave)
        try:
            await _start(response, send)
            part, is_over = response.content, False
            while not is_over:
                await send({"type": "http.response.body", "body": part, "more_body": True})
                part, is_over = await self._next_part(listener)
            if not gone.done():
                await send({"type": "http.response.body", "body": part})
        finally:
            self._listeners.discard(listener)
            timer.cancel()
            gone.cancel()

    async def _next_part(self, listener: _Listener) -> tuple[bytes, bool]:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                return await listener.parts.get()
        except TimeoutError:
            return b": still under way\n\n", False

    def _listening(self, following: Following) -> _Listener:
        listener = _Listener(following.organisation_id, following.run_id, following.last)
        self._listeners.add(listener)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        return listener

    async def _poll(self) -> None:
        orm = OrmThread()
        try:
            while self._listeners:
                await self._look(orm)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await orm.close()

    async def _look(self, orm: OrmThread) -> None:
        last: dict[UUID, int] = {}
        for listener in self._listeners:
            last[listener.run_id] = min(listener.last, last.get(listener.run_id, listener.last))
        try:
            found = await orm.run(lambda: events_after(last))
        except StorageUnavailable:
            return
        for listener in self._listeners:
            listener.hear(found)


async def _start(response: HttpResponse, send: Any) -> None:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    if not isinstance(response, Beginning) or response.following.is_over:
        headers.append((b"content-length", b"%d" % len(response.content)))
    headers.append((b"x-request-id", request_ids.current().encode("latin-1")))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
