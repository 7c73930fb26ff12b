"""Sort keys as bytes order as the keys themselves do (contract: search 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from cyoda.jsonio import Json
from workflows.core.predicates.ordering import bytes_key
from workflows.core.predicates.sort import SortClass, SortField, SortKey, sort_key

from .support import META, Lifecycle


@dataclass(frozen=True)
class Entity:
    document: Json
    meta: Lifecycle
    id: UUID


_VALUES: dict[SortClass, st.SearchStrategy[Any]] = {
    SortClass.TEXT: st.text(st.characters(exclude_categories=()), max_size=4) | st.text("\0\1a", max_size=3),
    SortClass.NUMERIC: st.integers(-3, 3)
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**53, 2**53 + 1, 10**400, -(10**400)]),
    SortClass.BOOLEAN: st.booleans(),
}


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[SortField], list[Entity]]:
    """One to three sort fields, and entities that have values of them, or not."""
    classes = draw(st.lists(st.sampled_from(list(_VALUES)), max_size=2))
    fields = [
        SortField(SortKey(f"f{number}", "data", draw(st.booleans())), compares)
        for number, compares in enumerate(classes)
    ]
    fields.append(SortField(SortKey("creationDate", "meta", draw(st.booleans())), SortClass.TEMPORAL))
    fields.append(SortField(SortKey("state", "meta", draw(st.booleans())), SortClass.TEXT))
    entities: list[Entity] = []
    for number in range(draw(st.integers(2, 6))):
        document = {
            field.key.path: draw(st.none() | _VALUES[field.compares]) for field in fields if field.key.source == "data"
        }
        created = datetime(1960, 1, 1, tzinfo=UTC) + timedelta(milliseconds=draw(st.integers(0, 10**12)))
        meta = replace(META, creation_date=created, state=draw(st.sampled_from(["", "A", "AB"])))
        entity_id = UUID(int=draw(st.integers(0, 3)) << 100 | number)
        entities.append(Entity(document, replace(meta, id=str(entity_id)), entity_id))
    return fields, entities


@given(questions())
def test_bytes_compare_as_the_keys_do(question: tuple[list[SortField], list[Entity]]) -> None:
    fields, entities = question
    by_key, by_bytes = sort_key(fields), bytes_key(fields)
    expected = sorted(entities, key=lambda entity: by_key(entity.document, entity.meta))
    assert sorted(entities, key=lambda entity: by_bytes(entity.document, entity.meta, entity.id)) == expected


@given(questions())
def test_a_key_ends_with_the_entity_and_begins_no_other(question: tuple[list[SortField], list[Entity]]) -> None:
    fields, entities = question
    keys = [bytes_key(fields)(entity.document, entity.meta, entity.id) for entity in entities]
    assert [key[-16:] for key in keys] == [entity.id.bytes for entity in entities]
    assert not any(a is not b and b.startswith(a) for a in keys for b in keys)
