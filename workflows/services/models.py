"""Entity models: discovered from samples, locked, governed, exported, deleted (contract: entities 3-4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from cyoda import jsonio
from cyoda.errors import BadRequest, Conflict, ModelNotFound
from cyoda.principal import Principal
from workflows.core.entity import ModelKey
from workflows.core.field_index import FieldIndex, IndexState, joint_state
from workflows.core.schema.export import exported
from workflows.core.schema.model import Model, imported
from workflows.core.schema.validation import Problem
from workflows.core.unique import UniqueKey
from workflows.services.configurations import MAX_ATTEMPTS
from workflows.services.documents import parse_sample
from workflows.services.platform import Platform
from workflows.services.quotas import Check, model_check
from workflows.storage.base import ModelChange, StaleConfiguration, StoredModel


def model_not_found(key: ModelKey) -> ModelNotFound:
    """The refusal of the model endpoints, with their properties."""
    return ModelNotFound(
        f"cannot find model entityName={key.name}, version={key.version}",
        {"entityName": key.name, "entityVersion": key.version},
    )


async def import_model(
    principal: Principal, key: ModelKey, body: bytes, *, data_format: str, converter: str, platform: Platform
) -> Model:
    """Create a model from a sample, or widen an unlocked one by it.

    Raises BadRequest (format, converter, unparsable sample), ModelAlreadyLocked, InvalidUniqueKeyDefinition,
    QuotaExceeded, Conflict (the tenant's configuration keeps changing).
    """
    if converter != "SAMPLE_DATA":
        raise BadRequest("unsupported import converter")

    for _ in range(MAX_ATTEMPTS):
        check = await model_check(principal.tenant, key, platform.quotas, platform.storage)

        def decide(stored: StoredModel, _live: int, check: Check | None = check) -> ModelChange:
            model = _widened(key, stored, body, data_format, check, platform)
            return ModelChange(model=model, workflows=stored.workflows)

        with suppress(StaleConfiguration):
            return await _change(principal, key, decide, platform)
    raise Conflict


async def preview_import(
    principal: Principal, key: ModelKey, body: bytes, *, data_format: str, converter: str, platform: Platform
) -> tuple[Model | None, Model]:
    """The model as it is, and as an import of the sample would leave it. Raises as `import_model`."""
    if converter != "SAMPLE_DATA":
        raise BadRequest("unsupported import converter")
    for _ in range(MAX_ATTEMPTS):
        check = await model_check(principal.tenant, key, platform.quotas, platform.storage)
        stored = await platform.storage.load(principal.tenant, key)
        with suppress(StaleConfiguration):
            return stored.model, _widened(key, stored, body, data_format, check, platform)
    raise Conflict


def _widened(
    key: ModelKey, stored: StoredModel, body: bytes, data_format: str, check: Check | None, platform: Platform
) -> Model:  # fmt: skip
    if stored.model is not None:
        stored.model.check_importable()
    model = imported(key, stored.model, parse_sample(body, data_format), platform.clock())
    if check is not None:
        check(model, stored.epoch)
    return model


async def export_model(principal: Principal, key: ModelKey, *, converter: str, platform: Platform) -> bytes:
    """The model as JSON text (SIMPLE_VIEW is byte-stable). Raises ModelNotFound, BadRequest (unknown converter)."""
    return exported(await _model(principal, key, platform), converter)


async def lock_model(principal: Principal, key: ModelKey, *, platform: Platform) -> Model:
    """Lock a model so that entities can be created. Raises ModelNotFound, ModelAlreadyLocked."""
    return await _alter(principal, key, lambda model, _live: model.lock(), platform)


async def unlock_model(principal: Principal, key: ModelKey, *, platform: Platform) -> Model:
    """Open a model without entities to samples again. Raises ModelNotFound, ModelAlreadyUnlocked, ModelHasEntities."""
    return await _alter(principal, key, lambda model, live: model.unlock(live), platform)


async def set_change_level(principal: Principal, key: ModelKey, level: str, *, platform: Platform) -> Model:
    """Raises ModelNotFound, InvalidChangeLevel."""
    return await _alter(principal, key, lambda model, _live: model.with_change_level(level), platform)


class _UniqueKeysBody(msgspec.Struct):
    class Key(msgspec.Struct):
        id: str = ""
        fields: list[str] = []

    uniqueKeys: list[Key] | None = None  # noqa: N815 - the wire's spelling


async def set_unique_keys(principal: Principal, key: ModelKey, body: bytes, *, platform: Platform) -> Model:
    """Replace the composite unique keys of an unlocked model.

    Raises BadRequest (body), ModelNotFound, ModelAlreadyLocked, InvalidUniqueKeyDefinition.
    """
    try:
        declared = msgspec.json.decode(body, type=_UniqueKeysBody).uniqueKeys or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("failed to parse request body") from None
    keys = tuple(UniqueKey(item.id, tuple(item.fields)) for item in declared)
    return await _alter(principal, key, lambda model, _live: model.with_unique_keys(keys), platform)


class _IndexesBody(msgspec.Struct):
    class Index(msgspec.Struct):
        id: str = ""
        fields: list[str] = []

    indexes: list[Index] | None = None


async def set_indexes(principal: Principal, key: ModelKey, body: bytes, *, platform: Platform) -> Model:
    """Replace the declared indexes of a model, locked or not; they are built and removed in the background.

    Raises BadRequest (body), ModelNotFound, InvalidIndexDefinition.
    """
    try:
        declared = msgspec.json.decode(body, type=_IndexesBody).indexes or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("failed to parse request body") from None
    indexes = tuple(FieldIndex(item.id, tuple(item.fields)) for item in declared)
    return await _alter(principal, key, lambda model, _live: model.with_indexes(indexes), platform)


async def list_indexes(
    principal: Principal, key: ModelKey, *, platform: Platform
) -> Sequence[tuple[FieldIndex, IndexState]]:
    """The declared indexes of a model, each with how far it is. Raises ModelNotFound."""
    model = await _model(principal, key, platform)
    fields = await platform.storage.index_states(principal.tenant, key)
    wanted = IndexState("building", 0.0)
    return [(index, joint_state([fields.get(field, wanted) for field in index.fields])) for index in model.indexes]


async def delete_model(principal: Principal, key: ModelKey, *, platform: Platform) -> Model:
    """Delete an unlocked model without live entities; its workflows stay for a later import of the same key.

    Raises ModelNotFound, ModelAlreadyLocked, ModelHasEntities.
    """
    deleted: list[Model] = []

    def decide(stored: StoredModel, live: int) -> ModelChange:
        if stored.model is None:
            raise model_not_found(key)
        stored.model.check_deletable(live)
        deleted.append(stored.model)
        return ModelChange(model=None, workflows=stored.workflows)

    stored = await platform.storage.change(principal.tenant, key, decide)
    platform.configurations.remember(principal.tenant, key, stored)
    return deleted[-1]


async def validate_document(
    principal: Principal, key: ModelKey, body: bytes, *, platform: Platform
) -> Sequence[Problem]:
    """The findings of strict validation; none when the document is valid. Raises ModelNotFound, BadRequest."""
    model = await _model(principal, key, platform)
    try:
        document, _ = jsonio.first_value(body)
    except jsonio.InvalidJson:
        raise BadRequest("failed to parse request body") from None
    return model.problems(document)


async def list_models(principal: Principal, *, platform: Platform) -> Sequence[Model]:
    return await platform.storage.models(principal.tenant)


async def _model(principal: Principal, key: ModelKey, platform: Platform) -> Model:
    stored = (await platform.configurations.load(principal.tenant, key)).stored
    if stored.model is None:
        raise model_not_found(key)
    return stored.model


async def _alter(
    principal: Principal, key: ModelKey, alter: Callable[[Model, int], Model], platform: Platform
) -> Model:
    def decide(stored: StoredModel, live: int) -> ModelChange:
        if stored.model is None:
            raise model_not_found(key)
        return ModelChange(model=alter(stored.model, live), workflows=stored.workflows)

    return await _change(principal, key, decide, platform)


async def _change(
    principal: Principal, key: ModelKey, decide: Callable[[StoredModel, int], ModelChange], platform: Platform
) -> Model:
    stored = await platform.storage.change(principal.tenant, key, decide)
    return platform.configurations.remember(principal.tenant, key, stored).model
