"""Contract: entities 4.1, 4.3, 4.6, 4.8."""

from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

import pytest

from cyoda import jsonio
from cyoda.errors import (
    BadRequest,
    CyodaError,
    IncompatibleType,
    InvalidChangeLevel,
    InvalidUniqueKeyDefinition,
    ModelAlreadyLocked,
    ModelAlreadyUnlocked,
    ModelHasEntities,
    PolymorphicSlot,
)
from workflows.core.entity import ModelKey
from workflows.core.schema.change_level import ChangeLevel
from workflows.core.schema.model import Model, imported
from workflows.core.schema.node import infer
from workflows.core.schema.simple_view import simple_view
from workflows.core.schema.types import DataType
from workflows.core.unique import UniqueKey

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(seconds=1)
KEY = ModelKey("order", 7)
NAMED = {"entityName": "order", "entityVersion": 7}


def model(sample: str = '{"a":1}') -> Model:
    return imported(KEY, None, jsonio.parse(sample), AT)


def same_error(error: CyodaError, detail: str, properties: dict[str, object]) -> bool:
    return error.detail == detail and error.properties == properties


def test_a_new_model_is_unlocked_without_level_and_has_the_id_of_its_name() -> None:
    found = model()
    assert (found.state, found.change_level, found.unique_keys, found.updated_at) == ("UNLOCKED", None, (), AT)
    assert found.id == uuid5(NAMESPACE_URL, "order.7")


def test_another_import_widens_the_schema_and_keeps_the_rest() -> None:
    first = model().with_change_level("TYPE").with_unique_keys((UniqueKey("k", ("$.a",)),))
    second = imported(KEY, first, {"a": "x", "b": None}, LATER)
    assert simple_view(second.node) == {"$": {".a": "[INTEGER, STRING]", ".b": "NULL"}}
    assert (second.change_level, second.unique_keys, second.updated_at) == (ChangeLevel.TYPE, first.unique_keys, LATER)
    assert simple_view(first.node) == {"$": {".a": "INTEGER"}}


def test_importing_the_same_sample_again_keeps_the_schema() -> None:
    first = model()
    assert imported(KEY, first, {"a": 2}, LATER).node is first.node


def test_a_locked_model_takes_no_import() -> None:
    with pytest.raises(ModelAlreadyLocked) as refused:
        imported(KEY, model().lock(), {"a": 1}, LATER)
    assert same_error(
        refused.value,
        "MODEL_ALREADY_LOCKED: cannot save entityModel{name=order, version=7} "
        "because this model has already been registered",
        NAMED,
    )


def test_an_import_that_breaks_a_declared_key_is_refused() -> None:
    keyed = model().with_unique_keys((UniqueKey("k", ("$.a",)),))
    with pytest.raises(InvalidUniqueKeyDefinition) as refused:
        imported(KEY, keyed, {"a": {"b": 1}}, LATER)
    assert same_error(
        refused.value,
        "INVALID_UNIQUE_KEY_DEFINITION: re-import invalidates existing unique key definitions: "
        'key "k": field "$.a" is not a known scalar leaf',
        NAMED,
    )


def test_locking_and_unlocking_change_the_state_only() -> None:
    found = model().with_change_level("STRUCTURAL")
    assert found.lock().state == "LOCKED"
    assert found.lock().unlock(0) == found


def test_a_locked_model_is_not_locked_again() -> None:
    with pytest.raises(ModelAlreadyLocked) as refused:
        model().lock().lock()
    assert same_error(
        refused.value,
        "MODEL_ALREADY_LOCKED: cannot process entityModel{entityName=order, entityVersion=7}. "
        "expectedState=UNLOCKED, actualState=LOCKED",
        {**NAMED, "expectedState": "UNLOCKED", "actualState": "LOCKED"},
    )


def test_an_unlocked_model_is_not_unlocked_again_whatever_it_holds() -> None:
    with pytest.raises(ModelAlreadyUnlocked) as refused:
        model().unlock(3)
    assert same_error(
        refused.value,
        "MODEL_ALREADY_UNLOCKED: cannot process entityModel{entityName=order, entityVersion=7}. "
        "expectedState=LOCKED, actualState=UNLOCKED",
        {**NAMED, "expectedState": "LOCKED", "actualState": "UNLOCKED"},
    )


def test_a_model_with_entities_is_not_unlocked() -> None:
    with pytest.raises(ModelHasEntities) as refused:
        model().lock().unlock(3)
    assert same_error(refused.value, "MODEL_HAS_ENTITIES: cannot unlock: 3 entities exist", {**NAMED, "entityCount": 3})


