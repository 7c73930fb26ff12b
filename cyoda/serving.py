"""A node's life: its parts started in order, drained, and stopped in the opposite order (docs/adr/0002, 0017)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from cyoda.cluster.cluster import Cluster
from cyoda.http.app import AsgiApp
from cyoda.http.listener import HttpListener, Listening
from cyoda.runtime import Node
from cyoda.telemetry.probes import probes_app
from workflows.services.background import OwnWorkers
from workflows.services.scheduler import Scheduler, Scheduling

STOP_GRACE_SECONDS = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports a running node listens on."""

    http: int
    grpc: int
    admin: int


@asynccontextmanager
async def running(node: Node) -> AsyncGenerator[Addresses]:
    """Open the storage, then the gRPC, HTTP and admin listeners; closed in the opposite order.

    A node of a cluster is known to the others as soon as it listens, and leaves them when all its requests are done.
    """
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
        if node.cluster is not None:
            stack.push_async_callback(node.cluster.leave, STOP_GRACE_SECONDS)
        grpc_port = await node.grpc.start()
        stack.push_async_callback(node.grpc.stop, STOP_GRACE_SECONDS)
        http = await _listen(stack, HttpListener(node.api, conf.http.bind_address, conf.http.port))
        if node.cluster is not None:
            await node.cluster.join(
                grpc_port, dispatcher=node.dispatcher, api=node.api, rpcs=node.grpc.handlers(streams=False)
            )
        admin = await _listen(stack, HttpListener(_probes(node), conf.admin.bind_address, conf.admin.port))
        if conf.scheduler.enabled:
            scheduler = scheduler_of(node)
            scheduler.start()
            stack.push_async_callback(scheduler.stop, STOP_GRACE_SECONDS)
        yield Addresses(http=http.port, grpc=grpc_port, admin=admin.port)


def _probes(node: Node) -> AsgiApp:
    return probes_app(
        ready=node.platform.storage.ready,
        metrics=node.metrics,
        bearer=node.conf.admin.metrics_bearer,
        obstacle=(lambda: None) if node.cluster is None else node.cluster.obstacle,
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
        if node.cluster is not None:
            await _drain(node, node.cluster)
        leave()


async def _drain(node: Node, cluster: Cluster) -> None:
    """Let clients, peers and members turn to the other nodes, if there are any."""
    serves_on = cluster.drain()
    node.api.part()
    await asyncio.sleep(node.conf.cluster.drain_delay.total_seconds())
    if serves_on:
        await node.grpc.hand_over(STOP_GRACE_SECONDS)
