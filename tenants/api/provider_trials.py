"""A provider tried before anyone calls with its tokens, over HTTP: with a token, or by signing in there."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from cyoda.conf import Oidc
from cyoda.errors import (
    BadRequest,
    Forbidden,
    NotImplementedHere,
    OidcProviderNotFound,
    OidcSsrfBlocked,
    StorageUnavailable,
)
from cyoda.http.operation import operation, operation_of
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from cyoda.http.router import Route
from cyoda.permissions import Action
from tenants.api.providers import NewProvider, NodeProviders, checked_registration, json_object
from tenants.api.wire import INVALID_BODY, Json, Shape
from tenants.identity.oidc.fetching import FetchFailed
from tenants.identity.oidc.provider import Provider
from tenants.identity.oidc.registration import Body
from tenants.identity.oidc.sign_in import Endpoints, Request, Return, authorization_uri, fetch_endpoints, token_for
from tenants.identity.oidc.trial import UNSAVED, Verdict, tried, unsaved
from tenants.services import providers


class SignInRequest(Shape, kw_only=True):
    """A client that is registered at the provider, and where it sends people back to; S256 of a PKCE verifier."""

    provider: NewProvider
    client_id: str
    redirect_uri: str
    scope: str = "openid"
    state: str
    code_challenge: str


class SignInPlace(Shape, kw_only=True, omit_defaults=True):
    """Where to sign in; without `uri`, `failure` says why that is not known."""

    uri: str | None = None
    failure: str | None = None


class SignInReturn(Shape, kw_only=True):
    """The code that came back; a client without a secret leaves it out."""

    provider: NewProvider
    client_id: str
    client_secret: str = ""
    redirect_uri: str
    code: str
    code_verifier: str


class Trial(Shape, kw_only=True):
    """A token of a provider; without `provider` those that are registered are tried."""

    token: str
    provider: NewProvider | None = None


class TrialResult(Shape, kw_only=True, omit_defaults=True):
    """`failedCheck` is the first that fails, `reason` what it saw; the claims are proven only when none does."""

    accepted: bool
    failed_check: str | None = None
    reason: str | None = None
    provider_id: UUID | None = None
    user_id: str | None = None
    roles: list[str]
    claims: Json | None = None


class TrialEndpoints:
    """Without `node` (mock mode) nothing is offered."""

    def __init__(self, node: NodeProviders | None, conf: Oidc) -> None:
        self._node = node
        self._conf = conf

    @operation(
        "Try a token with an OIDC provider, registered or not",
        body=Trial,
        answer=TrialResult,
        errors=[Forbidden, NotImplementedHere, OidcSsrfBlocked, OidcProviderNotFound, StorageUnavailable],
    )
    async def try_token(self, request: ApiRequest) -> Response:
        """Nothing is saved and nobody is signed in: it shows the claims, the roles they become, and what fails."""
        node, body = self._admitted(), await json_object(request)
        token, settings = body.get("token"), body.get("provider")
        if not isinstance(token, str) or not isinstance(settings, dict | None):
            raise BadRequest(INVALID_BODY)
        if settings is None:
            environment = await node.environments.of(request)
            rows = await node.orm.run(lambda: providers.providers_of(environment, active_only=True))
            candidates = [providers.judged_by(row) for row in rows]
        else:
            candidates = [await self._unsaved(request, settings, node)]
        return json_response(_result(await self._tried(token, candidates, node)))

    @operation(
        "Where to sign in at an OIDC provider, registered or not, for a token to try",
        body=SignInRequest,
        answer=SignInPlace,
        errors=[Forbidden, NotImplementedHere, OidcSsrfBlocked],
    )
    async def begin_sign_in(self, request: ApiRequest) -> Response:
        node, body = self._admitted(), await json_object(request)
        client_id, redirect_uri, state, challenge = _texts(body, "clientId", "redirectUri", "state", "codeChallenge")
        scope = body.get("scope", "openid")
        provider = await self._unsaved(request, body.get("provider"), node)
        if not isinstance(scope, str):
            raise BadRequest(INVALID_BODY)
        asked = Request(client_id=client_id, redirect_uri=redirect_uri, scope=scope, state=state, challenge=challenge)
        try:
            endpoints = await self._endpoints(provider, node)
        except FetchFailed as failure:
            return json_response(SignInPlace(failure=str(failure)))
        return json_response(SignInPlace(uri=authorization_uri(endpoints, asked)))

    @operation(
        "Try the token that a sign-in at an OIDC provider leads to",
        body=SignInReturn,
        answer=TrialResult,
        errors=[Forbidden, NotImplementedHere, OidcSsrfBlocked],
    )
    async def finish_sign_in(self, request: ApiRequest) -> Response:
        """The code is exchanged for it. Nothing is saved; `failedCheck` is `sign-in` when the provider gives none."""
        node, body = self._admitted(), await json_object(request)
        client_id, redirect_uri, code, verifier = _texts(body, "clientId", "redirectUri", "code", "codeVerifier")
        (secret,) = _texts({"clientSecret": "", **body}, "clientSecret")
        provider = await self._unsaved(request, body.get("provider"), node)
        returned = Return(client_id=client_id, secret=secret, redirect_uri=redirect_uri, code=code, verifier=verifier)
        try:
            token = await token_for(returned, await self._endpoints(provider, node), node.fetcher)
        except FetchFailed as failure:
            return json_response(_result(Verdict(provider=provider, failed_check="sign-in", reason=str(failure))))
        return json_response(_result(await self._tried(token, [provider], node)))

    def routes(self) -> Sequence[Route]:
        manage = Action.MANAGE_CLIENTS if self._node is not None else None  # in mock mode nobody is asked for a role
        rows = (
            ("/test", self.try_token),
            ("/test/sign-in", self.begin_sign_in),
            ("/test/signed-in", self.finish_sign_in),
        )
        return [
            Route("POST", f"/oauth/oidc/providers{path}", handler, operation=operation_of(handler), action=manage)
            for path, handler in rows
        ]

    def _admitted(self) -> NodeProviders:
        """Raises NotImplementedHere."""
        if self._node is None:
            raise NotImplementedHere("not yet implemented")
        return self._node

    async def _unsaved(self, request: ApiRequest, settings: object, node: NodeProviders) -> Provider:
        """Raises BadRequest, OidcSsrfBlocked."""
        if not isinstance(settings, dict):
            raise BadRequest(INVALID_BODY)
        return unsaved(request.principal.tenant, await checked_registration(settings, node, self._conf))

    async def _tried(self, token: str, candidates: Sequence[Provider], node: NodeProviders) -> Verdict:
        """Raises OidcProviderNotFound."""
        claim, now = self._conf.roles_claim, node.clock().timestamp()
        found = await tried(token, candidates, node.fetcher, roles_claim=claim, now=now)
        if found is None:
            raise OidcProviderNotFound
        return found

    async def _endpoints(self, provider: Provider, node: NodeProviders) -> Endpoints:
        """Raises FetchFailed."""
        return await fetch_endpoints(provider.uri, node.fetcher, require_https=self._conf.require_https)


def _texts(body: Body, *names: str) -> list[str]:
    """Raises BadRequest."""
    values = [body.get(name) for name in names]
    if not all(isinstance(value, str) for value in values):
        raise BadRequest(INVALID_BODY)
    return [str(value) for value in values]


def _result(verdict: Verdict) -> TrialResult:
    return TrialResult(
        accepted=verdict.failed_check is None,
        failed_check=verdict.failed_check,
        reason=verdict.reason,
        provider_id=None if verdict.provider.id == UNSAVED else verdict.provider.id,
        user_id=verdict.user_id,
        roles=list(verdict.roles),
        claims=verdict.claims,
    )
