"""The routes of the token service, below the context path (contract: identity 1, 3, 6)."""

from __future__ import annotations

from typing import Literal

import msgspec

from cyoda.clock import Clock
from cyoda.errors import ServerError, StorageUnavailable
from cyoda.http.operation import header, operation, operation_of
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes
from cyoda.http.router import ANY_METHOD, Route
from tenants.identity.keys import KeyRing, jwks
from tenants.identity.token_endpoint import TokenEndpoint, refusal


class TokenRequest(msgspec.Struct, kw_only=True):
    """`subject_token` and its type belong to token exchange; a scope is ignored."""

    grant_type: Literal["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"]
    subject_token: str | msgspec.UnsetType = msgspec.UNSET
    subject_token_type: Literal["urn:ietf:params:oauth:token-type:jwt"] | msgspec.UnsetType = msgspec.UNSET
    scope: str | msgspec.UnsetType = msgspec.UNSET


class Token(msgspec.Struct, kw_only=True):
    """`expires_in` is in seconds; `issued_token_type` comes with token exchange."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    issued_token_type: str | msgspec.UnsetType = msgspec.UNSET


class OAuthError(msgspec.Struct):
    """A refusal in the words of OAuth."""

    error: str
    error_description: str


class Jwk(msgspec.Struct, kw_only=True):
    """A public key; `n` and `e` are base64url."""

    kty: Literal["RSA"]
    kid: str
    use: Literal["sig"]
    alg: Literal["RS256"]
    n: str
    e: str


class Jwks(msgspec.Struct):
    keys: list[Jwk]


def jwt_routes(endpoint: TokenEndpoint, ring: KeyRing, clock: Clock) -> list[Route]:
    """Token endpoint and JWKS of jwt mode."""

    @operation(
        "Get a token",
        header("Authorization", str, "`Basic`, with the client's id and secret.", required=True),
        body={"application/x-www-form-urlencoded": TokenRequest},
        answer=Token,
        errors=[StorageUnavailable],
        other_refusals=dict.fromkeys((400, 401, 403, 500), OAuthError),
    )
    async def get_token(request: ApiRequest) -> Response:
        return await endpoint(request)

    @operation("The public keys of our tokens", answer=Jwks)
    async def get_public_keys(_: ApiRequest) -> Response:
        return json_bytes(jwks(ring.published(clock())))

    async def no_token(_: ApiRequest) -> Response:
        return refusal(405, "method_not_allowed", headers=((b"allow", b"POST"),))

    async def other_method(_: ApiRequest) -> Response:
        return Response(405, headers=((b"allow", b"GET"),))

    return [
        Route("POST", "/oauth/token", get_token, public=True, operation=operation_of(get_token)),
        Route(ANY_METHOD, "/oauth/token", no_token),  # anonymous callers are told 401, as on any path
        Route("GET", "/.well-known/jwks.json", get_public_keys, public=True, operation=operation_of(get_public_keys)),
        Route(ANY_METHOD, "/.well-known/jwks.json", other_method, public=True),
    ]


def mock_routes() -> list[Route]:
    """Mock mode has no tokens to give; asking for one is an internal error."""

    async def no_token(_: ApiRequest) -> Response:
        raise ServerError("the token endpoint is served in jwt mode only")

    return [Route("POST", "/oauth/token", no_token, public=True)]
