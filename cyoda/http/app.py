"""The ASGI application in front of Django: everything below the context path (contract: entities 1.1, 1.9).

Whatever lies outside the context path goes to `fallback`. An empty context path leaves to `fallback` what no route
knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any
from urllib.parse import unquote

from cyoda.admission import Admission
from cyoda.errors import CyodaError
from cyoda.http.authentication import Authenticator
from cyoda.http.cors import Cors
from cyoda.http.forwarding import TOKEN, Owners, forwarded
from cyoda.http.problem import Problems
from cyoda.http.request import ApiRequest, ClientDisconnected, Receive, Scope, Send
from cyoda.http.response import JSON, Header, Response
from cyoda.http.router import ANY_METHOD, Match, Route, Router, path_segments
from cyoda.permissions import Action, require
from cyoda.principal import Principal
from cyoda.telemetry.request_ids import begin

AsgiApp = Callable[[Scope, Receive, Send], Any]
Observe = Callable[[str, str, int, float], None]
"""Meters one answer: method, route template, status, seconds."""

UNMATCHED = "unmatched"
_NO_SNIFFING: Header = (b"x-content-type-options", b"nosniff")
_METERED_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class HttpApp:
    """Routes, authenticates, answers and meters.

    `is_healthy` decides what `GET {ctx}/health` says; `admission` counts the requests that are permitted; `owners` take
    the requests that join transactions of other nodes.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        authenticator: Authenticator,
        context_path: str,
        observe: Observe,
        fallback: AsgiApp,
        cors: Cors | None = None,
        problems: Problems | None = None,
        is_healthy: Callable[[], bool] = lambda: True,
        admission: Admission | None = None,
        owners: Owners | None = None,
    ) -> None:
        self._owners = owners
        self._parting: tuple[Header, ...] = ()
        self._router = Router([*routes, *_health_routes(is_healthy)])
        self._authenticator = authenticator
        self._prefix = context_path.rstrip("/")
        self._observe = observe
        self._fallback = fallback
        self._cors = cors or Cors()
        self._problems = problems or Problems()
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _acknowledge_lifespan(receive, send)
        raw_path: str = scope["raw_path"].decode("latin-1")
        if scope["type"] != "http" or not self._is_ours(raw_path, scope["method"]):
            return await self._fallback(scope, receive, send)
        started = perf_counter()
        headers = dict(reversed(scope["headers"]))  # the first of repeated headers counts
        request_name = _named(headers)
        template, response = await self._answer(scope, receive, headers, raw_path[len(self._prefix) :])
        if response is None:
            return None
        origin = headers.get(b"origin")
        cors = self._cors.headers(origin.decode("latin-1") if origin is not None else None)
        await response.send(send, (*cors, _NO_SNIFFING, *request_name, *self._parting))
        method = scope["method"] if scope["method"] in _METERED_METHODS else "OTHER"
        self._observe(method, template, response.status, perf_counter() - started)
        return None

    def part(self) -> None:
        """From now on each answer closes its connection: clients find another node for their next request."""
        self._parting = ((b"connection", b"close"),)

    async def ask(
        self, principal: Principal, method: str, target: str, headers: Iterable[Header], body: bytes
    ) -> Response:
        """The answer to a request of this process itself, in the name of a principal that it vouches for.

        `target` is the path below the context path with its query. Reads are not held to the rate limits of callers.
        """
        raw_path, _, query = target.partition("?")
        given = [*headers, (b"content-length", b"%d" % len(body))]
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": self._prefix + unquote(raw_path),
            "raw_path": (self._prefix + raw_path).encode(),
            "query_string": query.encode(),
            "headers": given,
        }
        _, response = await self._answer(scope, _receive_whole(body), dict(given), raw_path, principal)
        assert response is not None
        return response

    def _is_ours(self, raw_path: str, method: str) -> bool:
        if self._prefix:
            return raw_path.startswith(self._prefix) and raw_path[len(self._prefix) :][:1] in ("", "/")
        try:
            match = self._router.match(method, path_segments(raw_path))
        except CyodaError:
            return True
        return match.route is not None or bool(match.allowed)

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        headers: dict[bytes, bytes],
        raw_path: str,
        known: Principal | None = None,
    ) -> tuple[str, Response | None]:
        """The template and the answer; None when the client has gone. `known` needs no authentication."""
        preflight = self._cors.preflight(scope["method"], headers)
        if preflight is not None:
            return UNMATCHED, preflight
        path: str = scope["path"][len(self._prefix) :]
        template = UNMATCHED
        try:
            match, refusal = self._match(scope["method"], raw_path)
            route = match.route
            if route is not None:
                template = route.template
            if self._owners is not None and (owner := _other_owner(self._owners, headers, route)) is not None:
                return template, await forwarded(self._owners, owner, scope, receive)
            request = ApiRequest(scope, receive, path=path, headers=headers, values=match.values)
            if known is not None:
                request.principal, request.is_own = known, True
            elif route is None or not route.public:
                request.principal = await self._authenticator.authenticate(request.header(b"authorization"))
            if refusal is not None:
                raise refusal
            if route is None:
                return template, _no_route(match)
            return template, await self._handled(request, route, is_limited=known is None or not _reads(request, route))
        except CyodaError as error:
            return template, self._problems.refusal(error, path)
        except ClientDisconnected:
            return template, None
        except Exception as error:  # noqa: BLE001 - the outermost edge: whatever happens, the client gets a ticket
            return template, self._problems.failure(error, path)

    async def _handled(self, request: ApiRequest, route: Route, *, is_limited: bool) -> Response:
        if route.action is not None:
            require(request.principal, route.action)
        if self._admission is not None and not route.public and is_limited:
            await self._admit(request, route, self._admission)
        return await route.handler(request)

    async def _admit(self, request: ApiRequest, route: Route, admission: Admission) -> None:
        limit_bytes = await admission.admit(request.principal, route.action)
        if limit_bytes is not None:
            request.limit_body(limit_bytes)

    def _match(self, method: str, raw_path: str) -> tuple[Match, CyodaError | None]:
        """A path that cannot be decoded is refused only after authentication, like any unknown one."""
        try:
            return self._router.match(method, path_segments(raw_path)), None
        except CyodaError as error:
            return Match(None, {}), error


