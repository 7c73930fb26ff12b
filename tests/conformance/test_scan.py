"""Scans: the live entities of a model at one state, in id order (contract: entities 5.9)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from tests.conformance.home import (
    FAR_FUTURE,
    INVOICE,
    NOON,
    ORDER,
    TICK,
    Home,
    changed,
    created,
    deleted,
    values,
)  # fmt: skip
from workflows.core.entity import ModelKey
from workflows.storage.base import Scan

SECOND = timedelta(seconds=1)


async def test_a_scan_of_nothing_is_empty(home: Home) -> None:
    assert await home.scan() == []
    await home.create(1, model=INVOICE)
    assert await home.scan(ORDER) == []


async def test_a_scan_finds_the_latest_versions_of_one_model(home: Home) -> None:
    one, two, gone = await home.create(1), await home.create(2), await home.create(3)
    await home.create(4, model=INVOICE)
    await home.create(5, model=ModelKey("order", 2))
    two = await home.update(two, 20)
    await home.delete(gone)
    assert await home.scan() == _by_id(one, two)


async def test_a_scan_is_in_ascending_order_of_the_id_text(home: Home) -> None:
    ids = [UUID(text) for text in (
        "ffffffff-0000-1000-8000-000000000000", "00000000-ffff-1fff-8000-000000000000",
        "80000000-0000-1000-8000-000000000000", "7fffffff-0000-1000-8000-000000000000",
        "0a000000-0000-1000-8000-000000000001", "a0000000-0000-1000-8000-000000000000",
        "0a000000-0000-1000-8000-000000000000",
    )]  # fmt: skip
    await home.commit(*(created(entity_id=entity_id) for entity_id in ids))
    assert [version.id for version in await home.scan()] == sorted(str(entity_id) for entity_id in ids)
    assert [version.id for version in await home.scan(at=FAR_FUTURE)] == sorted(str(entity_id) for entity_id in ids)
    snapshot = await home.begin()
    assert [version.id for version in await home.scan(snapshot=snapshot)] == sorted(str(i) for i in ids)


async def test_a_scan_at_a_snapshot_sees_through_later_changes(home: Home) -> None:
    kept, updated, gone = await home.create(1), await home.create(2), await home.create(3)
    before = await home.create(4)
    await home.delete(before)
    snapshot = await home.begin()
    await home.commit(changed(updated, 20), deleted(gone), created(5))
    await home.update(await home.current(updated), 200)
    assert await home.scan(snapshot=snapshot) == _by_id(kept, updated, gone)
    assert sorted(values(await home.scan())) == [1, 5, 200]


async def test_a_scan_at_a_snapshot_follows_states_too(home: Home) -> None:
    version = await home.create(1, state="NEW")
    snapshot = await home.begin()
    await home.update(version, 1, state="DONE")
    assert [found.state for found in await home.scan(snapshot=snapshot)] == ["NEW"]
    assert [found.state for found in await home.scan()] == ["DONE"]


async def test_a_scan_at_an_instant_is_inclusive(home: Home) -> None:
    one = await home.create(1, at=NOON)
    two = await home.create(2, at=NOON + SECOND)
    one_later = await home.update(one, 10, at=NOON + 2 * SECOND)
    await home.delete(two, at=NOON + 3 * SECOND)
    expected = {
        NOON - TICK: [], NOON: [one], NOON + SECOND - TICK: [one], NOON + SECOND: _by_id(one, two),
        NOON + 2 * SECOND - TICK: _by_id(one, two), NOON + 2 * SECOND: _by_id(one_later, two),
        NOON + 3 * SECOND - TICK: _by_id(one_later, two), NOON + 3 * SECOND: [one_later], FAR_FUTURE: [one_later],
    }  # fmt: skip
    assert {at: await home.scan(at=at) for at in expected} == expected


@pytest.mark.parametrize("mode", ["latest", "at", "snapshot"])
async def test_offset_and_limit_page_through_a_scan(home: Home, mode: str) -> None:
    await home.commit(*(created(number) for number in range(10)))
    state = {"latest": {}, "at": {"at": FAR_FUTURE}, "snapshot": {"snapshot": await home.begin()}}[mode]
    everything = await home.scan(**state)
    assert len(everything) == 10
    assert await home.scan(limit=3, **state) == everything[:3]
    assert await home.scan(offset=3, limit=3, **state) == everything[3:6]
    assert await home.scan(offset=8, limit=5, **state) == everything[8:]
    assert await home.scan(offset=7, **state) == everything[7:]
    assert await home.scan(offset=10, **state) == []
    assert await home.scan(limit=0, **state) == []


async def test_deleted_entities_take_no_place_in_a_page(home: Home) -> None:
    versions = _by_id(*[await home.create(number) for number in range(4)])
    await home.delete(versions[0])
    await home.delete(versions[2])
    assert await home.scan(limit=2) == [versions[1], versions[3]]
    assert await home.scan(offset=1, limit=2, at=FAR_FUTURE) == [versions[3]]


async def test_pages_at_a_snapshot_stay_put_while_others_write(home: Home) -> None:
    versions = _by_id(*[await home.create(number) for number in range(6)])
    snapshot = await home.begin()
    pages = [await home.scan(snapshot=snapshot, limit=2)]
    await home.commit(deleted(versions[0]), changed(versions[3], 30), created(7))
    pages += [await home.scan(snapshot=snapshot, offset=2, limit=2), await home.scan(snapshot=snapshot, offset=4)]
    assert [version for page in pages for version in page] == versions


async def test_a_long_scan_comes_in_batches_of_one_state(home: Home) -> None:
    """What is committed while the scan is being read appears in none of its batches."""
    writes = [created(number) for number in range(1500)]
    await home.commit(*writes)
    batches = home.store.scan(home.tenant, Scan(model=ORDER))
    found = list(await anext(batches))
    assert len(found) < len(writes)
    for write in writes[-3:]:
        await home.update(await home.current(write), -1)
    await home.commit(created(-2))
    await home.delete(await home.current(writes[700]))
    async for batch in batches:
        found.extend(batch)
    assert sorted(values(found)) == list(range(1500))
    assert [version.entity_id for version in found] == sorted(write.entity_id for write in writes)


async def test_a_long_scan_may_be_left_early(home: Home) -> None:
    await home.commit(*(created(number) for number in range(1500)))
    batches = home.store.scan(home.tenant, Scan(model=ORDER))
    await anext(batches)
    await batches.aclose()  # type: ignore[attr-defined]
    assert len(await home.scan()) == 1500


async def test_a_scan_returns_whole_versions(home: Home) -> None:
    version = await home.update(await home.create(1), 2, state="PAID", transition="pay")
    snapshot = await home.begin()
    assert await home.scan() == await home.scan(at=FAR_FUTURE) == await home.scan(snapshot=snapshot) == [version]


async def test_the_model_name_is_taken_literally(home: Home) -> None:
    name = "o'r\"d%e_r\\ \u00e9\U0001f3ac"
    version = await home.create(1, model=ModelKey(name, 1))
    await home.create(2, model=ModelKey("o'r\"dxe_r\\ \u00e9\U0001f3ac", 1))
    assert await home.scan(ModelKey(name, 1)) == [version]
    assert (await home.current(version)).model == ModelKey(name, 1)


def _by_id(*versions: object) -> list:
    return sorted(versions, key=lambda version: version.entity_id)  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["latest", "at", "snapshot"])
async def test_a_scan_goes_on_after_an_id_in_both_directions(home: Home, mode: str) -> None:
    await home.commit(*(created(number) for number in range(10)))
    state = {"latest": {}, "at": {"at": FAR_FUTURE}, "snapshot": {"snapshot": await home.begin()}}[mode]
    everything = await home.scan(**state)
    backwards = everything[::-1]
    assert await home.scan(descending=True, **state) == backwards
    assert await home.scan(descending=True, limit=3, **state) == backwards[:3]
    assert await home.scan(after=everything[3].entity_id, limit=4, **state) == everything[4:8]
    assert await home.scan(after=everything[3].entity_id, descending=True, **state) == everything[2::-1]
    assert await home.scan(after=everything[9].entity_id, **state) == []
    between = UUID(int=everything[4].entity_id.int - 1)
    assert await home.scan(after=between, at_first=2, **state) == everything[4:]
    assert await home.scan(after=between, at_first=1, descending=True, **state) == everything[3::-1]
