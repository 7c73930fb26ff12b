"""Trusted keys over HTTP (contract: identity 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from cyoda import jsonio
from cyoda.clock import Clock, utc_text
from cyoda.errors import (
    BadRequest,
    FeatureDisabled,
    Forbidden,
    KeyOwnedByDifferentTenant,
    NotImplementedHere,
    StorageUnavailable,
    TrustedKeyCapReached,
    TrustedKeyNotFound,
    UnsupportedKeyType,
)
from cyoda.http.operation import operation, operation_of
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from cyoda.http.router import Route
from cyoda.permissions import Action
from tenants.api.callers import CallersEnvironments, doer_of
from tenants.api.keypairs import checked_audience
from tenants.api.wire import INVALID_BODY, Grace, Json, Moment, MomentIn, Reactivation, Shape, decoded_body, utc
from tenants.identity.trusted import check_jwk, check_key_id
from tenants.identity.validity import grace_period, new_window, renewed_window
from tenants.models import TrustedKey as TrustedKeyRow
from tenants.services import trusted_keys
from tenants.services.off_loop import OrmThread
from tenants.services.trusted_keys import Registration

_ALWAYS = (FeatureDisabled, NotImplementedHere, Forbidden, StorageUnavailable)


class NewTrustedKey(Shape, kw_only=True):
    """`jwk` is an RSA public key, kept as it is written."""

    key_id: str = ""
    jwk: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))
    audience: str = ""
    issuers: list[str] | None = None
    valid_from: MomentIn | None = None
    valid_to: MomentIn | None = None
    invalidate_previous: bool | None = False
    invalidate_grace_period_sec: int | None = 0


class TrustedKey(Shape, kw_only=True, omit_defaults=True):
    """A key; `legalEntityId` is its tenant."""

    key_id: str
    legal_entity_id: str
    jwk: Json
    audience: str
    active: bool
    valid_from: Moment
    valid_to: Moment | None = None
    issuers: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKeyRules:
    """What the settings say; `cap` 0 is unbounded."""

    cap: int
    max_properties: int
    default_validity: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTrustedKeys:
    """What manages trusted keys on a node."""

    orm: OrmThread
    environments: CallersEnvironments
    rules: TrustedKeyRules
    clock: Clock


class TrustedKeyEndpoints:
    """Without `keys` (mock mode) nothing is offered."""

    def __init__(self, keys: NodeTrustedKeys | None, *, is_enabled: bool) -> None:
        self._keys = keys
        self._is_enabled = is_enabled

    @operation(
        "Register a trusted key; one of the same id is replaced",
        body=NewTrustedKey,
        answer=TrustedKey,
        errors=[*_ALWAYS, UnsupportedKeyType, KeyOwnedByDifferentTenant, TrustedKeyCapReached],
    )
    async def register_trusted_key(self, request: ApiRequest) -> Response:
        keys, doer = self._admitted(), doer_of(request)
        registration = _registration(await decoded_body(request, NewTrustedKey), keys)
        environment = await keys.environments.of(request)
        row = await keys.orm.run(
            lambda: trusted_keys.register(doer, environment, registration, cap=keys.rules.cap, clock=keys.clock)
        )
        return json_response(_shown(row))

    @operation("The tenant's trusted keys", answer=list[TrustedKey], errors=_ALWAYS)
    async def list_trusted_keys(self, request: ApiRequest) -> Response:
        keys = self._admitted()
        environment = await keys.environments.of(request)
        rows = await keys.orm.run(lambda: trusted_keys.trusted_keys_of(environment))
        return json_response([_shown(row) for row in rows])

    @operation("Delete a trusted key", answer=None, errors=[*_ALWAYS, TrustedKeyNotFound])
    async def delete_trusted_key(self, request: ApiRequest) -> Response:
        keys, key_id, doer = self._admitted(), check_key_id(request.values["keyId"]), doer_of(request)
        environment = await keys.environments.of(request)
        await keys.orm.run(lambda: trusted_keys.delete(doer, environment, key_id))
        return Response(200)

    @operation(
        "Invalidate a trusted key",
        body=Grace,
        body_required=False,
        answer=None,
        errors=[*_ALWAYS, TrustedKeyNotFound],
    )
    async def invalidate_trusted_key(self, request: ApiRequest) -> Response:
        keys, key_id, doer = self._admitted(), check_key_id(request.values["keyId"]), doer_of(request)
        grace = grace_period((await decoded_body(request, Grace, optional=True)).grace_period_sec or 0)
        environment = await keys.environments.of(request)
        await keys.orm.run(lambda: trusted_keys.invalidate(doer, environment, key_id, grace, clock=keys.clock))
        return Response(200)

    @operation(
        "Trust a key again",
        body=Reactivation,
        answer=TrustedKey,
        errors=[*_ALWAYS, TrustedKeyNotFound],
    )
    async def reactivate_trusted_key(self, request: ApiRequest) -> Response:
        keys, key_id, doer = self._admitted(), check_key_id(request.values["keyId"]), doer_of(request)
        body = await decoded_body(request, Reactivation)
        window = renewed_window(utc(body.valid_from), utc(body.valid_to), now=keys.clock())
        environment = await keys.environments.of(request)
        row = await keys.orm.run(
            lambda: trusted_keys.reactivate(doer, environment, key_id, window.valid_from, window.valid_to)
        )
        return json_response(_shown(row))

    def routes(self) -> Sequence[Route]:
        rows = (
            ("POST", "", self.register_trusted_key),
            ("GET", "", self.list_trusted_keys),
            ("DELETE", "/{keyId}", self.delete_trusted_key),
            ("POST", "/{keyId}/invalidate", self.invalidate_trusted_key),
            ("POST", "/{keyId}/reactivate", self.reactivate_trusted_key),
        )
        return [
            Route(
                method,
                f"/oauth/keys/trusted{path}",
                handler,
                operation=operation_of(handler),
                action=Action.MANAGE_CLIENTS,
            )
            for method, path, handler in rows
        ]

    def _admitted(self) -> NodeTrustedKeys:
        """Raises FeatureDisabled, NotImplementedHere."""
        if not self._is_enabled:
            raise FeatureDisabled("trusted-key registration is disabled")
        if self._keys is None:
            raise NotImplementedHere("trusted-key management requires JWT IAM mode")
        return self._keys


def _registration(body: NewTrustedKey, keys: NodeTrustedKeys) -> Registration:
    """Raises BadRequest, UnsupportedKeyType."""
    key_id = check_key_id(body.key_id)
    check_jwk(_members(bytes(body.jwk)), key_id, max_properties=keys.rules.max_properties)
    audience = checked_audience(body.audience)
    window = new_window(utc(body.valid_from), utc(body.valid_to), now=keys.clock(), default=keys.rules.default_validity)
    if any("\0" in issuer for issuer in body.issuers or ()):
        raise BadRequest(INVALID_BODY)
    return Registration(
        key_id=key_id,
        jwk=bytes(body.jwk).decode(),
        audience=audience,
        issuers=tuple(body.issuers) if body.issuers else None,
        window=window,
        grace=grace_period(body.invalidate_grace_period_sec or 0),
        invalidate_previous=body.invalidate_previous or False,
    )


def _members(jwk: bytes) -> Mapping[str, Json]:
    """Raises BadRequest."""
    try:
        value = jsonio.parse(jwk)
    except jsonio.InvalidJson:
        raise BadRequest(INVALID_BODY) from None
    if not isinstance(value, dict):
        raise BadRequest(INVALID_BODY)
    return value


def _shown(row: TrustedKeyRow) -> TrustedKey:
    return TrustedKey(
        key_id=row.key_id,
        legal_entity_id=row.environment.tenant_id,
        jwk=msgspec.Raw(row.jwk.encode()),
        audience=row.audience,
        active=row.is_active,
        valid_from=utc_text(row.valid_from),
        valid_to=utc_text(row.valid_to) if row.valid_to else None,
        issuers=row.issuers,
    )
