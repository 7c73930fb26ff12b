"""A small application around hand-written routes, asked in-process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from cyoda import errors
from cyoda.http.app import HttpApp
from cyoda.http.cors import Cors
from cyoda.http.problem import Problems
from cyoda.http.request import ApiRequest, Receive, Scope, Send
from cyoda.http.response import Response, json_response, ndjson
from cyoda.http.router import Route
from cyoda.principal import Principal

ALICE = Principal(tenant="t", user_id="alice", kind="user")


class OneToken:
    """Knows the single token `good`."""

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization != "Bearer good":
            raise errors.Unauthorized
        return ALICE


async def django(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"a page at " + scope["path"].encode()})


async def echo(request: ApiRequest) -> Response:
    return json_response({"user": request.principal.user_id, "path": request.path, "values": request.values})


async def bind(request: ApiRequest) -> Response:
    """Binds what the query asks for: `?kind=uuid&value=…`."""
    readers = {
        "int32": lambda: request.query_int32("value", -1),
        "int64": lambda: request.query_int64("value", -1),
        "boolean": lambda: request.query_boolean("value"),
        "uuid": lambda: request.query_uuid("value"),
        "time": lambda: request.query_time("value"),
        "list": lambda: request.query_list("value"),
        "required": lambda: request.required_text("value"),
    }
    return json_response(readers[request.values["kind"]]())


async def size(request: ApiRequest) -> Response:
    return json_response(len(await request.body(1000, "failed to read body")))


async def refuse(request: ApiRequest) -> Response:
    raise getattr(errors, request.values["error"])


async def fail(request: ApiRequest) -> Response:
    raise RuntimeError("the secret cause")


async def server_error(request: ApiRequest) -> Response:
    raise errors.ScheduleFunctionInvalidResult("the secret cause")


async def lines(request: ApiRequest) -> Response:
    return ndjson(b'{"n":%d}' % n for n in range(request.path_int32("count")))


async def match_header(request: ApiRequest) -> Response:
    return json_response(request.single_header(b"if-match"))


ROUTES = [
    Route("GET", "/open", lambda request: refuse_principal(request), public=True),
    Route("GET", "/entity/{entityId}", echo),
    Route("GET", "/entity/stats", echo),
    Route("GET", "/entity/{entityName}/{modelVersion}", echo),
    Route("DELETE", "/entity/{entityName}/{modelVersion}", echo),
    Route("GET", "/entity/stats/states", echo),
    Route("GET", "/entity/{entityId}/changes", echo),
    Route("PUT", "/entity/{entityId}/changes", echo),
    Route("GET", "/model/", echo),
    Route("GET", "/bind/{kind}", bind),
    Route("POST", "/size", size),
    Route("GET", "/refuse/{error}", refuse),
    Route("GET", "/fail", fail),
    Route("GET", "/fail/coded", server_error),
    Route("GET", "/lines/{count}", lines),
    Route("GET", "/match", match_header),
]


async def refuse_principal(request: ApiRequest) -> Response:
    return json_response(hasattr(request, "principal"))


class Observed(list[tuple[str, str, int]]):
    """Keeps what would be metered."""

    def __call__(self, method: str, template: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.append((method, template, status))


@pytest.fixture
def observed() -> Observed:
    return Observed()


def application(
    *, observed: Observed, context_path: str = "/api", cors: Cors | None = None, verbose: bool = False,
    is_healthy: bool = True,
) -> HttpApp:  # fmt: skip
    return HttpApp(
        ROUTES, authenticator=OneToken(), context_path=context_path, observe=observed, fallback=django, cors=cors,
        problems=Problems(verbose=verbose), is_healthy=lambda: is_healthy,
    )  # fmt: skip


def client_of(app: HttpApp, *, token: str | None = "good") -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node", headers=headers)


@pytest.fixture
async def api(observed: Observed) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(observed=observed)) as client:
        yield client


@pytest.fixture
async def anonymous(observed: Observed) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(observed=observed), token=None) as client:
        yield client
