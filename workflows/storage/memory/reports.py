"""Report definitions of one tenant (contract: control plane 9.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from workflows.core.report.plan import ReportDefinition
from workflows.storage.base import DefinitionChanges, ReportFilter, StoredDefinition
from workflows.storage.memory.jobs import SearchJobs


class ReportDefinitions:
    def __init__(self, jobs: SearchJobs) -> None:
        self._jobs = jobs
        self._by_id: dict[str, ReportDefinition] = {}

    def get(self, ids: Sequence[str] | None) -> Sequence[ReportDefinition]:
        return [self._by_id[name] for name in sorted(self._by_id) if ids is None or name in ids]

    def change(self, ids: Sequence[str], decide: Callable[[Mapping[str, StoredDefinition]], DefinitionChanges]) -> None:
        found = {each.id: StoredDefinition(each, self._runs(each.id)) for each in self.get(ids)}
        for name, definition in decide(found).items():
            if definition is None:
                self._by_id.pop(name, None)
            else:
                self._by_id[name] = definition

    def _runs(self, definition_id: str) -> int:
        return self._jobs.reports(ReportFilter(definition_id=definition_id, limit=0)).total
