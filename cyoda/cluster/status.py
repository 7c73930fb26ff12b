"""The state of a cluster, for its operator: what the directory has, and what each node says itself (docs/adr/0017)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import grpc.aio

from cyoda.cluster import wire
from cyoda.cluster.credentials import PeerCredentials
from cyoda.cluster.directory import Directory, SessionEnded, SessionInterrupted
from cyoda.cluster.membership import ConnectedMember, MembershipUnavailable, NodeInfo
from cyoda.cluster.peers import channel_to

ANSWER_SECONDS = 3.0


class _Deaf:
    """Listens to nothing: the state is read once."""

    def changed(self, node_id: str | None) -> None:
        pass

    def interrupted(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What the directory has of a node, and what the node says: None when it does not answer."""

    info: NodeInfo
    members: Sequence[ConnectedMember]
    said: wire.Status | None


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    directory: str
    nodes: Sequence[NodeStatus]

    @property
    def complaints(self) -> list[str]:
        """What an operator should look into, as sentences."""
        return [sentence for node in self.nodes for sentence in _complaints(node, {n.info.id for n in self.nodes})]


async def cluster_status(directory: Directory, credentials: PeerCredentials) -> ClusterStatus:
    """Raises MembershipUnavailable."""
    session = await directory.open("", _Deaf())
    try:
        found = [await session.read(node_id) for node_id in sorted(await session.node_ids())]
    except (SessionEnded, SessionInterrupted) as error:
        raise MembershipUnavailable(f"{directory.name}: the connection was lost") from error
    finally:
        await session.close()
    known = [each for each in found if each is not None]
    said = await asyncio.gather(*(_asked(info, credentials) for info, _ in known))
    nodes = [NodeStatus(info, members, status) for (info, members), status in zip(known, said, strict=True)]
    return ClusterStatus(directory.name, nodes)


async def _asked(info: NodeInfo, credentials: PeerCredentials) -> wire.Status | None:
    async with channel_to(info, credentials) as channel:
        try:
            return wire.decode_status(await channel.unary_unary(wire.STATUS)(b"", timeout=ANSWER_SECONDS))
        except grpc.aio.AioRpcError:
            return None


def _complaints(node: NodeStatus, all_ids: set[str]) -> Iterator[str]:
    if node.said is None:
        yield f"{node.info.id} does not answer at {node.info.peer}."
        return
    if not node.said.is_current:
        yield f"{node.info.id} has lost the membership: it gives no callouts to other nodes and takes none."
    if set(node.said.nodes) != all_ids:
        yield f"{node.info.id} sees {', '.join(node.said.nodes) or 'no node'}."
    if node.said.members != len(node.members):
        yield f"{node.info.id} has {node.said.members} members, {len(node.members)} of them are published."


def lines(status: ClusterStatus) -> Iterator[str]:
    """The state as text for a terminal."""
    yield f"Membership in {status.directory}: {len(status.nodes)} node{'' if len(status.nodes) == 1 else 's'}"
    rows = [("NODE", "STATE", "VERSION", "PEER ADDRESS", "MEMBERS", "IN FLIGHT", "WAITING", "SINCE")]
    for node in status.nodes:
        info, said, members = node.info, node.said, str(len(node.members))
        state, in_flight, waiting = "silent", "-", "-"
        if said is not None:
            state, in_flight, waiting = info.state, str(said.in_flight), str(said.waiting)
        rows.append((info.id, state, info.version, info.peer, members, in_flight, waiting, info.started_at))
    yield from _table(rows)
    by_tag = members_by_tag(status)
    if by_tag:
        yield ""
        ids = [node.info.id for node in status.nodes]
        yield from _table(
            [("TENANT", "TAG", *ids)]
            + [(tenant, tag, *(str(counts[node_id]) for node_id in ids)) for (tenant, tag), counts in by_tag.items()]
        )
    for sentence in status.complaints:
        yield f"! {sentence}"


def members_by_tag(status: ClusterStatus) -> Mapping[tuple[str, str], Counter[str]]:
    """Tenant and tag -> how many members each node has; the tag `-` is that of members without any."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for node in status.nodes:
        for member in node.members:
            for tag in member.tags or ("-",):
                found.setdefault((member.tenant, tag), Counter())[node.info.id] += 1
    return dict(sorted(found.items()))


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
