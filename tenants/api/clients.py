"""Technical clients over HTTP (contract: identity 9, control plane 3.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import msgspec

from cyoda.clock import Clock, utc_text
from cyoda.errors import (
    BadRequest,
    FeatureDisabled,
    Forbidden,
    M2mClientNotFound,
    NotImplementedHere,
    StorageUnavailable,
)
from cyoda.http.operation import operation, operation_of, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import NO_STORE, Response, json_response
from cyoda.http.router import Route
from cyoda.permissions import Action, require, require_grantable
from cyoda.principal import ROLE_ADMIN, ROLE_M2M
from tenants.api.callers import CallersEnvironments, doer_of
from tenants.api.wire import Moment, Shape
from tenants.services import clients
from tenants.services.clients import Issued, StoredClients
from tenants.services.off_loop import OrmThread

MAX_OVERLAP_SECONDS = 31 * 24 * 3600
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,100}")
_MANAGE = Action.MANAGE_CLIENTS
_ALWAYS = (Forbidden, NotImplementedHere, StorageUnavailable)


class Credentials(msgspec.Struct, kw_only=True):
    """The secret is shown here only; `client_secret_expires_at` is in epoch seconds, 0 means never."""

    client_id: str
    client_secret: str
    grant_type: Literal["client_credentials"] = "client_credentials"
    client_secret_expires_at: int
    roles: tuple[str, ...]


class TechnicalUser(Shape, kw_only=True):
    """A client without its secret."""

    client_id: str
    creation_date: Moment
    last_update_date: Moment
    roles: list[str]


class Deleted(Shape, kw_only=True):
    message: Literal["M2M client deleted successfully"] = "M2M client deleted successfully"
    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClients:
    """What manages clients on a node; `registry` is where its token endpoint finds them."""

    orm: OrmThread
    environments: CallersEnvironments
    registry: StoredClients
    clock: Clock


class ClientEndpoints:
    """Without `node` (mock mode) nothing is offered."""

    def __init__(self, node: NodeClients | None, *, may_grant_admin: bool) -> None:
        self._node = node
        self._may_grant_admin = may_grant_admin

    @operation(
        "Create a technical client",
        query("withAdminRole", bool, "Give it the admin role too."),
        answer=Credentials,
        errors=[*_ALWAYS, FeatureDisabled],
    )
    async def create_client(self, request: ApiRequest) -> Response:
        with_admin = request.query_boolean("withAdminRole")
        require(request.principal, _MANAGE)
        roles = (ROLE_M2M, ROLE_ADMIN) if with_admin else (ROLE_M2M,)
        require_grantable(request.principal, roles)
        node, doer = self._admitted(), doer_of(request)
        if with_admin and not self._may_grant_admin:
            raise FeatureDisabled("M2M admin-role grants are disabled")
        environment = await node.environments.of(request)
        return _shown(await node.orm.run(lambda: clients.create_client(doer, environment, roles=roles)))

    @operation("The tenant's technical clients", answer=list[TechnicalUser], errors=_ALWAYS)
    async def list_clients(self, request: ApiRequest) -> Response:
        node = self._admitted()
        environment = await node.environments.of(request)
        rows = await node.orm.run(lambda: clients.clients_of(environment))
        return json_response(
            [
                TechnicalUser(
                    client_id=row.id,
                    creation_date=utc_text(row.created_at),
                    last_update_date=utc_text(row.updated_at),
                    roles=row.roles,
                )
                for row in rows
            ]
        )

    @operation("Delete a technical client", answer=Deleted, errors=[*_ALWAYS, M2mClientNotFound])
    async def delete_client(self, request: ApiRequest) -> Response:
        """Its tokens live until they expire."""
        node, client_id, doer = self._admitted(), _client_id(request), doer_of(request)
        environment = await node.environments.of(request)
        await node.orm.run(lambda: clients.delete_client(doer, clients.client_of(environment, client_id)))
        node.registry.forget(client_id)
        return json_response(Deleted(client_id=client_id))

    @operation(
        "Give a technical client a new secret",
        query("overlapSeconds", int, "How long the old secret works beside the new one; 0 unless given."),
        answer=Credentials,
        errors=[*_ALWAYS, M2mClientNotFound],
    )
    async def rotate_secret(self, request: ApiRequest) -> Response:
        node, client_id, doer = self._admitted(), _client_id(request), doer_of(request)
        overlap, principal = _overlap(request), request.principal
        environment = await node.environments.of(request)

        def rotated() -> Issued:
            client = clients.client_of(environment, client_id)
            require_grantable(principal, client.roles)  # who has the secret has the roles
            return clients.rotate_secret(doer, client, overlap=overlap, clock=node.clock)

        issued = await node.orm.run(rotated)
        node.registry.forget(client_id)
        return _shown(issued)

    def routes(self) -> Sequence[Route]:
        rows = (
            ("POST", "", self.create_client, None),  # asks by itself, after its parameter
            ("GET", "", self.list_clients, _MANAGE),
            ("DELETE", "/{clientId}", self.delete_client, _MANAGE),
            ("PUT", "/{clientId}/secret", self.rotate_secret, _MANAGE),
        )
        return [
            Route(method, f"/clients{path}", handler, operation=operation_of(handler), action=action)
            for method, path, handler, action in rows
        ]

    def _admitted(self) -> NodeClients:
        """Raises NotImplementedHere."""
        if self._node is None:
            raise NotImplementedHere("M2M client management requires JWT IAM mode")
        return self._node


def _client_id(request: ApiRequest) -> str:
    """Raises BadRequest."""
    client_id = request.values["clientId"]
    if not _CLIENT_ID.fullmatch(client_id):
        raise BadRequest("invalid clientId")
    return client_id


def _overlap(request: ApiRequest) -> timedelta:
    """Raises InvalidParameter, BadRequest."""
    seconds = request.query_int32("overlapSeconds", 0)
    if not 0 <= seconds <= MAX_OVERLAP_SECONDS:
        raise BadRequest(f"overlapSeconds must be between 0 and {MAX_OVERLAP_SECONDS}")
    return timedelta(seconds=seconds)


def _shown(issued: Issued) -> Response:
    credentials = Credentials(
        client_id=issued.client_id,
        client_secret=issued.secret,
        client_secret_expires_at=int(issued.expires_at.timestamp()) if issued.expires_at else 0,
        roles=issued.roles,
    )
    return json_response(credentials, headers=NO_STORE)
