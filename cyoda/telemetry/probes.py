"""The admin port: `/livez`, `/readyz`, `/metrics` (contract: entities 1.1, identity 12)."""

from __future__ import annotations

import hmac
import inspect
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cyoda.telemetry.metrics import CONTENT_TYPE, Metrics

Ready = Callable[[], bool | Awaitable[bool]]


def probes_app(
    *, ready: Ready, metrics: Metrics, bearer: str | None = None, obstacle: Callable[[], str | None] = lambda: None
) -> Starlette:
    """The ASGI app of the admin port; `bearer` protects the metrics when given, `ready` may be sync or async.

    `obstacle` names what else keeps the node from being ready.
    """

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        if (reason := obstacle()) is not None:
            return PlainTextResponse(f"not ready: {reason}", status_code=503)
        answer = ready()
        is_ready = await answer if inspect.isawaitable(answer) else answer
        return PlainTextResponse("ready") if is_ready else PlainTextResponse("not ready", status_code=503)

    async def scrape(request: Request) -> Response:
        if bearer is not None and not _carries(request, bearer):
            return PlainTextResponse(
                "unauthorized", status_code=401, headers={"WWW-Authenticate": 'Bearer realm="cyoda metrics"'}
            )
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", scrape)])


def _carries(request: Request, bearer: str) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), bearer.encode())