def test_a_model_is_deleted_only_when_unlocked_and_empty() -> None:
    model().check_deletable(0)
    with pytest.raises(ModelAlreadyLocked) as refused:
        model().lock().check_deletable(3)
    assert same_error(
        refused.value,
        "MODEL_ALREADY_LOCKED: cannot delete entityModel{entityName=order, entityVersion=7}. "
        "expectedState=UNLOCKED, actualState=LOCKED",
        {**NAMED, "expectedState": "UNLOCKED", "actualState": "LOCKED"},
    )
    with pytest.raises(ModelHasEntities) as has_entities:
        model().check_deletable(3)
    assert same_error(
        has_entities.value, "MODEL_HAS_ENTITIES: cannot delete: 3 entities exist", {**NAMED, "entityCount": 3}
    )


def test_a_change_level_is_set_in_any_state_up_and_down() -> None:
    found = model().with_change_level("STRUCTURAL").lock().with_change_level("ARRAY_LENGTH")
    assert found.change_level is ChangeLevel.ARRAY_LENGTH


@pytest.mark.parametrize("name", ["type", "", "NONE", "TYPE "])
def test_another_change_level_is_refused(name: str) -> None:
    with pytest.raises(InvalidChangeLevel) as refused:
        model().with_change_level(name)
    assert same_error(
        refused.value,
        f'INVALID_CHANGE_LEVEL: invalid change level "{name}"; '
        "valid values: ARRAY_LENGTH, ARRAY_ELEMENTS, TYPE, STRUCTURAL",
        {**NAMED, "suppliedValue": name, "validValues": ["ARRAY_LENGTH", "ARRAY_ELEMENTS", "TYPE", "STRUCTURAL"]},
    )


def test_keys_replace_each_other_and_can_be_cleared() -> None:
    keyed = model('{"a":1,"b":1}').with_unique_keys((UniqueKey("k", ("$.a",)),))
    assert keyed.with_unique_keys((UniqueKey("l", ("$.b",)),)).unique_keys == (UniqueKey("l", ("$.b",)),)
    assert keyed.with_unique_keys(()).unique_keys == ()


def test_keys_are_declared_on_an_unlocked_model_only() -> None:
    with pytest.raises(ModelAlreadyLocked, match="cannot process entityModel"):
        model().lock().with_unique_keys((UniqueKey("", ()),))


def test_a_wrong_key_definition_is_refused_with_its_reason() -> None:
    with pytest.raises(InvalidUniqueKeyDefinition) as refused:
        model().with_unique_keys((UniqueKey("k", ()),))
    assert same_error(refused.value, 'INVALID_UNIQUE_KEY_DEFINITION: key "k" has no fields', NAMED)


def test_without_a_level_a_document_must_fit_strictly() -> None:
    found = model()
    assert found.accept({"a": 2}) is None
    with pytest.raises(IncompatibleType) as refused:
        found.accept({"a": "x"})
    assert refused.value.properties["entityVersion"] == "7"
    with pytest.raises(BadRequest):
        found.accept({"b": 2})


def test_with_a_level_a_new_shape_extends_the_schema_without_touching_the_date() -> None:
    found = model().lock().with_change_level("STRUCTURAL")
    extended = found.accept({"a": 1, "b": "x"})
    assert extended is not None
    assert simple_view(extended.node) == {"$": {".a": "INTEGER", ".b": "STRING"}}
    assert (extended.state, extended.updated_at) == ("LOCKED", AT)
    assert extended.accept({"b": "y"}) is None
    assert extended.accept({"a": None}) is None
    with pytest.raises(PolymorphicSlot):
        extended.accept({"a": {}})


def test_strict_checks_ignore_the_level() -> None:
    found = model().with_change_level("STRUCTURAL")
    with pytest.raises(BadRequest, match="b: unexpected field"):
        found.check({"b": 1})
    assert [problem.message for problem in found.problems({"b": 1})] == ["b: unexpected field not present in model"]
    assert found.problems({"a": 1}) == []


def test_an_extension_that_breaks_a_declared_key_is_refused() -> None:
    keyed = model('{"a":null}').with_unique_keys((UniqueKey("k", ("$.a",)),)).with_change_level("TYPE")
    with pytest.raises(InvalidUniqueKeyDefinition) as refused:
        keyed.accept({"a": {"b": 1}})
    assert same_error(
        refused.value,
        "INVALID_UNIQUE_KEY_DEFINITION: schema change would invalidate a composite unique key: "
        'key "k": field "$.a" is not a known scalar leaf',
        {},
    )


def test_extensions_made_side_by_side_all_survive() -> None:
    found = model().with_change_level("STRUCTURAL")
    one, other = found.accept({"b": 1}), found.accept({"c": 1})
    assert one is not None
    assert other is not None
    both = found.extended(one.node).extended(other.node)
    assert simple_view(both.node) == {"$": {".a": "INTEGER", ".b": "INTEGER", ".c": "INTEGER"}}
    assert both.extended(infer({"a": 1})) is both


def test_a_model_knows_its_field_paths() -> None:
    assert model('{"a":{"b":[1]}}').field_paths == {"$.a.b[*]": DataType.INTEGER}
