"""The stored clients, as the token endpoint asks for them (contract: identity 3.1, 9)."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from tenants.identity.clients import Client
from tenants.models import Client as ClientRow
from tenants.models import Environment, Organisation
from tenants.services.off_loop import OrmThread

KEPT_SECONDS = 1.0
KEPT_CLIENTS = 1000


class StoredClients:
    """A ClientRegistry over the rows of this installation; a change is seen within a second.

    Clients of environments that are not ready, and of suspended organisations, are unknown.
    """

    def __init__(self, orm: OrmThread, *, seconds: Callable[[], float] = monotonic) -> None:
        self._orm = orm
        self._seconds = seconds
        self._kept: dict[str, tuple[float, Client]] = {}

    async def find(self, client_id: str) -> Client | None:
        """Raises StorageUnavailable."""
        kept_at, client = self._kept.get(client_id, (float("-inf"), None))
        if client is not None and self._seconds() - kept_at < KEPT_SECONDS:
            return client
        client = None if "\0" in client_id else await self._orm.run(lambda: stored_client(client_id))
        if client is None:
            self._kept.pop(client_id, None)
        else:
            if len(self._kept) >= KEPT_CLIENTS:
                self._kept.clear()
            self._kept[client_id] = (self._seconds(), client)
        return client


def stored_client(client_id: str) -> Client | None:
    row = (
        ClientRow.objects.select_related("environment")
        .filter(
            pk=client_id,
            environment__state=Environment.State.READY,
            environment__organisation__state=Organisation.State.ACTIVE,
        )
        .first()
    )
    if row is None:
        return None
    return Client(
        id=row.id,
        secret_hashes=(row.secret_hash,),
        tenant=row.environment.tenant_id,
        user_id=row.user_id,
        roles=tuple(row.roles),
    )
