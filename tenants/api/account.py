"""The caller and the caller's subscription, as the dashboard shows them (contract: identity 11, control plane 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET, UnsetType

from cyoda.clock import Clock, utc_text
from cyoda.errors import NotImplementedHere, StorageUnavailable
from cyoda.http.operation import operation, operation_of
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from cyoda.http.router import Route
from cyoda.permissions import DESCRIPTIONS
from cyoda.principal import Principal, TenantId
from tenants.api.wire import Moment, Shape
from tenants.services.account import Names, Subscribed, names_of, subscriptions_of
from tenants.services.off_loop import OrmThread
from tenants.services.tiers import Limit


class LegalEntity(Shape):
    """The tenant."""

    id: str
    name: str


class RoleShown(Shape):
    """A role of the caller's token."""

    id: str
    desc: str | UnsetType = UNSET


class SubscriptionShown(Shape, kw_only=True):
    """A tier from a moment on; what its limits leave out is unlimited."""

    id: str
    legal_entity_id: str
    status: str
    tier_name: str
    period_from: Moment
    period_to: Moment | UnsetType = UNSET
    limits: list[Limit]


class UserAccountInfo(Shape, kw_only=True):
    """The caller."""

    user_id: str
    user_name: str
    legal_entity: LegalEntity
    roles: list[RoleShown]
    current_subscription: SubscriptionShown


class Account(Shape, kw_only=True):
    user_account_info: UserAccountInfo


class Subscriptions(Shape):
    """The one in force first."""

    subscriptions: list[SubscriptionShown]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAccounts:
    """What knows people, organisations and their tiers on a node. Without quotas everybody's tier is `unlimited`."""

    orm: OrmThread
    clock: Clock
    has_quotas: bool


class AccountEndpoints:
    """`names` are those of every caller (mock mode); None asks the rows."""

    def __init__(self, node: NodeAccounts, names: Names | None = None) -> None:
        self._node = node
        self._names = names

    @operation("The caller's account", answer=Account, errors=[StorageUnavailable])
    async def get_account(self, request: ApiRequest) -> Response:
        principal, node = request.principal, self._node
        names = self._names or await node.orm.run(lambda: names_of(principal))
        current = (await self._subscriptions(principal.tenant))[0] if node.has_quotas else _unlimited(principal.tenant)
        info = UserAccountInfo(
            user_id=principal.user_id,
            user_name=names.user,
            legal_entity=LegalEntity(principal.tenant, names.organisation),
            roles=self._roles(principal),
            current_subscription=current,
        )
        return json_response(Account(user_account_info=info))

    @operation(
        "The organisation's subscriptions", answer=Subscriptions, errors=[NotImplementedHere, StorageUnavailable]
    )
    async def list_subscriptions(self, request: ApiRequest) -> Response:
        """Those of the caller's organisation; served where tiers limit what organisations may use."""
        if not self._node.has_quotas:
            raise NotImplementedHere("not yet implemented")
        return json_response(Subscriptions(await self._subscriptions(request.principal.tenant)))

    def routes(self) -> list[Route]:
        """Any role may look at its own account."""
        endpoints = (("/account", self.get_account), ("/account/subscriptions", self.list_subscriptions))
        return [Route("GET", path, endpoint, operation=operation_of(endpoint)) for path, endpoint in endpoints]

    def _roles(self, principal: Principal) -> list[RoleShown]:
        texts = DESCRIPTIONS if self._node.has_quotas else {}
        return [RoleShown(role, texts.get(role, UNSET)) for role in principal.roles]

    async def _subscriptions(self, tenant: TenantId) -> list[SubscriptionShown]:
        now = self._node.clock()
        found = await self._node.orm.run(lambda: subscriptions_of(tenant, now))
        return [_shown(tenant, subscribed) for subscribed in found]


def _shown(tenant: TenantId, subscribed: Subscribed) -> SubscriptionShown:
    return SubscriptionShown(
        id=subscribed.id,
        legal_entity_id=tenant,
        status=subscribed.status,
        tier_name=subscribed.tier,
        period_from=utc_text(subscribed.period_from),
        period_to=UNSET if subscribed.period_to is None else utc_text(subscribed.period_to),
        limits=list(subscribed.limits),
    )


def _unlimited(tenant: TenantId) -> SubscriptionShown:
    return SubscriptionShown(
        id="unlimited",
        legal_entity_id=tenant,
        status="ACTIVE",
        tier_name="unlimited",
        period_from="2020-01-01T00:00:00Z",
        limits=[],
    )