def _named(headers: dict[bytes, bytes]) -> tuple[Header, ...]:
    """Gives the request its id; the header of the answer to a caller who chose it."""
    given = headers.get(b"x-request-id")
    is_kept = begin(None if given is None else given.decode("latin-1"))
    return ((b"x-request-id", given),) if is_kept and given is not None else ()


def _other_owner(owners: Owners, headers: dict[bytes, bytes], route: Route | None) -> str | None:
    """The node that serves a request instead; before authentication, which is the owner's affair then."""
    token = headers.get(TOKEN)
    if not token or route is None or route.public:
        return None
    return owners.owner(token.decode("latin-1"))


def _reads(request: ApiRequest, route: Route) -> bool:
    """A question may be a document too."""
    return request.method == "GET" or route.action is Action.READ


def _no_route(match: Match) -> Response:
    if match.allowed:
        return Response(405, headers=((b"allow", ", ".join(sorted(match.allowed)).encode()),))
    return page_not_found()


def page_not_found() -> Response:
    return Response(404, b"404 page not found", b"text/plain")


def _health_routes(is_healthy: Callable[[], bool]) -> list[Route]:
    async def health(_: ApiRequest) -> Response:
        return Response(200, b'{"status":"UP"}', JSON) if is_healthy() else Response(503, b'{"status":"DOWN"}', JSON)

    async def other_method(_: ApiRequest) -> Response:
        return page_not_found()

    return [
        Route("GET", "/health", health, public=True),
        Route(ANY_METHOD, "/health", other_method, public=True),
    ]


def _receive_whole(body: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _acknowledge_lifespan(receive: Receive, send: Send) -> None:
    """The composition root starts and stops everything itself."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
