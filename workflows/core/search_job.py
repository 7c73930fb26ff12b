"""An asynchronous search as a durable row: what was asked, of which state of the data, and how far it is
(contract: search 3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from cyoda.principal import Actor
from workflows.core.entity import ModelKey
from workflows.core.predicates.sort import SortField
from workflows.core.report.plan import ReportPlan

ANNOUNCED_LIFE = timedelta(hours=24)
"""How long after its creation a job is announced to be there; it is never removed earlier (contract: search Q13)."""


MATCH_ALL = b'{"type":"group","operator":"AND","conditions":[]}'


class JobStatus(StrEnum):
    """RUNNING is left once, for good."""

    RUNNING = "RUNNING"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class SearchJob(msgspec.Struct, frozen=True, kw_only=True):
    """One job.

    `snapshot` is the storage's token of the state at submission; `at` bounds it further to what was valid at an
    instant (inclusive). Together they never change, so a search run again finds the same.
    `examined` and `found` count entities and rise while the job runs; `attempts` counts the workers that took it.
    """

    id: UUID
    model: ModelKey
    condition: bytes
    """The condition document as it was submitted."""
    sort: tuple[SortField, ...]
    snapshot: str
    at: datetime | None
    submitter: Actor
    created_at: datetime
    status: JobStatus = JobStatus.RUNNING
    finished_at: datetime | None = None
    examined: int = 0
    found: int = 0
    attempts: int = 0
    error: str = ""
    """Why the job failed; shown to clients of reports only."""
    report: ReportPlan | None = None
    """What is shown of the result, when the job is the run of a report."""

    @property
    def count(self) -> int:
        """Entities of the result: 0 until there is one."""
        return self.found if self.status is JobStatus.SUCCESSFUL else 0

    @property
    def asked(self) -> bytes:
        """The condition, also of a submission that had none and asks for everything."""
        return self.condition.strip() or MATCH_ALL

    @property
    def calculation_ms(self) -> int:
        """0 while the job runs and after a cancel."""
        if self.finished_at is None or self.status is JobStatus.CANCELLED:
            return 0
        return max(0, (self.finished_at - self.created_at) // timedelta(milliseconds=1))

    @property
    def announced_until(self) -> datetime:
        return self.created_at + ANNOUNCED_LIFE
