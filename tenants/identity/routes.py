"""The routes of the token service, below the context path (contract: identity 1, 3, 6)."""

from __future__ import annotations

from cyoda.clock import Clock
from cyoda.errors import ServerError
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes
from cyoda.http.router import ANY_METHOD, Route
from tenants.identity.keys import KeyRing, jwks
from tenants.identity.token_endpoint import TokenEndpoint


def jwt_routes(endpoint: TokenEndpoint, ring: KeyRing, clock: Clock) -> list[Route]:
    """Token endpoint and JWKS of jwt mode."""

    async def published_keys(_: ApiRequest) -> Response:
        return json_bytes(jwks(ring.published(clock())))

    async def other_method(_: ApiRequest) -> Response:
        return Response(405, headers=((b"allow", b"GET"),))

    return [
        Route("POST", "/oauth/token", endpoint, public=True),
        Route("GET", "/.well-known/jwks.json", published_keys, public=True),
        Route(ANY_METHOD, "/.well-known/jwks.json", other_method, public=True),
    ]


def mock_routes() -> list[Route]:
    """Mock mode has no tokens to give; asking for one is an internal error."""

    async def no_token(_: ApiRequest) -> Response:
        raise ServerError("the token endpoint is served in jwt mode only")

    return [Route("POST", "/oauth/token", no_token, public=True)]
