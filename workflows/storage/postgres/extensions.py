"""Schema extensions that a commit carries: merged under the model's row lock, in the commit's transaction.

The epoch stays: what was accepted under the narrower schema is accepted under the wider one.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from cyoda import jsonio
from workflows.core.schema.node import Node, merge
from workflows.core.schema.serial import from_json, to_json
from workflows.storage.base import ChangeSet
from workflows.storage.postgres.connections import Connection
from workflows.storage.postgres.fields import INDEX_WORK_ID
from workflows.storage.postgres.statements import Statements

_NO_EPOCH = -1
"""Below every epoch, so the statement refuses the member as stale."""

Schemas = dict[UUID, Node]


async def lock(connection: Connection, sql: Statements, changes: Sequence[ChangeSet]) -> Schemas:
    """The schemas that the change sets extend, locked until the transaction ends; missing models are left out.

    The configuration is held first, so that no change of it waits for these rows while it is waited for.
    """
    await connection.fetch(sql["share_configuration"])
    ids = sorted({extension.model.id for change in changes for extension in change.extensions})
    rows = await connection.fetch(sql["lock_schemas"], ids)
    return {row[0]: from_json(jsonio.reparse(row[1])) for row in rows}


def epoch_of(change: ChangeSet, schemas: Schemas) -> int | None:
    """The epoch to check the change set by: it is stale when a model that it extends is gone."""
    is_known = all(extension.model.id in schemas for extension in change.extensions)
    return change.epoch if is_known else _NO_EPOCH


async def merge_into(connection: Connection, sql: Statements, schemas: Schemas, accepted: Sequence[ChangeSet]) -> None:
    merged = dict(schemas)
    for change in accepted:
        for extension in change.extensions:
            merged[extension.model.id] = merge(merged[extension.model.id], extension.node)
    for model_id, node in merged.items():
        if node is not schemas[model_id]:
            text = jsonio.dumps(to_json(node)).decode()
            await connection.execute(sql["write_schema"], model_id, text, sql.schema, INDEX_WORK_ID)
