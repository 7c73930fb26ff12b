"""The composition root of a node: from Conf to its parts, wired but not started (docs/adr/0002).

Everything that is wired here is wired nowhere else: which storage, whose tenants, which identity, which compute.
"""

from __future__ import annotations

import random
import secrets
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from cyoda.admission import Admission
from cyoda.clock import Clock, system_clock
from cyoda.cluster.cluster import Cluster
from cyoda.cluster.directory import Directory
from cyoda.cluster.peers import Peers
from cyoda.cluster.tokens import JoinTokens
from cyoda.conf import Conf, Grpc
from cyoda.http.app import AsgiApp, HttpApp
from cyoda.http.cors import Cors
from cyoda.http.documentation import Documentation
from cyoda.http.help import help_routes
from cyoda.http.openapi import openapi_document
from cyoda.http.problem import Problems
from cyoda.ids import IdSource, TimeIds
from cyoda.telemetry.members import MemberCollector
from cyoda.telemetry.metrics import Metrics
from cyoda.waking import CeleryWorkers
from tenants.api import wire as identity_wire
from tenants.api.sign_in import AtRoot
from tenants.identity.service import Identity, identity_service
from workflows.api.routes import data_plane_routes
from workflows.api.wire import PATH_TYPES
from workflows.compute.dispatcher import LocalDispatcher
from workflows.compute.gateway import ComputeGateway
from workflows.compute.members import Registry
from workflows.grpc.options import GrpcOptions, KeepAlive, Tls
from workflows.grpc.server import GrpcServer
from workflows.services.background import OwnWorkers
from workflows.services.configurations import Configurations
from workflows.services.platform import Limits, Platform, Workers
from workflows.services.quotas import CountedGateway, NoQuotas, Quotas
from workflows.services.transactions import Transactions
from workflows.storage.base import Storage

SECRET_BYTES = 32

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
    dispatcher: LocalDispatcher
    grpc: GrpcServer
    quotas: NodeQuotas | None = None
    cluster: Cluster | None = None


def build_node(
    conf: Conf,
    storage: Storage,
    *,
    fallback: AsgiApp,
    clock: Clock = system_clock,
    identity: Identity | None = None,
    quotas: NodeQuotas | None = None,
    directory: Directory | None = None,
) -> Node:
    """Wire a node over a storage. `fallback` serves what is outside the context path (Django).

    With a `directory` it is one node of a cluster. Raises ConfError when the signing key is unusable.
    """
    metrics, new_id = Metrics(), TimeIds()
    members = _members(conf, metrics)
    tokens = _tokens(conf, clock)
    local = LocalDispatcher(members, new_id=new_id, choose=random.choice, observe=metrics.observe_dispatch)
    cluster = None if directory is None else Cluster(conf, directory, members, tokens)
    compute = local if cluster is None else cluster.dispatcher(local)
    metrics.nodes.set_function(lambda: 1 if cluster is None else cluster.nodes_seen)
    platform = replace(
        _platform(conf, storage, metrics, clock, new_id, tokens, compute, quotas),
        registry=members,
        node_id=conf.cluster.node_id,
        **({} if cluster is None else {"elsewhere": cluster.members_elsewhere}),
    )
    identity = identity or identity_service(conf, clock)
    owners = None if cluster is None else cluster.peers
    api = _api(conf, platform, identity, metrics, fallback, quotas, owners)
    return Node(
        conf=conf,
        platform=platform,
        members=members,
        identity=identity,
        metrics=metrics,
        api=api,
        dispatcher=local,
        grpc=_grpc(conf, platform, identity, members, quotas, owners),
        quotas=quotas,
        cluster=cluster,
    )


def _tokens(conf: Conf, clock: Clock) -> JoinTokens:
    return JoinTokens(
        conf.cluster.hmac_key or secrets.token_bytes(SECRET_BYTES),
        node_id=conf.cluster.node_id,
        lifetime=conf.engine.tx_token_ttl,
        clock=clock,
    )


def _members(conf: Conf, metrics: Metrics) -> Registry:
    members = Registry(conf.engine.member_max_in_flight)
    metrics.registry.register(MemberCollector(members.members))
    metrics.members.set_function(lambda: len(members.members()))
    metrics.in_flight.set_function(lambda: sum(member.in_flight for member in members.members()))
    metrics.waiting.set_function(lambda: members.admission.waiting)
    return members


def _platform(
    conf: Conf,
    storage: Storage,
    metrics: Metrics,
    clock: Clock,
    new_id: IdSource,
    tokens: JoinTokens,
    compute: ComputeGateway,
    quotas: NodeQuotas | None,
) -> Platform:
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
    conf: Conf,
    platform: Platform,
    identity: Identity,
    metrics: Metrics,
    fallback: AsgiApp,
    quotas: NodeQuotas | None,
    owners: Peers | None,
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
        owners=owners,
    )
    return api


def _grpc(
    conf: Conf,
    platform: Platform,
    identity: Identity,
    members: Registry,
    quotas: NodeQuotas | None,
    owners: Peers | None,
) -> GrpcServer:
    return GrpcServer(
        grpc_options(conf.grpc),
        authenticate=identity.authenticator.authenticate,
        registry=members,
        clock=platform.clock,
        platform=platform,
        admission=quotas,
        owners=owners,
    )


def _workers(conf: Conf) -> Workers:
    """With a broker the workers are elsewhere, else the node is its own."""
    if conf.storage.broker_url is None:
        return OwnWorkers(reap_interval=conf.search.reap_interval)
    return CeleryWorkers()


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
