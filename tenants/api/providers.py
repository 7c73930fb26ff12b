"""OIDC providers over HTTP (contract: identity 10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from cyoda import jsonio
from cyoda.clock import Clock, utc_text
from cyoda.conf import Oidc
from cyoda.errors import (
    BadRequest,
    Forbidden,
    NotImplementedHere,
    OidcInvalidTenant,
    OidcProviderDuplicate,
    OidcProviderInactive,
    OidcProviderNotFound,
    OidcSsrfBlocked,
    QuotaExceeded,
    StorageUnavailable,
)
from cyoda.http.operation import operation, operation_of, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from cyoda.http.router import Route
from cyoda.permissions import Action
from tenants.api.callers import CallersEnvironments, doer_of
from tenants.api.wire import BODY_LIMIT_BYTES, INVALID_BODY, Json, Moment, Shape
from tenants.identity.oidc.destinations import BlockedAddress, LookupFailed
from tenants.identity.oidc.fetching import Fetcher
from tenants.identity.oidc.registration import Body, Registration, changes_of, check_tenant, registration_of, uri_of
from tenants.identity.oidc.source import Source
from tenants.identity.oidc.tokens import ProviderTokens
from tenants.models import Environment
from tenants.models import OidcProvider as OidcProviderRow
from tenants.services import providers
from tenants.services.audit import Doer
from tenants.services.epochs import Freshness
from tenants.services.off_loop import OrmThread

T = TypeVar("T")

_CHANGING = (Forbidden, NotImplementedHere, OidcProviderNotFound, StorageUnavailable)


class ProviderSettings(Shape, kw_only=True):
    """An array that is empty pins nothing; without `rolesClaim` the installation's is used."""

    issuers: list[str] | None = None
    expected_audiences: list[str] | None = None
    roles_claim: str | None = None


class NewProvider(ProviderSettings, kw_only=True):
    """`wellKnownConfigUri` is where the provider's discovery document is."""

    well_known_config_uri: str


class OidcProvider(Shape, kw_only=True, omit_defaults=True):
    """A registered provider."""

    id: UUID
    well_known_config_uri: str
    active: bool
    created_at: Moment
    issuers: list[str] | None = None
    expected_audiences: list[str] | None = None
    roles_claim: str | None = None


class ProviderReactivation(Shape, kw_only=True):
    """Without `reactivateKeys` only the discovery document is fetched."""

    reactivate_keys: bool | None = True


class ProviderDocuments(Shape, kw_only=True, omit_defaults=True):
    """What this node has of a provider; `failure` says why it could not have them anew at `triedAt`."""

    issuer: str | None = None
    jwks_uri: str | None = None
    key_ids: list[str]
    fresh_until: Moment | None = None
    tried_at: Moment | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeProviders:
    """What manages providers on a node, and takes changes into what it judges tokens by."""

    orm: OrmThread
    environments: CallersEnvironments
    freshness: Freshness
    tokens: ProviderTokens
    fetcher: Fetcher
    clock: Clock

    async def change(self, request: ApiRequest, change: Callable[[Doer, Environment], T]) -> T:
        """Make a change for the caller in the caller's tenant; it is in force here when this returns."""
        doer, environment = doer_of(request), await self.environments.of(request)
        return await self.freshness.changed(lambda: change(doer, environment))


