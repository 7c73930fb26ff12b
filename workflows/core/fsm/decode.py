"""The strict import request: checks a to e of contract engine 1.1, and normalisation to the stored document (1.4)."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from cyoda import jsonio
from cyoda.errors import BadRequest

from .document import (
    SCHEMA_VERSION,
    Processor,
    ProcessorConfig,
    Schedule,
    ScheduleFunction,
    State,
    Transition,
    Workflow,
)
from .versions import check_version

BODY_LIMIT_BYTES = 10 * 1024 * 1024
ImportMode = Literal["MERGE", "REPLACE", "ACTIVATE"]

_Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Opaque = Raw | UnsetType
_T = TypeVar("_T")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$[^`]*`)?$", re.DOTALL)


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed import: workflows normalised, not yet validated."""

    mode: ImportMode
    allow_cycles: bool
    workflows: tuple[Workflow, ...]


class _Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """As sent: any member may be absent or null, both meaning its zero value."""


class SentConfig(_Wire, frozen=True, kw_only=True):
    attach_entity: bool | None = None
    calculation_nodes_tags: str | None = None
    response_timeout_ms: _Int64 | None = None
    retry_policy: str | None = None
    context: str | None = None
    start_new_tx_on_dispatch: bool | None = None
    async_result: bool | None = None
    crossover_to_async_ms: _Int64 | None = None


class SentProcessor(_Wire, frozen=True, kw_only=True):
    type: str | None = None
    name: str | None = None
    execution_mode: str | None = None
    config: SentConfig | None = None
    annotations: _Opaque = UNSET


class SentFunction(_Wire, frozen=True, kw_only=True):
    name: str | None = None
    result_kind: str | None = None
    calculation_nodes_tags: str | None = None
    attach_entity: bool | None = None
    context: str | None = None
    response_timeout_ms: _Int64 | None = None


class SentSchedule(_Wire, frozen=True, kw_only=True):
    delay_ms: _Int64 | None = None
    timeout_ms: _Int64 | None = None
    function: SentFunction | None = None


class SentTransition(_Wire, frozen=True, kw_only=True):
    name: str | None = None
    next: str | None = None
    manual: bool | None = None
    disabled: bool | None = None
    criterion: _Opaque = UNSET
    criterion_annotations: _Opaque = UNSET
    processors: tuple[SentProcessor, ...] | None = None
    schedule: SentSchedule | None = None
    annotations: _Opaque = UNSET


class SentState(_Wire, frozen=True, kw_only=True):
    transitions: tuple[SentTransition, ...] | None = None
    annotations: _Opaque = UNSET


class SentWorkflow(_Wire, frozen=True, kw_only=True):
    version: str | None = None
    name: str | None = None
    desc: str | None = None
    initial_state: str | None = None
    active: bool | None = None
    criterion: _Opaque = UNSET
    criterion_annotations: _Opaque = UNSET
    states: dict[str, SentState | None] | None = None
    annotations: _Opaque = UNSET


class SentRequest(_Wire, frozen=True, kw_only=True):
    import_mode: str | None = None
    allow_cycles: bool | None = None
    workflows: tuple[SentWorkflow, ...] | None = None


_decoder = msgspec.json.Decoder(SentRequest | None)


def decode_import(body: bytes, *, strict_versions: bool = False) -> ImportRequest:
    """The import request in `body`.

    `strict_versions` refuses the retired schema versions `1` and `1.0` (setting `CYODA_WORKFLOW_VERSION_STRICT`).
    Raises BadRequest (too large, not the request's shape, trailing data, unknown mode),
    WorkflowSchemaVersionUnsupported.
    """
    if len(body) > BODY_LIMIT_BYTES:
        raise BadRequest("failed to read request body")
    request = _decoded(body) or SentRequest()
    mode = _mode(request.import_mode)
    for workflow in request.workflows or ():
        check_version(workflow.name or "", workflow.version or "", strict=strict_versions)
    return _request(request, mode)


def read_import(body: bytes) -> ImportRequest:
    """The same for a body of the right shape, whatever versions it declares. Raises BadRequest."""
    request = _decoded(body) or SentRequest()
    return _request(request, _mode(request.import_mode))


