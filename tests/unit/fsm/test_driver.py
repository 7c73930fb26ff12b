"""The driver and its executor over real transactions on the memory store (contract: engine 3.4-3.5, 5.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from cyoda.clock import ManualClock
from cyoda.errors import Conflict, CyodaError, DispatchTimeout, EntityModified, WorkflowFailed
from cyoda.ids import TimeIds
from cyoda.principal import Principal
from workflows.core.callout import Callout, CalloutAnswer, CalloutFailed
from workflows.core.entity import Document, Version
from workflows.core.fsm.commands import Step
from workflows.core.fsm.operations import create, fire_named, loopback
from workflows.core.fsm.run import Settled, Terms
from workflows.core.fsm.trail import Trail
from workflows.services.engine import Executor, drive, offered_transitions
from workflows.services.transaction import Transaction
from workflows.services.transactions import Transactions
from workflows.storage.base import Scan
from workflows.storage.memory.store import MemoryStorage

from .support import MODEL, NOW, compiled, function, processor, state, transition, workflow

ALICE = Principal(tenant="t", user_id="alice", kind="user")
SERVICE = Principal(tenant="t", user_id="member", kind="service")
CBD = "COMMIT_BEFORE_DISPATCH"
Handler = Callable[[Callout, str | None], Awaitable[CalloutAnswer]]


class Tokens:
    """A codec without secrets: the token is the id."""

    def mint(self, transaction_id: UUID) -> str:
        return str(transaction_id)

    def read(self, token: str) -> UUID:
        return UUID(token)


class Member:
    """A calculation member in the same process; `handle` decides each answer."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self.asked: list[tuple[Callout, str | None]] = []

    async def call(
        self, principal: Principal, callout: Callout, *, token: str | None, tried: set[UUID] | None = None
    ) -> CalloutAnswer:
        self.asked.append((callout, token))
        await asyncio.sleep(0)
        return await self._handle(callout, token)

    def count(self, tenant: str, requirement: str) -> int:
        return 1


class Node:
    """Store, transactions and one member."""

    def __init__(self, handle: Handler) -> None:
        self.clock = ManualClock(NOW)
        self.store = MemoryStorage()
        self.new_id = TimeIds()
        self.transactions = Transactions(self.store, clock=self.clock, new_id=self.new_id, tokens=Tokens())
        self.member = Member(handle)

    async def run(
        self, rule: Callable[[Version, Trail, Terms], Step[Settled]], subject: Version | None = None,
        join: Transaction | None = None, principal: Principal = ALICE, **options: Any,
    ) -> UUID:  # fmt: skip
        await self.store.open()
        async with self.transactions.run(principal, join) as transaction:
            if subject is not None:
                subject = await transaction.read(subject.entity_id)
            subject = subject or self._new(transaction)
            executor = Executor(
                principal, transaction, subject.entity_id, self.store, self.member, self.transactions, **options
            )
            terms = Terms(tenant="t", origin=transaction.origin)
            settled = await drive(rule(subject, Trail(self.clock), terms), executor.execute)
            transaction.record(subject.entity_id, settled.events)
            for timer in settled.arm:
                transaction.arm(timer)
            for timer_id in settled.disarm:
                transaction.disarm(timer_id)
            transaction.save(
                subject.entity_id, MODEL, state=settled.state, document=settled.document,
                transition=settled.transition, executor=principal, created_at=subject.created_at,
            )  # fmt: skip
        return subject.entity_id

    def _new(self, transaction: Transaction) -> Version:
        return Version(
            entity_id=self.new_id(), model=MODEL, number=0, state="", document=Document.from_value({"n": 1}),
            created_at=NOW, updated_at=NOW, transaction_id=transaction.entry_id, transition="",
            attributed=transaction.origin, executor=transaction.origin,
        )  # fmt: skip

    async def stored(self, entity_id: UUID) -> Version | None:
        return (await self.store.read("t", (entity_id,))).get(entity_id)

    async def history(self, entity_id: UUID) -> list[tuple[str, UUID]]:
        return [(v.state, v.transaction_id) for v in await self.store.history("t", entity_id)]


def parcel(*processors: Any, **members: Any) -> Any:
    """A waits for `go`, which runs the processors and leads to B."""
    go = transition("go", "B", manual=True, processors=list(processors), **members)
    return compiled(workflow({"A": state(go), "B": {}}))


def creating(workflows: Any) -> Any:
    return lambda subject, trail, terms: create(subject, workflows, trail, terms)


