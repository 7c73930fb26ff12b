"""Audit records and timers live and die with their change set (contract: engine 4.1, 5.1, 6)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from cyoda.errors import Conflict
from cyoda.jsonio import parse
from tests.conformance.home import ANNA, NOON, ORDER, TICK, Home, changed, new_id
from workflows.core.audit import AuditRecord, Event, EventType
from workflows.core.timer import Timer, timer_id

SECOND = timedelta(seconds=1)


def record(entity_id: UUID, *details: str, transaction_id: UUID | None = None) -> AuditRecord:
    events = tuple(
        Event(EventType.TRANSITION_MAKE, NOON + TICK, "NEW", text, {"n": i}) for i, text in enumerate(details)
    )
    return AuditRecord(entity_id=entity_id, transaction_id=transaction_id or new_id(), events=events)


async def test_what_was_recorded_is_read_oldest_first(home: Home) -> None:
    version = await home.create(1)
    one, two = record(version.entity_id, "one", "two"), record(version.entity_id, "three")
    three = record(version.entity_id, "four", transaction_id=one.transaction_id)
    await home.commit(changed(version, 2), audit=(one, two))
    await home.commit(audit=(three,))
    assert list(await home.store.audit(home.tenant, version.entity_id)) == [one, two, three]


async def test_records_of_one_change_are_kept_per_entity(home: Home) -> None:
    a, b = new_id(), new_id()
    records = (record(a, "1"), record(b, "2"), record(a, "3"))
    await home.commit(audit=records)
    assert list(await home.store.audit(home.tenant, a)) == [records[0], records[2]]
    assert list(await home.store.audit(home.tenant, b)) == [records[1]]
    assert list(await home.store.audit(home.tenant, new_id())) == []


async def test_transactions_are_listed_once_newest_first_and_read_whole(home: Home) -> None:
    version = await home.create(1)
    alone, other, lost = record(version.entity_id, "1"), record(version.entity_id, "2"), new_id()
    again = record(lost, "3", transaction_id=alone.transaction_id)
    await home.commit(audit=(alone,))
    await home.commit(audit=(other,))
    await home.commit(audit=(record(lost, "left out", transaction_id=alone.transaction_id), again))
    newest, older = await home.store.audited_transactions(home.tenant, limit=9)
    assert [(one.transaction_id, one.records) for one in (newest, older)] == [
        (alone.transaction_id, 3), (other.transaction_id, 1)
    ]  # fmt: skip
    assert list(await home.store.audited_transactions(home.tenant, limit=1)) == [newest]
    assert list(await home.store.audited_transactions(home.tenant, before=newest.position, limit=9)) == [older]
    assert list(await home.store.audited_transactions(home.tenant, before=older.position, limit=9)) == []
    ids = [alone.transaction_id, other.transaction_id, new_id()]
    found = await home.store.audit_of_transactions(home.tenant, ids, limit=9)
    assert [each for each in found if each[0].events[0].details != "left out"] == [
        (alone, version.model), (other, version.model), (again, None)
    ]  # fmt: skip
    assert len(found) == 4
    cut = await home.store.audit_of_transactions(home.tenant, ids, limit=1)
    assert list(cut) == [(alone, version.model), (other, version.model), (again, None)]


async def test_event_data_keeps_its_exact_values(home: Home) -> None:
    data = parse(b'{"a":1.50,"b":[1e2,null,true,"\\u0000 \\u00e9"],"big":12345678901234567890123456789012345678901}')
    event = Event(EventType.STATE_PROCESS_RESULT, NOON.replace(microsecond=1), "", "text 'with' \u0000 and é", data)
    wanted = AuditRecord(
        entity_id=new_id(), transaction_id=new_id(), events=(event, msgspec.structs.replace(event, data=None))
    )
    await home.commit(audit=(wanted,))
    (found,) = await home.store.audit(home.tenant, wanted.entity_id)
    assert found == wanted
    assert str(found.events[0].data["a"]) == "1.50"


async def test_a_refused_change_leaves_neither_audit_nor_timers(home: Home) -> None:
    stale = await home.create(1)
    await home.update(stale, 2)
    old = timer(stale.entity_id, "old")
    await home.commit(arm=(old,))
    with pytest.raises(Conflict):
        await home.commit(
            changed(stale, 3), audit=(record(stale.entity_id, "x"),), arm=(timer(stale.entity_id, "new"),),
            disarm=(old.id,),
        )  # fmt: skip
    assert list(await home.store.audit(home.tenant, stale.entity_id)) == []
    assert list(await home.store.timers_of(home.tenant, stale.entity_id)) == [old]


async def test_audit_of_concurrent_changes_is_kept_for_each(home: Home) -> None:
    records = [record(new_id(), str(number)) for number in range(20)]
    await asyncio.gather(*(home.commit(audit=(entry,)) for entry in records))
    assert [list(await home.store.audit(home.tenant, entry.entity_id)) for entry in records] == [[r] for r in records]


# --- timers -------------------------------------------------------------------------------------------------------


def timer(
    entity_id: UUID, transition: str = "expire", due_at: datetime = NOON, *, timeout_ms: int | None = None
) -> Timer:
    return Timer(
        id=timer_id("t", entity_id, "NEW", transition), entity_id=entity_id, model=ORDER, source_state="NEW",
        transition=transition, due_at=due_at, timeout_ms=timeout_ms, armed_at=NOON + TICK, armed_by=ANNA,
    )  # fmt: skip


async def test_a_timer_is_read_as_it_was_armed(home: Home) -> None:
    armed = timer(new_id(), due_at=NOON, timeout_ms=1500)
    await home.commit(arm=(armed,))
    assert list(await home.store.timers_of(home.tenant, armed.entity_id)) == [armed]


async def test_arming_again_overwrites(home: Home) -> None:
    entity_id = new_id()
    await home.commit(arm=(timer(entity_id, due_at=NOON),))
    again = timer(entity_id, due_at=NOON + SECOND, timeout_ms=7)
    await home.commit(arm=(again,))
    assert list(await home.store.timers_of(home.tenant, entity_id)) == [again]


async def test_a_disarmed_timer_is_gone_and_an_absent_one_is_no_fault(home: Home) -> None:
    kept, gone = timer(new_id()), timer(new_id())
    await home.commit(arm=(kept, gone))
    await home.commit(disarm=(gone.id, "absent"))
    assert list(await home.store.timers(home.tenant, [kept.id, gone.id])) == [kept]
    assert list(await home.store.timers_of(home.tenant, gone.entity_id)) == []


async def test_a_timer_disarmed_and_armed_in_one_change_is_armed(home: Home) -> None:
    """A timer that fires on a loop discards itself and is armed anew by the settled state."""
    entity_id = new_id()
    first = timer(entity_id, due_at=NOON)
    again = timer(entity_id, due_at=NOON + SECOND)
    await home.commit(arm=(first,))
    await home.commit(arm=(again,), disarm=(first.id,))
    assert list(await home.store.timers_of(home.tenant, entity_id)) == [again]


async def test_the_timers_of_an_entity_are_its_own(home: Home) -> None:
    entity_id = new_id()
    timers = [timer(entity_id, "expire"), timer(entity_id, "remind")]
    await home.commit(arm=(*timers, timer(new_id())))
    found = await home.store.timers_of(home.tenant, entity_id)
    assert sorted(found, key=lambda armed: armed.transition) == timers


async def test_deleting_an_entity_leaves_its_timers(home: Home) -> None:
    """The fire finds nothing and drops the timer (contract: engine 4.2)."""
    version = await home.create(1)
    armed = timer(version.entity_id)
    await home.commit(arm=(armed,))
    await home.delete(version)
    assert list(await home.store.timers_of(home.tenant, version.entity_id)) == [armed]


async def test_timers_of_concurrent_changes_are_all_armed(home: Home) -> None:
    timers = [timer(new_id(), due_at=NOON + number * SECOND) for number in range(20)]
    await asyncio.gather(*(home.commit(arm=(armed,)) for armed in timers))
    found = await home.store.timers(home.tenant, [armed.id for armed in timers])
    assert sorted(found, key=lambda armed: armed.due_at) == timers