def _request(sent: SentRequest, mode: ImportMode) -> ImportRequest:
    return ImportRequest(
        mode=mode, allow_cycles=bool(sent.allow_cycles), workflows=_workflows(sent.workflows or ())
    )  # fmt: skip


def _workflows(sent: tuple[SentWorkflow, ...]) -> tuple[Workflow, ...]:
    try:
        return tuple(_workflow(workflow) for workflow in sent)
    except RecursionError as error:
        raise BadRequest(f"invalid JSON: {error}") from error


def _decoded(body: bytes) -> SentRequest | None:
    try:
        request = _decoder.decode(body)
        jsonio.parse(body)  # the decoder does not look into criteria and annotations
        return request
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadRequest(f"invalid JSON: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    text = str(error)
    if "trailing characters" in text:
        return "trailing data after request object"
    unknown = _UNKNOWN_FIELD.match(text)
    return f'json: unknown field "{unknown[1]}"' if unknown else text


def _mode(text: str | None) -> ImportMode:
    mode = (text or "MERGE").upper()
    if mode not in ("MERGE", "REPLACE", "ACTIVATE"):
        raise BadRequest(f"unknown importMode: {mode}")
    return mode


# --- normalisation ----------------------------------------------------------------------------------------------


def _workflow(sent: SentWorkflow) -> Workflow:
    return Workflow(
        version=SCHEMA_VERSION,
        name=sent.name or "",
        desc=sent.desc or "",
        initial_state=sent.initial_state or "",
        active=sent.active is not False,
        criterion=_compact(sent.criterion),
        criterion_annotations=_annotations(sent.criterion_annotations),
        states={name: _state(state or SentState()) for name, state in (sent.states or {}).items()},
        annotations=_annotations(sent.annotations),
    )


def _state(sent: SentState) -> State:
    return State(
        transitions=tuple(_transition(t) for t in sent.transitions or ()), annotations=_annotations(sent.annotations)
    )


def _transition(sent: SentTransition) -> Transition:
    return Transition(
        name=sent.name or "",
        next=sent.next or "",
        manual=bool(sent.manual),
        disabled=bool(sent.disabled),
        criterion=_compact(sent.criterion),
        criterion_annotations=_annotations(sent.criterion_annotations),
        processors=tuple(_processor(p) for p in sent.processors or ()),
        schedule=UNSET if sent.schedule is None else _schedule(sent.schedule),
        annotations=_annotations(sent.annotations),
    )


def _processor(sent: SentProcessor) -> Processor:
    return Processor(
        type=sent.type or "",
        name=sent.name or "",
        execution_mode=sent.execution_mode or "",
        config=_config(sent.config or SentConfig()),
        annotations=_annotations(sent.annotations),
    )


def _config(sent: SentConfig) -> ProcessorConfig:
    return ProcessorConfig(
        attach_entity=sent.attach_entity is not False,
        calculation_nodes_tags=sent.calculation_nodes_tags or "",
        response_timeout_ms=sent.response_timeout_ms or 0,
        retry_policy=sent.retry_policy or "",
        context=sent.context or "",
        start_new_tx_on_dispatch=_given(sent.start_new_tx_on_dispatch),
        async_result=_given(sent.async_result),
        crossover_to_async_ms=_given(sent.crossover_to_async_ms),
    )


def _schedule(sent: SentSchedule) -> Schedule:
    return Schedule(
        delay_ms=sent.delay_ms or 0,
        timeout_ms=_given(sent.timeout_ms),
        function=UNSET if sent.function is None else _function(sent.function),
    )


def _function(sent: SentFunction) -> ScheduleFunction:
    return ScheduleFunction(
        name=sent.name or "",
        result_kind=sent.result_kind or "",
        attach_entity=sent.attach_entity is not False,
        calculation_nodes_tags=sent.calculation_nodes_tags or "",
        context=sent.context or "",
        response_timeout_ms=sent.response_timeout_ms or 0,
    )


def _given(value: _T | None) -> _T | UnsetType:
    return UNSET if value is None else value


def _compact(text: _Opaque) -> _Opaque:
    return UNSET if text is UNSET else Raw(msgspec.json.format(bytes(text), indent=-1))


def _annotations(text: _Opaque) -> _Opaque:
    compact = _compact(text)
    return UNSET if compact is UNSET or bytes(compact) == b"null" else compact
