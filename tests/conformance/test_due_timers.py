"""Armed timers are work that is found without asking every tenant, and fires once (contract: engine 4.2, 4.4, 4.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from cyoda.errors import Conflict
from tests.conformance.home import ROBOT, TICK, Home, changed, new_id
from tests.conformance.test_audit_and_timers import record, timer
from workflows.core.timer import Timer
from workflows.storage.base import Storage, Work

MINUTE = timedelta(minutes=1)
_days = iter(range(1, 10_000))


@dataclass
class Due:
    """Timers of one tenant. `now` lies on a day before those of earlier tests, so that their timers are not due."""

    home: Home
    now: datetime

    async def arm(self, *timers: Timer) -> None:
        await self.home.commit(arm=timers)

    async def take(self, now: datetime, limit: int = 100, store: Storage | None = None) -> Sequence[UUID]:
        store = store or self.home.store
        work = await store.take_due_work("timer", now=now, again_at=now + MINUTE, limit=limit)
        return [one.id for one in work if one.tenant == self.home.tenant]

    def timer(self, *, after: timedelta = timedelta(0)) -> Timer:
        return timer(new_id(), due_at=self.now + after)


@pytest.fixture
def due(home: Home) -> Due:
    return Due(home, datetime(1980, 1, 1, tzinfo=UTC) - timedelta(days=next(_days)))


def ids(*timers: Timer) -> list[UUID]:
    return [UUID(armed.id) for armed in timers]


async def test_an_armed_timer_is_work_from_its_moment_on_and_again_later(due: Due) -> None:
    armed = due.timer()
    await due.arm(armed)
    assert await due.take(due.now - TICK) == []
    assert await due.take(due.now) == ids(armed)
    assert await due.take(due.now + MINUTE - TICK) == []
    assert await due.take(due.now + MINUTE) == ids(armed)


async def test_timers_of_all_tenants_are_taken_earliest_first(due: Due, stranger: Home) -> None:
    own, other = due.timer(after=TICK), due.timer()
    await due.arm(own)
    await stranger.commit(arm=(other,))
    work = await due.home.store.take_due_work("timer", now=due.now + TICK, again_at=due.now + MINUTE, limit=1)
    assert work == [Work(tenant=stranger.tenant, kind="timer", id=UUID(other.id))]
    assert await due.take(due.now + TICK) == ids(own)


async def test_nodes_that_take_at_the_same_time_get_different_timers(due: Due, other_node: Storage) -> None:
    timers = [due.timer() for _ in range(40)]
    await due.arm(*timers)
    taken = await asyncio.gather(
        *(due.take(due.now, 10, store) for store in (due.home.store, other_node) for _ in range(4))
    )
    found = [timer_id for part in taken for timer_id in part]
    assert len(found) == len(set(found))
    assert {*found, *await due.take(due.now)} == set(ids(*timers))


async def test_arming_again_moves_the_work_and_forgets_that_it_was_taken(due: Due) -> None:
    armed = due.timer()
    await due.arm(armed)
    await due.take(due.now)
    await due.arm(replace(armed, due_at=due.now + TICK))
    assert await due.take(due.now) == []
    assert await due.take(due.now + TICK) == ids(armed)


async def test_a_disarmed_timer_is_no_work(due: Due) -> None:
    armed, kept = due.timer(), due.timer()
    await due.arm(armed, kept)
    await due.home.commit(disarm=(armed.id,))
    assert await due.take(due.now) == ids(kept)


async def test_a_refused_change_leaves_the_work_as_it_was(due: Due) -> None:
    stale = await due.home.create(1)
    await due.home.update(stale, 2)
    old, new = due.timer(), due.timer()
    await due.arm(old)
    with pytest.raises(Conflict):
        await due.home.commit(changed(stale, 3), arm=(new,), disarm=(old.id,))
    assert await due.take(due.now) == ids(old)


async def test_the_next_moment_is_that_of_the_earliest_timer(due: Due) -> None:
    early = datetime(1901, 1, 1, tzinfo=UTC)
    armed = replace(due.timer(), due_at=early)
    await due.arm(due.timer(), armed)
    assert await due.home.store.next_due("timer") == early
    await due.home.commit(disarm=(armed.id,))
    assert (await due.home.store.next_due("timer") or early) > early


async def test_timers_are_read_by_their_ids(due: Due, stranger: Home) -> None:
    one, two, foreign = due.timer(), due.timer(), due.timer()
    await due.arm(one, two, due.timer())
    await stranger.commit(arm=(foreign,))
    found = await due.home.store.timers(due.home.tenant, [one.id, two.id, foreign.id, "absent"])
    assert sorted(found, key=lambda armed: armed.id) == sorted([one, two], key=lambda armed: armed.id)


# --- a commit that stands on a timer -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"due_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"armed_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"armed_by": ROBOT},
    ],
)
async def test_a_commit_for_a_timer_that_was_armed_otherwise_is_refused(due: Due, other: dict[str, object]) -> None:
    armed = due.timer()
    entity = await due.home.create(1)
    await due.arm(replace(armed, **other))
    with pytest.raises(Conflict):
        await due.home.commit(
            changed(entity, 2), armed=(armed,), disarm=(armed.id,), audit=(record(entity.entity_id, "x"),)
        )
    assert await due.home.current(entity) == entity
    assert list(await due.home.store.audit(due.home.tenant, entity.entity_id)) == []
    assert list(await due.home.store.timers(due.home.tenant, [armed.id])) == [replace(armed, **other)]


async def test_a_commit_for_a_timer_that_is_gone_is_refused(due: Due) -> None:
    with pytest.raises(Conflict):
        await due.home.commit(armed=(due.timer(),), audit=(record(new_id(), "x"),))


async def test_of_many_commits_for_one_timer_one_is_accepted(due: Due, other_node: Storage) -> None:
    """Without a change of the entity: a false criterion, an expiry."""
    there = Home(other_node, due.home.tenant)
    for _ in range(5):
        armed = due.timer()
        await due.arm(armed)
        records = [record(armed.entity_id, str(number)) for number in range(6)]
        outcomes = await asyncio.gather(
            *(
                (due.home, there)[number % 2].commit(armed=(armed,), disarm=(armed.id,), audit=(entry,))
                for number, entry in enumerate(records)
            ),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes].count(Conflict) == len(records) - 1
        (kept,) = await due.home.store.audit(due.home.tenant, armed.entity_id)
        assert not isinstance(outcomes[records.index(kept)], Conflict)


async def test_a_commit_for_a_timer_may_arm_it_anew(due: Due) -> None:
    armed = due.timer()
    await due.arm(armed)
    again = replace(armed, due_at=due.now + MINUTE, armed_at=due.now)
    await due.home.commit(armed=(armed,), arm=(again,))
    assert list(await due.home.store.timers(due.home.tenant, [armed.id])) == [again]
    assert await due.take(due.now + MINUTE) == ids(armed)
