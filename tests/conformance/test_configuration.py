"""Models, workflows and the epoch that guards decisions made under them (contract: entities 3-4, engine 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from cyoda.errors import Conflict, ModelHasEntities
from cyoda.jsonio import Json
from tests.conformance.home import ANNA, INVOICE, NOON, ORDER, TICK, Home, changed, created, deleted
from workflows.core.entity import ModelKey
from workflows.core.schema.change_level import ChangeLevel
from workflows.core.schema.model import Model, imported
from workflows.core.schema.node import infer
from workflows.core.unique import UniqueKey
from workflows.storage.base import (
    Extension,
    Import,
    ModelChange,
    StaleConfiguration,
    StoredModel,
    WorkflowVersion,
)

WORKFLOW = b'{"name":"w","states":{}}'


def model_of(sample: Json, key: ModelKey = ORDER) -> Model:
    return imported(key, None, sample, NOON)


def into(model: Model | None, *workflows: bytes) -> Callable[[StoredModel, int], ModelChange]:
    """A decision for this model and these workflows, whatever is stored."""
    return lambda stored, live_count: ModelChange(model=model, workflows=workflows)


def extension(sample: Json, key: ModelKey = ORDER) -> Extension:
    return Extension(model=key, node=infer(sample))


async def test_an_unknown_model_is_loaded_as_none(home: Home) -> None:
    stored = await home.store.load(home.tenant, ORDER)
    assert (stored.model, stored.workflows) == (None, ())
    assert await home.store.models(home.tenant) == []


async def test_a_model_is_loaded_as_it_was_saved(home: Home) -> None:
    model = model_of({"mail": "a@b", "n": [1, Decimal("1.5"), None], "deep": {"x": True, "\u0000é": None}})
    model = model.with_change_level(ChangeLevel.STRUCTURAL.name).with_unique_keys((UniqueKey("k", ("$.mail",)),)).lock()
    model = replace(model, updated_at=NOON + TICK)
    saved = await home.store.change(home.tenant, ORDER, into(model, WORKFLOW, b"{}"))
    loaded = await home.store.load(home.tenant, ORDER)
    assert saved == loaded == StoredModel(model=model, workflows=(WORKFLOW, b"{}"), epoch=loaded.epoch, revision=0)
    assert await home.store.models(home.tenant) == [model]


async def test_a_decision_sees_what_is_stored_and_how_many_entities_live(home: Home) -> None:
    model = model_of({})
    await home.store.change(home.tenant, ORDER, into(model, WORKFLOW))
    await home.create(1)
    version = await home.create(2)
    await home.create(3, model=INVOICE)
    await home.delete(version)
    seen: list[tuple[StoredModel, int]] = []

    def decide(stored: StoredModel, live_count: int) -> ModelChange:
        seen.append((stored, live_count))
        return ModelChange(model=stored.model, workflows=stored.workflows)

    before = await home.store.load(home.tenant, ORDER)
    await home.store.change(home.tenant, ORDER, decide)
    assert seen[-1] == (before, 1)


async def test_the_epoch_rises_with_every_change_and_is_the_tenants(home: Home) -> None:
    epochs = [(await home.store.load(home.tenant, ORDER)).epoch]
    for key in (ORDER, INVOICE, ORDER):
        epochs.append((await home.store.change(home.tenant, key, into(model_of({}, key)))).epoch)
        assert (await home.store.load(home.tenant, ORDER)).epoch == epochs[-1]
        assert (await home.store.load(home.tenant, INVOICE)).epoch == epochs[-1]
    assert epochs == sorted(set(epochs))


async def test_a_change_set_of_an_old_epoch_is_refused(home: Home) -> None:
    old = (await home.store.change(home.tenant, ORDER, into(model_of({})))).epoch
    await home.commit(created(1), epoch=old)
    new = (await home.store.change(home.tenant, INVOICE, into(model_of({}, INVOICE)))).epoch
    with pytest.raises(StaleConfiguration):
        await home.commit(created(2), epoch=old)
    assert len(await home.scan()) == 1
    await home.commit(created(2), epoch=new)
    await home.commit(created(3), epoch=None)
    assert len(await home.scan()) == 3


async def test_the_epoch_guards_a_tenant_without_models_too(home: Home) -> None:
    first = (await home.store.load(home.tenant, ORDER)).epoch
    await home.commit(created(1), epoch=first)
    await home.store.change(home.tenant, ORDER, into(model_of({})))
    with pytest.raises(StaleConfiguration):
        await home.commit(created(2), epoch=first)


async def test_stale_changes_fail_alone_among_concurrent_ones(home: Home) -> None:
    old = (await home.store.change(home.tenant, ORDER, into(model_of({})))).epoch
    new = (await home.store.change(home.tenant, ORDER, into(model_of({})))).epoch
    verdicts = await asyncio.gather(
        *(home.commit(created(number), epoch=old if number == 5 else new) for number in range(10)),
        return_exceptions=True,
    )
    assert [i for i, verdict in enumerate(verdicts) if isinstance(verdict, BaseException)] == [5]
    assert isinstance(verdicts[5], StaleConfiguration)


async def test_a_decision_that_raises_leaves_all_as_it_was(home: Home) -> None:
    model = model_of({"a": 1}).lock()
    await home.store.change(home.tenant, ORDER, into(model, WORKFLOW))
    before = await home.store.load(home.tenant, ORDER)
    await home.create(1)

    def refuse(stored: StoredModel, live_count: int) -> ModelChange:
        assert stored.model is not None
        return ModelChange(model=stored.model.unlock(live_count), workflows=())

    with pytest.raises(ModelHasEntities):
        await home.store.change(home.tenant, ORDER, refuse)
    assert await home.store.load(home.tenant, ORDER) == before
    await home.commit(created(2), epoch=before.epoch)
    assert (await home.store.change(home.tenant, ORDER, into(model))).epoch > before.epoch


async def test_workflows_outlive_their_model(home: Home) -> None:
    await home.store.change(home.tenant, ORDER, into(model_of({}), WORKFLOW))

    def delete(stored: StoredModel, live_count: int) -> ModelChange:
        return ModelChange(model=None, workflows=stored.workflows)

    stored = await home.store.change(home.tenant, ORDER, delete)
    assert (stored.model, stored.workflows) == (None, (WORKFLOW,))
    assert await home.store.load(home.tenant, ORDER) == stored
    assert await home.store.models(home.tenant) == []
    again = await home.store.change(home.tenant, ORDER, into(model_of({}), *stored.workflows))
    assert again.workflows == (WORKFLOW,)


async def test_workflow_text_and_order_are_kept(home: Home) -> None:
    texts = (
        b'{"name":"z","n":1.50}',
        b'{"name":"a","t":"\\u0000 \\u00e9"}',
        b'{"name":"z","n":1.50}',
        '{"é":1e2}'.encode(),
    )
    await home.store.change(home.tenant, ORDER, into(model_of({}), *texts))
    assert (await home.store.load(home.tenant, ORDER)).workflows == texts


async def test_models_are_listed_by_name_and_version(home: Home) -> None:
    keys = [ModelKey("b", 2), ModelKey("a", 10), ModelKey("b", 1), ModelKey("a", 9), ModelKey("B", 1), ModelKey("é", 1)]
    for key in keys:
        await home.store.change(home.tenant, key, into(model_of({}, key)))
    assert [model.key for model in await home.store.models(home.tenant)] == sorted(keys)


async def test_concurrent_changes_of_one_model_follow_each_other(home: Home) -> None:
    await home.store.change(home.tenant, ORDER, into(model_of({})))

    def add(number: int) -> Callable[[StoredModel, int], ModelChange]:
        def decide(stored: StoredModel, live_count: int) -> ModelChange:
            assert stored.model is not None
            return ModelChange(model=stored.model.extended(infer({f"m{number}": 1})), workflows=stored.workflows)

        return decide

    results = await asyncio.gather(*(home.store.change(home.tenant, ORDER, add(number)) for number in range(8)))
    assert len({result.epoch for result in results}) == 8
    loaded = (await home.store.load(home.tenant, ORDER)).model
    assert loaded is not None
    assert loaded.node == infer({f"m{number}": 1 for number in range(8)})


async def test_no_entity_lands_under_a_configuration_that_was_left(home: Home) -> None:
    """Creates race with unlocking, which demands zero entities: either the unlock or the creates lose."""
    for _ in range(5):
        locked = await home.store.change(home.tenant, ORDER, into(model_of({}).lock()))

        def unlock(stored: StoredModel, live_count: int) -> ModelChange:
            assert stored.model is not None
            return ModelChange(model=stored.model.unlock(live_count), workflows=())

        verdicts = await asyncio.gather(
            *(home.commit(created(number), epoch=locked.epoch) for number in range(4)),
            home.store.change(home.tenant, ORDER, unlock),
            *(home.commit(created(number), epoch=locked.epoch) for number in range(4)),
            return_exceptions=True,
        )
        unlocked = verdicts[4]
        others = verdicts[:4] + verdicts[5:]
        if isinstance(unlocked, ModelHasEntities):
            assert not any(isinstance(verdict, BaseException) for verdict in others)
        else:
            assert isinstance(unlocked, StoredModel)
            assert all(isinstance(verdict, StaleConfiguration) for verdict in others)
        live = await home.scan()
        assert len(live) == sum(not isinstance(verdict, BaseException) for verdict in others)
        if live:
            await home.commit(*(deleted(version) for version in live))


# --- extensions ---------------------------------------------------------------------------------------------------


async def test_an_extension_is_merged_with_its_commit(home: Home) -> None:
    stored = await home.store.change(home.tenant, ORDER, into(model_of({"a": 1}), WORKFLOW))
    await home.commit(created(1), extensions=(extension({"b": {"c": "x"}}),), epoch=stored.epoch)
    loaded = await home.store.load(home.tenant, ORDER)
    assert loaded.model is not None
    assert loaded.model.node == infer({"a": 1, "b": {"c": "x"}})
    assert loaded.model == replace(model_of({"a": 1}), node=loaded.model.node)
    assert loaded.workflows == (WORKFLOW,)
    assert [model.node for model in await home.store.models(home.tenant)] == [loaded.model.node]


async def test_concurrent_extensions_of_one_model_all_merge(home: Home) -> None:
    stored = await home.store.change(home.tenant, ORDER, into(model_of({"a": 1})))
    await asyncio.gather(
        *(
            home.commit(created(number), extensions=(extension({f"m{number}": number, "a": "x"}),), epoch=stored.epoch)
            for number in range(20)
        )
    )
    loaded = (await home.store.load(home.tenant, ORDER)).model
    assert loaded is not None
    expected = (
        model_of({"a": 1}).extended(infer({"a": "x"})).extended(infer({f"m{number}": number for number in range(20)}))
    )
    assert loaded.node == expected.node
    assert len(await home.scan()) == 20


async def test_a_refused_change_extends_nothing(home: Home) -> None:
    await home.store.change(home.tenant, ORDER, into(model_of({"a": 1})))
    version = await home.create(1)
    await home.update(version, 2)
    with pytest.raises(Conflict):
        await home.commit(changed(version, 3), extensions=(extension({"b": 1}),))
    loaded = (await home.store.load(home.tenant, ORDER)).model
    assert loaded is not None
    assert loaded.node == infer({"a": 1})


async def test_extensions_of_several_models_merge_with_one_commit(home: Home) -> None:
    for key in (ORDER, INVOICE):
        await home.store.change(home.tenant, key, into(model_of({"a": 1}, key)))
    await home.commit(
        created(1), created(2, model=INVOICE),
        extensions=(extension({"b": 1}), extension({"c": 1}, INVOICE), extension({"d": 1})),
    )  # fmt: skip
    nodes = [model.node for model in await home.store.models(home.tenant)]
    assert nodes == [infer({"a": 1, "c": 1}), infer({"a": 1, "b": 1, "d": 1})]


async def test_a_decision_sees_the_extended_schema(home: Home) -> None:
    await home.store.change(home.tenant, ORDER, into(model_of({"a": 1})))
    await home.commit(created(1), extensions=(extension({"b": 1}),))

    def keep(stored: StoredModel, live_count: int) -> ModelChange:
        assert stored.model is not None
        assert stored.model.node == infer({"a": 1, "b": 1})
        return ModelChange(model=stored.model, workflows=stored.workflows)

    stored = await home.store.change(home.tenant, ORDER, keep)
    assert stored.model is not None
    assert stored.model.node == infer({"a": 1, "b": 1})


# --- versions of workflows ----------------------------------------------------------------------------------------


def importing(*workflows: bytes, mode: str = "REPLACE") -> Callable[[StoredModel, int], ModelChange]:
    made = Import(at=NOON, mode=mode, actor=ANNA)
    return lambda stored, _: ModelChange(model=stored.model or model_of({}), workflows=workflows, made=made)


async def test_each_import_leaves_a_version_that_stays(home: Home) -> None:
    other = b'{"name":"\\u0000v"}'
    first = await home.store.change(home.tenant, ORDER, importing(WORKFLOW))
    again = await home.store.change(home.tenant, ORDER, importing(WORKFLOW))
    second = await home.store.change(home.tenant, ORDER, importing(WORKFLOW, other, mode="MERGE"))
    assert (first.revision, again.revision, second.revision) == (1, 1, 2)
    assert (await home.store.load(home.tenant, ORDER)).revision == 2
    made = Import(at=NOON, mode="MERGE", actor=ANNA)
    newest, oldest = await home.store.workflow_versions(home.tenant, ORDER)
    assert newest == WorkflowVersion(number=2, made=made, names=("w", "v"))
    assert (oldest.number, oldest.made.mode, oldest.names) == (1, "REPLACE", ("w",))
    kept = await home.store.workflow_version(home.tenant, ORDER, 2)
    assert kept == WorkflowVersion(number=2, made=made, names=("w", "v"), workflows=(WORKFLOW, other))
    assert await home.store.workflow_version(home.tenant, ORDER, 3) is None
    assert await home.store.workflow_versions(home.tenant, ORDER, before=2) == [oldest]
    assert await home.store.workflow_versions(home.tenant, ORDER, limit=1) == [newest]


async def test_versions_are_of_one_model_and_one_tenant_and_outlive_the_model(home: Home) -> None:
    await home.store.change(home.tenant, ORDER, importing(WORKFLOW))
    stranger = replace(home, tenant=home.tenant + " too")
    assert await home.store.workflow_versions(home.tenant, INVOICE) == []
    assert await stranger.store.workflow_versions(stranger.tenant, ORDER) == []
    assert await stranger.store.workflow_version(stranger.tenant, ORDER, 1) is None
    await home.store.change(home.tenant, ORDER, lambda stored, _: ModelChange(model=None, workflows=stored.workflows))
    assert [version.number for version in await home.store.workflow_versions(home.tenant, ORDER)] == [1]


async def test_an_import_that_is_refused_leaves_no_version(home: Home) -> None:
    def refuse(stored: StoredModel, _: int) -> ModelChange:
        raise Conflict

    with pytest.raises(Conflict):
        await home.store.change(home.tenant, ORDER, refuse)
    assert await home.store.workflow_versions(home.tenant, ORDER) == []
