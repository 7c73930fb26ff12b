"""Technical clients: changing them, and finding them for the token endpoint (contract: identity 3.1, 9, 18)."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

import structlog
from django.db import transaction
from django.db.models import Q

from cyoda.clock import Clock, system_clock
from cyoda.conf import Bootstrap
from cyoda.errors import M2mClientNotFound, StorageUnavailable
from tenants.identity.clients import Client
from tenants.identity.secrets import hash_generated, hash_secret, is_secret
from tenants.models import Client as ClientRow
from tenants.models import Environment, Organisation
from tenants.naming import schema_name_of
from tenants.services.audit import PLATFORM, Doer, record
from tenants.services.news import announce
from tenants.services.off_loop import OrmThread

KEPT_SECONDS = 0.75
KEPT_CLIENTS = 1000
USE_NOTED_SECONDS = 60.0
_CLIENT_ID_BYTES = 10
_SECRET_BYTES = 32
_START_CHARACTERS = 6

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """Credentials just made. `secret` exists here only; its hash is what is kept. `expires_at` None: never."""

    client_id: str
    secret: str
    roles: tuple[str, ...]
    expires_at: datetime | None = None


@transaction.atomic
def create_client(
    doer: Doer,
    environment: Environment,
    *,
    roles: Sequence[str],
    label: str = "",
    expires_at: datetime | None = None,
) -> Issued:
    """A new client of an environment."""
    client_id = base64.b32hexencode(secrets.token_bytes(_CLIENT_ID_BYTES)).decode()
    secret = secrets.token_hex(_SECRET_BYTES)
    row = ClientRow.objects.create(
        id=client_id,
        label=label,
        secret_hash=hash_generated(secret),
        secret_start=start_of(secret),
        created_by=doer.name,
        environment=environment,
        user_id=client_id,
        roles=list(roles),
        expires_at=expires_at,
    )
    record(doer, "created", ("client", client_id), owner=environment, after=_state(row))
    return _issued(row, secret)


@transaction.atomic
def rotate_secret(
    doer: Doer, client: ClientRow, *, overlap: timedelta = timedelta(0), clock: Clock = system_clock
) -> Issued:
    """A new secret; the old one works for `overlap` longer. Raises M2mClientNotFound when the client has gone."""
    row = _locked(client)
    secret = secrets.token_hex(_SECRET_BYTES)
    if overlap:
        row.previous_secret_hash, row.previous_secret_until = row.secret_hash, clock() + overlap
    else:
        row.previous_secret_hash, row.previous_secret_until = "", None
    row.secret_hash, row.secret_start = hash_generated(secret), start_of(secret)
    row.save()
    announce()
    until = row.previous_secret_until
    after = {"previousSecretUntil": until.isoformat() if until else None}
    record(doer, "secret rotated", ("client", row.id), owner=row.environment, after=after)
    return _issued(row, secret)


@transaction.atomic
def delete_client(doer: Doer, client: ClientRow) -> None:
    """Its tokens live until they expire. Raises M2mClientNotFound when the client has gone."""
    row = _locked(client)
    record(doer, "deleted", ("client", row.id), owner=row.environment, before=_state(row))
    row.delete()
    announce()


def start_of(secret: str) -> str:
    """What is kept of a secret as it is, so that people can tell it from others; the rest is long enough."""
    return secret[:_START_CHARACTERS]


def clients_of(environment: Environment) -> Sequence[ClientRow]:
    return list(ClientRow.objects.filter(environment=environment))


def client_of(environment: Environment, client_id: str) -> ClientRow:
    """Raises M2mClientNotFound, also for the client of another environment."""
    row = ClientRow.objects.filter(pk=client_id, environment=environment).first()
    if row is None:
        raise M2mClientNotFound
    return row


@transaction.atomic
def keep_bootstrap_client(bootstrap: Bootstrap) -> None:
    """Make the client of the settings as they say, and remove one that they no longer name.

    The environment of its tenant must exist when there is such a client.
    """
    configured = ClientRow.objects.select_for_update().filter(is_configured=True)
    for former in configured.exclude(pk=bootstrap.client_id or ""):
        delete_client(PLATFORM, former)
    if bootstrap.client_id is None or bootstrap.client_secret is None:
        return
    schema = schema_name_of(bootstrap.tenant_id)
    environment = Environment.objects.select_for_update().get(schema_name=schema)  # nodes that start follow each other
    known = ClientRow.objects.select_for_update().filter(pk=bootstrap.client_id).first()
    before = None if known is None else _state(known)
    row = known or ClientRow(id=bootstrap.client_id)
    row.environment, row.is_configured = environment, True
    row.user_id, row.roles = bootstrap.user_id, list(bootstrap.roles)
    same_secret = known is not None and is_secret(bootstrap.client_secret, known.secret_hash)
    if same_secret and before == _state(row):
        return
    if not same_secret:
        row.secret_hash, row.previous_secret_hash = hash_secret(bootstrap.client_secret), ""
    row.save()
    record(PLATFORM, "configured", ("client", row.id), owner=row.environment, before=before, after=_state(row))


class StoredClients:
    """A ClientRegistry over the rows of this installation; a change is seen within a second.

    Clients that have expired, of environments that are not ready, and of suspended organisations, are unknown.
    """

    def __init__(
        self, orm: OrmThread, *, seconds: Callable[[], float] = monotonic, clock: Clock = system_clock
    ) -> None:
        self._orm = orm
        self._seconds = seconds
        self._clock = clock
        self._kept: dict[str, tuple[float, Client]] = {}
        self._noted: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def find(self, client_id: str) -> Client | None:
        """Raises StorageUnavailable."""
        kept_at, client = self._kept.get(client_id, (float("-inf"), None))
        if client is not None and self._seconds() - kept_at < KEPT_SECONDS:
            return client
        now = self._clock()
        client = None if "\0" in client_id else await self._orm.run(lambda: stored_client(client_id, now))
        if client is None:
            self._kept.pop(client_id, None)
        else:
            if len(self._kept) >= KEPT_CLIENTS:
                self._kept.clear()
            self._kept[client_id] = (self._seconds(), client)
        return client

    def forget(self, client_id: str) -> None:
        """Look at the row again when the client comes next: it was changed here."""
        self._kept.pop(client_id, None)

    def forget_all(self) -> None:
        """Look at every row again: some were changed elsewhere."""
        self._kept.clear()

    def used(self, client: Client) -> None:
        """Write the time of use beside the caller, at most once a minute."""
        if self._seconds() - self._noted.get(client.id, float("-inf")) < USE_NOTED_SECONDS:
            return
        if len(self._noted) >= KEPT_CLIENTS:
            self._noted.clear()
        self._noted[client.id] = self._seconds()
        task = asyncio.create_task(self._note(client.id, self._clock()))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def settle(self) -> None:
        """Wait for what is being written."""
        if self._notes:
            await asyncio.wait(self._notes)

    async def _note(self, client_id: str, now: datetime) -> None:
        try:
            await self._orm.run(lambda: note_use(client_id, now))
        except StorageUnavailable:
            log.debug("the use of a client was not noted: the database does not answer")


def stored_client(client_id: str, now: datetime) -> Client | None:
    row = (
        ClientRow.objects.select_related("environment")
        .filter(
            Q(expires_at=None) | Q(expires_at__gt=now),
            pk=client_id,
            environment__state=Environment.State.READY,
            environment__organisation__state=Organisation.State.ACTIVE,
        )
        .first()
    )
    if row is None:
        return None
    hashes = [row.secret_hash]
    if row.previous_secret_hash and row.previous_secret_until and row.previous_secret_until > now:
        hashes.append(row.previous_secret_hash)
    return Client(
        id=row.id,
        secret_hashes=tuple(hashes),
        tenant=row.environment.tenant_id,
        user_id=row.user_id,
        roles=tuple(row.roles),
    )


def note_use(client_id: str, now: datetime) -> None:
    """Several nodes may have seen the client: it is written at most once a minute all the same."""
    minute_ago = now - timedelta(seconds=USE_NOTED_SECONDS)
    rows = ClientRow.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=minute_ago), pk=client_id)
    rows.update(last_used_at=now)


def _locked(client: ClientRow) -> ClientRow:
    row = ClientRow.objects.select_for_update().filter(pk=client.pk).first()
    if row is None:
        raise M2mClientNotFound
    return row


def _issued(row: ClientRow, secret: str) -> Issued:
    return Issued(client_id=row.id, secret=secret, roles=tuple(row.roles), expires_at=row.expires_at)


def _state(row: ClientRow) -> dict[str, object]:
    return {
        "label": row.label,
        "tenant": row.environment.tenant_id,
        "userId": row.user_id,
        "roles": row.roles,
        "configured": row.is_configured,
        "expiresAt": row.expires_at.isoformat() if row.expires_at else None,
    }
