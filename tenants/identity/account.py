"""`GET /account`: the caller as the dashboard shows it (contract: identity 11)."""

from __future__ import annotations

from collections.abc import Callable

from cyoda.errors import NotImplementedHere
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from cyoda.http.router import Route
from cyoda.principal import Principal

Names = Callable[[Principal], tuple[str, str]]
"""The display names of a principal's user and tenant."""


def ids_as_names(principal: Principal) -> tuple[str, str]:
    """Tokens carry no names, so the ids stand for them."""
    return principal.user_id, principal.tenant


def account_routes(names: Names = ids_as_names) -> list[Route]:
    """The account of the authenticated caller; subscriptions are not served."""

    async def account(request: ApiRequest) -> Response:
        return json_response({"userAccountInfo": _account(request.principal, *names(request.principal))})

    async def subscriptions(_: ApiRequest) -> Response:
        raise NotImplementedHere("not yet implemented")

    return [Route("GET", "/account", account), Route("GET", "/account/subscriptions", subscriptions)]


def _account(principal: Principal, user_name: str, tenant_name: str) -> dict[str, object]:
    return {
        "userId": principal.user_id,
        "userName": user_name,
        "legalEntity": {"id": principal.tenant, "name": tenant_name},
        "roles": [{"id": role} for role in principal.roles],
        "currentSubscription": {
            "id": "unlimited",
            "legalEntityId": principal.tenant,
            "status": "ACTIVE",
            "tierName": "unlimited",
            "periodFrom": "2020-01-01T00:00:00Z",
            "limits": [],
        },
    }
