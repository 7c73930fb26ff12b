"""Who belongs to the cluster: its nodes and the calculation members connected to each (docs/adr/0017).

A Membership keeps a `View` of all that, fed by watches, and tells the others what this node has. Everything here runs
on one event loop; nothing is locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from cyoda.principal import TenantId

NodeState = Literal["serving", "draining"]


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One node as the others know it. Addresses are how peers reach it: URL, `host:port`, `host:port`."""

    id: str
    http: str
    grpc: str
    peer: str
    version: str
    capacity: int
    """callouts that one of its members may owe"""
    state: NodeState = "serving"
    started_at: str = ""
    """an instant in UTC"""
    incarnation: str = ""
    """differs between two lives of one id"""

    def require_succession(self, former: NodeInfo) -> None:
        """This node may take the place of one of its id: of itself, or of one that had its very address.

        Raises DuplicateNode.
        """
        if self.incarnation != former.incarnation and self.peer != former.peer:
            raise DuplicateNode(self.id)


class ConnectedMember(msgspec.Struct, frozen=True, kw_only=True):
    """A calculation member; the node that holds its stream is known by where it was found."""

    id: UUID
    tenant: TenantId
    tags: tuple[str, ...] = ()


class View:
    """What a node knows of the cluster, itself included. Only a Membership writes it."""

    def __init__(self, own_id: str) -> None:
        self.own_id = own_id
        self.nodes: dict[str, NodeInfo] = {}
        self.members: dict[str, Mapping[UUID, ConnectedMember]] = {}
        self._offers: dict[TenantId, dict[str | None, dict[str, int]]] | None = None
        self._changed = asyncio.Event()

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change; take it before looking, then wait for it."""
        return self._changed

    def put(self, node: NodeInfo, members: Iterable[ConnectedMember]) -> None:
        """All that is known of a node from now on."""
        found = {member.id: member for member in members}
        if self.nodes.get(node.id) == node and self.members.get(node.id) == found:
            return
        self.nodes[node.id] = node
        self.members[node.id] = found
        self._touched()

    def drop(self, node_id: str) -> None:
        """A node is gone. Dropping an unknown one is fine."""
        if self.nodes.pop(node_id, None) is not None:
            del self.members[node_id]
            self._touched()

    def keep(self, node_ids: Collection[str]) -> None:
        """Only these nodes exist."""
        for node_id in set(self.nodes) - set(node_ids):
            self.drop(node_id)

    def offers(self, tenant: TenantId, tags: tuple[str, ...] | None, tried: Collection[UUID] = ()) -> Mapping[str, int]:
        """Other serving nodes with members that have one of the tags, and how many; no tags means any member.

        Members that were tried do not count.
        """
        if tried:
            return self._untried(tenant, tags, tried)
        if self._offers is None:
            self._offers = self._indexed()
        of_tenant = self._offers.get(tenant, {})
        if tags is None:
            return of_tenant.get(None, {})
        if len(tags) == 1:
            return of_tenant.get(tags[0], {})
        counts: dict[str, int] = {}
        for tag in tags:
            for node_id, count in of_tenant.get(tag, {}).items():
                counts[node_id] = counts.get(node_id, 0) + count
        return counts

    def _untried(self, tenant: TenantId, tags: tuple[str, ...] | None, tried: Collection[UUID]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for node_id in self._serving_others():
            for member in self.members[node_id].values():
                if member.tenant == tenant and member.id not in tried and (tags is None or _has_one(member, tags)):
                    counts[node_id] = counts.get(node_id, 0) + 1
        return counts

    def _serving_others(self) -> list[str]:
        return [node.id for node in self.nodes.values() if node.id != self.own_id and node.state == "serving"]

    def _touched(self) -> None:
        self._offers = None
        self._changed.set()
        self._changed = asyncio.Event()

    def _indexed(self) -> dict[TenantId, dict[str | None, dict[str, int]]]:
        offers: dict[TenantId, dict[str | None, dict[str, int]]] = {}
        for node_id in self._serving_others():
            for member in self.members[node_id].values():
                of_tenant = offers.setdefault(member.tenant, {})
                for tag in (None, *member.tags):
                    counts = of_tenant.setdefault(tag, {})
                    counts[node_id] = counts.get(node_id, 0) + 1
        return offers


def _has_one(member: ConnectedMember, tags: tuple[str, ...]) -> bool:
    return any(tag in member.tags for tag in tags)


class DuplicateNode(Exception):
    """Another running node has this node's id; the text is a sentence for the operator."""

    def __init__(self, node_id: str) -> None:
        super().__init__(f"Another running node has the id {node_id!r}: set CYODA_NODE_ID to an id of its own.")


class Membership(Protocol):
    """One node's part in the cluster.

    `is_current`: the view is what the others have published, as far as this node can know; without it nothing is
    decided on the view. `is_lost`: the others count this node as gone, or will.
    """

    view: View

    @property
    def is_current(self) -> bool: ...

    @property
    def is_lost(self) -> bool: ...

    async def join(self, node: NodeInfo) -> None:
        """Publish this node, and follow the others until `leave`. From then on it rejoins by itself.

        Raises DuplicateNode, MembershipUnavailable.
        """
        ...

    def publish(self, node: NodeInfo) -> None:
        """What has changed about this node. Returns at once; the others learn it soon."""
        ...

    def connected(self, member: ConnectedMember) -> None:
        """A member has joined here. Returns at once."""
        ...

    def disconnected(self, member_id: UUID) -> None:
        """A member has left. Returns at once."""
        ...

    async def leave(self) -> None:
        """Withdraw everything and follow no more."""
        ...


class MembershipUnavailable(Exception):
    """The membership service cannot be reached; the text is a sentence for the operator."""
