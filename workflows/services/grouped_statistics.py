"""Counting and aggregating entities by group (contract: entities 6.5, search 11).

A backend counts what it can count exactly; everything else streams through the predicate kernel and the tally. Either
way memory grows with the groups only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from cyoda.errors import InvalidCondition, InvalidFieldPath, ModelNotFound, ScanBudgetExhausted
from cyoda.principal import Principal, TenantId
from workflows.core.entity import ModelKey, Version
from workflows.core.predicates.condition import MATCH_ALL, ArrayCondition, Condition, Simple, leaves
from workflows.core.predicates.kernel import Predicate, compile_condition
from workflows.core.predicates.narrowing import Narrowing, narrow
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.validation import validate_for_statistics
from workflows.core.stats import StatisticsRequest
from workflows.core.tally import Row, Sample, Tally
from workflows.services.configurations import Configured, View
from workflows.services.platform import Platform
from workflows.services.transaction import Join, Transaction
from workflows.storage.base import Aggregation, Scan

BUDGET_EXHAUSTED = "scan budget exhausted; narrow the query or add an indexable predicate"


async def group_entities(
    principal: Principal,
    key: ModelKey | None,
    request: StatisticsRequest,
    *,
    platform: Platform,
    join: Join | None = None,
) -> list[Row]:
    """The groups of a model's live entities; `key` None is a model that cannot exist.

    A joined transaction counts its own writes, unless the request is about the past, and tracks no reads (contract:
    search Q24). Raises ModelNotFound, InvalidCondition, InvalidFieldPath, ConditionTypeMismatch,
    GroupCardinalityExceeded, ScanBudgetExhausted.
    """

    async def attempt(view: View) -> list[Row]:
        configured = None if key is None else await view.get(key)
        if configured is None or configured.stored.model is None:
            raise ModelNotFound("model not found")
        counting = _Counting(principal.tenant, configured.key, request, _selection(request, configured), platform)
        if join is None or request.at is not None:
            return await counting.committed()
        async with platform.transactions.run(principal, join) as transaction:
            return await counting.joined(transaction)

    return await platform.configurations.decide(principal.tenant, attempt)


@dataclass(frozen=True, slots=True)
class _Selection:
    """Which entities count: the judge, and what a backend may leave out."""

    predicate: Predicate
    narrowing: Narrowing

    def admits(self, version: Version) -> bool:
        return self.predicate(version.document.value, version)


def _selection(request: StatisticsRequest, configured: Configured) -> _Selection:
    """Raises InvalidCondition, InvalidFieldPath, ConditionTypeMismatch."""
    condition = MATCH_ALL if request.condition is None else parse_condition(request.condition, InvalidCondition)
    validate_for_statistics(condition)
    _check_paths(condition)
    fields = configured.fields
    predicate = compile_condition(condition, fields, InvalidCondition)
    return _Selection(predicate, narrow(condition, fields, InvalidCondition))


def _check_paths(condition: Condition) -> None:
    """Any path may be asked for but an empty one (contract: search Q18, Q21). Raises InvalidFieldPath."""
    if any(isinstance(leaf, Simple | ArrayCondition) and not leaf.path for leaf in leaves(condition)):
        raise InvalidFieldPath("condition references an empty field path")


class _Counting:
    """One validated question, ready to be answered once."""

    def __init__(
        self, tenant: TenantId, model: ModelKey, request: StatisticsRequest, selection: _Selection, platform: Platform
    ) -> None:
        self._tenant = tenant
        self._model = model
        self._request = request
        self._selection = selection
        self._storage = platform.storage
        self._budget = platform.limits.scan_budget
        self._max_groups = platform.limits.max_groups
        self._tally = Tally(request, max_groups=platform.limits.max_groups)

    async def committed(self) -> list[Row]:
        await self._count(Scan(model=self._model, at=self._request.at, narrowing=self._selection.narrowing), {})
        return self._tally.rows()

    async def joined(self, transaction: Transaction) -> list[Row]:
        """The snapshot's entities without what the transaction replaced, plus its own."""
        own = transaction.buffered(self._model)
        for version in own.values():
            if not version.deleted and self._selection.admits(version):
                self._tally.add(version)
        snapshot = await transaction.snapshot()
        await self._count(Scan(model=self._model, snapshot=snapshot, narrowing=self._selection.narrowing), own)
        return self._tally.rows()

    async def _count(self, scan: Scan, own: Mapping[UUID, Version]) -> None:
        """Count what the scan finds and the transaction has not replaced."""
        aggregated = None
        if self._selection.narrowing.exact:
            aggregated = await self._storage.aggregate(self._tenant, self._aggregation(scan, own))
        if aggregated is None:
            await self._count_each(self._storage.scan(self._tenant, scan), own)
            return
        for group in aggregated.groups:
            samples = [Sample(*numbers) for numbers in group.samples]
            self._tally.merge(group.key, group.count, samples)
        await self._count_each(aggregated.uncounted, own)

    def _aggregation(self, scan: Scan, own: Mapping[UUID, Version]) -> Aggregation:
        return Aggregation(
            scan=scan,
            group_by=tuple(path.names for path in self._request.group_by),
            fields=tuple(field.names for field in self._tally.fields),
            without=tuple(own),
            max_groups=self._max_groups,
        )

    async def _count_each(self, batches: AsyncIterator[Sequence[Version]], own: Mapping[UUID, Version]) -> None:
        """The budget is for entities that may turn out not to count (contract: search 13)."""
        examined, is_metered = 0, not self._selection.narrowing.exact
        admits, add = self._selection.admits, self._tally.add
        async for batch in batches:
            examined += len(batch)
            if is_metered and examined > self._budget:
                raise ScanBudgetExhausted(BUDGET_EXHAUSTED)
            for version in batch:
                if admits(version) and version.entity_id not in own:
                    add(version)
