"""Commits: all or nothing, first committer wins (contract: entities 1.6, engine 5.1)."""

from __future__ import annotations

import asyncio
from uuid import UUID

import msgspec
import pytest

from cyoda.errors import Conflict, UniqueViolation
from tests.conformance.home import (
    ANNA,
    NOON,
    ORDER,
    ROBOT,
    TICK,
    Home,
    change,
    changed,
    created,
    deleted,
    doc,
    new_id,
    reading,
)  # fmt: skip
from workflows.core.entity import LOOPBACK, Version
from workflows.core.unique import Claim


async def test_a_created_entity_is_read_back_whole(home: Home) -> None:
    write, transaction_id = created(1, state="DRAFT"), new_id()
    moment = await home.commit(write, at=NOON, transaction_id=transaction_id)
    assert moment == NOON
    assert await home.current(write) == Version(
        entity_id=write.entity_id, model=ORDER, number=1, state="DRAFT", document=doc({"value": 1}),
        created_at=NOON, updated_at=NOON, transaction_id=transaction_id, transition=LOOPBACK,
        attributed=ANNA, executor=ANNA, deleted=False,
    )  # fmt: skip


async def test_an_update_is_the_next_version_and_keeps_the_creation_date(home: Home) -> None:
    first, transaction_id = await home.create(1), new_id()
    later = NOON + 1000 * TICK
    write = changed(first, 2, state="PAID", transition="pay", attributed=ANNA, executor=ROBOT)
    await home.commit(write, at=later, transaction_id=transaction_id)
    assert await home.current(first) == Version(
        entity_id=first.entity_id, model=ORDER, number=2, state="PAID", document=doc({"value": 2}),
        created_at=NOON, updated_at=later, transaction_id=transaction_id, transition="pay",
        attributed=ANNA, executor=ROBOT, deleted=False,
    )  # fmt: skip


async def test_a_deleted_entity_is_no_longer_read(home: Home) -> None:
    version, other = await home.create(1), await home.create(2)
    await home.delete(version)
    assert await home.store.read(home.tenant, [version.entity_id, other.entity_id]) == {other.entity_id: other}


async def test_missing_entities_are_left_out_of_a_read(home: Home) -> None:
    version = await home.create()
    assert await home.store.read(home.tenant, [new_id(), version.entity_id]) == {version.entity_id: version}
    assert await home.store.read(home.tenant, []) == {}


async def test_an_id_asked_for_twice_is_answered_once(home: Home) -> None:
    version = await home.create()
    assert await home.store.read(home.tenant, [version.entity_id] * 2) == {version.entity_id: version}


async def test_many_entities_are_read_at_once(home: Home) -> None:
    writes = [created(number) for number in range(300)]
    await home.commit(*writes)
    found = await home.store.read(home.tenant, [write.entity_id for write in writes])
    assert [found[write.entity_id].document for write in writes] == [write.document for write in writes]


async def test_of_two_writers_of_one_version_the_second_is_refused(home: Home) -> None:
    version = await home.create(1)
    second = await home.update(version, 2)
    with pytest.raises(Conflict):
        await home.commit(changed(version, 3))
    assert await home.current(version) == second


async def test_deleting_a_version_that_is_no_longer_current_is_refused(home: Home) -> None:
    version = await home.create(1)
    second = await home.update(version, 2)
    with pytest.raises(Conflict):
        await home.commit(deleted(version))
    assert await home.current(version) == second


async def test_updating_a_deleted_entity_is_refused(home: Home) -> None:
    version = await home.create(1)
    await home.delete(version)
    with pytest.raises(Conflict):
        await home.commit(changed(version, 2))
    assert await home.find(version.entity_id) is None


async def test_deleting_a_deleted_entity_is_refused(home: Home) -> None:
    version = await home.create(1)
    await home.delete(version)
    with pytest.raises(Conflict):
        await home.delete(version)
    assert len(await home.store.history(home.tenant, version.entity_id)) == 2


async def test_an_entity_that_never_was_can_be_neither_updated_nor_deleted(home: Home) -> None:
    known = await home.create(1)
    other_id = new_id()
    with pytest.raises(Conflict):
        await home.commit(changed(_with_id(known, other_id), 2))
    with pytest.raises(Conflict):
        await home.commit(deleted(_with_id(known, other_id)))
    assert await home.store.history(home.tenant, other_id) == []


