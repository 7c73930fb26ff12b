"""What every use case needs, gathered once by the composition root and passed to each call."""

from __future__ import annotations

from dataclasses import dataclass

from cyoda.clock import Clock
from cyoda.ids import IdSource
from workflows.compute.gateway import ComputeGateway
from workflows.services.configurations import Configurations
from workflows.services.transactions import Transactions
from workflows.storage.base import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one node's work. `scan_budget` counts rows that a search examines beyond what its index narrows."""

    max_state_visits: int = 10
    max_sort_keys: int = 16
    scan_budget: int = 1_000_000
    workflow_version_strict: bool = False


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
