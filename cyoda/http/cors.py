"""Which browser origins may read answers (contract: identity 17, entities 1.9).

The allowed headers go beyond the contract's four by those that known clients send and whose absence would make a
browser refuse the call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cyoda.http.response import Header, Response

_LOOPBACK = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?")
_VARY: Header = (b"vary", b"Origin")
_PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, traceparent, tracestate, X-Requested-With, If-Match, X-Tx-Token, Accept",
    ),
    (b"access-control-max-age", b"86400"),
)


class Cors:
    """`origins` empty allows loopback hosts, `*` everyone, else an exact list (checked by cyoda.origins)."""

    def __init__(self, origins: Iterable[str] = (), *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._origins = frozenset(origins)

    def headers(self, origin: str | None) -> tuple[Header, ...]:
        """What every answer carries; `Vary` also without an `Origin`."""
        if not self._enabled:
            return ()
        if origin is None or not self._allows(origin):
            return (_VARY,)
        allowed = b"*" if "*" in self._origins else origin.encode("latin-1")
        return (_VARY, (b"access-control-allow-origin", allowed))

    def preflight(self, method: str, headers: dict[bytes, bytes]) -> Response | None:
        """The answer to a preflight, None for any other request."""
        is_preflight = method == "OPTIONS" and b"origin" in headers and b"access-control-request-method" in headers
        return Response(204, headers=_PREFLIGHT) if self._enabled and is_preflight else None

    def _allows(self, origin: str) -> bool:
        if not self._origins:
            return _LOOPBACK.fullmatch(origin) is not None
        return "*" in self._origins or origin in self._origins
