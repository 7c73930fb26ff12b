"""One operation on one entity in progress, and what it ends with."""

from __future__ import annotations

import msgspec

from cyoda.errors import CyodaError, NoComputeMemberForTag, WorkflowFailed
from cyoda.jsonio import Json
from cyoda.principal import Actor, TenantId
from workflows.core.audit import Event, EventType
from workflows.core.callout import Call, Callout, CalloutAnswer, CalloutFailed
from workflows.core.entity import Document, Version
from workflows.core.timer import Timer

from .commands import Step
from .trail import Trail

DEFAULT_STATE_VISITS = 10


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Whose run it is: timers are armed in `tenant` by `origin`; `max_state_visits` bounds a cascade (engine 2.5)."""

    tenant: TenantId
    origin: Actor
    max_state_visits: int = DEFAULT_STATE_VISITS


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The entity at rest, to be saved with its timers in the transaction that is open now.

    `transition` is what the version stores as its latest transition; `events` are those not yet committed with a
    segment; `arm` and `disarm` (timer ids) do not overlap. Warnings are in the trail.
    """

    state: str
    document: Document
    transition: str
    events: tuple[Event, ...]
    arm: tuple[Timer, ...] = ()
    disarm: tuple[str, ...] = ()


class Run:
    """State and document of the entity between steps; changed in place by the rules of this package only.

    `transaction_id` is that of the open transaction, another one after each segment; `is_new` while no version of the
    entity was ever committed; `saved_transition` is the name a save of now would carry.
    """

    __slots__ = (
        "_view", "document", "is_new", "saved_transition", "state", "subject", "terms", "trail", "transaction_id",
    )  # fmt: skip

    def __init__(self, subject: Version, trail: Trail, terms: Terms, saved_transition: str) -> None:
        self.subject = subject
        self.state = subject.state
        self.document = subject.document
        self.trail = trail
        self.terms = terms
        self.transaction_id = subject.transaction_id
        self.saved_transition = saved_transition
        self.is_new = subject.number == 0
        self._view: Version | None = subject

    def record(self, event_type: EventType, details: str, data: Json = None) -> None:
        self.trail.record(event_type, self.state, details, data)

    def enter(self, state: str) -> None:
        self.state = state
        self._view = None

    def apply(self, document: Document | None) -> None:
        """Take over a processor's document; None leaves the entity unchanged."""
        if document is not None:
            self.document = document
            self._view = None

    def view(self) -> Version:
        """The entity as criteria and members see it now."""
        if self._view is None:
            subject = self.subject
            self._view = Version(
                entity_id=subject.entity_id, model=subject.model, number=subject.number, state=self.state,
                document=self.document, created_at=subject.created_at, updated_at=subject.updated_at,
                transaction_id=subject.transaction_id, transition=subject.transition, attributed=subject.attributed,
                executor=subject.executor,
            )  # fmt: skip
        return self._view


def ask(run: Run, callout: Callout) -> Step[CalloutAnswer]:
    """Put a question to client compute and keep the member's warnings.

    Raises WorkflowFailed with the member's text; the other failures of a dispatch pass through.
    """
    source = f"{callout.kind} {callout.name}"
    try:
        answer: CalloutAnswer = yield callout
    except CalloutFailed as error:
        run.trail.warn(source, error.warnings)
        run.trail.called(error.calls)
        raise WorkflowFailed(str(error)) from error
    except CyodaError as error:
        run.trail.called(tuple(call for call in error.calls if isinstance(call, Call)))
        raise
    run.trail.warn(source, answer.warnings)
    run.trail.called(answer.calls)
    return answer


def explained(error: CyodaError, prefix: str) -> CyodaError:
    """The error with its place before its text, for the codes that carry one (contract: engine 3.6, grpc 13.4).

    Raise it `from error.__cause__`: it may be the error itself, which must not become its own cause.
    """
    return error.prefixed(prefix) if isinstance(error, WorkflowFailed | NoComputeMemberForTag) else error
