"""What a simulation takes and tells: given answers, the sample, and the steps of its run."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from cyoda.jsonio import Json


class _Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    pass


class GivenDocument(_Shape, frozen=True, kw_only=True):
    """A processor's answer: the document that replaces the entity's, or why it fails; neither leaves it as it is."""

    data: Raw | UnsetType = UNSET
    error: str | UnsetType = UNSET


class GivenVerdict(_Shape, frozen=True, kw_only=True):
    matches: bool = False
    reason: str = ""
    error: str | UnsetType = UNSET


class GivenResult(_Shape, frozen=True, kw_only=True):
    """A schedule function's answer, `{"fireAfterMs": 60000}` for example."""

    result: Raw | UnsetType = UNSET
    result_kind: str = "Schedule"
    error: str | UnsetType = UNSET


class GivenAnswers(_Shape, frozen=True, kw_only=True):
    """What members would answer, by name."""

    processors: dict[str, GivenDocument] = {}
    criteria: dict[str, bool | GivenVerdict] = {}
    functions: dict[str, GivenResult] = {}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: `workflows` is the JSON text of an import's array, None for the model's own.

    Without `state` the entity is created; with one it is updated there, by `transition` when that is named.
    `answers` None asks the members that are connected.
    """

    entity: bytes
    workflows: bytes | None
    allow_cycles: bool
    state: str
    transition: str
    answers: GivenAnswers | None


class Asked(_Shape, frozen=True, kw_only=True):
    """A callout and what came back: `error`, or the members of its kind.

    `discarded`: the document of an ASYNC_NEW_TX processor is not taken over.
    """

    kind: Literal["processor", "criteria", "function"]
    name: str
    tags: str
    transition: str = ""
    data: Json | UnsetType = UNSET
    matches: bool | UnsetType = UNSET
    reason: str = ""
    result: Json | UnsetType = UNSET
    error: str = ""
    discarded: bool = False


class SimulatedStep(_Shape, frozen=True, kw_only=True):
    """An event as audit would keep it, a callout, or a commit before a dispatch.

    `entity` is the document after a step that replaced it.
    """

    kind: Literal["EVENT", "CALLOUT", "COMMIT"]
    state: str
    event_type: str = ""
    details: str = ""
    data: Json | UnsetType = UNSET
    callout: Asked | UnsetType = UNSET
    entity: Json | UnsetType = UNSET


class SimulatedTimer(_Shape, frozen=True, kw_only=True):
    transition: str
    due_at: str
    timeout_ms: int | UnsetType = UNSET


class Refusal(_Shape, frozen=True, kw_only=True):
    error_code: str
    message: str


class Simulation(_Shape, frozen=True, kw_only=True):
    """Where the run ends; with a `refusal` the request would fail, and only what a COMMIT step saved would stay."""

    state: str
    entity: Json
    steps: tuple[SimulatedStep, ...]
    timers: tuple[SimulatedTimer, ...]
    warnings: tuple[str, ...]
    refusal: Refusal | UnsetType = UNSET
