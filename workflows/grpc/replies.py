"""Replies: the base event, and how a refusal looks inside it (contract: grpc 4)."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence

from cyoda import jsonio
from cyoda.errors import CyodaError

Body = Mapping[str, object]
"""The members of a reply besides those of the base event."""

STATUS_LIMIT_BYTES = 1024
"""A status message travels as metadata, percent-encoded; beyond 8 KiB of it clients drop the whole answer."""

_log = logging.getLogger(__name__)


class InvalidPayload(Exception):
    """The request cannot be taken at all; `str(error)` is the status message."""


def status_message(text: str) -> str:
    """A message for a call's status: a long one, which repeats what the client sent, is cut."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= STATUS_LIMIT_BYTES else data[:STATUS_LIMIT_BYTES].decode(errors="ignore") + "…"


def succeeded(request_id: str, body: Body, *, warnings: Sequence[str] = ()) -> bytes:
    """The JSON text of a successful reply; `request_id` is the request's CloudEvent id, never its JSON id."""
    return jsonio.dumps({"id": request_id, "success": True, **body, **_warnings(warnings)})


def failed(request_id: str, body: Body, error: Mapping[str, object], *, warnings: Sequence[str] = ()) -> bytes:
    """The JSON text of a failing reply; `body` holds the placeholders that the reply's schema requires."""
    return jsonio.dumps({"id": request_id, "success": False, "error": error, **body, **_warnings(warnings)})


def error_of(fault: Exception) -> dict[str, object]:
    """The error object of a refusal. Anything internal is logged under a ticket and only the ticket is sent."""
    if isinstance(fault, CyodaError) and (fault.status < 500 or fault.status in (501, 503)):
        error: dict[str, object] = {"code": "CLIENT_ERROR", "message": fault.detail}
        if fault.retryable:
            error["retryable"] = True
        return error
    ticket = uuid.uuid4()
    _log.error("internal error, ticket %s", ticket, exc_info=fault)
    return {"code": "SERVER_ERROR", "message": f"SERVER_ERROR: internal error [ticket: {ticket}]"}


def warnings_of(fault: Exception) -> tuple[str, ...]:
    """The members' warnings that a refusal carries."""
    return fault.warnings if isinstance(fault, CyodaError) else ()


def _warnings(warnings: Sequence[str]) -> Body:
    return {"warnings": list(warnings)} if warnings else {}
