"""From rows to the port's values. Columns come in the order that `sql/reads.sql` selects them."""

from __future__ import annotations

from functools import lru_cache

from cyoda.principal import Actor, Kind
from workflows.core.entity import EMPTY_DOCUMENT, Document, ModelKey, Version
from workflows.storage.postgres.pool import Row


@lru_cache(maxsize=4096)
def model_key(name: str, version: int) -> ModelKey:
    return ModelKey(name, version)


@lru_cache(maxsize=4096)
def actor(id: str, kind: Kind) -> Actor:
    return Actor(id, kind)


def version(row: Row) -> Version:
    """A version; a document that was not selected comes as the empty one."""
    (_, entity_id, name, model_version, number, state, document, created_at, updated_at, transaction_id, transition,
     attributed_id, attributed_kind, executor_id, executor_kind, deleted) = row  # fmt: skip
    return Version(
        entity_id=entity_id,
        model=model_key(name, model_version),
        number=number,
        state=state,
        document=EMPTY_DOCUMENT if document is None else Document(document.encode()),
        created_at=created_at,
        updated_at=updated_at,
        transaction_id=transaction_id,
        transition=transition,
        attributed=actor(attributed_id, attributed_kind),
        executor=actor(executor_id, executor_kind),
        deleted=deleted,
    )
