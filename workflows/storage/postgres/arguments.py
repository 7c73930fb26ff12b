"""The arrays that the `commit` statement takes, gathered from change sets; their order is that of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from cyoda import jsonio
from cyoda.principal import TenantId
from workflows.core.entity import Document, ModelKey
from workflows.storage.base import ChangeSet, Write
from workflows.storage.postgres.documents import UNKEPT, is_suspect, substitute


class Care(IntEnum):
    """How closely documents are looked at for what `jsonb` cannot hold; more only after a refusal."""

    CHEAP = 0
    THOROUGH = 1
    KEEP_NONE = 2


@lru_cache(maxsize=4096)
def model_id(key: ModelKey) -> UUID:
    return key.id


class _Table:
    """Rows on their way to becoming parallel arrays."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[tuple[object, ...]] = []

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, *row: object) -> None:
        self._rows.append(row)

    def columns(self) -> Sequence[Sequence[object]]:
        return list(zip(*self._rows, strict=True)) if self._rows else [()] * self._width


class Arguments(NamedTuple):
    """The parameters of the whole `commit` statement, and the optional parts of it that they need."""

    values: list[object]
    parts: frozenset[str]


def gather(changes: Sequence[ChangeSet], care: Care, schema: str, tenant: TenantId) -> Arguments:
    """What `commit` takes for a batch; members are numbered from 1 in the order of `changes`.

    `schema` and `tenant` say whose pending work the timers are.
    """
    locked: set[UUID] = set()
    freeing: list[UUID] = []
    writes, reads, claims = _Table(17), _Table(3), _Table(5)
    audit, disarm, arm, armed = _Table(4), _Table(2), _Table(12), _Table(6)
    for member, change in enumerate(changes, 1):
        for write in change.writes:
            writes.add(*_write(member, change, write, care))
            if write.expected:
                locked.add(write.entity_id)
            if _frees(write):
                freeing.append(write.entity_id)
            if write.document is not None:
                for claim in write.claims or ():
                    claims.add(member, model_id(write.model), claim.key, claim.digest, write.entity_id)
        for entity_id, version in change.reads.items():
            locked.add(entity_id)
            reads.add(member, entity_id, version)
        for record in change.audit:
            audit.add(member, record.entity_id, record.transaction_id, jsonio.dumps(record.events).decode())
        _timers(member, change, disarm, arm)
        for timer in change.armed:
            armed.add(member, timer.id, timer.due_at, timer.armed_at, timer.armed_by.id, timer.armed_by.kind)
    epochs = [change.epoch for change in changes]
    values: list[object] = [
        epochs, list(locked), *writes.columns(), *reads.columns(), *claims.columns(), freeing, *audit.columns(),
        *disarm.columns(), *arm.columns(), *armed.columns(),
        schema, tenant,
    ]  # fmt: skip
    parts = {
        "creates": any(write.expected == 0 for change in changes for write in change.writes),
        "updates": any(write.expected > 0 for change in changes for write in change.writes),
        "reads": bool(reads),
        "claims": bool(claims) or bool(freeing),
        "timers": bool(disarm) or bool(arm),
        "armed": bool(armed),
    }
    return Arguments(values, frozenset(part for part, is_needed in parts.items() if is_needed))


def _frees(write: Write) -> bool:
    """Whether the entity may hold claims that end with this write."""
    return write.expected > 0 and (write.claims is not None or write.document is None)


def _write(member: int, change: ChangeSet, write: Write, care: Care) -> tuple[object, ...]:
    document = write.document
    text = kept = None
    if document is not None:
        text = document.text.decode()
        kept = _substitute(document, care)
    attributed, executor, model = write.attributed, write.executor, write.model
    return (
        member, change.at, change.transaction_id, write.entity_id, model_id(model), model.name, model.version,
        write.expected, _frees(write), write.state, write.transition, attributed.id, attributed.kind, executor.id,
        executor.kind, text, kept,
    )  # fmt: skip


def _substitute(document: Document, care: Care) -> str | None:
    if care is Care.KEEP_NONE:
        return UNKEPT
    if care is Care.THOROUGH or is_suspect(document.text):
        return substitute(document)
    return None


def _timers(member: int, change: ChangeSet, disarm: _Table, arm: _Table) -> None:
    """A timer that is both disarmed and armed ends up armed; of two with one id the last counts."""
    armed = {timer.id: timer for timer in change.arm}
    for timer_id in change.disarm:
        if timer_id not in armed:
            disarm.add(member, timer_id)
    for timer in armed.values():
        arm.add(
            member, timer.id, timer.entity_id, timer.due_at, timer.armed_at, timer.timeout_ms, timer.model.version,
            timer.model.name, timer.source_state, timer.transition, timer.armed_by.id, timer.armed_by.kind,
        )  # fmt: skip
