"""Running a workflow on a sample entity, step by step (ours): the real rules, and nothing is saved."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from cyoda.clock import Clock, utc_text
from cyoda.errors import BadRequest, CyodaError, NoComputeMemberForTag
from cyoda.jsonio import Json
from cyoda.principal import Principal
from workflows.compute.gateway import ComputeGateway
from workflows.core.audit import EventType
from workflows.core.callout import Callout, CalloutAnswer, CalloutFailed
from workflows.core.entity import Document, ModelKey, Version
from workflows.core.fsm.commands import Command, ReadTimers, Savepoint, Segment, Step
from workflows.core.fsm.compiled import CompiledWorkflows, compile_workflows
from workflows.core.fsm.decode import decode_import
from workflows.core.fsm.imports import imported
from workflows.core.fsm.operations import create, fire_named, loopback
from workflows.core.fsm.run import Settled, Terms
from workflows.core.fsm.trail import Trail
from workflows.core.timer import Timer
from workflows.services.documents import accept, parse_json
from workflows.services.engine import drive
from workflows.services.models import model_not_found
from workflows.services.platform import Platform
from workflows.services.simulation import (
    Asked,
    GivenAnswers,
    GivenDocument,
    GivenResult,
    GivenVerdict,
    Refusal,
    Sample,
    SimulatedStep,
    SimulatedTimer,
    Simulation,
)


async def simulate(principal: Principal, key: ModelKey, sample: Sample, *, platform: Platform) -> Simulation:
    """Run a sample until it rests or is refused.

    Raises ModelNotFound, BadRequest, WorkflowSchemaVersionUnsupported, ValidationFailed (as an import), and what
    a model refuses a document with (as `create_entity`).
    """
    if sample.transition and not sample.state:
        raise BadRequest("a transition can only be taken from a state: state is missing")
    configured = await platform.configurations.load(principal.tenant, key)
    if configured.stored.model is None:
        raise model_not_found(key)
    workflows = configured.workflows
    if sample.workflows is not None:
        texts = _texts(sample.workflows, sample.allow_cycles, platform.limits.workflow_version_strict)
        workflows = compile_workflows(texts, configured.fields)
    document = accept(parse_json(sample.entity), configured.stored.model).document
    return await _run(principal, _subject(principal, key, document, sample, platform), sample, workflows, platform)


def _texts(workflows: bytes, allow_cycles: bool, strict_versions: bool) -> tuple[bytes, ...]:
    flag = b"true" if allow_cycles else b"false"
    body = b'{"importMode":"REPLACE","allowCycles":%b,"workflows":%b}' % (flag, workflows)
    return imported(decode_import(body, strict_versions=strict_versions), ())


def _subject(principal: Principal, key: ModelKey, document: Document, sample: Sample, platform: Platform) -> Version:
    now = platform.clock()
    return Version(
        entity_id=platform.new_id(), model=key, number=1 if sample.state else 0, state=sample.state,
        document=document, created_at=now, updated_at=now, transaction_id=platform.new_id(),
        transition=sample.transition, attributed=principal.actor, executor=principal.actor,
    )  # fmt: skip


async def _run(
    principal: Principal, subject: Version, sample: Sample, workflows: CompiledWorkflows, platform: Platform
) -> Simulation:
    steps: list[SimulatedStep] = []
    trail = _Recorder(platform.clock, steps)
    simulator = _Simulator(principal, sample.answers, platform, steps)
    terms = Terms(
        tenant=principal.tenant, origin=principal.actor, max_state_visits=platform.limits.max_state_visits
    )  # fmt: skip
    settled: Settled | None = None
    refusal: Refusal | UnsetType = UNSET
    try:
        settled = await drive(_rule(sample, subject, workflows, trail, terms), simulator.execute)
    except CyodaError as error:
        refusal = Refusal(error_code=error.code, message=error.message)
    document = subject.document if simulator.document is None else simulator.document
    return Simulation(
        state=settled.state if settled is not None else trail.state or subject.state,
        entity=document.raw if settled is None else settled.document.raw,
        steps=tuple(steps),
        timers=() if settled is None else tuple(_timer(timer) for timer in settled.arm),
        warnings=tuple(trail.warnings),
        refusal=refusal,
    )


def _rule(
    sample: Sample, subject: Version, workflows: CompiledWorkflows, trail: Trail, terms: Terms
) -> Step[Settled]:  # fmt: skip
    if not sample.state:
        return create(subject, workflows, trail, terms)
    if sample.transition:
        return fire_named(subject, sample.transition, workflows, trail, terms)
    return loopback(subject, workflows, trail, terms)


def _timer(timer: Timer) -> SimulatedTimer:
    timeout_ms = UNSET if timer.timeout_ms is None else timer.timeout_ms
    return SimulatedTimer(transition=timer.transition, due_at=utc_text(timer.due_at), timeout_ms=timeout_ms)


class _Recorder(Trail):
    """A trail whose events are steps too, in their place among the callouts; `state` is the one last recorded."""

    __slots__ = ("state", "steps")

    def __init__(self, clock: Clock, steps: list[SimulatedStep]) -> None:
        super().__init__(clock)
        self.steps = steps
        self.state = ""

    def record(self, event_type: EventType, state: str, details: str, data: Json = None) -> None:
        super().record(event_type, state, details, data)
        self.state = state
        self.steps.append(
            SimulatedStep(
                kind="EVENT", event_type=event_type, state=state, details=details, data=UNSET if data is None else data
            )
        )


class _Simulator:
    """Answers a run's commands from given answers or living members, with no transaction behind it."""

    def __init__(
        self, principal: Principal, answers: GivenAnswers | None, platform: Platform, steps: list[SimulatedStep]
    ) -> None:
        self.document: Document | None = None
        self._principal = principal
        self._answers = answers
        self._compute: ComputeGateway = platform.compute
        self._new_id = platform.new_id
        self._steps = steps
        self._is_discarded = False

    async def execute(self, command: Command) -> Any:
        match command:
            case Callout():
                return await self._call(command)
            case Savepoint():
                self._is_discarded = True
            case Segment(subject=subject):
                self._steps.append(SimulatedStep(kind="COMMIT", state=subject.state, entity=subject.document.raw))
                return self._new_id()
            case ReadTimers():
                return ()
            case _:
                return None
        return None

    async def _call(self, callout: Callout) -> CalloutAnswer:
        is_discarded, self._is_discarded = self._is_discarded, False
        try:
            answer = await self._answer(callout)
        except (CyodaError, CalloutFailed) as error:
            self._note(callout, _asked(callout, error=str(error)))
            raise
        document = answer.document if callout.kind == "processor" else None
        if document is not None and not is_discarded:
            self.document = document
        self._note(callout, _answered(callout, answer, is_discarded), None if is_discarded else document)
        return answer

    async def _answer(self, callout: Callout) -> CalloutAnswer:
        if self._answers is not None:
            return _given(self._answers, callout)
        alone = msgspec.structs.replace(callout, transaction_id=None)
        return await self._compute.call(self._principal, alone, token=None)

    def _note(self, callout: Callout, asked: Asked, document: Document | None = None) -> None:
        entity = UNSET if document is None else document.raw
        self._steps.append(SimulatedStep(kind="CALLOUT", state=callout.subject.state, callout=asked, entity=entity))


