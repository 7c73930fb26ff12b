"""Direct search: all matches or a refusal, never a cut-off answer (contract: search 2, 4, 5, 7).

Pages of matches, by the id that the page before ended with, are ours beside the contract.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

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
UNPAGED_ORDER = "pages after an entity are in the order of ids: sort by @id or by nothing"
BUDGET_EXHAUSTED = "search scan budget exhausted; narrow the query or add an indexable predicate"


class Page(NamedTuple):
    """Matches behind the id `after`, in ascending order of ids or in descending; None for `after` is the beginning."""

    after: UUID | None
    descending: bool = False


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
    after: str | None = None,
    platform: Platform,
    join: Join | None = None,
) -> list[Version]:
    """All entities of a model that satisfy a condition, in sort order (id order last).

    `limit` is the text of the query parameter: a cap on the matches, not a page. With `after`, an entity's id or empty
    for the beginning, it is a page: the first matches behind that id, by id. `tracking` adds the committed matches
    to the read set of the joined transaction. Raises, in the contract's order (search 2.5): BadRequest,
    InvalidFieldPath, InvalidCondition, ModelNotFound, ConditionTypeMismatch, SearchResultLimit, ScanBudgetExhausted.
    """
    tree, sort_keys, cap = _parsed(condition, sort, limit, platform)
    page = None if after is None else _page(after, sort_keys)

    async def attempt(view: View) -> list[Version]:
        configured = await _known(view, key)
        search = Search(principal, configured, tree, () if page else sort_keys, cap, platform, page=page)
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


def _page(after: str, sort_keys: Sequence[SortKey]) -> Page:
    """Raises BadRequest."""
    try:
        entity_id = UUID(after) if after else None
    except ValueError:
        raise BadRequest("invalid after: not an entity id") from None
    if [key for key in sort_keys if (key.source, key.path) != ("meta", "id")]:
        raise BadRequest(UNPAGED_ORDER)
    return Page(entity_id, any(key.descending for key in sort_keys))


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
    """One validated search, ready to run; `cap` None means all matches. Of a `page` it is how many at most."""

    def __init__(
        self,
        principal: Principal,
        configured: Configured,
        condition: Condition,
        sort_keys: Sequence[SortKey],
        cap: int | None,
        platform: Platform,
        *,
        page: Page | None = None,
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
        self._page = page
        self._storage = platform.storage
        self._budget = platform.limits.scan_budget

    async def committed(self, *, at: datetime | None = None) -> list[Version]:
        return self._sorted(await self._taken(self._scan(at, None)))

    async def joined(self, transaction: Transaction, *, tracking: bool) -> list[Version]:
        """The snapshot's matches without what the transaction replaced, plus its own matching versions."""
        own = transaction.buffered(self._model)
        descending = self._page is not None and self._page.descending
        own_matches = [v for v in own.values() if self._is_asked_for(v) and self._predicate(v.document.value, v)]
        own_matches.sort(key=_by_id, reverse=descending)
        committed = await self._taken(self._scan(None, await transaction.snapshot()), without=own)
        found = list(heapq.merge(committed, own_matches, key=_by_id, reverse=descending))
        if self._page is not None:
            found = found[: self._cap]
        elif self._cap is not None and len(found) > self._cap:
            raise SearchResultLimit
        if tracking:
            transaction.track(version for version in found if version.entity_id not in own)
        return self._sorted(found)

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

    async def _taken(self, scan: Scan, *, without: Collection[UUID] = ()) -> list[Version]:
        """The matches, or as many as a page holds. Raises SearchResultLimit, ScanBudgetExhausted."""
        taken: list[Version] = []
        async with aclosing(self._batches(scan)) as batches:
            async for _, found in batches:
                taken += [version for version in found if version.entity_id not in without]
                if self._cap is not None and len(taken) >= self._cap:
                    if self._page is not None:
                        return taken[: self._cap]
                    if len(taken) > self._cap:
                        raise SearchResultLimit
        return taken

    async def _batches(self, scan: Scan) -> AsyncGenerator[tuple[Batch, Sequence[Version]]]:
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
        page = self._page or Page(None)
        return Scan(
            model=self._model,
            at=at,
            snapshot=snapshot,
            narrowing=self._narrowing,
            indexed=self._indexed,
            after=page.after,
            descending=page.descending,
            at_first=self._cap if self._page else None,
        )

    def _is_asked_for(self, own: Version) -> bool:
        page = self._page
        if own.deleted or page is None or page.after is None:
            return not own.deleted
        return own.entity_id < page.after if page.descending else own.entity_id > page.after

    def _sorted(self, found: list[Version]) -> list[Version]:
        key = self._sort_key
        return found if key is None else sorted(found, key=lambda version: key(version.document.value, version))


def _by_id(version: Version) -> int:
    return version.entity_id.int
