"""One API request: who asks, what the path and query bind to, headers, and the body within its limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from cyoda.admission import payload_too_large
from cyoda.errors import BadRequest, BodyTooLarge, InvalidParameter, MissingParameter
from cyoda.http import binding
from cyoda.principal import Principal

T = TypeVar("T")

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


_SCHEMES = ("http", "https")


def origin(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    """Where the client reached this node, as it or the proxy before it says: `https://host:port`."""
    host = headers.get(b"host", b"localhost").decode("latin-1")
    forwarded = headers.get(b"x-forwarded-proto", b"").decode("latin-1")
    scheme = forwarded if forwarded in _SCHEMES else scope.get("scheme", "http")
    return f"{scheme}://{host}"


class ClientDisconnected(Exception):
    """The client went away before its request was complete."""


class ApiRequest:
    """A routed request. `principal` exists on authenticated routes only.

    `path` is the decoded path below the context path; `values` the decoded path parameters by name. `is_own` is one
    that this process asks itself, for a person who looks at its pages.
    The binding methods raise InvalidParameter or MissingParameter (contract: entities 1.4).
    """

    __slots__ = ("_query", "_receive", "headers", "is_own", "path", "principal", "scope", "values")

    principal: Principal

    def __init__(
        self, scope: Scope, receive: Receive, *, path: str, headers: Mapping[bytes, bytes], values: dict[str, str]
    ) -> None:
        self.scope = scope
        self.path = path
        self.headers = headers
        self.values = values
        self.is_own = False
        self._receive = receive
        self._query: dict[str, list[str]] | None = None

    @property
    def method(self) -> str:
        return self.scope["method"]

    @property
    def query(self) -> dict[str, list[str]]:
        """All query parameters, decoded, blank ones kept, in order."""
        if self._query is None:
            raw = self.scope["query_string"]
            self._query = parse_qs(raw.decode("latin-1"), keep_blank_values=True, errors="replace") if raw else {}
        return self._query

    # --- headers ------------------------------------------------------------------------------------------------

    def header(self, name: bytes) -> str | None:
        """The first value of a header; `name` in lower case."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def single_header(self, name: bytes) -> str | None:
        """A header that may occur once. Raises BadRequest when it is repeated (contract: engine 0)."""
        value = self.header(name)
        if value is not None and sum(key == name for key, _ in self.scope["headers"]) > 1:
            raise BadRequest("invalid request parameter")
        return value

    @property
    def own_link(self) -> str:
        """The whole address of this request, as it was asked, without its query."""
        return f"{origin(self.scope, self.headers)}{self.scope['raw_path'].decode('latin-1')}"

    def link(self, path: str) -> str:
        """The whole address of a path below the context path."""
        whole: str = self.scope["path"]
        return f"{origin(self.scope, self.headers)}{whole[: len(whole) - len(self.path)]}{path}"

    # --- path ---------------------------------------------------------------------------------------------------

    def path_int32(self, name: str) -> int:
        return _bound(name, binding.integer(self.values[name], binding.INT32))

    def path_uuid(self, name: str) -> UUID:
        return _bound(name, binding.uuid(self.values[name]))

    # --- query --------------------------------------------------------------------------------------------------

    def query_text(self, name: str) -> str | None:
        """The first value as it is, None when absent."""
        values = self.query.get(name)
        return values[0] if values else None

    def query_list(self, name: str) -> list[str] | None:
        """All values of a repeatable parameter; commas are not split."""
        return self.query.get(name)

    def query_int32(self, name: str, default: int) -> int:
        text = self._single(name)
        return default if text is None else _bound(name, binding.integer(text, binding.INT32))

    def query_int64(self, name: str, default: int) -> int:
        text = self._single(name)
        return default if text is None else _bound(name, binding.integer(text, binding.INT64))

    def query_boolean(self, name: str, *, default: bool = False) -> bool:
        text = self._single(name)
        return default if text is None else _bound(name, binding.boolean(text))

    def query_uuid(self, name: str) -> UUID | None:
        text = self._single(name)
        return None if text is None else _bound(name, binding.uuid(text))

    def query_time(self, name: str) -> datetime | None:
        """A moment in UTC; an empty value counts as absent. A `+` that was not escaped may stand in its offset."""
        text = self._single(name)
        return _bound(name, binding.date_time(binding.with_plus(text))) if text else None

    def required_text(self, name: str) -> str:
        text = self._single(name)
        if text is None:
            raise MissingParameter(name)
        return text

    def _single(self, name: str) -> str | None:
        values = self.query.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise InvalidParameter(name)
        return values[0]

    # --- body ---------------------------------------------------------------------------------------------------

    async def body(self, limit_bytes: int, refusal: str) -> bytes:
        """The whole body. Never holds more than the limit.

        Raises BodyTooLarge with `refusal` as its message, ClientDisconnected.
        """
        declared = self.headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit_bytes:
            raise BodyTooLarge(refusal)
        message = await self._next_part()
        first: bytes = message.get("body", b"")
        if not message.get("more_body", False) and len(first) <= limit_bytes:
            return first
        parts, size = [first], len(first)
        while size <= limit_bytes and message.get("more_body", False):
            message = await self._next_part()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        if size > limit_bytes:
            raise BodyTooLarge(refusal)
        return b"".join(parts)

    def limit_body(self, limit_bytes: int) -> None:
        """From now on no more of the body is read than this, whatever the endpoint takes.

        Raises PayloadTooLarge for a body that is declared larger; reading raises it for one that turns out so.
        """
        declared = self.headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit_bytes:
            raise payload_too_large(limit_bytes)
        unlimited, size = self._receive, 0

        async def receive() -> Message:
            nonlocal size
            message = await unlimited()
            size += len(message.get("body", b""))
            if size > limit_bytes:
                raise payload_too_large(limit_bytes)
            return message

        self._receive = receive

    async def _next_part(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        return message


def _bound(name: str, value: T | None) -> T:
    if value is None:
        raise InvalidParameter(name)
    return value
