"""One node from its settings: database, migrations, servers, until SIGTERM (identity contract 2; design: processes)."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import sys
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
import uvloop
from django.db import Error, connection, connections

from cyoda.addresses import public_url
from cyoda.bearers import NodeBearers, judged_by
from cyoda.clock import system_clock
from cyoda.cluster.cluster import directory_of
from cyoda.cluster.membership import DuplicateNode
from cyoda.conf import Conf, unknown_names
from cyoda.data_plane import OnLoop, OperatorsDataPlane, asked_by_operators
from cyoda.databases import use_database
from cyoda.embedded import EmbeddedPostgres
from cyoda.migrating import migrate_public
from cyoda.news import NodeNews
from cyoda.operators import ensure_operator, setup_path
from cyoda.pages_api import NodePagesApi, answer_on_loop, asked_by_pages
from cyoda.runtime import build_node
from cyoda.serving import Addresses, serve
from cyoda.stores import NodeStores
from tenants.services.directory import StoredTenants
from tenants.services.identity import stored_identity
from tenants.services.news import spread_by
from tenants.services.off_loop import OrmThread
from tenants.services.quotas import StoredQuotas
from tenants.services.tiers import is_tier
from tenants.usage.counter import UsageCounter

if TYPE_CHECKING:
    from tenants.cloud.streams import EventStreams
    from tenants.ui.live import LiveStreams

OLDEST_POSTGRES = 170000
_COLLECT_EVERY = 10_000
"""New objects between two collections: requests under way keep many, and Python's 700 look at them too often."""

log = structlog.get_logger(__name__)


class NodeError(Exception):
    """The node cannot start; the text is a sentence for its operator."""


def run_node(conf: Conf) -> None:
    """Serve until SIGTERM or SIGINT. Call it from the main thread.

    Raises NodeError, ConfError (a signing key that is none), EmbeddedError, StorageUnavailable.
    """
    started = time.monotonic()
    _warn(conf)
    require_ports(conf)
    with _database(conf) as url:
        setup = _prepare_database(conf)
        uvloop.run(_serve(conf, url, setup, started))


async def _serve(conf: Conf, url: str, setup: str | None, started: float) -> None:
    stores, orm = NodeStores(conf, url), OrmThread()
    tenants = StoredTenants(orm, stores.make_schema, auto_create=conf.platform.tenant_auto_create)
    identity = stored_identity(conf, system_clock, orm, tenants)
    limits = StoredQuotas() if conf.quotas.enabled else None
    quotas = UsageCounter(limits)
    django = LazyDjango()
    directory = directory_of(conf, url) if conf.cluster.enabled else None
    node = build_node(
        conf, stores.storage(tenants), fallback=django, identity=identity, quotas=quotas, directory=directory
    )
    own_loop = OnLoop(asyncio.get_running_loop())
    rereads = [identity.refresh, tenants.refresh, *([] if limits is None else [limits.refresh])]
    news = NodeNews(own_loop.loop, rereads, None if node.cluster is None else node.cluster.peers.look)
    if node.cluster is not None:
        node.cluster.look_by(news.look)
    view = None if node.cluster is None else node.cluster.membership.view
    operators = OperatorsDataPlane(node.platform, own_loop, conf.cluster.node_id, node.members, view=view)

    def announce(addresses: Addresses) -> None:
        gc.collect()
        gc.freeze()  # what a node is made of stays: no collection needs to look at it again
        gc.set_threshold(_COLLECT_EVERY)
        if setup is not None:
            _offer_setup(conf, addresses, setup)
        log.info("node started", **_described(conf, addresses), seconds=round(time.monotonic() - started, 2))

    try:
        async with tenants:
            bearers = NodeBearers(identity.authenticator, own_loop, identity.issuer)
            pages = NodePagesApi(node.api, own_loop)
            with asked_by_operators(operators), judged_by(bearers), asked_by_pages(pages), spread_by(news):
                await serve(node, announce, leave=django.stop)
    except DuplicateNode as error:
        raise NodeError(str(error)) from None
    finally:
        await orm.close()


