"""Calculation members: who is connected, what each of them has been asked (contract: grpc 11, 15).

A member lives in the process that holds its stream. Everything here runs on one event loop; nothing is locked.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from cyoda.clock import Clock
from cyoda.errors import ComputeMemberDisconnected, DispatchTimeout
from cyoda.principal import TenantId
from workflows.compute import events, matching
from workflows.compute.admission import DEFAULT_MAX_IN_FLIGHT, Admission
from workflows.compute.events import Question, Response
from workflows.core.callout import CalloutFailed, CalloutKind


class Pending:
    """A question on its way: settled once, by whichever comes first of response, time-out and loss of the stream."""

    __slots__ = ("_future", "_timer", "kind", "question", "timeout_ms")

    def __init__(self, kind: CalloutKind, question: Question, timeout_ms: int) -> None:
        self.kind = kind
        self.question = question
        self.timeout_ms = timeout_ms
        self._future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_over(self) -> bool:
        """Nobody waits any more; a transport leaves such a question unsent."""
        return self._future.done()

    def written(self) -> None:
        """The transport has written the question: the member's time starts now."""
        if not self._future.done():
            self._timer = self._future.get_loop().call_later(self.timeout_ms / 1000, self._expire)

    def unwritable(self, reason: str) -> None:
        """The transport could not write the question."""
        self._fail(CalloutFailed(f"failed to send {self.kind} request: {reason}"))

    def answered(self, response: Response) -> None:
        if not self._future.done():
            self._future.set_result(response)

    def disconnected(self) -> None:
        self._fail(ComputeMemberDisconnected(f"compute member disconnected during {self.kind} dispatch"))

    async def wait(self) -> Response:
        try:
            return await self._future
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _expire(self) -> None:
        self._fail(DispatchTimeout(f"{self.kind} dispatch timed out after {self.timeout_ms}ms"))

    def _fail(self, error: Exception) -> None:
        if not self._future.done():
            self._future.set_exception(error)


Send = Callable[[Pending], None]
"""Queues a question for the member's stream; reports back through `written` or `unwritable`. Never blocks."""


KEPT_DURATIONS = 512
KEPT_LOST = 50
"""Of each tenant."""


class Member:
    """One connected calculation member; its tenant and tags are fixed for the life of its stream.

    `in_flight` is the room that callouts have taken of it, kept by `Admission`; `outcomes` counts how those ended, and
    `durations_ms` are those of the last ones. `client` is the id it signed in with, `agent` what its library calls
    itself. Once it is gone, `lost_at` says when and `loss` why, if more is known than that its stream has ended.
    """

    def __init__(
        self,
        *,
        id: UUID,
        tenant: TenantId,
        tags: Sequence[str],
        send: Send,
        clock: Clock,
        client: str = "",
        agent: str = "",
    ) -> None:
        self.id = id
        self.tenant = tenant
        self.tags = frozenset(tags)
        self.connected_at = self.last_seen = clock()
        self.in_flight = 0
        self.outcomes: dict[str, int] = {}
        self.durations_ms: deque[float] = deque(maxlen=KEPT_DURATIONS)
        self.client = client
        self.agent = agent
        self.lost_at: datetime | None = None
        self.loss = ""
        self._send = send
        self._clock = clock
        self._pending: dict[str, Pending] = {}
        self.is_gone = False
        self.is_leaving = False

    @property
    def outstanding(self) -> int:
        """How many questions wait for an answer."""
        return len(self._pending)

    def count(self, outcome: str, seconds: float = 0.0) -> None:
        """One more callout has ended so, after so long."""
        self.durations_ms.append(seconds * 1000)
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def seen(self) -> datetime:
        """The member has shown that it is alive; returns the moment."""
        self.last_seen = self._clock()
        return self.last_seen

    async def ask(self, kind: CalloutKind, question: Question, timeout_ms: int) -> Response:
        """Send a question and wait for its response; cancelling forgets the question.

        Raises DispatchTimeout, ComputeMemberDisconnected, CalloutFailed (it could not be written).
        """
        pending = Pending(kind, question, timeout_ms)
        if self.is_gone:
            pending.disconnected()
            return await pending.wait()
        self._pending[question.id] = pending
        try:
            self._send(pending)
            return await pending.wait()
        finally:
            self._pending.pop(question.id, None)

    def receive(self, data: bytes) -> bool:
        """Take a response's JSON text; False when it answers nothing that this member still owes.

        Raises events.UnreadableResponse.
        """
        response = events.read_response(data)
        pending = self._pending.pop(response.request_id, None)
        if pending is None:
            return False
        pending.answered(response)
        return True

    def gone(self) -> None:
        """The stream has ended: all that waits fails at once, and so does every later question."""
        self.is_gone = self.is_leaving = True
        self.lost_at = self._clock()
        waiting = list(self._pending.values())
        self._pending.clear()
        for pending in waiting:
            pending.disconnected()


