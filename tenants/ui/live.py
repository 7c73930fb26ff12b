"""Pages that stay current: `…/live/<page>` is a stream of the page's live parts, whenever they have changed (ui: 4.4).

A stream looks at its page as its reader's browser would, with the same cookies, so membership, role and environment
are judged at every look; it ends with the first look that is no page. Between looks it holds neither a thread nor a
database connection: it asks again, on the loop, what the page had asked of the node's API, and looks when an answer is
another one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import Any, Protocol

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponse

from cyoda.errors import StorageUnavailable
from cyoda.principal import Principal
from tenants.services.off_loop import OrmThread

INTERVAL_SECONDS = 1.0
LONGEST_SECONDS = 10.0
"""A look comes at least so often, whatever was asked."""
SHARE = 20
"""Streams of one person at the same time."""
HEADER = "X-Live"
_ADDRESS = re.compile(r"(/t/[^/]+(?:/e/[^/]+)?)/live/(.*)", re.DOTALL)
_CSRF = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"')
_NOT_PASSED_ON = (b"accept-encoding", b"last-event-id", b"range", b"if-none-match", b"if-modified-since")
_HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),
)


class Call(Protocol):
    """A request of a page to the API (tenants.ui.console.api)."""

    @property
    def method(self) -> str: ...

    @property
    def target(self) -> str: ...


Asgi = Callable[[Any, Any, Any], Any]
Ask = Callable[[Principal, str], Awaitable[bytes]]
"""The bytes of the node's answer to a GET, in somebody's name. Raises StorageUnavailable."""


@dataclass
class Look:
    """What a page tells the stream that looks at it: whose it is, and what it asked. `targets` None: look always."""

    person: int | None = None
    principal: Principal | None = None
    targets: tuple[str, ...] | None = None


def is_look(request: HttpRequest) -> bool:
    """Whether only the page's live parts are asked for."""
    return HEADER in request.headers


def note(request: HttpRequest, principal: Principal | None, targets: tuple[str, ...]) -> None:
    """Tell a stream that looks what the page was made of; a page that asked the API nothing is looked at again."""
    look = getattr(request, "scope", {}).get("live")
    if isinstance(look, Look):
        look.person, look.principal = request.user.pk, principal
        look.targets = None if principal is None or not targets else targets


def targets_of(calls: Iterable[Call]) -> tuple[str, ...]:
    """What is to be asked again; nothing when the page has asked otherwise than by GET."""
    asked = list(calls)
    return tuple(call.target for call in asked) if all(call.method == "GET" for call in asked) else ()


@dataclass(frozen=True, slots=True)
class _Seen:
    response: HttpResponse
    look: Look

    @property
    def is_page(self) -> bool:
        return self.response.status_code == 200

    @property
    def body(self) -> bytes:
        return self.response.content

    @property
    def digest(self) -> str:
        """Of what a reader sees: tokens of forms differ each time."""
        return sha256(_CSRF.sub(b"", self.body)).hexdigest()[:24]


class Pages(BaseHandler):
    """Django without a server: what its middleware and views answer, in the calling thread."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware()

    def look(self, scope: Any) -> HttpResponse:
        response = self.get_response(ASGIRequest(scope, BytesIO()))
        response.close()
        return response if isinstance(response, HttpResponse) else HttpResponse(status=406)  # a download is no page


@dataclass
class _Answers:
    """Digests of the API's answers, each asked once for all streams that want it at the same time."""

    ask: Ask
    interval_s: float
    _kept: dict[tuple[str, tuple[str, ...], str], tuple[float, asyncio.Task[bytes]]] = field(
        default_factory=dict[tuple[str, tuple[str, ...], str], tuple[float, "asyncio.Task[bytes]"]]
    )

    async def of(self, look: Look) -> bytes | None:
        """None when the page has to be looked at to know."""
        if look.principal is None or look.targets is None:
            return None
        try:
            return b"".join([await self._digest(look.principal, target) for target in look.targets])
        except StorageUnavailable:
            return None

    async def _digest(self, principal: Principal, target: str) -> bytes:
        now = asyncio.get_running_loop().time()
        for key in [key for key, (at, _) in self._kept.items() if now - at > self.interval_s]:
            del self._kept[key]
        key = principal.tenant, principal.roles, target
        if key not in self._kept:
            self._kept[key] = now, asyncio.create_task(self._asked(principal, target))
        return await asyncio.shield(self._kept[key][1])

    async def _asked(self, principal: Principal, target: str) -> bytes:
        return sha256(await self.ask(principal, target)).digest()


