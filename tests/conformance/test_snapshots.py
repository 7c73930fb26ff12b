"""Snapshots: one committed state, for as long as it is asked for (contract: engine 5.1)."""

from __future__ import annotations

import pytest

from cyoda.errors import Conflict
from tests.conformance.home import Home, changed, created, deleted, new_id


async def test_begin_reads_the_given_entities_as_its_snapshot_sees_them(home: Home) -> None:
    version, gone = await home.create(1), await home.create(2)
    await home.delete(gone)
    snapshot, found = await home.store.begin(home.tenant, [version.entity_id, gone.entity_id, new_id()])
    assert found == {version.entity_id: version}
    assert await home.store.read(home.tenant, [version.entity_id], snapshot=snapshot) == found


async def test_begin_of_a_new_tenant_sees_nothing(home: Home) -> None:
    snapshot, found = await home.store.begin(home.tenant)
    assert found == {}
    write = created(1)
    await home.commit(write)
    assert await home.find(write.entity_id, snapshot=snapshot) is None


async def test_a_snapshot_sees_everything_acknowledged_before_it(home: Home) -> None:
    for number in range(5):
        version = await home.create(number)
        assert await home.find(version.entity_id, snapshot=await home.begin()) == version


async def test_a_snapshot_does_not_see_what_is_created_after_it(home: Home) -> None:
    snapshot = await home.begin()
    version = await home.create(1)
    assert await home.find(version.entity_id, snapshot=snapshot) is None
    assert await home.find(version.entity_id) == version


async def test_a_snapshot_sees_the_version_it_began_with_whatever_follows(home: Home) -> None:
    first = await home.create(1)
    snapshot = await home.begin()
    second = await home.update(first, 2)
    assert await home.find(first.entity_id, snapshot=snapshot) == first
    middle = await home.begin()
    third = await home.update(second, 3)
    await home.delete(third)
    assert await home.find(first.entity_id, snapshot=snapshot) == first
    assert await home.find(first.entity_id, snapshot=middle) == second
    assert await home.find(first.entity_id, snapshot=await home.begin()) is None


async def test_a_snapshot_sees_a_change_whole_or_not_at_all(home: Home) -> None:
    one, two = await home.create(1), await home.create(1)
    before = await home.begin()
    third = created(2)
    await home.commit(changed(one, 2), deleted(two), third)
    after = await home.begin()
    ids = [one.entity_id, two.entity_id, third.entity_id]
    assert await home.store.read(home.tenant, ids, snapshot=before) == {one.entity_id: one, two.entity_id: two}
    found = await home.store.read(home.tenant, ids, snapshot=after)
    assert {entity_id: version.document.value for entity_id, version in found.items()} == {
        one.entity_id: {"value": 2}, third.entity_id: {"value": 2},
    }  # fmt: skip


async def test_a_snapshot_does_not_follow_stamps(home: Home) -> None:
    """A commit that lands after the snapshot with an earlier proposed moment stays invisible."""
    one = await home.create(1)
    snapshot = await home.begin()
    late = created(2)
    await home.commit(late, at=one.updated_at.replace(year=2020))
    assert await home.find(late.entity_id, snapshot=snapshot) is None
    assert await home.scan(snapshot=snapshot) == [one]


async def test_a_refused_change_moves_no_snapshot(home: Home) -> None:
    stale = await home.create(1)
    fresh = await home.update(stale, 2)
    extra = created(3)
    with pytest.raises(Conflict):
        await home.commit(extra, changed(stale, 3))
    snapshot = await home.begin()
    assert await home.store.read(home.tenant, [stale.entity_id, extra.entity_id], snapshot=snapshot) == {
        stale.entity_id: fresh
    }


async def test_two_snapshots_of_one_state_see_the_same(home: Home) -> None:
    version = await home.create(1)
    one, two = await home.begin(), await home.begin()
    await home.update(version, 2)
    assert (
        await home.find(version.entity_id, snapshot=one) == await home.find(version.entity_id, snapshot=two) == version
    )
