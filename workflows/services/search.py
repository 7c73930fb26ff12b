"""Direct search: all matches or a refusal, never a cut-off answer (contract: search 2, 4, 5, 7)."""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cyoda.errors import BadRequest, ModelNotFound, ScanBudgetExhausted, SearchResultLimit
from cyoda.principal import Principal
from workflows.core.entity import ModelKey, Version
from workflows.core.predicates.condition import Condition
from workflows.core.predicates.kernel import Predicate, compile_condition
from workflows.core.predicates.narrowing import Narrowing, narrow
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.sort import SortKey, parse_sort, resolve_sort, sort_key
from workflows.core.predicates.validation import check_structure, validate
from workflows.core.schema.model import Model
from workflows.services.configurations import Configured, View
from workflows.services.platform import Platform
from workflows.services.transaction import Join, Transaction
from workflows.storage.base import Batch, Scan, Snapshot

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000
BUDGET_EXHAUSTED = "search scan budget exhausted; narrow the query or add an indexable predicate"


async def explain_direct(
    principal: Principal,
    key: ModelKey,
    condition: bytes,
    *,
    limit: str | None = None,
    at: datetime | None = None,
    sort: Sequence[str] = (),
    platform: Platform,
    join: Join | None = None,
) -> tuple[Explanation, Model]:
    """How `search_direct` would go about the same question, and the model; it takes any number of matches.

    Of a joined transaction what it has written is left out. Raises as `search_direct`, but SearchResultLimit.
    """
    tree, sort_keys, _ = _parsed(condition, sort, limit, platform)

    async def attempt(view: View) -> tuple[Explanation, Model]:
        configured = await _known(view, key)
        search = Search(principal, configured, tree, sort_keys, None, platform)
        if join is None or at is not None:
            return await search.explained(at=at), configured.model
        async with platform.transactions.run(principal, join) as transaction:
            return await search.explained(snapshot=await transaction.snapshot()), configured.model

    return await platform.configurations.decide(principal.tenant, attempt)


async def search_direct(
    principal: Principal,
    key: ModelKey,
    condition: bytes,
    *,
    limit: str | None = None,
    at: datetime | None = None,
    sort: Sequence[str] = (),
    tracking: bool = False,
    platform: Platform,
    join: Join | None = None,
) -> list[Version]:
    """All entities of a model that satisfy a condition, in sort order (id order last).

    `limit` is the text of the query parameter: a cap on the matches, not a page. `tracking` adds the committed matches
    to the read set of the joined transaction. Raises, in the contract's order (search 2.5): BadRequest,
    InvalidFieldPath, InvalidCondition, ModelNotFound, ConditionTypeMismatch, SearchResultLimit, ScanBudgetExhausted.
    """
    tree, sort_keys, cap = _parsed(condition, sort, limit, platform)

    async def attempt(view: View) -> list[Version]:
        configured = await _known(view, key)
        search = Search(principal, configured, tree, sort_keys, cap, platform)
        if join is None or at is not None:
            return await search.committed(at=at)
        async with platform.transactions.run(principal, join) as transaction:
            return await search.joined(transaction, tracking=tracking)

    return await platform.configurations.decide(principal.tenant, attempt)


def _parsed(
    condition: bytes, sort: Sequence[str], limit: str | None, platform: Platform
) -> tuple[Condition, Sequence[SortKey], int]:
    """Raises BadRequest, InvalidFieldPath, InvalidCondition, in the contract's order."""
    tree = parse_condition(condition)
    sort_keys = parse_sort(sort, max_keys=platform.limits.max_sort_keys)
    cap = search_limit(limit)
    check_structure(tree)
    return tree, sort_keys, cap


async def _known(view: View, key: ModelKey) -> Configured:
    """Raises ModelNotFound."""
    configured = await view.get(key)
    if configured.stored.model is None:
        raise ModelNotFound(f"model {key.name}/{key.version} not found")
    return configured


