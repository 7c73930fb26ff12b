"""History, point in time, and counts (contract: entities 5.8, 5.11, 6; engine 5.7)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec

from tests.conformance.home import (
    FAR_FUTURE,
    INVOICE,
    NOON,
    ORDER,
    ROBOT,
    TICK,
    Home,
    changed,
    created,
    deleted,
    new_id,
)
from workflows.core.entity import EMPTY_DOCUMENT, Version

SECOND = timedelta(seconds=1)


async def test_history_is_newest_first_with_tombstone_and_without_documents(home: Home) -> None:
    first = await home.create(1)
    second = await home.update(first, 2, state="PAID", transition="pay")
    await home.commit(deleted(second, executor=ROBOT))
    tombstone, *live = await home.store.history(home.tenant, first.entity_id)
    assert live == [_bare(second), _bare(first)]
    assert (tombstone.number, tombstone.deleted, tombstone.state) == (3, True, "PAID")
    assert (tombstone.executor, tombstone.attributed, tombstone.document) == (ROBOT, ROBOT, EMPTY_DOCUMENT)
    assert tombstone.created_at == first.created_at
    assert tombstone.transaction_id not in (first.transaction_id, second.transaction_id)


async def test_the_history_of_an_unknown_entity_is_empty(home: Home) -> None:
    await home.create()
    assert list(await home.store.history(home.tenant, new_id())) == []


async def test_history_until_an_instant_includes_it(home: Home) -> None:
    version = await home.create(0, at=NOON)
    await home.update(version, 1, at=NOON + SECOND)

    async def numbers(until: object) -> list[int]:
        found = await home.store.history(home.tenant, version.entity_id, until=until)  # type: ignore[arg-type]
        return [entry.number for entry in found]

    assert await numbers(NOON - TICK) == []
    assert await numbers(NOON) == [1]
    assert await numbers(NOON + SECOND - TICK) == [1]
    assert await numbers(NOON + SECOND) == [2, 1]


async def test_history_is_limited_to_the_newest(home: Home) -> None:
    version = await home.create(0)
    for number in range(5):
        version = await home.update(version, number)
    found = await home.store.history(home.tenant, version.entity_id, limit=2)
    assert [entry.number for entry in found] == [6, 5]
    found = await home.store.history(home.tenant, version.entity_id, limit=2, until=NOON + 3 * TICK)
    assert [entry.number for entry in found] == [4, 3]


async def test_reading_at_its_own_stamp_returns_a_version(home: Home) -> None:
    versions = [await home.create(0)]
    for number in range(1, 4):
        versions.append(await home.update(versions[-1], number))
    moment = await home.delete(versions[-1])
    entity_id = versions[0].entity_id
    assert [await home.store.read_as_of(home.tenant, entity_id, v.updated_at) for v in versions] == versions
    assert await home.store.read_as_of(home.tenant, entity_id, moment) is None
    assert await home.store.read_as_of(home.tenant, entity_id, FAR_FUTURE) is None
    assert await home.store.read_as_of(home.tenant, entity_id, NOON - TICK) is None


async def test_reading_between_stamps_returns_the_version_of_then(home: Home) -> None:
    first = await home.create(0, at=NOON)
    second = await home.update(first, 1, at=NOON + SECOND)
    assert await home.store.read_as_of(home.tenant, first.entity_id, NOON + SECOND - TICK) == first
    assert await home.store.read_as_of(home.tenant, first.entity_id, FAR_FUTURE) == second


async def test_reading_an_unknown_entity_as_of_any_time_finds_nothing(home: Home) -> None:
    assert await home.store.read_as_of(home.tenant, new_id(), FAR_FUTURE) is None


async def test_the_version_a_transaction_wrote_is_found_even_after_deletion(home: Home) -> None:
    first = await home.create(1)
    second = await home.update(first, 2)
    await home.delete(second)
    for version in (first, second):
        found = await home.store.read_written_by(home.tenant, version.entity_id, version.transaction_id)
        assert found == version


async def test_a_tombstone_is_not_a_version_that_a_transaction_wrote(home: Home) -> None:
    version, transaction_id = await home.create(1), new_id()
    await home.commit(deleted(version), transaction_id=transaction_id)
    assert await home.store.read_written_by(home.tenant, version.entity_id, transaction_id) is None


async def test_the_version_a_transaction_wrote_is_sought_per_entity(home: Home) -> None:
    one, two, transaction_id = created(1), created(2), new_id()
    await home.commit(one, two, transaction_id=transaction_id)
    other = await home.create(3)
    assert await home.store.read_written_by(home.tenant, two.entity_id, transaction_id) == await home.current(two)
    assert await home.store.read_written_by(home.tenant, other.entity_id, transaction_id) is None
    assert await home.store.read_written_by(home.tenant, one.entity_id, new_id()) is None
    assert await home.store.read_written_by(home.tenant, new_id(), transaction_id) is None


async def test_live_entities_are_counted_by_model_and_state(home: Home) -> None:
    moved, gone = await home.create(1, state="NEW"), await home.create(2, state="NEW")
    await home.create(3, state="NEW")
    await home.create(4, state="PAID", model=INVOICE)
    await home.commit(changed(moved, 1, state="PAID"), deleted(gone))
    assert await home.counts() == {(ORDER, "NEW"): 1, (ORDER, "PAID"): 1, (INVOICE, "PAID"): 1}
    assert await home.counts(ORDER) == {(ORDER, "NEW"): 1, (ORDER, "PAID"): 1}
    assert await home.counts(INVOICE) == {(INVOICE, "PAID"): 1}


async def test_states_and_models_without_entities_are_not_counted(home: Home) -> None:
    assert await home.counts() == {}
    version = await home.create(1)
    await home.delete(version)
    assert await home.counts() == await home.counts(ORDER) == {}


async def test_counts_follow_many_concurrent_changes(home: Home) -> None:
    versions = [await home.create(number, state="NEW") for number in range(10)]
    await asyncio.gather(
        *(home.commit(changed(version, 0, state="DONE")) for version in versions[:4]),
        *(home.commit(deleted(version)) for version in versions[4:6]),
        *(home.commit(created(0, state="NEW")) for _ in range(5)),
    )
    assert await home.counts() == {(ORDER, "NEW"): 9, (ORDER, "DONE"): 4}


def _bare(version: Version) -> Version:
    return msgspec.structs.replace(version, document=EMPTY_DOCUMENT)