async def test_creating_an_entity_that_exists_or_existed_is_refused(home: Home) -> None:
    version = await home.create(1)
    with pytest.raises(Conflict):
        await home.commit(created(2, entity_id=version.entity_id))
    assert await home.current(version) == version
    await home.delete(version)
    with pytest.raises(Conflict):
        await home.commit(created(2, entity_id=version.entity_id))
    assert await home.find(version.entity_id) is None


# --- read sets ----------------------------------------------------------------------------------------------------


async def test_a_change_is_refused_when_what_it_read_was_updated_since(home: Home) -> None:
    read, written = await home.create(1), await home.create(1)
    await home.update(read, 2)
    with pytest.raises(Conflict):
        await home.commit(changed(written, 2), reads=reading(read))
    assert await home.current(written) == written


async def test_a_change_is_refused_when_what_it_read_was_deleted_since(home: Home) -> None:
    read, written = await home.create(1), await home.create(1)
    await home.delete(read)
    with pytest.raises(Conflict):
        await home.commit(changed(written, 2), reads=reading(read))
    assert await home.current(written) == written


async def test_a_change_is_applied_while_what_it_read_is_current(home: Home) -> None:
    read, written = await home.create(1), await home.create(1)
    await home.commit(changed(written, 2), reads=reading(read))
    assert (await home.current(written)).number == 2
    assert await home.current(read) == read


async def test_write_skew_is_refused(home: Home) -> None:
    one, two = await home.create("on call"), await home.create("on call")
    verdicts = await asyncio.gather(
        home.commit(changed(one, "off"), reads=reading(two)),
        home.commit(changed(two, "off"), reads=reading(one)),
        return_exceptions=True,
    )
    assert sorted(isinstance(verdict, Conflict) for verdict in verdicts) == [False, True]
    assert {(await home.current(entity)).number for entity in (one, two)} == {1, 2}


async def test_a_change_that_only_read_is_validated_too(home: Home) -> None:
    version = await home.create(1)
    assert await home.commit(reads=reading(version)) == NOON
    await home.update(version, 2)
    with pytest.raises(Conflict):
        await home.commit(reads=reading(version))


async def test_having_found_nothing_holds_until_something_is_there(home: Home) -> None:
    missing = new_id()
    await home.commit(created(), reads={missing: 0})
    await home.commit(created(entity_id=missing))
    with pytest.raises(Conflict):
        await home.commit(created(), reads={missing: 0})


# --- atomicity ----------------------------------------------------------------------------------------------------


async def test_the_writes_of_a_change_become_visible_together(home: Home) -> None:
    one, two = await home.create(1), await home.create(1)
    third = created(1)
    await home.commit(changed(one, 2), deleted(two), third)
    found = await home.store.read(home.tenant, [one.entity_id, two.entity_id, third.entity_id])
    assert {entity_id: version.number for entity_id, version in found.items()} == {
        one.entity_id: 2, third.entity_id: 1,
    }  # fmt: skip


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_one_refused_write_refuses_the_whole_change(home: Home, position: int) -> None:
    one, two, stale = await home.create(1), await home.create(1), await home.create(1)
    fresh = await home.update(stale, 2)
    writes = [changed(one, 9), created(9)]
    writes.insert(position, changed(stale, 9))
    with pytest.raises(Conflict):
        await home.commit(*writes)
    assert sorted(await home.scan(), key=lambda version: version.id) == sorted(
        (one, two, fresh), key=lambda version: version.id
    )
    assert len(await home.store.history(home.tenant, one.entity_id)) == 1


async def test_a_change_may_be_empty(home: Home) -> None:
    assert await home.commit(at=NOON) == NOON


async def test_one_bad_change_among_fifty_fails_alone(home: Home) -> None:
    stale = await home.create(0)
    fresh = await home.update(stale, 1)
    changes = [change(created(number)) for number in range(49)]
    changes.insert(25, change(changed(stale, 99), created(99)))
    verdicts = await asyncio.gather(*(home.store.commit(home.tenant, c) for c in changes), return_exceptions=True)
    assert [i for i, verdict in enumerate(verdicts) if isinstance(verdict, BaseException)] == [25]
    assert isinstance(verdicts[25], Conflict)
    stored = {version.entity_id: version for version in await home.scan()}
    assert stored.pop(stale.entity_id) == fresh
    assert set(stored) == {c.writes[0].entity_id for i, c in enumerate(changes) if i != 25}
    assert all(version.transaction_id in {c.transaction_id for c in changes} for version in stored.values())


