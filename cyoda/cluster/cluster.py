"""One node's part in a cluster: its membership, its peers, and how it comes and goes (docs/adr/0017)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import grpc
import msgspec
import structlog

from cyoda import __version__
from cyoda.clock import utc_text
from cyoda.cluster import wire
from cyoda.cluster.credentials import derived, peer_credentials
from cyoda.cluster.directory import Directory
from cyoda.cluster.embedded import EmbeddedDirectory
from cyoda.cluster.following import Follower
from cyoda.cluster.membership import ConnectedMember, NodeInfo
from cyoda.cluster.peer_server import PeerServer
from cyoda.cluster.peers import Peers
from cyoda.cluster.tokens import JoinTokens
from cyoda.conf import Conf
from cyoda.http.app import AsgiApp
from cyoda.principal import TenantId
from workflows.compute.cluster import ClusterDispatcher
from workflows.compute.dispatcher import LocalDispatcher
from workflows.compute.members import Member, MemberElsewhere, Registry

log = structlog.get_logger(__name__)


def directory_of(conf: Conf, database_url: str) -> Directory:
    """Where the membership is kept: in Zookeeper if any is named, else in the database."""
    cluster = conf.cluster
    if cluster.zookeeper_hosts is None:
        return EmbeddedDirectory(database_url)
    assert cluster.hmac_key is not None, "the settings refuse a cluster without"
    # Imported where it is used: other nodes start without its client.
    from cyoda.cluster.zookeeper import ZookeeperDirectory, ZookeeperOptions, ZookeeperTls

    user, _, password = (cluster.zookeeper_auth or "").partition(":")
    tls = ZookeeperTls(
        ca=cluster.zookeeper_tls_ca, certificate=cluster.zookeeper_tls_cert, key=cluster.zookeeper_tls_key
    )
    return ZookeeperDirectory(
        ZookeeperOptions(
            hosts=cluster.zookeeper_hosts,
            root=cluster.zookeeper_root,
            user=user or "cyoda",
            password=password or derived(cluster.hmac_key, "cyoda-zookeeper-v1").hex(),
            session_timeout_s=cluster.zookeeper_session_timeout.total_seconds(),
            tls=tls if cluster.zookeeper_tls else None,
        )
    )


async def _nothing() -> None:
    """No configuration is kept in memory."""


class Cluster:
    """Wired by the composition root; everything but `join` and `leave` returns at once."""

    def __init__(self, conf: Conf, directory: Directory, registry: Registry, tokens: JoinTokens) -> None:
        assert conf.cluster.hmac_key is not None
        self._conf = conf
        self._own: NodeInfo | None = None
        self._server: PeerServer | None = None
        self._credentials = peer_credentials(conf.cluster.hmac_key, conf.cluster.node_id)
        self.membership = Follower(directory, conf.cluster.node_id)
        self._look: Callable[[], Awaitable[None]] = _nothing
        self.is_draining = False
        self.peers = Peers(
            self.membership,
            self._credentials,
            tokens,
            forward_timeout=conf.engine.dispatch_forward_timeout,
            proxy_timeout=conf.engine.proxy_timeout,
        )
        self._registry = registry
        registry.listener = self

    def dispatcher(self, local: LocalDispatcher) -> ClusterDispatcher:
        return ClusterDispatcher(local, self.peers, wait=self._conf.engine.dispatch_wait_timeout)

    def look_by(self, look: Callable[[], Awaitable[None]]) -> None:
        """What peers have this node look at when they have changed it."""
        self._look = look

    async def join(
        self, grpc_port: int, *, dispatcher: LocalDispatcher, api: AsgiApp, rpcs: grpc.GenericRpcHandler
    ) -> None:
        """Serve the peers, then be known to them.

        Raises DuplicateNode, and RuntimeError when the peer port is taken.
        """
        conf = self._conf.cluster
        self._server = PeerServer(
            self._credentials,
            host=conf.peer_bind_address,
            port=conf.peer_port,
            dispatcher=dispatcher,
            takes_callouts=self.takes_callouts,
            api=api,
            rpcs=rpcs,
            look=self._look,
            status=self.status,
        )
        self._own = self._described(grpc_port, await self._server.start())
        await self.membership.join(self._own)
        await self._look()  # what changed before the others knew of this node

    async def leave(self, grace_s: float) -> None:
        """Finish what peers have asked, then withdraw. Leaving without having joined is fine."""
        if self._server is not None:
            await self._server.stop(grace_s)
        await self.membership.leave()
        await self.peers.close()

    def takes_callouts(self) -> bool:
        return not self.is_draining and self.membership.is_current

    def status(self) -> wire.Status:
        members = self._registry.members()
        return wire.Status(
            nodes=sorted(self.membership.view.nodes),
            is_current=self.membership.is_current,
            members=len(members),
            in_flight=sum(member.in_flight for member in members),
            waiting=self._registry.admission.waiting,
        )

    @property
    def nodes_seen(self) -> int:
        return len(self.membership.view.nodes) if self.membership.is_current else 0

    def obstacle(self) -> str | None:
        """Why the node should get no requests now."""
        if self.is_draining:
            return "the node is stopping"
        return "the cluster's membership is lost" if self.membership.is_lost else None

    def drain(self) -> bool:
        """Take no callouts for others any more; whether another node serves on."""
        self.is_draining = True
        if self._own is not None:
            self._own = msgspec.structs.replace(self._own, state="draining")
            self.membership.publish(self._own)
        return self.membership.is_current and any(
            node.state == "serving" and node.id != self._conf.cluster.node_id
            for node in self.membership.view.nodes.values()
        )

    def members_elsewhere(self, tenant: TenantId) -> Sequence[MemberElsewhere]:
        """As far as this node knows now."""
        view = self.membership.view
        return [
            MemberElsewhere(member.id, node_id, member.tags)
            for node_id, members in view.members.items()
            if node_id != view.own_id
            for member in members.values()
            if member.tenant == tenant
        ]

    # --- MembersListener ----------------------------------------------------------------------------------------

    def connected(self, member: Member) -> None:
        tags = tuple(sorted(member.tags))
        self.membership.connected(ConnectedMember(id=member.id, tenant=member.tenant, tags=tags))

    def disconnected(self, member: Member) -> None:
        self.membership.disconnected(member.id)

    def _described(self, grpc_port: int, peer_port: int) -> NodeInfo:
        conf = self._conf.cluster
        host = urlsplit(conf.node_addr).hostname or "localhost"
        host = f"[{host}]" if ":" in host else host
        return NodeInfo(
            id=conf.node_id,
            http=conf.node_addr,
            grpc=conf.grpc_node_addr or f"{host}:{grpc_port}",
            peer=conf.peer_addr or f"{host}:{peer_port}",
            version=__version__,
            capacity=self._conf.engine.member_max_in_flight,
            started_at=utc_text(datetime.now(UTC)),
            incarnation=uuid.uuid4().hex,
        )
