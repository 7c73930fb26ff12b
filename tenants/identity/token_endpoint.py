"""`POST /oauth/token`: OAuth's own JSON, never problem documents (contract: identity 3)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote_plus

from cyoda.clock import Clock
from cyoda.errors import BodyTooLarge
from cyoda.http.request import ApiRequest
from cyoda.http.response import JSON, NO_STORE, Header, Response, json_response
from cyoda.jsonio import dumps
from tenants.identity.clients import Client, ClientRegistry
from tenants.identity.exchange import GRANT as TOKEN_EXCHANGE
from tenants.identity.exchange import JWT_TYPE, ExchangeRefused, subject_of
from tenants.identity.issue import NoSigningKey, TokenIssuer
from tenants.identity.secrets import SecretProof
from tenants.identity.trusted import TrustedKeys

BODY_LIMIT_BYTES = 1024 * 1024
_BROKEN_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")


class TokenEndpoint:
    """Gives tokens to clients that prove their secret; credentials are judged before anything else."""

    def __init__(self, clients: ClientRegistry, issuer: TokenIssuer, trusted: TrustedKeys, clock: Clock) -> None:
        self._clients = clients
        self._issuer = issuer
        self._trusted = trusted
        self._clock = clock
        self._proof = SecretProof()

    async def __call__(self, request: ApiRequest) -> Response:
        client = await self._client(request.header(b"authorization"))
        if client is None:
            return refusal(401, "invalid_client")
        try:
            parameters = await _parameters(request)
        except BodyTooLarge:
            return refusal(400, "invalid_request")
        try:
            match parameters.get("grant_type"):
                case "client_credentials":
                    answer = self._answer(self._issuer.for_client(client))
                case grant if grant == TOKEN_EXCHANGE:
                    subject = await subject_of(parameters, client.tenant, self._trusted, self._clock())
                    token = self._issuer.for_subject(client, subject.id, subject.user_roles)
                    answer = self._answer(token) | {"issued_token_type": JWT_TYPE}
                case _:
                    return refusal(400, "unsupported_grant_type")
        except ExchangeRefused as refused:
            return refusal(refused.status, refused.error, refused.description)
        except NoSigningKey:
            return refusal(500, "server_error")
        self._clients.used(client)
        return Response(200, dumps(answer), JSON, NO_STORE)

    async def _client(self, authorization: str | None) -> Client | None:
        for client_id, secret in _credentials(authorization):
            client = await self._clients.find(client_id)
            if await self._proof.holds(secret, () if client is None else client.secret_hashes):
                return client
        return None

    def _answer(self, token: str) -> dict[str, object]:
        return {"access_token": token, "token_type": "Bearer", "expires_in": self._issuer.expiry_seconds}


def _credentials(authorization: str | None) -> Iterator[tuple[str, str]]:
    """Id and secret of a Basic header: form-url-decoded as the standard says, then as they stand."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return
    client_id, separator, secret = text.partition(":")
    if not separator:
        return
    decoded = None
    if not _BROKEN_ESCAPE.search(text):
        decoded = unquote_plus(client_id), unquote_plus(secret)
        yield decoded
    if decoded != (client_id, secret):
        yield client_id, secret


async def _parameters(request: ApiRequest) -> dict[str, str]:
    """Form parameters; those of the query string fill in what the body does not give."""
    body = await request.body(BODY_LIMIT_BYTES, "request body exceeds 1 MiB")
    form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    query = [(name, values[0]) for name, values in request.query.items()]
    return dict(query) | dict(reversed(form))


def refusal(status: int, code: str, description: str | None = None, *, headers: tuple[Header, ...] = ()) -> Response:
    """OAuth's document of a refusal; the description is the code when there is nothing to add."""
    return json_response({"error": code, "error_description": description or code}, status, (*NO_STORE, *headers))
