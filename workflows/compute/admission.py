"""Who may be asked now: a bound on what each member owes, and an orderly wait for room (docs/adr/0008).

Invariant: while a member has room, no callout that it matches waits. So a newcomer that finds room overtakes nobody,
and a member that is full, slow or dead delays only callouts that nobody else could take.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cyoda.errors import DispatchTimeout, NoComputeMemberForTag
from cyoda.principal import TenantId
from workflows.compute import matching

if TYPE_CHECKING:
    from workflows.compute.members import Member

DEFAULT_MAX_IN_FLIGHT = 1000

Place = tuple[int, "asyncio.Future[Member]"]
"""A waiting callout: its number in order of arrival, and the member it will be given."""


class Admission:
    """Hands out the members' room. Everything runs on one event loop; nothing is locked."""

    def __init__(self, max_in_flight: int = DEFAULT_MAX_IN_FLIGHT) -> None:
        self.max_in_flight = max_in_flight
        self.waiting = 0
        self._numbers = itertools.count()
        self._queues: dict[TenantId, dict[str, deque[Place]]] = {}

    def has_room(self, member: Member) -> bool:
        return member.in_flight < self.max_in_flight

    def taken(self, candidates: Sequence[Member], choose: Callable[[Sequence[Member]], Member]) -> Member | None:
        """One of the candidates with room for one more question, its room taken; None when all are full."""
        if all(self.has_room(member) for member in candidates):
            free = candidates
        else:
            free = [member for member in candidates if self.has_room(member)]
        if not free:
            return None
        member = choose(free)
        member.in_flight += 1
        return member

    async def wait(self, tenant: TenantId, requirement: str, *, timeout_ms: int, kind: str) -> Member:
        """The next matching member with room, its room taken; callouts are served in order of arrival.

        Raises DispatchTimeout when none has room in time, NoComputeMemberForTag when the last matching one leaves.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Member] = loop.create_future()
        queue = self._queues.setdefault(tenant, {}).setdefault(requirement, deque())
        queue.append((next(self._numbers), future))
        self.waiting += 1
        timeout = DispatchTimeout(f"{kind} dispatch timed out after {timeout_ms}ms")
        timer = loop.call_later(timeout_ms / 1000, _fail, future, timeout)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.leave(future.result())
            raise
        finally:
            timer.cancel()
            self.waiting -= 1
            self._forget_done(tenant, requirement)

    def leave(self, member: Member) -> None:
        """One question less: its room goes to who has waited longest."""
        member.in_flight -= 1
        self.admit(member)

    def admit(self, member: Member) -> None:
        """Give a member's room to callouts that wait for it."""
        queues = self._queues.get(member.tenant)
        while queues and not member.is_leaving and self.has_room(member):
            future = self._longest_waiting(queues, member)
            if future is None:
                return
            member.in_flight += 1
            future.set_result(member)

    def left(self, tenant: TenantId, is_served: Callable[[str], bool]) -> None:
        """A member of the tenant is gone: callouts that nobody connected matches any more fail at once."""
        for requirement, queue in list(self._queues.get(tenant, {}).items()):
            if not is_served(requirement):
                for _, future in queue:
                    _fail(future, no_member(requirement))

    def _longest_waiting(self, queues: dict[str, deque[Place]], member: Member) -> asyncio.Future[Member] | None:
        best: deque[Place] | None = None
        for requirement, queue in queues.items():
            while queue and queue[0][1].done():
                queue.popleft()
            if queue and (best is None or queue[0][0] < best[0][0]) and matching.is_match(member.tags, requirement):
                best = queue
        return None if best is None else best.popleft()[1]

    def _forget_done(self, tenant: TenantId, requirement: str) -> None:
        queues = self._queues.get(tenant)
        queue = None if queues is None else queues.get(requirement)
        if queues is None or queue is None:
            return
        while queue and queue[0][1].done():
            queue.popleft()
        if not queue:
            del queues[requirement]
        if not queues:
            del self._queues[tenant]


def no_member(requirement: str) -> NoComputeMemberForTag:
    return NoComputeMemberForTag(f'no matching calculation member: tags "{requirement}"')


def _fail(future: asyncio.Future[Member], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
