"""The id of the request under way: in its log lines and in the audit log.

A caller may name its request with `X-Request-Id`; others get an id made here. It is told in the answer to whoever named
it and on every page (answers of the API carry no header that their contract does not know: entities 1.3).
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from random import getrandbits

from structlog.typing import EventDict, WrappedLogger

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:+/=@-]{1,100}")
_current: ContextVar[list[str] | None] = ContextVar("request_id", default=None)
"""A place for the id, filled when it is first asked for: most requests write no line."""


def begin(given: str | None) -> bool:
    """A request starts in this context; whether it keeps the given id, which it does if that is well-formed."""
    is_kept = given is not None and _WELL_FORMED.fullmatch(given) is not None
    _current.set([given] if is_kept and given is not None else [])
    return is_kept


def current() -> str:
    """The id of the request under way; empty outside of one."""
    place = _current.get()
    if place is None:
        return ""
    if not place:
        place.append(f"{getrandbits(128):032x}")
    return place[0]


def add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A step of the logs: lines that are written for a request name it."""
    request_id = current()
    if request_id:
        event.setdefault("request_id", request_id)
    return event
