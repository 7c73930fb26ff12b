"""Deleting many entities of a model in one transaction (contract: entities 5.10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from cyoda.errors import InvalidCondition, ModelNotFound
from cyoda.principal import Principal
from workflows.core.entity import ModelKey, Version
from workflows.core.predicates.condition import MATCH_ALL
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.validation import check_structure
from workflows.services.configurations import View
from workflows.services.platform import Platform
from workflows.services.search import Search
from workflows.services.transaction import Join, Transaction


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """`matched` entities were selected, `removed` of them still existed; `ids` are the matched ones of a condition."""

    model_id: UUID
    matched: int
    removed: int
    ids: tuple[UUID, ...]


async def delete_entities(
    principal: Principal,
    key: ModelKey,
    *,
    condition: bytes = b"",
    at: datetime | None = None,
    platform: Platform,
    join: Join | None = None,
) -> Deleted:
    """Delete all live entities of a model, or those that match a condition (as of an instant, if given).

    Raises InvalidCondition, ModelNotFound, InvalidFieldPath, ConditionTypeMismatch, ScanBudgetExhausted, Conflict.
    """
    everything = not condition.strip()
    tree = MATCH_ALL if everything else parse_condition(condition, InvalidCondition)

    async def attempt(view: View) -> Deleted:
        configured = await view.get(key)
        if configured.stored.model is None:
            raise ModelNotFound(f"cannot find model entityName={key.name}, version={key.version}")
        check_structure(tree)
        search = Search(principal, configured, tree, (), None, platform)
        async with platform.transactions.run(principal, join) as transaction:
            if at is not None and not everything:
                selected = await search.committed(at=at)
            else:
                selected = await search.joined(transaction, tracking=False)
            removed = await _delete(selected, principal, transaction)
        ids = () if everything else tuple(version.entity_id for version in selected)
        return Deleted(model_id=key.id, matched=len(selected), removed=removed, ids=ids)

    return await platform.configurations.decide(principal.tenant, attempt)


async def _delete(selected: Sequence[Version], principal: Principal, transaction: Transaction) -> int:
    live = await transaction.read_many([version.entity_id for version in selected])
    for version in live.values():
        transaction.delete(version, executor=principal)
    return len(live)
