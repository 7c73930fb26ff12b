"""What the engine asks of client compute, and what comes back (contract: engine 3, grpc 12-13)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

from cyoda.jsonio import Json
from workflows.core.entity import Document, Version

CalloutKind = Literal["processor", "criteria", "function"]
DEFAULT_TIMEOUT_MS = 30_000
REASON_LIMIT_BYTES = 2048


class Callout(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a calculation member.

    `tags` is the comma separated requirement as configured; `context` goes out as `parameters` when not empty;
    `subject` is the entity as the transaction sees it now, with its source state (sent when `attach_entity`);
    `transaction_id` is None outside a transaction; `target` is set for criteria only.
    """

    kind: CalloutKind
    name: str
    subject: Version
    workflow: str
    transition: str
    transaction_id: UUID | None
    tags: str = ""
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    context: str = ""
    attach_entity: bool = True
    target: Literal["WORKFLOW", "TRANSITION"] | None = None
    retry_policy: str = ""
    """`FIXED` asks another member when one fails to answer (docs/adr/0008); anything else is one attempt."""


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One attempt at a callout that has ended: whom it asked (empty: nobody), how it ended, how long it took.

    `pause_ms` is how long the next attempt was waited for.
    """

    kind: CalloutKind
    name: str
    member: str
    outcome: str
    ms: float
    error: str = ""
    pause_ms: float = 0.0


class CalloutAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A member's successful answer; only the members of its kind are meaningful.

    `document` None leaves the entity unchanged; `reason` is already cut to 2048 bytes of whole characters.
    """

    document: Document | None = None
    matches: bool = False
    reason: str = ""
    result_kind: str = ""
    result: Json = None
    warnings: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    """The attempts that led to it."""


class CalloutFailed(Exception):
    """The member answered success=false, or the request could not be written to its stream.

    `str(error)` is complete from `<kind> dispatch failed: …` or `failed to send <kind> request: …` on.
    """

    def __init__(self, message: str, warnings: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.warnings = warnings
        self.calls: tuple[Call, ...] = ()
