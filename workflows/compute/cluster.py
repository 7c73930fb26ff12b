"""Callouts in a cluster: a member of this node, else one of another node (contract: grpc 15.2, 17.3; docs/adr/0017)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping
from datetime import timedelta
from hashlib import blake2b
from time import perf_counter
from typing import Protocol
from uuid import UUID

from cyoda.errors import NoComputeMemberForTag
from cyoda.principal import Principal, TenantId
from workflows.compute import events
from workflows.compute.dispatcher import LocalDispatcher
from workflows.compute.events import Errand, Response
from workflows.core.callout import Callout, CalloutAnswer

_LOOK_AGAIN_SECONDS = 0.2
"""While nobody is there: a member may join this very node when no membership tells of it."""


class PeerUnreached(Exception):
    """The other node cannot be reached, and certainly knows nothing of the errand."""


class Peers(Protocol):
    """The other nodes of the cluster."""

    @property
    def changed(self) -> asyncio.Event:
        """Set when what is offered changes; take it before looking."""
        ...

    def offers(self, tenant: TenantId, requirement: str, tried: Collection[UUID] = ()) -> Mapping[str, int]:
        """Ids of nodes with matching members, and how many each has; none while the membership is not current."""
        ...

    async def give(self, node_id: str, errand: Errand, tried: set[UUID] | None = None) -> Response:
        """A response of one of the node's own members.

        Raises PeerUnreached and NoComputeMemberForTag (nobody was asked), DispatchForwardFailed (nobody knows), and
        else what LocalDispatcher.give raises.
        """
        ...


class ClusterDispatcher:
    """The ComputeGateway of a node among others."""

    def __init__(self, local: LocalDispatcher, peers: Peers, *, wait: timedelta) -> None:
        self._local = local
        self._peers = peers
        self._wait = wait

    async def call(
        self, principal: Principal, callout: Callout, *, token: str | None, tried: set[UUID] | None = None
    ) -> CalloutAnswer:
        """See ComputeGateway.call. With no member anywhere it waits for one.

        Raises DispatchForwardFailed besides.
        """
        errand = self._local.errand(principal, callout, token)
        return events.answer(callout, await self._given(errand, callout.subject.entity_id, tried))

    def count(self, tenant: TenantId, requirement: str) -> int:
        """See ComputeGateway.count."""
        return self._local.count(tenant, requirement) + sum(self._peers.offers(tenant, requirement).values())

    async def _given(self, errand: Errand, subject: UUID, tried: set[UUID] | None) -> Response:
        loop, start = asyncio.get_running_loop(), perf_counter()
        deadline, refused = loop.time() + self._wait.total_seconds(), set[str]()
        while True:
            changed = self._peers.changed
            node_id = self._chosen(errand, subject, tried or (), refused)
            try:
                if node_id is not None:
                    return await self._peers.give(node_id, errand, tried)
                if self._local.registry.candidates(errand.tenant, errand.tags):
                    return await self._local.give(errand, tried)
            except (PeerUnreached, NoComputeMemberForTag):
                if node_id is not None:
                    refused.add(node_id)
                continue  # nobody was asked
            if loop.time() >= deadline:
                self._local.observe(errand.kind, errand.tags, "no_member", perf_counter() - start)
                raise self._nobody(errand)
            if await _is_set(changed, min(deadline, loop.time() + _LOOK_AGAIN_SECONDS)):
                refused.clear()

    def _chosen(self, errand: Errand, subject: UUID, tried: Collection[UUID], refused: Collection[str]) -> str | None:
        """The node to ask; None is this one, if it has a member at all."""
        here = self._local.registry.candidates(errand.tenant, errand.tags)
        if here and (not tried or any(member.id not in tried for member in here)):
            return None
        offers = self._peers.offers(errand.tenant, errand.tags, tried)
        if not offers and tried and not here:
            offers = self._peers.offers(errand.tenant, errand.tags)
        return chosen({node_id: count for node_id, count in offers.items() if node_id not in refused}, subject)

    def _nobody(self, errand: Errand) -> NoComputeMemberForTag:
        waited = f"{self._wait.total_seconds():g}s"
        return NoComputeMemberForTag(
            f'no matching calculation member: no peer with tags "{errand.tags}" for tenant {errand.tenant} '
            f"after {waited}"
        )


def chosen(offers: Mapping[str, int], subject: UUID) -> str | None:
    """The node that serves an entity: the same one while the offers are, each as often as it has members.

    Weighted rendezvous hashing: a node that comes or goes moves only the entities that it wins or had.
    """
    return max(offers, key=lambda node_id: _score(node_id, offers[node_id], subject), default=None)


def _score(node_id: str, weight: int, subject: UUID) -> float:
    digest = blake2b(node_id.encode(), digest_size=7, key=subject.bytes).digest()
    return -weight / math.log((int.from_bytes(digest, "big") + 1) / (2**56 + 1))


async def _is_set(event: asyncio.Event, until: float) -> bool:
    try:
        async with asyncio.timeout_at(until):
            await event.wait()
    except TimeoutError:
        return False
    return True
