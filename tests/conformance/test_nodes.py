"""Two nodes on the same data: what holds among the commits of one node holds across nodes (contract: engine 5.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from cyoda.errors import Conflict, ModelHasEntities, UniqueViolation
from tests.conformance.home import INVOICE, ORDER, Home, changed, created, deleted, new_id, reading
from tests.conformance.test_audit_and_timers import timer
from tests.conformance.test_claims import A, B, claim
from tests.conformance.test_configuration import extension, into, model_of
from workflows.core.schema.node import infer
from workflows.storage.base import ModelChange, StaleConfiguration, Storage, StoredModel

ROUNDS = 12


@pytest.fixture
def there(home: Home, other_node: Storage) -> Home:
    """The same tenant as `home`, seen from another node."""
    return Home(other_node, home.tenant)


async def verdicts(*commits: Coroutine[Any, Any, object]) -> list[str]:
    """The names of the refusals, "" for what was accepted."""
    results = await asyncio.gather(*commits, return_exceptions=True)
    return [type(result).__name__ if isinstance(result, BaseException) else "" for result in results]


async def test_a_tenant_may_be_met_by_two_nodes_at_once(home: Home, there: Home) -> None:
    one, two = created(1), created(2)
    assert await verdicts(home.commit(one), there.commit(two)) == ["", ""]
    assert len(await home.scan()) == len(await there.scan()) == 2


async def test_a_node_sees_what_another_committed(home: Home, there: Home) -> None:
    version = await home.create(1)
    assert await there.current(version) == version
    snapshot = await there.begin()
    await home.update(version, 2)
    assert await there.find(version.entity_id, snapshot=snapshot) == version
    assert (await there.current(version)).number == 2


async def test_a_snapshot_of_one_node_is_good_on_another(home: Home, there: Home) -> None:
    version = await home.create(1)
    snapshot = await home.begin()
    await there.update(version, 2)
    assert await there.find(version.entity_id, snapshot=snapshot) == version
    assert await there.scan(snapshot=snapshot) == [version]


async def test_of_two_nodes_that_write_one_version_exactly_one_wins(home: Home, there: Home) -> None:
    version = await home.create(0)
    for _ in range(ROUNDS):
        results = await verdicts(home.commit(changed(version, "here")), there.commit(changed(version, "there")))
        assert sorted(results) == ["", "Conflict"]
        winner = "here" if results[0] == "" else "there"
        number, version = version.number, await home.current(version)
        assert (version.number, version.document.value) == (number + 1, {"value": winner})
    stamps = [entry.updated_at for entry in await there.store.history(there.tenant, version.entity_id)]
    assert stamps == sorted(set(stamps), reverse=True)


async def test_of_two_nodes_that_create_one_id_exactly_one_wins(home: Home, there: Home) -> None:
    for _ in range(ROUNDS):
        entity_id = new_id()
        bystander = created(9)
        results = await verdicts(
            home.commit(created(1, entity_id=entity_id)),
            there.commit(created(2, entity_id=entity_id)),
            there.commit(bystander),
        )
        assert sorted(results[:2]) == ["", "Conflict"]
        assert results[2] == ""
        assert len(await home.store.history(home.tenant, entity_id)) == 1


async def test_of_two_nodes_that_claim_one_value_exactly_one_wins(home: Home, there: Home) -> None:
    for number in range(ROUNDS):
        wanted = claim(str(number))
        results = await verdicts(
            home.commit(created(1, claims=(wanted,))),
            there.commit(created(2, claims=(wanted,))),
            there.commit(created(3, claims=(claim(f"other {number}"),))),
        )
        assert sorted(results[:2]) == ["", "UniqueViolation"]
        assert results[2] == ""
    assert len(await home.scan()) == 2 * ROUNDS


async def test_a_value_freed_on_one_node_can_be_claimed_on_another(home: Home, there: Home) -> None:
    holder = await home.create(claims=(A,))
    with pytest.raises(UniqueViolation):
        await there.commit(created(claims=(A,)))
    await home.update(holder, claims=(B,))
    await there.commit(created(claims=(A,)))
    with pytest.raises(UniqueViolation):
        await there.commit(created(claims=(B,)))


async def test_nodes_that_swap_values_and_delete_never_leave_two_holders(home: Home, there: Home) -> None:
    for number in range(ROUNDS):
        value = claim(f"contested {number}")
        holder = await home.create(claims=(value,))
        results = await verdicts(home.commit(deleted(holder)), there.commit(created(1, claims=(value,))))
        assert results[0] == ""
        last = await verdicts(home.commit(created(2, claims=(value,))))
        assert sorted((results[1], last[0])) == ["", "UniqueViolation"]


async def test_write_skew_across_nodes_is_refused(home: Home, there: Home) -> None:
    for _ in range(ROUNDS):
        one, two = await home.create("on call"), await home.create("on call")
        results = await verdicts(
            home.commit(changed(one, "off"), reads=reading(two)), there.commit(changed(two, "off"), reads=reading(one))
        )
        assert sorted(results) == ["", "Conflict"]


async def test_nodes_that_write_the_same_entities_in_opposite_order_do_not_stop_each_other(
    home: Home, there: Home
) -> None:
    versions = [await home.create(0) for _ in range(6)]
    for _ in range(ROUNDS):
        forth = [changed(version, "forth") for version in versions]
        back = [changed(version, "back") for version in reversed(versions)]
        assert sorted(await verdicts(home.commit(*forth), there.commit(*back))) == ["", "Conflict"]
        versions = [await home.current(version) for version in versions]
        assert len({str(version.document.value) for version in versions}) == 1


async def test_no_node_commits_under_a_configuration_that_another_left(home: Home, there: Home) -> None:
    """Creates on one node race with unlocking on the other, which demands zero entities: one side loses."""
    for _ in range(ROUNDS):
        locked = await home.store.change(home.tenant, ORDER, into(model_of({}).lock()))
        results = await asyncio.gather(
            *(home.commit(created(number), epoch=locked.epoch) for number in range(3)),
            there.store.change(there.tenant, ORDER, unlock),
            return_exceptions=True,
        )
        live = await there.scan()
        expected = (ModelHasEntities, 3) if live else (StoredModel, 0)
        assert (type(results[3]), len(live)) == expected
        assert live or all(isinstance(result, StaleConfiguration) for result in results[:3])
        if live:
            await home.commit(*(deleted(version) for version in live))


def unlock(stored: StoredModel, live_count: int) -> ModelChange:
    assert stored.model is not None
    return ModelChange(model=stored.model.unlock(live_count), workflows=())


async def test_extensions_from_two_nodes_all_merge(home: Home, there: Home) -> None:
    for key in (ORDER, INVOICE):
        await home.store.change(home.tenant, key, into(model_of({"a": 1}, key)))
    epoch = (await there.store.load(there.tenant, ORDER)).epoch
    commits = [
        node.commit(
            created(number),
            extensions=(extension({f"m{number}": 1}, keys[0]), extension({f"m{number}": 1}, keys[1])),
            epoch=epoch,
        )
        for number in range(ROUNDS)
        for node, keys in [((home, (ORDER, INVOICE)), (there, (INVOICE, ORDER)))[number % 2]]
    ]
    assert await verdicts(*commits) == [""] * ROUNDS
    for key in (ORDER, INVOICE):
        model = (await home.store.load(home.tenant, key)).model
        assert model is not None
        assert model.node == infer({"a": 1} | {f"m{number}": 1 for number in range(ROUNDS)})


async def test_configuration_changes_of_two_nodes_follow_each_other(home: Home, there: Home) -> None:
    await home.store.change(home.tenant, ORDER, into(model_of({})))

    def add(name: str) -> Any:
        def decide(stored: StoredModel, live_count: int) -> ModelChange:
            assert stored.model is not None
            return ModelChange(model=stored.model.extended(infer({name: 1})), workflows=stored.workflows)

        return decide

    changes = [
        node.store.change(node.tenant, ORDER, add(f"m{number}"))
        for number in range(8)
        for node in [(home, there)[number % 2]]
    ]
    assert await verdicts(*changes) == [""] * 8
    model = (await there.store.load(there.tenant, ORDER)).model
    assert model is not None
    assert model.node == infer({f"m{number}": 1 for number in range(8)})


async def test_nodes_that_arm_and_disarm_the_same_timers_leave_the_last_word(home: Home, there: Home) -> None:
    timers = [timer(new_id()) for _ in range(5)]
    for _ in range(4):
        results = await verdicts(
            home.commit(arm=tuple(timers)),
            there.commit(arm=tuple(reversed(timers)), disarm=tuple(armed.id for armed in timers[:2])),
        )
        assert results == ["", ""]
        assert len(await home.store.timers(home.tenant, [armed.id for armed in timers])) == 5


async def test_concurrent_batches_of_two_nodes_fail_only_their_bad_members(home: Home, there: Home) -> None:
    stale = await home.create(0)
    await home.update(stale, 1)
    commits = [
        node.commit(changed(stale, number) if number in (7, 20) else created(number))
        for number in range(40)
        for node in [(home, there)[number % 2]]
    ]
    results = await verdicts(*commits)
    assert [number for number, refusal in enumerate(results) if refusal] == [7, 20]
    assert {results[7], results[20]} == {Conflict.__name__}
    assert len(await there.scan()) == 39