def search_limit(text: str | None) -> int:
    """Raises BadRequest."""
    if text is None:
        return DEFAULT_LIMIT
    try:
        limit = int(text) if text.isascii() and "_" not in text and text == text.strip() else 0
    except ValueError:
        limit = 0
    if limit < 1:
        raise BadRequest("invalid limit")
    if limit > MAX_LIMIT:
        raise BadRequest(f"limit exceeds maximum {MAX_LIMIT}")
    return limit


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """How a search went: by the indexes of which fields, if any; among how many entities the backend looked for what
    the narrowing accepts, how many of them the kernel judged, and how many match. `is_residual`: some had to be."""

    fields: tuple[str, ...]
    narrowing: Narrowing
    examined: int
    judged: int
    matched: int
    is_residual: bool


class Search:
    """One validated search, ready to run; `cap` None means all matches."""

    def __init__(
        self,
        principal: Principal,
        configured: Configured,
        condition: Condition,
        sort_keys: Sequence[SortKey],
        cap: int | None,
        platform: Platform,
    ) -> None:
        validate(condition, configured.fields)
        fields = resolve_sort(sort_keys, configured.fields)
        self._sort_key = sort_key(fields) if fields else None
        self._predicate: Predicate = compile_condition(condition, configured.fields)
        self._narrowing = narrow(condition, configured.fields)
        self._tenant = principal.tenant
        self._model = configured.key
        self._indexed = configured.model.indexed
        self._cap = cap
        self._storage = platform.storage
        self._budget = platform.limits.scan_budget

    async def committed(self, *, at: datetime | None = None) -> list[Version]:
        found: list[Version] = []
        async for version in self._matches(at=at):
            self._add(found, version)
        return self._sorted(found)

    async def joined(self, transaction: Transaction, *, tracking: bool) -> list[Version]:
        """The snapshot's matches without what the transaction replaced, plus its own matching versions."""
        own = transaction.buffered(self._model)
        committed: list[Version] = []
        own_matches = [v for v in own.values() if not v.deleted and self._predicate(v.document.value, v)]
        async for version in self._matches(snapshot=await transaction.snapshot()):
            if version.entity_id not in own:
                self._add(committed, version)
        if self._cap is not None and len(committed) + len(own_matches) > self._cap:
            raise SearchResultLimit
        if tracking:
            transaction.track(committed)
        own_matches.sort(key=_by_id)
        return self._sorted(list(heapq.merge(committed, own_matches, key=_by_id)))

    async def explained(self, *, at: datetime | None = None, snapshot: Snapshot | None = None) -> Explanation:
        """How the committed state is searched, by doing it. Raises ScanBudgetExhausted."""
        plan = await self._storage.plan(self._tenant, self._scan(at, snapshot))
        matched = judged = 0
        async for batch, found in self._batches(self._scan(at, snapshot)):
            matched += len(found)
            judged += 0 if self._is_settled(batch) else len(batch)
        return Explanation(
            fields=plan.fields,
            narrowing=self._narrowing,
            examined=max(plan.examined, matched),
            judged=judged,
            matched=matched,
            is_residual=not (plan.exact and self._narrowing.exact),
        )

    async def _matches(self, *, at: datetime | None = None, snapshot: Snapshot | None = None) -> AsyncIterator[Version]:
        async for _, found in self._batches(self._scan(at, snapshot)):
            for version in found:
                yield version

    async def _batches(self, scan: Scan) -> AsyncIterator[tuple[Batch, Sequence[Version]]]:
        """Each batch with its matches. What needs no second look is not counted against the budget."""
        judged, predicate = 0, self._predicate
        async for batch in self._storage.scan(self._tenant, scan):
            if self._is_settled(batch):
                yield batch, batch
                continue
            judged += len(batch)
            if judged > self._budget:
                raise ScanBudgetExhausted(BUDGET_EXHAUSTED)
            yield batch, [version for version in batch if predicate(version.document.value, version)]

    def _is_settled(self, batch: Batch) -> bool:
        return batch.exact and self._narrowing.exact

    def _scan(self, at: datetime | None, snapshot: Snapshot | None) -> Scan:
        return Scan(model=self._model, at=at, snapshot=snapshot, narrowing=self._narrowing, indexed=self._indexed)

    def _add(self, found: list[Version], version: Version) -> None:
        if len(found) == self._cap:
            raise SearchResultLimit
        found.append(version)

    def _sorted(self, found: list[Version]) -> list[Version]:
        key = self._sort_key
        return found if key is None else sorted(found, key=lambda version: key(version.document.value, version))


def _by_id(version: Version) -> int:
    return version.entity_id.int
