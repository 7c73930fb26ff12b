"""The data plane as the back office sees it (tenants.services.data_plane): the use cases of the API, for operators.

Django's threads ask the node that they run in, on its event loop, so that a change is in force there at once. A process
without a node has the data plane of a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from cyoda import jsonio
from cyoda.clock import system_clock
from cyoda.cluster.membership import View
from cyoda.errors import BadRequest, StorageUnavailable
from cyoda.principal import Principal, TenantId, system_principal
from cyoda.worker import worker
from tenants.services.audit import Doer
from tenants.services.data_plane import ConnectedMember, ModelDetail, ModelSummary, Peer, Vitals
from workflows.compute.members import Registry
from workflows.core.entity import ModelKey
from workflows.core.schema.model import Model
from workflows.services import models, statistics, workflow_documents
from workflows.services.platform import Platform

T = TypeVar("T")
ANSWER_SECONDS = 20.0


class Runs(Protocol):
    """Runs a coroutine where the platform lives, for a thread that waits."""

    def run(self, act: Coroutine[Any, Any, T]) -> T: ...


@dataclass(frozen=True, slots=True)
class OnLoop:
    """A running event loop, asked from other threads."""

    loop: asyncio.AbstractEventLoop

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        """Raises StorageUnavailable when it takes longer than an operator waits, and what the coroutine raises."""
        asked = asyncio.run_coroutine_threadsafe(act, self.loop)
        try:
            return asked.result(ANSWER_SECONDS)
        except TimeoutError:
            asked.cancel()
            raise StorageUnavailable from None


@dataclass(frozen=True, slots=True)
class OperatorsDataPlane:
    """Implements tenants.services.data_plane.DataPlane; `members` is None in a process that serves nobody,
    `view` without a cluster."""

    platform: Platform
    runs: Runs
    node: str = ""
    members: Registry | None = None
    started_at: datetime = field(default_factory=system_clock)
    view: View | None = None

    def models(self, tenant: TenantId) -> list[ModelSummary]:
        return self.runs.run(self._models(system_principal(tenant)))

    def model(self, tenant: TenantId, name: str, version: int) -> ModelDetail:
        return self.runs.run(self._model(system_principal(tenant), ModelKey(name, version)))

    def lock(self, doer: Doer, tenant: TenantId, name: str, version: int) -> None:
        self.runs.run(models.lock_model(_operator(doer, tenant), ModelKey(name, version), platform=self.platform))

    def unlock(self, doer: Doer, tenant: TenantId, name: str, version: int) -> None:
        self.runs.run(models.unlock_model(_operator(doer, tenant), ModelKey(name, version), platform=self.platform))

    def set_change_level(self, doer: Doer, tenant: TenantId, name: str, version: int, level: str) -> None:
        key = ModelKey(name, version)
        self.runs.run(models.set_change_level(_operator(doer, tenant), key, level, platform=self.platform))

    def import_workflows(self, doer: Doer, tenant: TenantId, name: str, version: int, document: str, mode: str) -> None:
        body = _import_request(document, mode)
        key = ModelKey(name, version)
        self.runs.run(workflow_documents.import_workflows(_operator(doer, tenant), key, body, platform=self.platform))

    def vitals(self) -> Vitals:
        return self.runs.run(self._vitals())

    async def _models(self, principal: Principal) -> list[ModelSummary]:
        counts = dict(await statistics.count_entities(principal, platform=self.platform))
        found = await models.list_models(principal, platform=self.platform)
        return [_summary(model, counts.get(model.key, 0)) for model in found]

    async def _model(self, principal: Principal, key: ModelKey) -> ModelDetail:
        schema = await models.export_model(principal, key, converter="SIMPLE_VIEW", platform=self.platform)
        stored = await self.platform.storage.load(principal.tenant, key)
        if stored.model is None:
            raise models.model_not_found(key)
        entities = await statistics.count_entities_of(principal, key, platform=self.platform)
        workflows = jsonio.dumps([msgspec.Raw(text) for text in stored.workflows])
        return ModelDetail(
            summary=_summary(stored.model, entities), schema=_indented(schema), workflows=_indented(workflows)
        )

    async def _vitals(self) -> Vitals:
        connected = () if self.members is None else self.members.members()
        return Vitals(
            node=self.node,
            members=[
                ConnectedMember(
                    id=str(member.id),
                    tenant=member.tenant,
                    tags=sorted(member.tags),
                    connected_at=member.connected_at,
                    last_seen=member.last_seen,
                    outstanding=member.outstanding,
                )
                for member in connected
            ],
            next_timer=await self.platform.storage.next_due("timer"),
            started_at=self.started_at,
            waiting_transactions=self.platform.transactions.waiting,
            is_storage_ready=await self.platform.storage.ready(),
            peers=[] if self.view is None else _peers(self.view),
        )


def _peers(view: View) -> list[Peer]:
    return [
        Peer(
            id=node.id,
            http=node.http,
            grpc=node.grpc,
            version=node.version,
            state=node.state,
            started_at=node.started_at,
            offers=[(member.tenant, member.tags) for member in view.members[node.id].values()],
        )
        for node in sorted(view.nodes.values(), key=lambda node: node.id)
        if node.id != view.own_id
    ]


def _summary(model: Model, entities: int) -> ModelSummary:
    return ModelSummary(
        name=model.name,
        version=model.version,
        state=model.state,
        change_level="" if model.change_level is None else model.change_level.name,
        entities=entities,
        unique_keys=len(model.unique_keys),
        indexes=len(model.indexes),
        updated_at=model.updated_at,
    )


def _operator(doer: Doer, tenant: TenantId) -> Principal:
    """The platform, acting for an operator."""
    return Principal(tenant=tenant, user_id=doer.id, kind="system")


def _import_request(workflows: str, mode: str) -> bytes:
    """The body that the API takes. Raises BadRequest."""
    try:
        jsonio.parse(workflows)
    except jsonio.InvalidJson as error:
        raise BadRequest(f"invalid JSON: {error}") from None
    return jsonio.dumps({"importMode": mode, "workflows": msgspec.Raw(workflows.encode())})


def _indented(text: bytes) -> str:
    """Numbers keep their spelling."""
    return msgspec.json.format(text, indent=2).decode()


_serving: list[OperatorsDataPlane] = []


@contextmanager
def asked_by_operators(data_plane: OperatorsDataPlane) -> Generator[None]:
    """Meanwhile this process' operators ask this one: the node that it runs."""
    _serving.append(data_plane)
    try:
        yield
    finally:
        _serving.remove(data_plane)


def data_plane() -> OperatorsDataPlane:
    """Raises StorageUnavailable."""
    if _serving:
        return _serving[-1]
    own = worker()
    return OperatorsDataPlane(own.platform, own)
