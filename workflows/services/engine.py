"""The only driver of the engine's rules: executes each command they yield (contract: engine 3.4-3.6, 5.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from msgspec.structs import replace

from cyoda.clock import Clock
from cyoda.errors import Conflict, CyodaError, EntityModified
from cyoda.principal import Principal
from workflows.compute.gateway import ComputeGateway
from workflows.core.audit import Event
from workflows.core.callout import Callout, CalloutAnswer
from workflows.core.entity import LOOPBACK, Document, Version
from workflows.core.fsm.commands import Command, ReadTimers, Resume, RollBackTo, Savepoint, Segment, Step
from workflows.core.fsm.compiled import CompiledWorkflows
from workflows.core.fsm.operations import list_transitions
from workflows.core.fsm.run import Terms
from workflows.core.fsm.trail import Trail
from workflows.core.timer import Timer
from workflows.core.unique import Claim
from workflows.services.calling import call_once
from workflows.services.retrying import call_repeatedly, is_repeatable
from workflows.services.transaction import Transaction
from workflows.services.transactions import Transactions
from workflows.storage.base import EntityStore

T = TypeVar("T")
Claims = Callable[[Document], tuple[Claim, ...] | None]


async def drive(step: Step[T], execute: Callable[[Command], Awaitable[Any]]) -> T:
    """Run a rule to its end; what a command raises is thrown into the rule, which handles it or lets it out."""
    answer: Any = None
    failure: Exception | None = None
    try:
        while True:
            command = step.send(answer) if failure is None else step.throw(failure)
            answer, failure = None, None
            try:
                answer = await execute(command)
            except Exception as error:  # noqa: BLE001 - the engine loop: the rule decides what a failure means
                failure = error
    except StopIteration as done:
        return done.value
    finally:
        step.close()


def _no_claims(_document: Document) -> tuple[Claim, ...] | None:
    return None


class Executor:
    """Carries out the commands of one entity's run in one transaction.

    `refusal` is raised by the first segment instead of committing: the client's If-Match did not hold. `claims` are
    the unique values that a segment stores for a document. `is_conflict_modification`: an update that meets another
    commit half-way answers EntityModified rather than Conflict (contract: engine 3.5). `uncommitted` are the events of
    a segment that was refused.
    """

    def __init__(
        self,
        principal: Principal,
        transaction: Transaction,
        entity_id: UUID,
        store: EntityStore,
        compute: ComputeGateway,
        transactions: Transactions,
        *,
        refusal: EntityModified | None = None,
        claims: Claims = _no_claims,
        is_conflict_modification: bool = True,
    ) -> None:
        self.refusal = refusal
        self.uncommitted: Sequence[Event] = ()
        self._principal = principal
        self._transaction = transaction
        self._entity_id = entity_id
        self._store = store
        self._compute = compute
        self._transactions = transactions
        self._claims = claims
        self._is_conflict_modification = is_conflict_modification
        self._segment_id: UUID | None = None
        self._is_new = False

    async def execute(self, command: Command) -> Any:
        """The command's answer (see `workflows.core.fsm.commands`)."""
        match command:
            case Callout():
                return await self._call(command)
            case Savepoint():
                return self._transaction.savepoint()
            case RollBackTo(savepoint=savepoint):
                return self._transaction.roll_back_to(savepoint)
            case Segment():
                return await self._commit_segment(command)
            case Resume():
                return await self._resume()
            case ReadTimers():
                return await self._timers()

    async def _call(self, callout: Callout) -> CalloutAnswer:
        """Ask with the transaction's lock released, so that callbacks can join; they see the entity as it is now."""
        transaction = self._transaction
        transaction.has_dispatched = True
        token = None
        if callout.transaction_id is not None:
            if callout.transaction_id != transaction.id:
                callout = replace(callout, transaction_id=transaction.id)
            if callout.subject.state:
                self._stage(callout.subject)
            if is_repeatable(callout):
                return await call_repeatedly(
                    self._principal, callout, transaction, self._transactions, self._compute
                )  # fmt: skip
            token = self._transactions.token(transaction)
        async with transaction.released():
            return await call_once(self._principal, callout, self._compute, token=token, tried=set())

    def _stage(self, subject: Version, claims: tuple[Claim, ...] | None = None) -> None:
        self._transaction.save(
            subject.entity_id, subject.model, state=subject.state, document=subject.document,
            transition=subject.transition or LOOPBACK, executor=self._principal, claims=claims,
            created_at=subject.created_at,
        )  # fmt: skip

    async def _commit_segment(self, segment: Segment) -> UUID:
        self.uncommitted = segment.events
        if self.refusal is not None:
            raise self.refusal
        transaction, subject = self._transaction, segment.subject
        self._is_new = subject.number == 0
        self._stage(subject, self._claims(subject.document))
        transaction.record(subject.entity_id, segment.events)
        self._segment_id = transaction.id
        try:
            await transaction.commit_segment()
        except Conflict as conflict:
            raise self._met(conflict) from conflict
        self.uncommitted = ()
        if not segment.detached:
            await self._resume()
        return transaction.id

    async def _resume(self) -> None:
        """Read the entity in the new transaction, so that its commit expects the segment's version."""
        version = await self._transaction.read(self._entity_id)
        if version is None or version.transaction_id != self._segment_id:
            raise self._met(Conflict())

    def _met(self, conflict: Conflict) -> CyodaError:
        if self._is_new or not self._is_conflict_modification:
            return conflict
        return EntityModified(self._entity_id)

    async def _timers(self) -> Sequence[Timer]:
        committed = await self._store.timers_of(self._transaction.tenant, self._entity_id)
        return self._transaction.timers_over(self._entity_id, committed)


async def offered_transitions(
    principal: Principal, version: Version, workflows: CompiledWorkflows, *, compute: ComputeGateway, clock: Clock
) -> list[str]:
    """Names of all transitions of an entity's state (contract: engine 2.7); function criteria ask outside of any
    transaction, and nothing is recorded."""

    async def ask(command: Command) -> CalloutAnswer:
        assert isinstance(command, Callout)
        return await compute.call(principal, replace(command, transaction_id=None), token=None)

    rule = list_transitions(version, workflows, Trail(clock), Terms(tenant=principal.tenant, origin=principal.actor))
    return list(await drive(rule, ask))
