"""Running an entity's workflow until it rests, and staging the result in the transaction (contract: engine 2.2)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from cyoda.errors import CyodaError, EntityModified
from cyoda.principal import Principal
from workflows.core.audit import AuditRecord, Event, EventType
from workflows.core.entity import LOOPBACK, Document, ModelKey, Version
from workflows.core.fsm.commands import Command
from workflows.core.fsm.firing import fire_timer
from workflows.core.fsm.operations import create, fire_named, loopback
from workflows.core.fsm.run import Settled, Terms
from workflows.core.fsm.trail import Trail
from workflows.core.timer import Timer
from workflows.core.unique import Claim, claims_of
from workflows.services.configurations import Configured, View
from workflows.services.documents import Accepted
from workflows.services.engine import Executor, drive
from workflows.services.failures import MAX_EVENTS
from workflows.services.platform import Platform
from workflows.services.quotas import model_check
from workflows.services.transaction import Transaction

T = TypeVar("T")


class Settling:
    """Settles entities for one principal in one transaction."""

    def __init__(self, principal: Principal, transaction: Transaction, view: View, platform: Platform) -> None:
        self._principal = principal
        self._transaction = transaction
        self._view = view
        self._platform = platform
        self._terms = Terms(
            tenant=principal.tenant,
            origin=transaction.origin,
            max_state_visits=platform.limits.max_state_visits,
        )
        self.aborted_events: Sequence[Event] = ()
        """What is left of the last update that EntityModified ended: its start and its abortion."""

    async def create(self, key: ModelKey, accepted: Accepted) -> Version:
        """Raises WorkflowFailed, the dispatch errors, InvalidUniqueKey, QuotaExceeded (the schema grows)."""
        configured = await self._view.get(key, self._transaction)
        subject = self._new_subject(self._platform.new_id(), key, accepted.document)
        await self._extend(accepted, configured)
        trail = Trail(self._platform.clock)
        executor = self._executor(subject.entity_id, configured)
        settled = await self._drive(create(subject, configured.workflows, trail, self._terms), executor, trail, subject)
        return self._save(subject, settled, configured)

    async def update(
        self,
        version: Version,
        accepted: Accepted,
        transition: str | None,
        if_match: str | None,
        *,
        against_committed: bool = False,
    ) -> Version:
        """Settle an entity read in this transaction with a new document.

        `if_match` is compared with the version the transaction sees, or with the committed one (items of a
        collection). Raises TransitionNotFound, WorkflowFailed, the dispatch errors, EntityModified, InvalidUniqueKey,
        QuotaExceeded (the schema grows).
        """
        configured = await self._view.get(version.model, self._transaction)
        await self._extend(accepted, configured)
        trail = Trail(self._platform.clock)
        requested = transition if transition is not None and not against_committed else ""
        subject = self._changed_subject(version, accepted.document, requested)
        actual = version.transaction_id
        if against_committed:
            actual = self._transaction.committed_transaction_of(version.entity_id)
        stale = if_match is not None and if_match != str(actual)
        executor = self._executor(
            version.entity_id, configured, refusal=EntityModified(version.entity_id) if stale else None,
            is_conflict_modification=not against_committed or if_match is not None,
        )  # fmt: skip
        if transition is not None:
            rule = fire_named(subject, transition, configured.workflows, trail, self._terms)
        else:
            rule = loopback(subject, configured.workflows, trail, self._terms)
        self.aborted_events = ()
        try:
            settled = await self._drive(rule, executor, trail, subject)
            if executor.refusal is not None:
                trail.events.extend(settled.events)
                raise executor.refusal
        except EntityModified:
            first = (*executor.uncommitted, *trail.events)[:1]
            started = [event for event in first if event.type is EventType.STATE_MACHINE_START]
            self.aborted_events = (*started, self._aborted(version.state, transition, if_match, actual))
            raise
        return self._save(subject, settled, configured)

    async def fire(self, version: Version, timer: Timer) -> bool:
        """Take the transition of a due timer of an entity read in this transaction; its removal is staged either way.

        False when its guard is false: the entity is not saved. Raises WorkflowFailed, the dispatch errors, Conflict,
        InvalidUniqueKey.
        """
        configured = await self._view.get(version.model, self._transaction)
        trail = Trail(self._platform.clock)
        subject = self._changed_subject(version, version.document, version.transition)
        executor = self._executor(version.entity_id, configured)
        settled = await self._drive(
            fire_timer(subject, timer, configured.workflows, trail, self._terms), executor, trail, subject
        )
        if settled is None:
            self._transaction.record(version.entity_id, trail.take())
            self._transaction.disarm(timer.id)
            return False
        self._save(subject, settled, configured)
        return True

    async def _drive(self, rule: Generator[Command, Any, T], executor: Executor, trail: Trail, subject: Version) -> T:
        transaction = self._transaction
        try:
            return await drive(rule, executor.execute)
        except CyodaError:
            events = (*executor.uncommitted, *trail.events)[-MAX_EVENTS:]
            record = AuditRecord(entity_id=subject.entity_id, transaction_id=transaction.entry_id, events=events)
            transaction.broken.append((record, subject.model))
            raise
        finally:
            self._transaction.warnings.extend(trail.warnings)

    def _executor(
        self,
        entity_id: UUID,
        configured: Configured,
        *,
        refusal: EntityModified | None = None,
        is_conflict_modification: bool = False,
    ) -> Executor:
        platform = self._platform
        return Executor(
            self._principal, self._transaction, entity_id, platform.storage, platform.compute, platform.transactions,
            refusal=refusal, claims=partial(_claims, configured), is_conflict_modification=is_conflict_modification,
        )  # fmt: skip

    async def _extend(self, accepted: Accepted, configured: Configured) -> None:
        """Raises QuotaExceeded."""
        extension = accepted.extension
        if extension is None:
            return
        key, platform = extension.model, self._platform
        wider = configured.model
        check = await model_check(self._principal.tenant, key, platform.quotas, platform.storage)
        if check is not None:
            wider = self._view.extended.get(key, wider).extended(extension.node)
            check(wider, configured.epoch)
        self._transaction.extend(extension)
        self._view.extended[key] = wider

    def _new_subject(self, entity_id: UUID, key: ModelKey, document: Document) -> Version:
        transaction, now = self._transaction, self._platform.clock()
        return Version(
            entity_id=entity_id, model=key, number=0, state="", document=document, created_at=now, updated_at=now,
            transaction_id=transaction.entry_id, transition="", attributed=transaction.origin,
            executor=self._principal.actor,
        )  # fmt: skip

    def _changed_subject(self, version: Version, document: Document, requested: str) -> Version:
        return Version(
            entity_id=version.entity_id, model=version.model, number=version.number, state=version.state,
            document=document, created_at=version.created_at, updated_at=self._platform.clock(),
            transaction_id=self._transaction.entry_id, transition=requested, attributed=version.attributed,
            executor=self._principal.actor,
        )  # fmt: skip

    def _save(self, subject: Version, settled: Settled, configured: Configured) -> Version:
        transaction = self._transaction
        transaction.record(subject.entity_id, settled.events)
        for timer_id in settled.disarm:
            transaction.disarm(timer_id)
        for timer in settled.arm:
            transaction.arm(timer)
        return transaction.save(
            subject.entity_id, subject.model, state=settled.state, document=settled.document,
            transition=settled.transition, executor=self._principal, claims=_claims(configured, settled.document),
            created_at=subject.created_at,
        )  # fmt: skip

    def _aborted(self, state: str, transition: str | None, expected: str | None, actual: UUID | None) -> Event:
        name = transition or LOOPBACK
        details = f'Transition "{name}" aborted: entity has been modified since last read'
        data = {
            "reason": "ENTITY_MODIFIED",
            "transitionName": name,
            "expectedTxId": expected,
            "actualTxId": str(actual),
        }
        return Event(EventType.TRANSITION_ABORTED, self._platform.clock(), state, details, data)


def _claims(configured: Configured, document: Document) -> tuple[Claim, ...] | None:
    """The unique values of the final document (processors may have changed it); None without declared keys."""
    keys = configured.model.unique_keys
    return tuple(claims_of(keys, document.value, is_final=True)) if keys else None