def going(workflows: Any) -> Any:
    return lambda subject, trail, terms: fire_named(subject, "go", workflows, trail, terms)


async def same(_callout: Callout, _token: str | None) -> CalloutAnswer:
    return CalloutAnswer()


async def nine(_callout: Callout, _token: str | None) -> CalloutAnswer:
    return CalloutAnswer(document=Document.from_value({"n": 9}))


async def parked(node: Node, workflows: Any) -> Version:
    """An entity at rest in A."""
    version = await node.stored(await node.run(creating(workflows)))
    assert version is not None
    return version


async def test_a_processor_changes_the_entity_in_the_same_transaction() -> None:
    node, workflows = Node(nine), parcel(processor("p"))
    entity = await parked(node, workflows)
    await node.run(going(workflows), entity)
    version = await node.stored(entity.entity_id)
    assert version is not None
    assert (version.state, version.document.value, version.transition) == ("B", {"n": 9}, "go")
    ((callout, token),) = node.member.asked
    assert token == str(version.transaction_id) == str(callout.transaction_id)


@pytest.mark.parametrize("error", [CalloutFailed("processor dispatch failed: x"), DispatchTimeout("late")])
async def test_a_fatal_failure_leaves_nothing(error: Exception) -> None:
    async def fail(_callout: Callout, _token: str | None) -> CalloutAnswer:
        raise error

    node, workflows = Node(fail), parcel(processor("p"))
    entity = await parked(node, workflows)
    with pytest.raises(CyodaError):
        await node.run(going(workflows), entity)
    assert await node.history(entity.entity_id) == [("A", entity.transaction_id)]


async def test_a_joined_callback_sees_the_entity_as_it_is_and_its_writes_stay_with_the_owner() -> None:
    seen: list[Any] = []
    children: list[UUID] = []

    async def call_back(callout: Callout, token: str | None) -> CalloutAnswer:
        if callout.name == "second":
            assert token is not None
            join = node.transactions.resolve(SERVICE, token)
            async with join.joined() as transaction:
                version = await transaction.read(callout.subject.entity_id)
                seen.append(version and (version.state, version.document.value))
            children.append(await node.run(creating(compiled()), join=join, principal=SERVICE))
            return CalloutAnswer()
        return CalloutAnswer(document=Document.from_value({"n": 2}))

    node = Node(call_back)
    both = parcel(processor("first"), processor("second"))
    entity = await parked(node, both)
    await node.run(going(both), entity)
    assert seen == [("A", {"n": 2})]
    child, parent = await node.stored(children[0]), await node.stored(entity.entity_id)
    assert child is not None
    assert parent is not None
    assert child.transaction_id == parent.transaction_id
    assert child.attributed == ALICE.actor


async def test_a_failed_async_processor_undoes_what_its_callbacks_wrote() -> None:
    children: list[UUID] = []

    async def call_back(callout: Callout, token: str | None) -> CalloutAnswer:
        assert token is not None
        join = node.transactions.resolve(SERVICE, token)
        children.append(await node.run(creating(compiled()), join=join, principal=SERVICE))
        if callout.name == "bad":
            raise CalloutFailed("processor dispatch failed: x")
        return CalloutAnswer(document=Document.from_value("discarded"))

    node = Node(call_back)
    workflows = parcel(processor("bad", "ASYNC_NEW_TX"), processor("good", "ASYNC_NEW_TX"))
    entity = await parked(node, workflows)
    await node.run(going(workflows), entity)
    version = await node.stored(entity.entity_id)
    assert version is not None
    assert (version.state, version.document.value) == ("B", {"n": 1})
    assert await node.stored(children[0]) is None
    assert await node.stored(children[1]) is not None


@pytest.mark.parametrize("flag", [False, True])
async def test_a_segment_is_readable_in_its_source_state_while_the_member_works(flag: bool) -> None:
    seen: list[Any] = []

    async def look(callout: Callout, token: str | None) -> CalloutAnswer:
        version = await node.stored(callout.subject.entity_id)
        seen.append((version and version.state, token is None))
        return CalloutAnswer(document=Document.from_value({"n": 5}))

    node, workflows = Node(look), parcel(processor("p", CBD, startNewTxOnDispatch=flag))
    entity = await parked(node, workflows)
    await node.run(going(workflows), entity)
    assert seen == [("A", not flag)]
    history = await node.history(entity.entity_id)
    assert [s for s, _ in history] == ["B", "A", "A"]
    assert len({transaction for _, transaction in history}) == 3
    trail = [e.type for record in await node.store.audit("t", entity.entity_id) for e in record.events]
    assert trail.count("STATE_MACHINE_FINISH") == 2


