"""No tenant sees, counts, blocks or removes what is another's, on any method of the port (contract: entities 1.2)."""

from __future__ import annotations

import pytest

from cyoda.errors import Conflict
from tests.conformance.home import FAR_FUTURE, INVOICE, ORDER, Home, changed, created, deleted, new_id, reading
from tests.conformance.test_audit_and_timers import record, timer
from tests.conformance.test_claims import A
from tests.conformance.test_configuration import extension, into, model_of
from tests.conformance.test_messages import message
from workflows.core.entity import Version


@pytest.fixture
async def theirs(home: Home) -> Version:
    """An entity of `home` with a claim, audit and a timer, under a model."""
    await home.store.change(home.tenant, ORDER, into(model_of({"a": 1}), b"{}"))
    write = created("secret", claims=(A,))
    await home.commit(write, audit=(record(write.entity_id, "x"),), arm=(timer(write.entity_id),))
    return await home.current(write)


async def test_no_read_finds_another_tenants_entity(home: Home, theirs: Version, stranger: Home) -> None:
    store, tenant, entity_id = stranger.store, stranger.tenant, theirs.entity_id
    snapshot, found = await store.begin(tenant, [entity_id])
    foreign = await home.begin()
    assert (
        found == await store.read(tenant, [entity_id]) == await store.read(tenant, [entity_id], snapshot=snapshot) == {}
    )
    assert await store.read(tenant, [entity_id], snapshot=foreign) == {}
    assert await store.read_as_of(tenant, entity_id, FAR_FUTURE) is None
    assert await store.read_written_by(tenant, entity_id, theirs.transaction_id) is None
    assert list(await store.history(tenant, entity_id)) == []


async def test_no_scan_or_count_includes_another_tenants_entities(home: Home, theirs: Version, stranger: Home) -> None:
    snapshot = await stranger.begin()
    assert await stranger.scan() == await stranger.scan(at=FAR_FUTURE) == await stranger.scan(snapshot=snapshot) == []
    assert await stranger.counts() == await stranger.counts(ORDER) == {}
    own = await stranger.create(1)
    assert await stranger.scan() == [own]
    assert await home.scan() == [theirs]


async def test_another_tenants_entity_can_be_neither_changed_nor_deleted(
    home: Home, theirs: Version, stranger: Home
) -> None:
    for write in (changed(theirs, 2), deleted(theirs)):
        with pytest.raises(Conflict):
            await stranger.commit(write)
    with pytest.raises(Conflict):
        await stranger.commit(created(1), reads=reading(theirs))
    assert await home.current(theirs) == theirs


async def test_the_same_entity_id_may_live_in_two_tenants(home: Home, theirs: Version, stranger: Home) -> None:
    await stranger.commit(created("own", entity_id=theirs.entity_id))
    own = await stranger.current(theirs)
    assert own.document.value == {"value": "own"}
    await stranger.delete(own)
    assert await home.current(theirs) == theirs
    assert len(await home.store.history(home.tenant, theirs.entity_id)) == 1


async def test_unique_values_of_two_tenants_do_not_collide(home: Home, theirs: Version, stranger: Home) -> None:
    version = await stranger.create(1, claims=(A,))
    await stranger.delete(version)
    with pytest.raises(Exception, match="unique key"):
        await home.commit(created(claims=(A,)))


async def test_audit_and_timers_are_the_tenants_own(home: Home, theirs: Version, stranger: Home) -> None:
    store, tenant, entity_id = stranger.store, stranger.tenant, theirs.entity_id
    assert list(await store.audit(tenant, entity_id)) == []
    assert list(await store.timers_of(tenant, entity_id)) == []
    assert list(await store.timers(tenant, [timer(entity_id).id])) == []
    await stranger.commit(disarm=(timer(entity_id).id,))
    assert list(await home.store.timers_of(home.tenant, entity_id)) == [timer(entity_id)]
    own = timer(entity_id, due_at=FAR_FUTURE)
    await stranger.commit(arm=(own,), audit=(record(entity_id, "own"),))
    assert list(await home.store.timers(home.tenant, [own.id])) == [timer(entity_id)]
    assert len(await home.store.audit(home.tenant, entity_id)) == 1


async def test_configuration_is_the_tenants_own(home: Home, theirs: Version, stranger: Home) -> None:
    before = await home.store.load(home.tenant, ORDER)
    loaded = await stranger.store.load(stranger.tenant, ORDER)
    assert (loaded.model, loaded.workflows) == (None, ())
    assert await stranger.store.models(stranger.tenant) == []
    live_counts: list[int] = []
    own = model_of({"own": True})
    await stranger.store.change(
        stranger.tenant, ORDER, lambda stored, live: live_counts.append(live) or into(own)(stored, live)
    )
    await stranger.store.change(stranger.tenant, INVOICE, into(model_of({}, INVOICE)))
    await stranger.commit(created(1), extensions=(extension({"b": 1}),))
    assert live_counts == [0]
    assert await home.store.load(home.tenant, ORDER) == before
    assert len(await home.store.models(home.tenant)) == 1
    await home.commit(created(2), epoch=before.epoch)


async def test_messages_are_the_tenants_own(home: Home, stranger: Home) -> None:
    sent = message()
    await home.store.put_message(home.tenant, sent)
    assert await stranger.store.message(stranger.tenant, sent.id) is None
    assert list(await stranger.store.delete_messages(stranger.tenant, [sent.id, new_id()])) == []
    assert await home.store.message(home.tenant, sent.id) == sent


@pytest.mark.parametrize(
    "name", ["UPPER", "with space", "quote'\"; DROP SCHEMA public; --", "é\U0001f3ac", "x" * 200, "-", "%"]
)
async def test_a_tenant_id_is_any_text(home: Home, name: str) -> None:
    odd, near = Home(home.store, f"{home.tenant}{name}"), Home(home.store, f"{home.tenant}{name}".swapcase() + "x")
    version = await odd.create(1)
    assert await odd.scan() == [version]
    assert await near.scan() == await home.scan() == []
