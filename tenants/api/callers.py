"""Who calls, as the services of the control plane take it: the doer, and the environment of the caller's tenant."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

from cyoda.errors import Forbidden, Unauthorized
from cyoda.http.request import ApiRequest
from cyoda.principal import Principal, TenantId
from tenants.models import Environment
from tenants.naming import schema_name_of
from tenants.services.audit import Doer, Source, caller
from tenants.services.directory import StoredTenants
from tenants.services.off_loop import OrmThread

MAX_REASON_CHARACTERS = 500


def doer_of(request: ApiRequest) -> Doer:
    """The caller, who may say why in `X-Reason`: percent-encoded, cut at 500 characters."""
    doer = caller(request.principal, Source.PAGES if request.is_own else Source.API)
    given = unquote(request.header(b"x-reason") or "")
    printable = "".join(character for character in given if character.isprintable())
    return replace(doer, reason=printable[:MAX_REASON_CHARACTERS])


def require_platform_tenant(principal: Principal, tenant: TenantId | None, refusal: str = "forbidden") -> None:
    """What concerns the whole installation may be kept to one tenant; None leaves it to admins of any.

    Raises Forbidden.
    """
    if tenant is not None and principal.tenant != tenant:
        raise Forbidden(refusal)


class CallersEnvironments:
    """The rows of the tenants that callers come from."""

    def __init__(self, orm: OrmThread, directory: StoredTenants) -> None:
        self._orm = orm
        self._directory = directory

    async def of(self, request: ApiRequest) -> Environment:
        """The row of the caller's tenant, admitted on first sight like any use of its data.

        Raises Unauthorized (unknown, deleted), Forbidden (suspended), StorageUnavailable.
        """
        tenant = request.principal.tenant
        await self._directory.schema_of(tenant)
        row = await self._orm.run(lambda: _ready(schema_name_of(tenant)))
        if row is None:
            raise Unauthorized
        return row


def _ready(schema_name: str) -> Environment | None:
    rows = Environment.objects.select_related("organisation")
    return rows.filter(schema_name=schema_name, state=Environment.State.READY).first()