async def test_a_failure_after_a_segment_leaves_the_entity_where_it_was_committed() -> None:
    async def fail(_callout: Callout, _token: str | None) -> CalloutAnswer:
        raise CalloutFailed("processor dispatch failed: x")

    node = Node(fail)
    segmented = compiled(workflow({"A": state(transition("ab", "B", processors=[processor("p", CBD)])), "B": {}}))
    with pytest.raises(WorkflowFailed):
        await node.run(creating(segmented))
    (version,) = [v async for batch in node.store.scan("t", _all()) for v in batch]
    assert version.state == "A"


def _all() -> Any:
    return Scan(model=MODEL)


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, EntityModified), ({"is_conflict_modification": False}, Conflict)],
)
@pytest.mark.parametrize("flag", [False, True])
async def test_a_change_by_others_during_the_callout_is_a_conflict(
    options: dict[str, Any], expected: type[CyodaError], flag: bool
) -> None:
    async def interfere(callout: Callout, _token: str | None) -> CalloutAnswer:
        await node.run(lambda s, t, x: loopback(s, compiled(), t, x), callout.subject)
        return CalloutAnswer()

    node, workflows = Node(interfere), parcel(processor("p", CBD, startNewTxOnDispatch=flag))
    entity = await parked(node, workflows)
    with pytest.raises(Conflict if flag else expected):
        await node.run(going(workflows), entity, **options)
    assert [s for s, _ in await node.history(entity.entity_id)] == ["A", "A", "A"]


async def test_a_stale_precondition_stops_a_segment_before_anything_is_sent() -> None:
    node, workflows = Node(same), parcel(processor("p", CBD))
    entity = await parked(node, workflows)
    with pytest.raises(EntityModified):
        await node.run(going(workflows), entity, refusal=EntityModified(entity.entity_id))
    assert node.member.asked == []
    assert len(await node.history(entity.entity_id)) == 1


async def test_a_segment_inside_a_joined_callback_is_refused_before_anything_commits() -> None:
    refused: list[str] = []
    segmented = compiled(workflow({"A": state(transition("ab", "B", processors=[processor("p", CBD)])), "B": {}}))

    async def call_back(_callout: Callout, token: str | None) -> CalloutAnswer:
        assert token is not None
        try:
            await node.run(creating(segmented), join=node.transactions.resolve(SERVICE, token), principal=SERVICE)
        except WorkflowFailed as error:
            refused.append(error.message)
        raise CalloutFailed("processor dispatch failed: x")

    node, workflows = Node(call_back), parcel(processor("outer"))
    entity = await parked(node, workflows)
    with pytest.raises(WorkflowFailed):
        await node.run(going(workflows), entity)
    assert refused[0].startswith("processor p failed: ")
    assert len(await node.history(entity.entity_id)) == 1


async def test_timers_are_armed_and_cancelled_with_the_entity() -> None:
    node = Node(same)
    timed = compiled(
        workflow(
            {"A": state(transition("late", "B", schedule={"delayMs": 5}), transition("go", "B", manual=True)), "B": {}}
        )
    )
    entity = await parked(node, timed)
    assert [t.transition for t in await node.store.timers_of("t", entity.entity_id)] == ["late"]
    await node.run(going(timed), entity)
    assert await node.store.timers_of("t", entity.entity_id) == []


async def test_a_cancelled_operation_does_not_resume_its_rule() -> None:
    started = asyncio.Event()

    async def hang(_callout: Callout, _token: str | None) -> CalloutAnswer:
        started.set()
        await asyncio.Event().wait()
        return CalloutAnswer()

    node, workflows = Node(hang), parcel(processor("p", "ASYNC_NEW_TX"))
    entity = await parked(node, workflows)
    task = asyncio.create_task(node.run(going(workflows), entity))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await node.history(entity.entity_id)) == 1


async def test_the_transitions_query_asks_functions_outside_of_any_transaction() -> None:
    async def yes(_callout: Callout, _token: str | None) -> CalloutAnswer:
        return CalloutAnswer(matches=True)

    node = Node(yes)
    entity = await parked(node, compiled())
    chosen = compiled(
        workflow(
            {"CREATED": state(transition("x", "CREATED", manual=True))}, initial="CREATED", criterion=function("f")
        )
    )
    names = await offered_transitions(ALICE, entity, chosen, compute=node.member, clock=node.clock)
    assert names == ["x"]
    ((callout, token),) = node.member.asked
    assert (callout.transaction_id, token) == (None, None)
