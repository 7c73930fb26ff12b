"""The saga: runs a driver's steps in order, each transition in a row, so that any worker can go on at any point.

A worker claims a run with a lease, carries out one action of one step, records its outcome, and lets go. Outcomes are
recorded under the claim only: a worker that was slower than its lease changes nothing any more. See docs/adr/0004.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Concat

from cyoda.clock import Clock, system_clock, utc_text
from tenants.models import Environment, Provisioning, ProvisioningStep
from tenants.provisioning.base import Driver, Failure, Json, Step, StepRefused, Work
from tenants.provisioning.drivers import driver_named
from tenants.services.audit import PLATFORM, record
from tenants.services.progress import note

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)
CLAIM_LEASE = timedelta(seconds=5)
"""How long choosing the next step may take; the step then sets its own lease."""

RunState, StepState = Provisioning.State, ProvisioningStep.State


class Progress(Enum):
    """What became of one call of `advance`."""

    MORE = auto()
    """There is another step to do now."""
    WAITING = auto()
    """The run goes on later: it is held back after a failure, or another worker has it."""
    FINISHED = auto()


class ClaimLost(Exception):
    """The lease ran out and another worker has the run."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """One action to be carried out under a claim."""

    run: Provisioning
    row: ProvisioningStep
    step: Step

    @property
    def is_overdue(self) -> bool:
        """Every attempt that the step has was cut off: it hangs, or its workers die of it."""
        return self.run.state == RunState.RUNNING and self.row.attempts > self.step.attempts


class Saga:
    """Advances runs; any number of workers may do so at once."""

    def __init__(self, *, clock: Clock = system_clock, driver_of: Callable[[str], Driver] = driver_named) -> None:
        self._clock = clock
        self._driver_of = driver_of

    def advance(self, run_id: uuid.UUID) -> Progress:
        """Carry out the run's next action, if it is due and nobody else has it."""
        run = self._claimed(run_id)
        if run is None:
            return Progress.WAITING
        try:
            turn = self._next_turn(run)
            if turn is None:
                return Progress.FINISHED
            if turn.is_overdue:
                return self._failed(turn, f"no end within {turn.step.lease}", Failure.TIMEOUT)
            return self._perform(turn)
        except ClaimLost:
            return Progress.WAITING

    def _claimed(self, run_id: uuid.UUID) -> Provisioning | None:
        now, claim = self._clock(), uuid.uuid4()
        mine = Provisioning.objects.filter(
            Q(lease_until=None) | Q(lease_until__lt=now), pk=run_id, finished_at=None, not_before__lte=now
        ).update(claim=claim, lease_until=now + CLAIM_LEASE)
        if not mine:
            return None
        return Provisioning.objects.select_related("environment__organisation").get(pk=run_id)

    def _next_turn(self, run: Provisioning) -> _Turn | None:
        """The next action, marked as begun; None when the run has come to its end, which is recorded."""
        steps = self._driver_of(run.environment.driver).steps(run.environment)
        rows = {row.position: row for row in ProvisioningStep.objects.filter(run=run)}
        with _under_claim(run):
            if run.state == RunState.QUEUED:
                run.state = RunState.RUNNING
                note(run, at=self._clock())
            position = _position_of_next(run, rows)
            if position is None:
                self._finish(run)
                return None
            turn = _Turn(run, rows[position], steps[position])
            self._begin(turn)
            return turn

    def _begin(self, turn: _Turn) -> None:
        now, row, run = self._clock(), turn.row, turn.run
        row.state = StepState.UNDOING if run.state == RunState.UNDOING else StepState.RUNNING
        row.attempts += 1
        row.started_at, row.finished_at = now, None
        row.save(update_fields=["state", "attempts", "started_at", "finished_at"])
        run.lease_until = now + turn.step.lease
        run.save(update_fields=["state", "lease_until"])
        self._log(row, f"{row.state}, attempt {row.attempts}")
        note(run, row, at=now)

    def _perform(self, turn: _Turn) -> Progress:
        run, row = turn.run, turn.row
        backward = run.state == RunState.UNDOING
        action = turn.step.undo if backward else turn.step.do
        work = Work(environment=run.environment, input=run.input, log=lambda line: self._log(row, line))
        try:
            output = action(work) if action is not None else None
        except StepRefused as refusal:
            return self._failed(turn, str(refusal), None if backward else turn.step.failure)
        except Exception as error:  # noqa: BLE001 - whatever a driver meets is recorded with its step, and repeated
            spent = not backward and row.attempts >= turn.step.attempts
            return self._failed(turn, f"{type(error).__name__}: {error}", turn.step.failure if spent else None)
        return self._succeeded(turn, output)

    def _succeeded(self, turn: _Turn, output: Mapping[str, Json] | None) -> Progress:
        row = turn.row
        with _under_claim(turn.run):
            row.state = StepState.UNDONE if turn.run.state == RunState.UNDOING else StepState.DONE
            now = self._clock()
            row.finished_at, row.output = now, dict(output or {})
            row.error = row.error if row.state == StepState.UNDONE else ""
            row.save(update_fields=["state", "finished_at", "output", "error"])
            self._log(row, row.state)
            note(turn.run, row, at=now)
            _let_go(turn.run)
        return Progress.MORE

    def _failed(self, turn: _Turn, error: str, for_good: Failure | None) -> Progress:
        """Repeat the action after a pause; or turn the run back, for good and for this reason."""
        run, row = turn.run, turn.row
        with _under_claim(run):
            now = self._clock()
            row.error, row.finished_at = error, now
            if run.state != RunState.UNDOING:
                row.state = StepState.FAILED
            row.save(update_fields=["state", "finished_at", "error"])
            self._log(row, f"failed: {error}")
            note(run, row, at=now)
            if for_good is not None:
                run.state, run.failure, run.error = RunState.UNDOING, for_good, f"{row.name}: {error}"
                note(run, at=now)
                ProvisioningStep.objects.filter(run=run).update(attempts=0)
            else:
                run.not_before = self._clock() + pause_after(row.attempts)
            _let_go(run)
        return Progress.WAITING if for_good is None else Progress.MORE

    def _finish(self, run: Provisioning) -> None:
        environment = run.environment
        if run.state == RunState.RUNNING:
            run.state, action = RunState.SUCCEEDED, "provisioned"
        elif run.kind == Provisioning.Kind.DELETE:
            run.state, environment.state, action = RunState.SUCCEEDED, Environment.State.DELETED, "deleted"
        elif run.failure == Failure.CANCELLED:
            run.state, environment.state, action = RunState.CANCELLED, Environment.State.CANCELLED, "cancelled"
        else:
            run.state, environment.state, action = RunState.FAILED, Environment.State.FAILED, "provisioning failed"
        environment.save(update_fields=["state", "updated_at"])
        now = self._clock()
        run.finished_at = now
        run.save(update_fields=["finished_at"])
        note(run, at=now)
        _let_go(run)
        outcome = {"state": environment.state, "run": str(run.pk)} | ({"error": run.error} if run.error else {})
        target = ("environment", str(environment.pk))
        record(PLATFORM, action, target, owner=environment, after=outcome, clock=self._clock)

    def _log(self, row: ProvisioningStep, line: str) -> None:
        addition = Value(f"{utc_text(self._clock())} {line}\n")
        ProvisioningStep.objects.filter(pk=row.pk).update(log=Concat(F("log"), addition))


