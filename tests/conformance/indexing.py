"""Models with declared indexes, for tests of storage."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cyoda.jsonio import Json
from tests.conformance.home import NOON, ORDER, Home
from workflows.core.entity import ModelKey
from workflows.core.field_index import FieldIndex
from workflows.core.schema.model import Model
from workflows.core.schema.node import Node, infer
from workflows.storage.base import ModelChange

PATIENCE_SECONDS = 30


async def declare(home: Home, node: Node | Json, *fields: str, key: ModelKey = ORDER) -> Model:
    """A locked model of that schema (or of such documents), whose fields are declared indexed, each by an index."""
    model = Model(
        name=key.name,
        version=key.version,
        node=node if isinstance(node, Node) else infer(node),
        locked=True,
        indexes=tuple(FieldIndex(f"by-{field}", (field,)) for field in fields),
        updated_at=NOON,
    )
    await home.store.change(home.tenant, key, lambda _stored, _live: ModelChange(model=model, workflows=()))
    return model


async def states(home: Home, key: ModelKey = ORDER) -> dict[str, str]:
    found = await home.store.index_states(home.tenant, key)
    return {field: index.state for field, index in found.items()}


async def until_states(home: Home, state: str, fields: Sequence[str], *, key: ModelKey = ORDER) -> None:
    """Wait until the indexes of just these fields are all in a state."""
    wanted = dict.fromkeys(fields, state)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await states(home, key) != wanted:
            await asyncio.sleep(0.01)


async def indexed(home: Home, node: Node | Json, *fields: str, key: ModelKey = ORDER) -> Model:
    """As `declare`, with all indexes ready."""
    model = await declare(home, node, *fields, key=key)
    await until_states(home, "ready", fields, key=key)
    return model
