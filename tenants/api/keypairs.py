"""Signing keys over HTTP (contract: identity 7)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from cyoda.clock import Clock, utc_text
from cyoda.errors import (
    BadRequest,
    Forbidden,
    KeypairNotFound,
    NotImplementedHere,
    StorageUnavailable,
    UnsupportedAlgorithm,
)
from cyoda.http.operation import operation, operation_of, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from cyoda.http.router import Route
from cyoda.permissions import Action, require
from tenants.api.callers import doer_of, require_platform_tenant
from tenants.api.wire import Grace, Moment, MomentIn, Reactivation, Shape, decoded_body, utc
from tenants.identity.cipher import Cipher
from tenants.identity.keys import Audience, KeyRing, generate_private_key, spki_of
from tenants.identity.validity import grace_period, new_window, renewed_window
from tenants.services import keypairs
from tenants.services.epochs import Freshness
from tenants.services.keypairs import KeyPairOrder

AUDIENCES = ("human", "client")
_MANAGE = Action.MANAGE_KEYS


class NewKeyPair(Shape, kw_only=True):
    """`algorithm` is RS256, `audience` whose tokens the pair signs."""

    algorithm: str = ""
    audience: str = ""
    valid_from: MomentIn | None = None
    valid_to: MomentIn | None = None
    invalidate_current: bool | None = False
    invalidate_grace_period_sec: int | None = 0


class JwtKeyPair(Shape, kw_only=True):
    """A pair; `publicKey` is base64 of its SubjectPublicKeyInfo in DER."""

    key_id: str
    algorithm: Literal["RS256"] = "RS256"
    public_key: str
    active: bool
    valid_from: Moment
    valid_to: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKeys:
    """What manages the installation's keys on a node, and takes changes into its ring."""

    ring: KeyRing
    freshness: Freshness
    cipher: Cipher
    clock: Clock
    default_validity: timedelta


class KeyPairEndpoints:
    """Without `keys` (mock mode) nothing is offered."""

    def __init__(self, keys: NodeKeys | None, platform_tenant: str | None) -> None:
        self._keys = keys
        self._platform_tenant = platform_tenant

    @operation(
        "Issue a signing key pair",
        body=NewKeyPair,
        answer=JwtKeyPair,
        errors=[UnsupportedAlgorithm, NotImplementedHere, StorageUnavailable],
    )
    async def issue_key_pair(self, request: ApiRequest) -> Response:
        keys = self._admitted(request)
        order = _order(await decoded_body(request, NewKeyPair), keys)
        private_key = await asyncio.to_thread(generate_private_key)
        doer = doer_of(request)
        row = await keys.freshness.changed(
            lambda: keypairs.issue_key_pair(doer, order, private_key, cipher=keys.cipher, clock=keys.clock)
        )
        return _shown(row.kid, bytes(row.public_key), row.is_active, row.valid_from, row.valid_to)

    @operation(
        "The key pair that signs for an audience",
        query("audience", Literal["human", "client"], required=True),
        answer=JwtKeyPair,
        errors=[Forbidden, KeypairNotFound, NotImplementedHere],
    )
    async def current_key_pair(self, request: ApiRequest) -> Response:
        audience = request.required_text("audience")
        require(request.principal, _MANAGE)
        keys = self._admitted(request)
        pair = keys.ring.signing(checked_audience(audience), keys.clock())
        if pair is None:
            raise KeypairNotFound("no active key pair for audience")
        return _shown(pair.kid, spki_of(pair.public_key), pair.is_active, pair.valid_from, pair.valid_to)

    @operation(
        "Delete a key pair; its tokens are refused at once",
        answer=None,
        errors=[KeypairNotFound, NotImplementedHere, StorageUnavailable],
    )
    async def delete_key_pair(self, request: ApiRequest) -> Response:
        keys, kid, doer = self._admitted(request), request.values["keyId"], doer_of(request)
        await keys.freshness.changed(lambda: keypairs.delete_key_pair(doer, kid, clock=keys.clock))
        return Response(200)

    @operation(
        "Invalidate a key pair: its tokens are refused at once, it stays published for the grace period",
        body=Grace,
        body_required=False,
        answer=None,
        errors=[KeypairNotFound, NotImplementedHere, StorageUnavailable],
    )
    async def invalidate_key_pair(self, request: ApiRequest) -> Response:
        keys, kid, doer = self._admitted(request), request.values["keyId"], doer_of(request)
        body = await decoded_body(request, Grace, optional=True)
        grace = grace_period(body.grace_period_sec or 0)
        await keys.freshness.changed(lambda: keypairs.invalidate_key_pair(doer, kid, grace, clock=keys.clock))
        return Response(200)

    @operation(
        "Take a key pair back into use",
        body=Reactivation,
        answer=JwtKeyPair,
        errors=[KeypairNotFound, NotImplementedHere, StorageUnavailable],
    )
    async def reactivate_key_pair(self, request: ApiRequest) -> Response:
        keys, kid, doer = self._admitted(request), request.values["keyId"], doer_of(request)
        body = await decoded_body(request, Reactivation)
        window = renewed_window(utc(body.valid_from), utc(body.valid_to), now=keys.clock())
        row = await keys.freshness.changed(
            lambda: keypairs.reactivate_key_pair(doer, kid, window.valid_from, window.valid_to)
        )
        return _shown(row.kid, bytes(row.public_key), row.is_active, row.valid_from, row.valid_to)

    def routes(self) -> Sequence[Route]:
        rows = (
            ("POST", "", self.issue_key_pair, _MANAGE),
            ("GET", "/current", self.current_key_pair, None),  # asks by itself, after its parameter
            ("DELETE", "/{keyId}", self.delete_key_pair, _MANAGE),
            ("POST", "/{keyId}/invalidate", self.invalidate_key_pair, _MANAGE),
            ("POST", "/{keyId}/reactivate", self.reactivate_key_pair, _MANAGE),
        )
        return [
            Route(method, f"/oauth/keys/keypair{path}", handler, operation=operation_of(handler), action=action)
            for method, path, handler, action in rows
        ]

    def _admitted(self, request: ApiRequest) -> NodeKeys:
        """Raises Forbidden, NotImplementedHere."""
        require_platform_tenant(request.principal, self._platform_tenant)
        if self._keys is None:
            raise NotImplementedHere("key management requires JWT IAM mode")
        return self._keys


def _order(body: NewKeyPair, keys: NodeKeys) -> KeyPairOrder:
    """Raises UnsupportedAlgorithm, BadRequest."""
    if body.algorithm != "RS256":
        raise UnsupportedAlgorithm
    return KeyPairOrder(
        audience=checked_audience(body.audience),
        window=new_window(utc(body.valid_from), utc(body.valid_to), now=keys.clock(), default=keys.default_validity),
        grace=grace_period(body.invalidate_grace_period_sec or 0),
        invalidate_current=body.invalidate_current or False,
    )


def checked_audience(text: str) -> Audience:
    """Raises BadRequest."""
    if text not in AUDIENCES:
        raise BadRequest("invalid audience")
    return cast(Audience, text)


def _shown(kid: str, spki: bytes, active: bool, valid_from: datetime, valid_to: datetime | None) -> Response:
    return json_response(
        JwtKeyPair(
            key_id=kid,
            public_key=base64.b64encode(spki).decode(),
            active=active,
            valid_from=utc_text(valid_from),
            valid_to=utc_text(valid_to) if valid_to else None,
        )
    )