def pause_after(attempts: int) -> timedelta:
    """The back-off before the next attempt: doubling, bounded."""
    return min(FIRST_PAUSE * 2 ** min(attempts - 1, 10), LONGEST_PAUSE)


def _position_of_next(run: Provisioning, rows: Mapping[int, ProvisioningStep]) -> int | None:
    """Forward the first step that is not done; backward the last one that was begun and is not undone."""
    if run.state == RunState.UNDOING:
        untouched = {StepState.PENDING, StepState.UNDONE}
        return max((at for at, row in rows.items() if row.state not in untouched), default=None)
    return min((at for at, row in rows.items() if row.state != StepState.DONE), default=None)


@contextmanager
def _under_claim(run: Provisioning) -> Generator[None]:
    """A transaction in which the run's claim is still this worker's. Raises ClaimLost."""
    with transaction.atomic():
        held = Provisioning.objects.select_for_update().filter(pk=run.pk, claim=run.claim)
        if held.first() is None:
            raise ClaimLost
        yield


def _let_go(run: Provisioning) -> None:
    run.claim = run.lease_until = run.sent_at = None
    run.save(update_fields=["state", "failure", "error", "not_before", "claim", "lease_until", "sent_at"])


def is_stalled(now: datetime, unsent_since: datetime) -> Q:
    """Runs that nobody acts on although they are due, and that were not handed out lately."""
    return (
        Q(finished_at=None, not_before__lte=now)
        & (Q(lease_until=None) | Q(lease_until__lt=now))
        & (Q(sent_at=None) | Q(sent_at__lt=unsent_since))
    )