def _asked(callout: Callout, **members: Any) -> Asked:
    return Asked(
        kind=callout.kind, name=callout.name, tags=callout.tags, transition=callout.transition, **members
    )  # fmt: skip


def _answered(callout: Callout, answer: CalloutAnswer, is_discarded: bool) -> Asked:
    match callout.kind:
        case "processor":
            data = UNSET if answer.document is None else answer.document.raw
            return _asked(callout, data=data, discarded=is_discarded)
        case "criteria":
            return _asked(callout, matches=answer.matches, reason=answer.reason)
        case "function":
            return _asked(callout, result=answer.result)


def _given(answers: GivenAnswers, callout: Callout) -> CalloutAnswer:
    """Raises CalloutFailed for a given error, NoComputeMemberForTag when no answer is given, BadRequest."""
    match callout.kind:
        case "processor":
            given = answers.processors.get(callout.name)
        case "criteria":
            given = answers.criteria.get(callout.name)
        case "function":
            given = answers.functions.get(callout.name)
    if given is None:
        raise NoComputeMemberForTag(f"no answer is given for the {callout.kind} {callout.name}")
    if isinstance(given, bool):
        return CalloutAnswer(matches=given)
    if given.error is not UNSET:
        raise CalloutFailed(f"{callout.kind} dispatch failed: {given.error}")
    match given:
        case GivenDocument(data=data):
            document = None if data is UNSET or bytes(data) == b"null" else parse_json(bytes(data))
            return CalloutAnswer(document=document)
        case GivenVerdict(matches=matches, reason=reason):
            return CalloutAnswer(matches=matches, reason=reason)
        case GivenResult(result=result, result_kind=kind):
            return CalloutAnswer(result_kind=kind, result=None if result is UNSET else parse_json(bytes(result)).value)
