"""`manage.py cluster status` (docs/adr/0017)."""

from __future__ import annotations

from cyoda.cluster.credentials import peer_credentials
from cyoda.cluster.directory import Directory
from cyoda.cluster.status import cluster_status, lines
from tests.cluster.conftest import SECRET, ClusterNode, knows
from tests.cluster.test_dispatch import join


async def test_the_status_shows_nodes_members_by_tag_and_who_does_not_answer(
    nodes: list[ClusterNode], directory: Directory
) -> None:
    a, b, c = nodes
    await join(a, "red", seen_by=[a, b, c])
    await join(b, "red", "blue", seen_by=[a, b, c])
    await join(b, seen_by=[])
    await knows(a, lambda view: len(view.members["b"]) == 2)
    status = await cluster_status(directory, peer_credentials(SECRET.encode(), "status"))
    shown = [line.split() for line in lines(status)]
    assert shown[0] == ["Membership", "in", "PostgreSQL:", "3", "nodes"]
    assert [row[:3] + row[4:7] for row in shown[2:5]] == [
        ["a", "serving", "0.1.0", "1", "0", "0"],
        ["b", "serving", "0.1.0", "2", "0", "0"],
        ["c", "serving", "0.1.0", "0", "0", "0"],
    ]
    assert shown[6:] == [
        ["TENANT", "TAG", "a", "b", "c"],
        ["acme", "-", "0", "1", "0"],
        ["acme", "blue", "0", "1", "0"],
        ["acme", "red", "1", "1", "0"],
    ]
    stranger = await cluster_status(directory, peer_credentials(b"x" * 32, "status"))
    assert [node.said for node in stranger.nodes] == [None] * 3, "without the secret there is no connection"
    assert stranger.complaints[0].startswith("a does not answer at 127.0.0.1:")
