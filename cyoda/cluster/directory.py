"""Where a cluster's membership is kept: what the two services for it have in common (docs/adr/0017).

A directory forgets by itself what a node published once that node has been silent for `lease_s` seconds, or at once
when it sees the node's connection end for good.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from cyoda.cluster.membership import ConnectedMember, NodeInfo


class SessionEnded(Exception):
    """The session is over, and what was published in it is or will be forgotten. Only a new one helps."""


class SessionInterrupted(Exception):
    """The service does not answer now; the session may go on."""


class Listener(Protocol):
    """What a session tells of its own accord, on the event loop."""

    def changed(self, node_id: str | None) -> None:
        """Something about a node; None: which nodes there are."""
        ...

    def interrupted(self) -> None:
        """From now on changes may be missed."""
        ...


class Session(Protocol):
    """One connection's life. Every method raises SessionEnded, SessionInterrupted, MembershipUnavailable (refused)."""

    async def announce(self, node: NodeInfo) -> None:
        """Publish the own node, over a former life of it if need be.

        Raises DuplicateNode while another process lives under the id.
        """
        ...

    async def replace(self, members: Collection[ConnectedMember]) -> None:
        """The own node's members are exactly these."""
        ...

    async def change(self, connected: Sequence[ConnectedMember], disconnected: Sequence[UUID]) -> None: ...

    async def node_ids(self) -> Collection[str]: ...

    async def read(self, node_id: str) -> tuple[NodeInfo, Sequence[ConnectedMember]] | None:
        """What a node has published, None for an unknown one. Later changes are told to the listener."""
        ...

    async def beat(self) -> None:
        """Show that the node lives, and learn that its session does."""
        ...

    async def resumed(self) -> None:
        """Wait until an interrupted session goes on. Raises SessionEnded."""
        ...

    async def close(self) -> None:
        """Withdraw what was published, as far as the service can be reached. Never raises."""
        ...


class Directory(Protocol):
    """A membership service."""

    @property
    def name(self) -> str: ...

    @property
    def lease_s(self) -> float: ...

    async def open(self, own_id: str, listener: Listener) -> Session:
        """Raises MembershipUnavailable."""
        ...
