"""Several nodes on one database: what the queues of one node keep apart, the database must."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from cyoda.errors import Conflict, ModelHasEntities, UniqueViolation
from tests.conformance.home import NOON, ORDER, Home, changed, created, deleted, new_id
from tests.conformance.test_audit_and_timers import timer
from tests.conformance.test_claims import claim
from tests.conformance.test_configuration import extension, into, model_of
from workflows.core.entity import Version
from workflows.core.schema.node import infer
from workflows.storage.base import ModelChange, StaleConfiguration, StoredModel
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

NODES = 4


@pytest.fixture
async def nodes(postgres_url: str) -> AsyncIterator[list[Home]]:
    """One tenant as several nodes see it."""
    pools = [Pool(PoolSettings(url=postgres_url, size=4)) for _ in range(NODES)]
    stores = [PostgresStorage(pool, SchemaDirectory(pool)) for pool in pools]
    for store in stores:
        await store.open()
    tenant = f"tenant-{uuid.uuid4()}"
    yield [Home(store, tenant) for store in stores]
    for store in stores:
        await store.close()


async def move(home: Home, source: Version, target: Version) -> None:
    """One unit from an entity to another, repeated until nobody was first."""
    while True:
        _, found = await home.store.begin(home.tenant, [source.entity_id, target.entity_id])
        one, two = found[source.entity_id], found[target.entity_id]
        writes = (changed(one, one.document.value["value"] - 1), changed(two, two.document.value["value"] + 1))
        try:
            await home.commit(*writes)
        except Conflict:
            continue
        return


async def test_no_update_is_lost_between_nodes(nodes: list[Home]) -> None:
    accounts = [await nodes[0].create(100) for _ in range(5)]
    await asyncio.gather(
        *(
            move(nodes[n % NODES], accounts[n % 5], accounts[(n * 3 + 1) % 5])
            for n in range(40)
            if n % 5 != (n * 3 + 1) % 5
        )
    )
    found = [await nodes[1].current(account) for account in accounts]
    assert sum(version.document.value["value"] for version in found) == 500
    moves = sum(n % 5 != (n * 3 + 1) % 5 for n in range(40))
    assert sum(version.number for version in found) == 5 + 2 * moves


async def test_one_version_has_one_successor_and_one_id_one_creator(nodes: list[Home]) -> None:
    version, entity_id = await nodes[0].create(0), new_id()
    updates = await asyncio.gather(
        *(home.commit(changed(version, n)) for n, home in enumerate(nodes)), return_exceptions=True
    )
    creates = await asyncio.gather(
        *(home.commit(created(n, entity_id=entity_id)) for n, home in enumerate(nodes)), return_exceptions=True
    )
    for verdicts in (updates, creates):
        assert sorted(type(verdict).__name__ for verdict in verdicts) == ["Conflict"] * (NODES - 1) + ["datetime"]


async def test_one_value_has_one_holder(nodes: list[Home]) -> None:
    for number in range(5):
        verdicts = await asyncio.gather(
            *(home.commit(created(1, claims=(claim(f"a{number}"), claim(f"b{number}", "other")))) for home in nodes),
            *(home.commit(created(1, claims=(claim(f"b{number}", "other"), claim(f"a{number}")))) for home in nodes),
            return_exceptions=True,
        )
        assert sum(isinstance(verdict, UniqueViolation) for verdict in verdicts) == 2 * NODES - 1, verdicts


async def test_a_collision_with_another_node_fails_none_of_the_batch(nodes: list[Home]) -> None:
    """The other node's uncommitted claim is met by the statement itself, not by its look at what is committed."""
    one, other = nodes[:2]
    verdicts = await asyncio.gather(
        *(one.commit(created(n, claims=(claim(f"x{n}"),))) for n in range(20)),
        *(other.commit(created(n, claims=(claim(f"x{n}"),))) for n in range(0, 20, 2)),
        return_exceptions=True,
    )
    assert sum(not isinstance(verdict, BaseException) for verdict in verdicts) == 20
    assert all(isinstance(v, UniqueViolation) for v in verdicts if isinstance(v, BaseException))
    assert len(await one.scan()) == 20


async def test_extensions_from_all_nodes_merge(nodes: list[Home]) -> None:
    stored = await nodes[0].store.change(nodes[0].tenant, ORDER, into(model_of({"a": 1})))
    await asyncio.gather(
        *(
            nodes[n % NODES].commit(
                created(n), extensions=(extension({f"m{n}": n}),) if n % 2 else (), epoch=stored.epoch
            )
            for n in range(24)
        )
    )
    loaded = (await nodes[1].store.load(nodes[1].tenant, ORDER)).model
    assert loaded is not None
    assert loaded.node == infer({"a": 1} | {f"m{n}": n for n in range(1, 24, 2)})
    assert len(await nodes[2].scan()) == 24


async def test_extending_a_model_that_is_gone_is_stale(nodes: list[Home]) -> None:
    verdicts = await asyncio.gather(
        nodes[0].commit(created(1)),
        nodes[0].commit(created(2), extensions=(extension({"a": 1}),)),
        return_exceptions=True,
    )
    assert [type(verdict) for verdict in verdicts] == [type(NOON), StaleConfiguration]
    assert len(await nodes[0].scan()) == 1


async def test_configuration_and_commits_of_different_nodes_exclude_each_other(nodes: list[Home]) -> None:
    """Creates, schema extensions and unlocking race; unlocking demands that nothing lives, and none may deadlock."""

    def unlock(stored: StoredModel, live_count: int) -> ModelChange:
        assert stored.model is not None
        return ModelChange(model=stored.model.unlock(live_count), workflows=())

    for _ in range(6):
        locked = await nodes[0].store.change(nodes[0].tenant, ORDER, into(model_of({}).lock()))
        verdicts = await asyncio.gather(
            nodes[3].store.change(nodes[3].tenant, ORDER, unlock),
            *(
                home.commit(created(n), epoch=locked.epoch, extensions=(extension({f"n{n}": 1}),) if n % 2 else ())
                for home in nodes[:3]
                for n in range(4)
            ),
            return_exceptions=True,
        )
        landed = sum(not isinstance(verdict, BaseException) for verdict in verdicts[1:])
        if isinstance(verdicts[0], BaseException):
            assert isinstance(verdicts[0], ModelHasEntities)
            assert landed == 12
        else:
            assert landed == 0
            assert all(isinstance(verdict, StaleConfiguration) for verdict in verdicts[1:])
        live = await nodes[0].scan()
        assert len(live) == landed
        if live:
            await nodes[0].commit(*(deleted(version) for version in live))


async def test_timers_armed_by_several_nodes_at_once_end_up_armed(nodes: list[Home]) -> None:
    timers = [timer(new_id()) for _ in range(6)]
    ids = [armed.id for armed in timers]
    await asyncio.gather(*(home.commit(arm=tuple(timers[n:] + timers[:n])) for n, home in enumerate(nodes)))
    assert len(await nodes[0].store.timers(nodes[0].tenant, ids)) == 6
    await asyncio.gather(*(home.commit(disarm=tuple(ids[n:] + ids[:n])) for n, home in enumerate(nodes)))
    assert list(await nodes[0].store.timers(nodes[0].tenant, ids)) == []