class LiveStreams:
    """The ASGI application before Django that keeps pages current; all else goes to `django`.

    Looks are taken one after another, in a thread that has a database connection while there are streams.
    """

    def __init__(
        self,
        django: Asgi,
        pages: Pages,
        ask: Ask,
        *,
        interval_s: float = INTERVAL_SECONDS,
        longest_s: float = LONGEST_SECONDS,
    ) -> None:
        self._django = django
        self._pages = pages
        self._answers = _Answers(ask, interval_s / 2)
        self._interval_s = interval_s
        self._longest_s = longest_s
        self._orm: OrmThread | None = None
        self._turn = asyncio.Lock()
        self._open = 0
        self._people: list[int | None] = []
        self._stopping = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        match = _ADDRESS.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if match is None:
            return await self._django(scope, receive, send)
        self._open += 1
        try:
            await self._answer(scope | {"path": f"{match[1]}/{match[2]}"}, receive, send)
        finally:
            self._open -= 1
            if not self._open and self._orm is not None:
                orm, self._orm = self._orm, None
                await orm.close()

    def stop(self) -> None:
        """End the streams: the pages come back to another node, or to the next one here."""
        self._stopping.set()

    async def _answer(self, page: Any, receive: Any, send: Any) -> None:
        seen = await self._look(page)
        if seen.is_page and self._people.count(seen.look.person) >= SHARE:
            seen = _Seen(HttpResponse("Too many pages are live.", status=429, content_type="text/plain"), seen.look)
        if seen.is_page and not self._stopping.is_set():
            return await self._stream(page, seen, receive, send)
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in seen.response.items()]
        await send({"type": "http.response.start", "status": seen.response.status_code, "headers": headers})
        return await send({"type": "http.response.body", "body": seen.body})

    async def _stream(self, page: Any, seen: _Seen, receive: Any, send: Any) -> None:
        self._people.append(seen.look.person)
        ends = [asyncio.create_task(_disconnected(receive)), asyncio.create_task(self._stopping.wait())]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await _send(send, _event("page", seen.body))
            await self._follow(page, seen, ends, send)
            if not ends[0].done():
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._people.remove(seen.look.person)
            for task in ends:
                task.cancel()

    async def _follow(self, page: Any, seen: _Seen, ends: list[asyncio.Task[Any]], send: Any) -> None:
        """Until one of `ends`, or the page is none any more."""
        loop = asyncio.get_running_loop()
        known, at = await self._answers.of(seen.look), loop.time()
        while not (await asyncio.wait(ends, timeout=self._interval_s, return_when=asyncio.FIRST_COMPLETED))[0]:
            answers = await self._answers.of(seen.look)
            if answers is not None and answers == known and loop.time() - at < self._longest_s:
                await _send(send, _event("same"))
                continue
            now, known, at = await self._look(page), answers, loop.time()
            if not now.is_page:
                if now.response.status_code < 500:  # else it is to be tried again
                    await _send(send, _event("gone"))
                return
            await _send(send, _event("same") if now.digest == seen.digest else _event("page", now.body))
            seen = now

    async def _look(self, page: Any) -> _Seen:
        look = Look()
        headers = [header for header in page["headers"] if header[0] not in _NOT_PASSED_ON]
        scope = page | {"headers": [*headers, (HEADER.lower().encode(), b"1")], "live": look}
        async with self._turn:  # its time begins with its turn
            self._orm = self._orm or OrmThread()
            try:
                return _Seen(await self._orm.run(lambda: self._pages.look(scope)), look)
            except StorageUnavailable:
                return _Seen(HttpResponse(status=503), look)


def _event(kind: str, text: bytes = b"") -> bytes:
    lines = b"".join(b"data: %s\n" % line for line in text.splitlines() or [b""])
    return b"event: %s\n%s\n" % (kind.encode(), lines)


async def _send(send: Any, part: bytes) -> None:
    with suppress(OSError):  # the connection is gone, which the next look at it tells
        await send({"type": "http.response.body", "body": part, "more_body": True})


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
