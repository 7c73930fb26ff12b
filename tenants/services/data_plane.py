"""What the control plane asks of the data plane: its models and workflows, and how this node is.

The Protocol is implemented at the composition root (settings: DATA_PLANE). Calls wait in the calling thread, which must
not be the node's event loop. All of them raise CyodaError, StorageUnavailable among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from tenants.models import Environment
from tenants.services.audit import Doer, record

SHOWN_BYTES = 64 * 1024
"""Workflow documents up to this size are kept whole in the audit log; of larger ones the digest is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """One entity model of a tenant. `state` is LOCKED or UNLOCKED, `entities` counts the live ones."""

    name: str
    version: int
    state: str
    change_level: str
    entities: int
    unique_keys: int
    indexes: int
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDetail:
    """A model with its schema, and its workflows in the order of their import, both as indented JSON text."""

    summary: ModelSummary
    schema: str
    workflows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedMember:
    """A calculation member whose stream ends at this node."""

    id: str
    tenant: str
    tags: Sequence[str]
    connected_at: datetime
    last_seen: datetime
    outstanding: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another node of the cluster, as this one knows it. `offers` are tenant and tags of each of its members."""

    id: str
    http: str
    grpc: str
    version: str
    state: str
    started_at: str
    offers: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How this process is. `node` is empty in a process that serves nobody; `next_timer` is when the earliest one,
    of any tenant, is or was due; `waiting_transactions` are those whose callout has not been answered yet."""

    node: str
    members: Sequence[ConnectedMember]
    next_timer: datetime | None
    started_at: datetime
    waiting_transactions: int
    is_storage_ready: bool
    peers: Sequence[Peer] = ()


class DataPlane(Protocol):
    def models(self, tenant: str) -> Sequence[ModelSummary]:
        """By name and version."""
        ...

    def model(self, tenant: str, name: str, version: int) -> ModelDetail:
        """Raises ModelNotFound."""
        ...

    def lock(self, doer: Doer, tenant: str, name: str, version: int) -> None:
        """Raises ModelNotFound, ModelAlreadyLocked."""
        ...

    def unlock(self, doer: Doer, tenant: str, name: str, version: int) -> None:
        """Raises ModelNotFound, ModelAlreadyUnlocked, ModelHasEntities."""
        ...

    def set_change_level(self, doer: Doer, tenant: str, name: str, version: int, level: str) -> None:
        """Raises ModelNotFound, InvalidChangeLevel."""
        ...

    def import_workflows(self, doer: Doer, tenant: str, name: str, version: int, document: str, mode: str) -> None:
        """`document` is a JSON array of workflows, `mode` MERGE, REPLACE or ACTIVATE.

        Raises BadRequest, WorkflowSchemaVersionUnsupported, ModelNotFound, ValidationFailed, as the API does.
        """
        ...

    def vitals(self) -> Vitals: ...


def configured_data_plane() -> DataPlane:
    make: Callable[[], DataPlane] = import_string(settings.DATA_PLANE)
    return make()


class ChangedMeanwhile(Exception):
    """Somebody else changed the workflows after they were read."""


@dataclass(frozen=True, slots=True)
class ModelOf:
    """A model of an environment, for operators to change. No event stays of a change that was refused."""

    environment: Environment
    name: str
    version: int
    data_plane: DataPlane

    @property
    def _key(self) -> tuple[str, str, int]:
        return self.environment.tenant_id, self.name, self.version

    def detail(self) -> ModelDetail:
        """Raises ModelNotFound."""
        return self.data_plane.model(*self._key)

    @transaction.atomic
    def lock(self, doer: Doer) -> None:
        self._record(doer, "model locked", {"state": "UNLOCKED"}, {"state": "LOCKED"})
        self.data_plane.lock(doer, *self._key)

    @transaction.atomic
    def unlock(self, doer: Doer) -> None:
        self._record(doer, "model unlocked", {"state": "LOCKED"}, {"state": "UNLOCKED"})
        self.data_plane.unlock(doer, *self._key)

    @transaction.atomic
    def set_change_level(self, doer: Doer, level: str) -> None:
        before = self.detail().summary.change_level
        self._record(doer, "change level set", {"change level": before}, {"change level": level})
        self.data_plane.set_change_level(doer, *self._key, level)

    @transaction.atomic
    def import_workflows(self, doer: Doer, document: str, mode: str, *, seen: str) -> None:
        """`seen` is the digest of the workflows that the operator's change began with. Raises ChangedMeanwhile."""
        before = self.detail().workflows
        if digest(before) != seen:
            raise ChangedMeanwhile
        self.data_plane.import_workflows(doer, *self._key, document, mode)
        after = self.detail().workflows
        self._record(doer, "workflows imported", _shown(before), {**_shown(after), "mode": mode})

    def _record(self, doer: Doer, action: str, before: dict[str, str], after: dict[str, str]) -> None:
        target = ("model", f"{self.name}/{self.version}")
        record(doer, action, target, owner=self.environment, before=before, after=after)


def digest(workflows: str) -> str:
    return hashlib.sha256(workflows.encode()).hexdigest()


def _shown(workflows: str) -> dict[str, str]:
    is_short = len(workflows.encode()) <= SHOWN_BYTES
    return {"workflows": workflows} if is_short else {"workflows (sha256)": digest(workflows)}