async def test_concurrent_changes_get_each_their_own_verdict(home: Home) -> None:
    held = Claim("by-mail", b"a" * 32)
    await home.create(0, claims=(held,))
    stale = await home.create(0)
    await home.update(stale, 1)
    verdicts = await asyncio.gather(
        home.commit(created(1)),
        home.commit(created(2, claims=(held,))),
        home.commit(changed(stale, 2)),
        home.commit(created(3)),
        return_exceptions=True,
    )
    assert [type(verdict) for verdict in verdicts] == [type(NOON), UniqueViolation, Conflict, type(NOON)]


async def test_of_many_concurrent_writers_of_one_version_exactly_one_wins(home: Home) -> None:
    version = await home.create(0)
    verdicts = await asyncio.gather(
        *(home.commit(changed(version, number)) for number in range(1, 17)), return_exceptions=True
    )
    winners = [number for number, verdict in enumerate(verdicts, 1) if not isinstance(verdict, Conflict)]
    assert len(winners) == 1
    current = await home.current(version)
    assert (current.number, current.document.value) == (2, {"value": winners[0]})


async def test_of_many_concurrent_creators_of_one_id_exactly_one_wins(home: Home) -> None:
    entity_id = new_id()
    verdicts = await asyncio.gather(
        *(home.commit(created(number, entity_id=entity_id)) for number in range(8)), return_exceptions=True
    )
    assert sum(isinstance(verdict, Conflict) for verdict in verdicts) == 7
    assert len(await home.store.history(home.tenant, entity_id)) == 1


async def test_overlapping_concurrent_changes_leave_a_serial_result(home: Home) -> None:
    """Each change moves one unit between two of three accounts; a lost update would change the sum."""
    accounts = [await home.create(100) for _ in range(3)]

    async def move(source: Version, target: Version) -> None:
        while True:
            found = await home.store.read(home.tenant, [source.entity_id, target.entity_id])
            one, two = found[source.entity_id], found[target.entity_id]
            writes = (changed(one, one.document.value["value"] - 1), changed(two, two.document.value["value"] + 1))
            try:
                await home.commit(*writes)
            except Conflict:
                continue
            return

    await asyncio.gather(*(move(accounts[i % 3], accounts[(i + 1 + i % 2) % 3]) for i in range(12)))
    found = [await home.current(account) for account in accounts]
    assert sum(version.document.value["value"] for version in found) == 300
    assert sum(version.number for version in found) == 3 + 24


# --- stamps -------------------------------------------------------------------------------------------------------


async def test_stamps_of_an_entity_rise_strictly_when_the_clock_stands_still(home: Home) -> None:
    version = await home.create(0)
    for number in range(5):
        version = await home.update(version, number)
    await home.delete(version)
    stamps = [entry.updated_at for entry in await home.store.history(home.tenant, version.entity_id)]
    assert stamps == [NOON + tick * TICK for tick in range(6, -1, -1)]


async def test_stamps_of_an_entity_rise_strictly_when_the_clock_goes_back(home: Home) -> None:
    version = await home.create(0, at=NOON)
    moment = await home.commit(changed(version, 1), at=NOON - 5_000_000 * TICK)
    assert moment == NOON + TICK
    assert (await home.current(version)).updated_at == moment


async def test_all_versions_of_a_change_share_the_stamp_that_fits_each(home: Home) -> None:
    late, early = await home.create(0, at=NOON + 50 * TICK), await home.create(0, at=NOON)
    fresh = created(1)
    moment = await home.commit(changed(early, 1), changed(late, 1), fresh, at=NOON)
    assert moment == NOON + 51 * TICK
    assert {(await home.current(entity)).updated_at for entity in (late, early, fresh)} == {moment}
    assert (await home.current(fresh)).created_at == moment


async def test_microseconds_survive(home: Home) -> None:
    version = await home.create(0, at=NOON.replace(microsecond=123457))
    assert version.updated_at == version.created_at == NOON.replace(microsecond=123457)


async def test_stamps_come_back_in_utc(home: Home) -> None:
    version = await home.create(0)
    assert version.updated_at.utcoffset() == version.created_at.utcoffset() == NOON.utcoffset()


def _with_id(version: Version, entity_id: UUID) -> Version:
    return msgspec.structs.replace(version, entity_id=entity_id)
