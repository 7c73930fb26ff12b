"""`/openapi.json` and `/docs` at the server's root, in front of the pages (contract: entities 1.1).

The page works offline: what it loads is vendored, and its policy lets it load from nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from cyoda import jsonio
from cyoda.http.request import Receive, Scope, Send, origin
from cyoda.http.response import JSON, Header, Response

AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

STATIC = Path(__file__).resolve().parents[2] / "static"
_VENDORED = STATIC / "vendor/swagger-ui"
_SCRIPT = b"text/javascript; charset=utf-8"
_FILES: Mapping[str, tuple[Path, bytes]] = {
    "/docs": (STATIC / "docs/index.html", b"text/html; charset=utf-8"),
    "/docs/page.js": (STATIC / "docs/page.js", _SCRIPT),
    "/docs/swagger-ui-bundle.js": (_VENDORED / "swagger-ui-bundle.js", _SCRIPT),
    "/docs/swagger-ui.css": (_VENDORED / "swagger-ui.css", b"text/css; charset=utf-8"),
}
_CSP = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_POLICY: tuple[Header, ...] = (
    (b"content-security-policy", _CSP),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_ANYONE: tuple[Header, ...] = ((b"access-control-allow-origin", b"*"),)


class Documentation:
    """Answers GET and HEAD of the document and its page; everything else goes to `fallback`."""

    def __init__(self, build: Callable[[], dict[str, Any]], *, context_path: str, fallback: AsgiApp) -> None:
        self._build = build
        self._context_path = context_path
        self._fallback = fallback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return await self._fallback(scope, receive, send)
        path: str = scope["path"]
        if path == "/openapi.json":
            return await self._document_for(scope).send(send, ())
        if path in _FILES:
            file, content_type = _FILES[path]
            return await Response(200, file.read_bytes(), content_type, _POLICY).send(send, ())
        return await self._fallback(scope, receive, send)

    @cached_property
    def _document(self) -> dict[str, Any]:
        """Built when it is first asked for."""
        return self._build()

    def _document_for(self, scope: Scope) -> Response:
        headers = dict(reversed(scope["headers"]))
        servers = [{"url": f"{origin(scope, headers)}{self._context_path}"}]
        return Response(200, jsonio.dumps({**self._document, "servers": servers}), JSON, _ANYONE)
