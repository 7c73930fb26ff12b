"""What every use case needs, gathered once by the composition root and passed to each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from cyoda.clock import Clock
from cyoda.ids import IdSource
from cyoda.principal import TenantId
from workflows.compute.gateway import ComputeGateway
from workflows.compute.members import MemberElsewhere, Registry
from workflows.services.configurations import Configurations
from workflows.services.quotas import NoQuotas, Quotas
from workflows.services.transactions import Transactions
from workflows.storage.base import Storage, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one node's work. `scan_budget` counts rows that a search examines beyond what its index narrows."""

    max_state_visits: int = 10
    max_sort_keys: int = 16
    scan_budget: int = 1_000_000
    max_groups: int = 10_000
    workflow_version_strict: bool = False
    search_ttl: timedelta = timedelta(hours=1)
    """A finished search job is kept at least this long."""
    report_ttl: timedelta = timedelta(days=7)
    """And a finished run of a report."""
    expiry_grace: timedelta = timedelta(milliseconds=100)
    """A timer that is later than it may be, by no more than this, is left for a later look."""


class Workers(Protocol):
    """Who acts on work that no caller waits for. Its rows are stored; telling somebody only makes it sooner."""

    def wake(self, platform: Platform, work: Work) -> None:
        """Returns at once and never raises."""
        ...


class NoWorkers:
    """Wakes nobody: a worker that looks for due work finds it."""

    def wake(self, platform: Platform, work: Work) -> None:
        pass


def _nobody(_tenant: TenantId) -> Sequence[MemberElsewhere]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The data plane of one node."""

    storage: Storage
    clock: Clock
    new_id: IdSource
    configurations: Configurations
    compute: ComputeGateway
    transactions: Transactions
    limits: Limits = Limits()
    registry: Registry = field(default_factory=Registry)
    """The calculation members that are connected to this node; none in a process that serves nobody."""
    elsewhere: Callable[[TenantId], Sequence[MemberElsewhere]] = _nobody
    """Those that are connected to other nodes of the cluster."""
    node_id: str = ""
    workers: Workers = field(default_factory=NoWorkers)
    quotas: Quotas = field(default_factory=NoQuotas)