class LazyDjango:
    """Django's pages as an ASGI application, loaded when the first page is asked for."""

    def __init__(self) -> None:
        self._loading: asyncio.Task[Django] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(_django))
        django = await asyncio.shield(self._loading)
        await django.events(scope, receive, send)

    def stop(self) -> None:
        """End the streams that stay open; requests under way go on."""
        if self._loading is not None and self._loading.done() and self._loading.exception() is None:
            django = self._loading.result()
            django.events.stop()
            django.pages.stop()


@dataclass(frozen=True, slots=True)
class Django:
    """Its pages behind those that keep streams open: `events` passes on to `pages`, and they to Django."""

    events: EventStreams
    pages: LiveStreams


def _django() -> Django:
    from django.core.handlers.asgi import ASGIHandler

    from cyoda.threads import KeptThreads
    from tenants.cloud.streams import EventStreams
    from tenants.ui.live import LiveStreams, Pages

    # WhiteNoise hands files over as iterators that block; Django reads each in a thread, whole, which they are fit for.
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
    pages = LiveStreams(KeptThreads(ASGIHandler()), Pages(), answer_on_loop)
    return Django(EventStreams(pages), pages)


@contextmanager
def _database(conf: Conf) -> Generator[str]:
    """The configured database, or an embedded one for as long as the node runs."""
    if conf.storage.database_url is not None:
        yield conf.storage.database_url
        return
    with EmbeddedPostgres(conf.platform.home) as postgres:
        use_database(postgres.url)
        yield postgres.url


def _prepare_database(conf: Conf) -> str | None:
    """Migrated, with an operator; returns the path of a link that makes one if there is none."""
    try:
        connection.ensure_connection()
        if connection.pg_version < OLDEST_POSTGRES:
            raise NodeError("PostgreSQL 17 or newer is needed, the configured one is older.")
        if migrate_public():
            log.info("public schema migrated")
        if conf.quotas.enabled and not is_tier(conf.quotas.default_tier):
            raise NodeError(f"CYODA_DEFAULT_TIER must name a tier: there is no {conf.quotas.default_tier!r}.")
        return None if ensure_operator(conf.platform) else setup_path()
    except Error as error:
        reason = " ".join(str(error).split())
        raise NodeError(f"The database of CYODA_DATABASE_URL cannot be used: {reason}") from None
    finally:
        connections.close_all()


def _offer_setup(conf: Conf, addresses: Addresses, path: str) -> None:
    """On the console, and in no log: whoever has the link runs the platform."""
    base = public_url(conf, addresses.http)
    sys.stderr.write(f"\n  There is no administrator yet. This link makes the first one, once:\n  {base}{path}\n\n")


def _warn(conf: Conf) -> None:
    for name in unknown_names(os.environ):
        log.warning("this variable is no setting", name=name)
    if conf.iam.mode == "mock" and not conf.platform.suppress_banner:
        frame = "*" * 78
        sys.stderr.write(
            f"{frame}\n* MOCK MODE: every caller is let in as one principal, tokens are not checked.\n"
            f"* For development only. Set CYODA_IAM_MODE=jwt, or CYODA_SUPPRESS_BANNER=true.\n{frame}\n"
        )


def require_ports(conf: Conf) -> None:
    """Raises NodeError with the variable of the first listener whose address is taken or not ours."""
    listeners = [
        ("CYODA_HTTP_PORT", conf.http.bind_address, conf.http.port),
        ("CYODA_GRPC_PORT", conf.grpc.bind_address, conf.grpc.port),
        ("CYODA_ADMIN_PORT", conf.admin.bind_address, conf.admin.port),
    ]
    if conf.cluster.enabled:
        listeners.append(("CYODA_PEER_PORT", conf.cluster.peer_bind_address, conf.cluster.peer_port))
    for variable, address, port in listeners:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise NodeError(
                        f"Port {port} is used by another program: stop that one, or set {variable} to a free port."
                    ) from None
                raise NodeError(f"{address}:{port} ({variable}) cannot be opened: {error.strerror}.") from None


def _described(conf: Conf, addresses: Addresses) -> dict[str, object]:
    return {
        "http": f"{conf.http.bind_address}:{addresses.http}",
        "context_path": conf.http.context_path,
        "grpc": f"{conf.grpc.bind_address}:{addresses.grpc}",
        "admin": f"{conf.admin.bind_address}:{addresses.admin}",
        "iam": conf.iam.mode,
        "node": conf.cluster.node_id,
    }
