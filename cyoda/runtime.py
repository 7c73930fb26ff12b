"""The composition root of a node: from Conf to running servers, started and stopped in order (docs/adr/0002).

Everything that is wired here is wired nowhere else: which storage, whose tenants, which identity, which compute.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from cyoda.admission import Admission
from cyoda.clock import Clock, system_clock
from cyoda.cluster.tokens import JoinTokens
from cyoda.conf import Conf, Grpc
from cyoda.http.app import AsgiApp, HttpApp
from cyoda.http.cors import Cors
from cyoda.http.documentation import Documentation
from cyoda.http.help import help_routes
from cyoda.http.listener import HttpListener, Listening
from cyoda.http.openapi import openapi_document
from cyoda.http.problem import Problems
from cyoda.ids import TimeIds
from cyoda.telemetry.members import MemberCollector
from cyoda.telemetry.metrics import Metrics
from cyoda.telemetry.probes import probes_app
from cyoda.waking import CeleryWorkers
from tenants.api import wire as identity_wire
from tenants.api.sign_in import AtRoot
from tenants.identity.service import Identity, identity_service
from workflows.api.routes import data_plane_routes
from workflows.api.wire import PATH_TYPES
from workflows.compute.dispatcher import LocalDispatcher, Observe
from workflows.compute.members import Registry
from workflows.core.callout import Callout
from workflows.grpc.options import GrpcOptions, KeepAlive, Tls
from workflows.grpc.server import GrpcServer
from workflows.services.background import OwnWorkers
from workflows.services.configurations import Configurations
from workflows.services.platform import Limits, Platform, Workers
from workflows.services.quotas import CountedGateway, NoQuotas, Quotas
from workflows.services.scheduler import Scheduler, Scheduling
from workflows.services.transactions import Transactions
from workflows.storage.base import Storage

SECRET_BYTES = 32
STOP_GRACE_SECONDS = 10

log = structlog.get_logger(__name__)


class NodeQuotas(Admission, Quotas, AbstractAsyncContextManager[object, None], Protocol):
    """What holds tenants to their limits, entered while the node runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node's parts, wired but not listening."""

    conf: Conf
    platform: Platform
    members: Registry
    identity: Identity
    metrics: Metrics
    api: HttpApp
    quotas: NodeQuotas | None = None


def build_node(
    conf: Conf,
    storage: Storage,
    *,
    fallback: AsgiApp,
    clock: Clock = system_clock,
    identity: Identity | None = None,
    quotas: NodeQuotas | None = None,
) -> Node:
    """Wire a node over a storage. `fallback` serves what is outside the context path (Django).

    Raises ConfError when the signing key is unusable.
    """
    metrics = Metrics()
    members = _members(conf, metrics)
    platform = _platform(conf, storage, members, metrics, clock, quotas)
    identity = identity or identity_service(conf, clock)
    api = _api(conf, platform, identity, metrics, fallback, quotas)
    return Node(
        conf=conf, platform=platform, members=members, identity=identity, metrics=metrics, api=api, quotas=quotas
    )


def _members(conf: Conf, metrics: Metrics) -> Registry:
    members = Registry(conf.engine.member_max_in_flight)
    metrics.registry.register(MemberCollector(members.members))
    metrics.members.set_function(lambda: len(members.members()))
    metrics.in_flight.set_function(lambda: sum(member.in_flight for member in members.members()))
    metrics.waiting.set_function(lambda: members.admission.waiting)
    return members


def _platform(
    conf: Conf, storage: Storage, members: Registry, metrics: Metrics, clock: Clock, quotas: NodeQuotas | None
) -> Platform:
    new_id = TimeIds()
    tokens = JoinTokens(
        conf.cluster.hmac_key or secrets.token_bytes(SECRET_BYTES),
        node_id=conf.cluster.node_id,
        lifetime=conf.engine.tx_token_ttl,
        clock=clock,
    )
    compute = LocalDispatcher(members, new_id=new_id, choose=random.choice, observe=_observed_by(metrics))
    return Platform(
        storage=storage,
        clock=clock,
        new_id=new_id,
        configurations=Configurations(storage),
        compute=compute if quotas is None else CountedGateway(compute, quotas),
        transactions=Transactions(
            storage, clock=clock, new_id=new_id, tokens=tokens, observe=metrics.observe_transaction
        ),
        limits=Limits(
            max_state_visits=conf.engine.max_state_visits,
            workflow_version_strict=conf.engine.workflow_version_strict,
            max_sort_keys=conf.search.max_sort_keys,
            scan_budget=conf.search.scan_budget,
            search_ttl=conf.search.snapshot_ttl,
            report_ttl=conf.search.report_ttl,
            expiry_grace=conf.scheduler.expiry_grace,
            max_groups=conf.search.stats_group_max,
        ),
        workers=_workers(conf),
        quotas=quotas or NoQuotas(),
    )


