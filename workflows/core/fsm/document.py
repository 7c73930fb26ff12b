"""The workflow document as it is stored and exported (contract: engine 1.3, 1.4).

Encoding one of these structs gives the normalised JSON text: members in declaration order, defaults left out where
1.4 says so. Criteria and annotations stay raw, compacted JSON text: whatever a client put there comes back.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

SCHEMA_VERSION = "1.3"


class _Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    pass


class ProcessorConfig(_Document, frozen=True, kw_only=True):
    """`response_timeout_ms` of 0 or less means the default; `attach_entity` is always emitted (decision 2)."""

    attach_entity: bool
    calculation_nodes_tags: str = ""
    response_timeout_ms: int = 0
    retry_policy: str = ""
    context: str = ""
    start_new_tx_on_dispatch: bool | UnsetType = UNSET
    async_result: bool | UnsetType = UNSET
    crossover_to_async_ms: int | UnsetType = UNSET


class Processor(_Document, frozen=True, kw_only=True):
    type: str
    name: str
    execution_mode: str = ""
    config: ProcessorConfig
    annotations: Raw | UnsetType = UNSET


class ScheduleFunction(_Document, frozen=True, kw_only=True):
    name: str
    result_kind: str
    attach_entity: bool
    calculation_nodes_tags: str
    context: str = ""
    response_timeout_ms: int = 0


class Schedule(_Document, frozen=True, kw_only=True):
    """`delay_ms` above 0 is a static delay; `timeout_ms` absent never expires."""

    delay_ms: int
    timeout_ms: int | UnsetType = UNSET
    function: ScheduleFunction | UnsetType = UNSET


class Transition(_Document, frozen=True, kw_only=True):
    name: str
    next: str
    manual: bool
    disabled: bool = False
    criterion: Raw | UnsetType = UNSET
    criterion_annotations: Raw | UnsetType = UNSET
    processors: tuple[Processor, ...] = ()
    schedule: Schedule | UnsetType = UNSET
    annotations: Raw | UnsetType = UNSET


class State(_Document, frozen=True, kw_only=True):
    transitions: tuple[Transition, ...] = ()
    annotations: Raw | UnsetType = UNSET


class Workflow(_Document, frozen=True, kw_only=True):
    version: str
    name: str
    desc: str = ""
    initial_state: str
    active: bool
    criterion: Raw | UnsetType = UNSET
    criterion_annotations: Raw | UnsetType = UNSET
    states: dict[str, State]
    annotations: Raw | UnsetType = UNSET


_decoder = msgspec.json.Decoder(Workflow)
_encoder = msgspec.json.Encoder()


def stored_text(workflow: Workflow) -> bytes:
    """The normalised JSON text that is stored and exported."""
    return _encoder.encode(workflow)


def stored_workflow(text: bytes) -> Workflow:
    """The workflow of a stored text; `stored_text` of the result is the same text again."""
    return _decoder.decode(text)


class _Named(msgspec.Struct, frozen=True):
    name: str


_named = msgspec.json.Decoder(_Named)


def shown_name(text: bytes) -> str:
    """The name in a workflow's text, as it can be shown and stored anywhere; empty where there is none."""
    try:
        return _named.decode(text).name.replace("\0", "")
    except msgspec.DecodeError:
        return ""


def criterion_text(criterion: Raw | UnsetType) -> bytes | None:
    """The criterion's JSON text; None when it is absent or null, which both mean "no criterion"."""
    text = b"null" if criterion is UNSET else bytes(criterion)
    return None if text == b"null" else text


def quoted(name: str) -> str:
    """A name in double quotes, as messages and audit details show it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