class ProviderEndpoints:
    """Without `node` (mock mode) nothing is offered."""

    def __init__(self, node: NodeProviders | None, conf: Oidc) -> None:
        self._node = node
        self._conf = conf

    @operation(
        "Register an OIDC provider",
        body=NewProvider,
        answer=OidcProvider,
        errors=[Forbidden, NotImplementedHere, OidcSsrfBlocked, OidcInvalidTenant, OidcProviderDuplicate,
                QuotaExceeded, StorageUnavailable],
    )  # fmt: skip
    async def register_provider(self, request: ApiRequest) -> Response:
        """Its tokens are accepted from now on; when its documents cannot be fetched, as soon as they can."""
        node = self._admitted()
        registration = await checked_registration(await json_object(request), node, self._conf)
        check_tenant(request.principal.tenant)
        cap = self._conf.max_providers
        row = await node.change(request, lambda doer, tenant: providers.register(doer, tenant, registration, cap=cap))
        await node.tokens.refresh([row.pk])
        return json_response(_shown(row))

    @operation(
        "The tenant's OIDC providers",
        query("activeOnly", bool, "Without those that are invalidated."),
        answer=list[OidcProvider],
        errors=[NotImplementedHere, StorageUnavailable],
    )
    async def list_providers(self, request: ApiRequest) -> Response:
        node, active_only = self._admitted(), request.query_boolean("activeOnly")
        environment = await node.environments.of(request)
        rows = await node.orm.run(lambda: providers.providers_of(environment, active_only=active_only))
        return json_response([_shown(row) for row in rows])

    @operation(
        "Change an OIDC provider",
        body=ProviderSettings,
        answer=OidcProvider,
        errors=[*_CHANGING, OidcProviderInactive],
    )
    async def update_provider(self, request: ApiRequest) -> Response:
        """What is absent stays, null or an empty array clears. The documents are fetched anew in any case."""
        node, provider_id = self._admitted(), request.path_uuid("providerId")
        changes = changes_of(await json_object(request))
        row = await node.change(request, lambda doer, tenant: providers.update(doer, tenant, provider_id, changes))
        await node.tokens.refresh([provider_id])
        return json_response(_shown(row))

    @operation("Invalidate an OIDC provider: its tokens are refused at once", answer=None, errors=_CHANGING)
    async def invalidate_provider(self, request: ApiRequest) -> Response:
        node, provider_id = self._admitted(), request.path_uuid("providerId")
        await node.change(request, lambda doer, tenant: providers.invalidate(doer, tenant, provider_id))
        return Response(200)

    @operation(
        "Accept the tokens of an OIDC provider again",
        body=ProviderReactivation,
        body_required=False,
        answer=OidcProvider,
        errors=_CHANGING,
    )
    async def reactivate_provider(self, request: ApiRequest) -> Response:
        node, provider_id = self._admitted(), request.path_uuid("providerId")
        with_keys = _reactivates_keys(await json_object(request, optional=True))
        row = await node.change(
            request, lambda doer, tenant: providers.reactivate(doer, tenant, provider_id, with_keys=with_keys)
        )
        if with_keys:
            await node.tokens.refresh([provider_id])
        else:
            await node.tokens.refresh_discovery(provider_id)
        return json_response(_shown(row))

    @operation("Delete an OIDC provider: its tokens are refused at once", answer=None, errors=_CHANGING)
    async def delete_provider(self, request: ApiRequest) -> Response:
        node, provider_id = self._admitted(), request.path_uuid("providerId")
        await node.change(request, lambda doer, tenant: providers.delete(doer, tenant, provider_id))
        return Response(200)

    @operation(
        "Fetch the documents of all active OIDC providers anew",
        answer=None,
        errors=[Forbidden, NotImplementedHere, StorageUnavailable],
    )
    async def reload_providers(self, request: ApiRequest) -> Response:
        node = self._admitted()
        rows = await node.change(request, providers.reload)
        await node.tokens.refresh(row.pk for row in rows)
        return Response(200)

    @operation(
        "What the node that is asked has of a provider's documents",
        answer=ProviderDocuments,
        errors=[Forbidden, NotImplementedHere, OidcProviderNotFound, StorageUnavailable],
    )
    async def show_documents(self, request: ApiRequest) -> Response:
        """Nothing is fetched for it."""
        node, provider_id = self._admitted(), request.path_uuid("providerId")
        environment = await node.environments.of(request)
        row = await node.orm.run(lambda: providers.provider_of(environment, provider_id))
        return json_response(_documents_of(node.tokens.source_of(row.pk)))

    def routes(self) -> Sequence[Route]:
        manage = Action.MANAGE_CLIENTS if self._node is not None else None  # in mock mode nobody is asked for a role
        rows = (
            ("POST", "", self.register_provider, manage),
            ("GET", "", self.list_providers, None),
            ("POST", "/reload", self.reload_providers, manage),
            ("PATCH", "/{providerId}", self.update_provider, manage),
            ("GET", "/{providerId}/documents", self.show_documents, manage),
            ("DELETE", "/{providerId}", self.delete_provider, manage),
            ("POST", "/{providerId}/invalidate", self.invalidate_provider, manage),
            ("POST", "/{providerId}/reactivate", self.reactivate_provider, manage),
        )
        return [
            Route(method, f"/oauth/oidc/providers{path}", handler, operation=operation_of(handler), action=action)
            for method, path, handler, action in rows
        ]

    def _admitted(self) -> NodeProviders:
        """Raises NotImplementedHere."""
        if self._node is None:
            raise NotImplementedHere("not yet implemented")
        return self._node


async def checked_registration(body: Body, node: NodeProviders, conf: Oidc) -> Registration:
    """The checks of a new provider that need no row. Raises BadRequest, OidcSsrfBlocked."""
    uri = uri_of(body, require_https=conf.require_https)
    try:
        await node.fetcher.check(uri)
    except BlockedAddress:
        raise OidcSsrfBlocked from None
    except LookupFailed as failure:
        raise BadRequest(str(failure)) from None
    return registration_of(uri, body)


async def json_object(request: ApiRequest, *, optional: bool = False) -> dict[str, Json]:
    """A JSON object; an absent optional one is empty. Raises BadRequest."""
    text = await request.body(BODY_LIMIT_BYTES, INVALID_BODY)
    if optional and not text.strip():
        return {}
    try:
        body = jsonio.parse(text)
    except jsonio.InvalidJson:
        raise BadRequest(INVALID_BODY) from None
    if not isinstance(body, dict):
        raise BadRequest(INVALID_BODY)
    return body


def _reactivates_keys(body: Body) -> bool:
    """Raises BadRequest."""
    match body.get("reactivateKeys"):
        case None:
            return True
        case bool() as value:
            return value
        case _:
            raise BadRequest(INVALID_BODY)


def _documents_of(source: Source | None) -> ProviderDocuments:
    if source is None:
        return ProviderDocuments(key_ids=[])
    documents = source.documents
    return ProviderDocuments(
        issuer=source.issuer,
        jwks_uri=None if documents is None else documents.jwks_uri,
        key_ids=[] if documents is None else list(documents.keys),
        fresh_until=_moment(source.fresh_until),
        tried_at=_moment(source.tried_at),
        failure=source.failure,
    )


def _moment(seconds: float | None) -> str | None:
    return utc_text(datetime.fromtimestamp(seconds, UTC)) if seconds else None


def _shown(row: OidcProviderRow) -> OidcProvider:
    return OidcProvider(
        id=row.pk,
        well_known_config_uri=row.well_known_uri,
        active=row.is_active,
        created_at=utc_text(row.created_at),
        issuers=row.issuers,
        expected_audiences=row.expected_audiences,
        roles_claim=row.roles_claim,
    )