def _api(
    conf: Conf, platform: Platform, identity: Identity, metrics: Metrics, fallback: AsgiApp, quotas: NodeQuotas | None
) -> HttpApp:
    routes = [
        *data_plane_routes(platform, legacy_aliases=conf.http.legacy_aliases),
        *identity.routes,
        *help_routes(),
    ]
    documentation = Documentation(
        lambda: openapi_document(routes, path_types=PATH_TYPES | identity_wire.PATH_TYPES),
        context_path=conf.http.context_path,
        fallback=fallback,
    )
    api = HttpApp(
        routes,
        authenticator=identity.authenticator,
        context_path=conf.http.context_path,
        observe=metrics.observe_http,
        fallback=AtRoot(lambda: api, conf.http.context_path, documentation),
        cors=Cors(conf.http.cors_allowed_origins, enabled=conf.http.cors_enabled),
        problems=Problems(verbose=conf.platform.error_response_mode == "verbose"),
        admission=quotas,
    )
    return api


def _observed_by(metrics: Metrics) -> Observe:
    def observe(callout: Callout, outcome: str, seconds: float) -> None:
        metrics.observe_dispatch(callout.kind, callout.tags, outcome, seconds)

    return observe


def _workers(conf: Conf) -> Workers:
    """With a broker the workers are elsewhere, else the node is its own."""
    if conf.storage.broker_url is None:
        return OwnWorkers(reap_interval=conf.search.reap_interval)
    return CeleryWorkers()


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports a running node listens on."""

    http: int
    grpc: int
    admin: int


@asynccontextmanager
async def running(node: Node) -> AsyncGenerator[Addresses]:
    """Open the storage, then the gRPC, HTTP and admin listeners; closed in the opposite order."""
    conf = node.conf
    async with AsyncExitStack() as stack:
        await node.platform.storage.open()
        stack.push_async_callback(node.platform.storage.close)
        await stack.enter_async_context(node.identity.background)
        if node.quotas is not None:
            await stack.enter_async_context(node.quotas)
        if isinstance(node.platform.workers, OwnWorkers):
            node.platform.workers.look(node.platform)
            stack.push_async_callback(node.platform.workers.stop)
        grpc_server = GrpcServer(
            grpc_options(conf.grpc),
            authenticate=node.identity.authenticator.authenticate,
            registry=node.members,
            clock=node.platform.clock,
            platform=node.platform,
            admission=node.quotas,
        )
        grpc_port = await grpc_server.start()
        stack.push_async_callback(grpc_server.stop, STOP_GRACE_SECONDS)
        http = await _listen(stack, HttpListener(node.api, conf.http.bind_address, conf.http.port))
        probes = probes_app(ready=node.platform.storage.ready, metrics=node.metrics, bearer=conf.admin.metrics_bearer)
        admin = await _listen(stack, HttpListener(probes, conf.admin.bind_address, conf.admin.port))
        if conf.scheduler.enabled:
            scheduler = scheduler_of(node)
            scheduler.start()
            stack.push_async_callback(scheduler.stop, STOP_GRACE_SECONDS)
        yield Addresses(http=http.port, grpc=grpc_port, admin=admin.port)


def grpc_options(conf: Grpc) -> GrpcOptions:
    """What the settings say about the gRPC listener."""
    tls = None
    if conf.tls_cert is not None and conf.tls_key is not None:
        client_ca = None if conf.tls_client_ca is None else conf.tls_client_ca.encode()
        tls = Tls(certificate=conf.tls_cert.encode(), key=conf.tls_key.encode(), client_ca=client_ca)
    return GrpcOptions(
        host=conf.bind_address,
        port=conf.port,
        keep_alive=KeepAlive(interval=conf.keepalive_interval, timeout=conf.keepalive_timeout),
        reflection=conf.reflection,
        tls=tls,
    )


def scheduler_of(node: Node) -> Scheduler:
    """What fires the node's share of due timers (docs/adr/0007)."""
    conf = node.conf.scheduler
    scheduling = Scheduling(
        scan_interval=conf.scan_interval, batch_size=conf.batch_size, redispatch_backoff=conf.redispatch_backoff
    )
    return Scheduler(node.platform, scheduling, observe=node.metrics.observe_timer)


async def _listen(stack: AsyncExitStack, listener: HttpListener) -> Listening:
    listening = await listener.start()
    stack.push_async_callback(listening.stop, STOP_GRACE_SECONDS)
    return listening


async def serve(node: Node, announce: Callable[[Addresses], None], *, leave: Callable[[], None]) -> None:
    """Run a node until SIGTERM or SIGINT, then finish what is in flight and stop; `leave` ends what has no end."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running(node) as addresses:
        announce(addresses)
        await stopping.wait()
        log.info("stopping")
        leave()
