"""Random interleavings of transactions against an exact oracle (contract: entities 1.6, engine 5.1).

Steps of a few open transactions are drawn one at a time, so what each must see and whether each must be refused is
known exactly; only commits that run at the same moment leave a choice of order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cyoda.clock import ManualClock
from cyoda.errors import Conflict
from cyoda.ids import TimeIds
from cyoda.principal import Principal
from tests.model.backend import Backend, effort
from workflows.core.entity import LOOPBACK, Document, ModelKey
from workflows.services.buffer import Savepoint
from workflows.services.transaction import Transaction

new_id = TimeIds()
MAX_OPEN = 4
WRITER = Principal(tenant="any", user_id="writer", kind="user")
pick = st.integers(min_value=0, max_value=1000)


@dataclass(frozen=True)
class Stored:
    """What the oracle knows of a committed version; value None is a tombstone."""

    number: int
    value: int | None


State = dict[UUID, Stored]
"""The newest version of each entity."""


@dataclass
class Open:
    """A transaction and what the oracle expects of it. `buffer` holds values, None for a tombstone."""

    transaction: Transaction
    snapshot: State | None = None
    reads: dict[UUID, int] = field(default_factory=dict)
    buffer: dict[UUID, int | None] = field(default_factory=dict)
    savepoints: list[tuple[Savepoint, dict[UUID, int | None]]] = field(default_factory=list)

    def sees(self, entity_id: UUID, committed: State) -> int | None:
        """The value this transaction must read; its snapshot is taken when it first looks at a committed entity."""
        if entity_id in self.buffer:
            return self.buffer[entity_id]
        if self.snapshot is None:
            self.snapshot = dict(committed)
        stored = self.snapshot.get(entity_id)
        if stored is None or stored.value is None:
            return None
        self.reads[entity_id] = stored.number
        return stored.value

    def conflicts_with(self, committed: State) -> bool:
        return bool(self.buffer) and any(
            committed[entity_id].number != number for entity_id, number in self.reads.items()
        )

    def applied_to(self, committed: State) -> State:
        """The state after its commit."""
        after = dict(committed)
        for entity_id, value in self.buffer.items():
            known = committed.get(entity_id)
            after[entity_id] = Stored(known.number + 1 if known else 1, value)
        return after


class Schedules(RuleBasedStateMachine):
    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        self.model = ModelKey(f"model-{new_id()}", 1)
        self.clock = ManualClock()
        self.committed: State = {}
        self.entity_ids: list[UUID] = []
        self.open: list[Open] = []
        self.values: Iterator[int] = iter(range(1, 1_000_000))

    # --- steps --------------------------------------------------------------------------------------------------

    @initialize()
    def two_entities_exist(self) -> None:
        self.begin()
        self.create(0)
        self.create(0)
        self.commit(0)

    @precondition(lambda self: len(self.open) < MAX_OPEN)
    @rule()
    def begin(self) -> None:
        transaction = Transaction(
            self.backend.tenant, WRITER.actor, store=self.backend.any_node(), clock=self.clock, new_id=new_id
        )
        self.open.append(Open(transaction))

    @precondition(lambda self: self.open)
    @rule(t=pick, e=pick)
    def read(self, t: int, e: int) -> None:
        self._read(self._pick(t), self.entity_ids[e % len(self.entity_ids)])

    @precondition(lambda self: self.open)
    @rule(t=pick)
    def read_all(self, t: int) -> None:
        work = self._pick(t)
        found = self.backend.run(work.transaction.read_many(self.entity_ids))
        seen = {entity_id: work.sees(entity_id, self.committed) for entity_id in self.entity_ids}
        assert {entity_id: version.document.value for entity_id, version in found.items()} == {
            entity_id: value for entity_id, value in seen.items() if value is not None
        }

    @precondition(lambda self: self.open)
    @rule(t=pick, e=pick)
    def update(self, t: int, e: int) -> None:
        work, entity_id = self._pick(t), self.entity_ids[e % len(self.entity_ids)]
        if self._read(work, entity_id) is not None:
            self._save(work, entity_id)

    @precondition(lambda self: self.open and len(self.entity_ids) < 6)
    @rule(t=pick)
    def create(self, t: int) -> None:
        entity_id = new_id()
        self.entity_ids.append(entity_id)
        self._save(self._pick(t), entity_id)

    @precondition(lambda self: self.open)
    @rule(t=pick, e=pick)
    def delete(self, t: int, e: int) -> None:
        work, entity_id = self._pick(t), self.entity_ids[e % len(self.entity_ids)]
        value = self._read(work, entity_id)
        if value is None:
            return
        version = self.backend.run(work.transaction.read(entity_id))
        assert version is not None
        work.transaction.delete(version, executor=WRITER)
        if entity_id in (work.snapshot or {}):
            work.buffer[entity_id] = None
        else:  # its own creation: the two cancel out
            del work.buffer[entity_id]

    @precondition(lambda self: self.open)
    @rule(t=pick)
    def set_savepoint(self, t: int) -> None:
        work = self._pick(t)
        work.savepoints.append((work.transaction.savepoint(), dict(work.buffer)))

    @precondition(lambda self: any(work.savepoints for work in self.open))
    @rule(t=pick)
    def roll_back_to_savepoint(self, t: int) -> None:
        with_savepoint = [work for work in self.open if work.savepoints]
        work = with_savepoint[t % len(with_savepoint)]
        token, buffer = work.savepoints[-1]
        work.transaction.roll_back_to(token)
        work.buffer = dict(buffer)

    @precondition(lambda self: self.open)
    @rule(t=pick)
    def abandon(self, t: int) -> None:
        self._pick(t).transaction.abandon()
        del self.open[t % len(self.open)]

    @precondition(lambda self: self.open)
    @rule(t=pick)
    def commit_segment(self, t: int) -> None:
        work = self._pick(t)
        must_fail = work.conflicts_with(self.committed)
        assert self.backend.run(_verdict(work.transaction.commit_segment())) is not must_fail
        if must_fail:
            self.open.remove(work)
            return
        self.committed = work.applied_to(self.committed)
        self.open[self.open.index(work)] = Open(work.transaction)

    @precondition(lambda self: self.open)
    @rule(t=pick)
    def commit(self, t: int) -> None:
        self._commit_together([self._pick(t)])

    @precondition(lambda self: len(self.open) > 1)
    @rule()
    def commit_all_at_once(self) -> None:
        self._commit_together(list(self.open))

    # --- what must hold at any time -----------------------------------------------------------------------------

    @invariant()
    def outsiders_see_exactly_what_is_committed(self) -> None:
        found = self.backend.run(self.backend.store.read(self.backend.tenant, self.entity_ids))
        assert {entity_id: Stored(v.number, v.document.value) for entity_id, v in found.items()} == {
            entity_id: stored for entity_id, stored in self.committed.items() if stored.value is not None
        }

    def teardown(self) -> None:
        self.backend.run(self._check_histories())

    async def _check_histories(self) -> None:
        """Each committed version is there once, in order, under rising stamps, and its stamp leads to it."""
        store, tenant = self.backend.store, self.backend.tenant
        for entity_id in self.entity_ids:
            history = list(reversed(await store.history(tenant, entity_id)))
            newest = self.committed.get(entity_id)
            assert [version.number for version in history] == list(range(1, (newest.number if newest else 0) + 1))
            stamps = [version.updated_at for version in history]
            assert stamps == sorted(set(stamps))
            for version in history:
                found = await store.read_as_of(tenant, entity_id, version.updated_at)
                assert (found.number if found else None) == (None if version.deleted else version.number)

    # --- in short -----------------------------------------------------------------------------------------------

    def _pick(self, t: int) -> Open:
        return self.open[t % len(self.open)]

    def _read(self, work: Open, entity_id: UUID) -> int | None:
        version = self.backend.run(work.transaction.read(entity_id))
        value = work.sees(entity_id, self.committed)
        assert (version.document.value if version else None) == value
        return value

    def _save(self, work: Open, entity_id: UUID) -> None:
        value = next(self.values)
        work.transaction.save(
            entity_id, self.model, state="S", document=Document.from_value(value), transition=LOOPBACK, executor=WRITER
        )
        work.buffer[entity_id] = value

    def _commit_together(self, works: Sequence[Open]) -> None:
        """Commit at the same moment: the verdicts must be those of some order."""
        verdicts = self.backend.run(_verdicts(works))
        for order in permutations(range(len(works))):
            state, expected = self.committed, [False] * len(works)
            for index in order:
                expected[index] = not works[index].conflicts_with(state)
                state = works[index].applied_to(state) if expected[index] else state
            if expected == verdicts:
                break
        else:
            raise AssertionError(f"no order of the commits explains the verdicts {verdicts}")
        self.committed = state
        self.open = [work for work in self.open if work not in works]


async def _verdict(commit: object) -> bool:
    """Whether a commit was accepted."""
    try:
        await commit  # type: ignore[misc]
    except Conflict:
        return False
    return True


async def _verdicts(works: Sequence[Open]) -> list[bool]:
    return await asyncio.gather(*(_verdict(work.transaction.commit()) for work in works))


def test_transactions_read_and_commit_as_an_exact_oracle_says(backend: Backend) -> None:
    def new_machine() -> Schedules:
        return Schedules(backend)

    run_state_machine_as_test(
        new_machine,  # pyright: ignore[reportArgumentType] - any factory will do
        settings=effort(40, stateful_step_count=40),
    )