class MemberElsewhere(NamedTuple):
    """A member whose stream another node holds."""

    id: UUID
    node: str
    tags: tuple[str, ...]


class MembersListener(Protocol):
    """Who wants to know which members may be asked."""

    def connected(self, member: Member) -> None: ...

    def disconnected(self, member: Member) -> None: ...


class Registry:
    """The members connected to this process, by tenant and tag, and who is admitted to them."""

    def __init__(self, max_in_flight: int = DEFAULT_MAX_IN_FLIGHT) -> None:
        self.admission = Admission(max_in_flight)
        self.listener: MembersListener | None = None
        self._tenants: dict[TenantId, _TenantMembers] = {}
        self._lost: dict[TenantId, deque[Member]] = {}

    def add(self, member: Member) -> None:
        self._tenants.setdefault(member.tenant, _TenantMembers()).add(member)
        self.admission.admit(member)
        if self.listener is not None:
            self.listener.connected(member)

    def remove(self, member: Member) -> None:
        """Forget a member and fail what it was asked. Removing an absent one is fine."""
        self.retire(member)
        if not member.is_gone:
            member.gone()
            self._lost.setdefault(member.tenant, deque(maxlen=KEPT_LOST)).appendleft(member)

    def retire(self, member: Member) -> None:
        """Ask a member nothing more; it may still answer what it was asked. Retiring an absent one is fine."""
        member.is_leaving = True
        if self.listener is not None:
            self.listener.disconnected(member)
        members = self._tenants.get(member.tenant)
        if members is not None:
            members.remove(member)
            if not members.all:
                del self._tenants[member.tenant]
        self.admission.left(member.tenant, lambda requirement: bool(self.candidates(member.tenant, requirement)))

    def candidates(self, tenant: TenantId, requirement: str) -> Sequence[Member]:
        """The tenant's members that match a tag requirement, each once."""
        members = self._tenants.get(tenant)
        return () if members is None else members.matching(requirement)

    def members(self) -> list[Member]:
        """Every connected member."""
        return [member for members in self._tenants.values() for member in members.all.values()]

    def members_of(self, tenant: TenantId) -> list[Member]:
        members = self._tenants.get(tenant)
        return [] if members is None else list(members.all.values())

    def lost(self, tenant: TenantId, since: datetime) -> list[Member]:
        """Those whose stream has ended since a moment, the last one first."""
        lost = [m for m in self._lost.get(tenant, ()) if m.lost_at is not None and m.lost_at >= since]
        if not lost:
            self._lost.pop(tenant, None)
        return lost

    def tags(self, tenant: TenantId) -> frozenset[str]:
        """The tags that some member of the tenant offers here."""
        members = self._tenants.get(tenant)
        return frozenset() if members is None else frozenset(members.by_tag)


class _TenantMembers:
    __slots__ = ("all", "by_tag")

    def __init__(self) -> None:
        self.all: dict[UUID, Member] = {}
        self.by_tag: dict[str, list[Member]] = {}

    def add(self, member: Member) -> None:
        self.all[member.id] = member
        for tag in member.tags:
            self.by_tag.setdefault(tag, []).append(member)

    def remove(self, member: Member) -> None:
        if self.all.pop(member.id, None) is None:
            return
        for tag in member.tags:
            tagged = self.by_tag[tag]
            tagged.remove(member)
            if not tagged:
                del self.by_tag[tag]

    def matching(self, requirement: str) -> Sequence[Member]:
        required = matching.required_tags(requirement)
        if required is None:
            return list(self.all.values())
        if len(required) == 1:
            return self.by_tag.get(required[0], ())
        return list({member.id: member for tag in required for member in self.by_tag.get(tag, ())}.values())
