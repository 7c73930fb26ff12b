"""What goes back: a status, bytes and a content type, or a stream of NDJSON lines (contract: entities 1.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from cyoda import jsonio
from cyoda.http.request import Send

Header = tuple[bytes, bytes]

JSON = b"application/json"
NDJSON = b"application/x-ndjson"
NO_STORE: tuple[Header, ...] = ((b"cache-control", b"no-store"),)
"""Goes with every answer that holds a token or a secret."""
_CHUNK_BYTES = 64 * 1024


class Response:
    """A complete answer; without a content type it is an empty one."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self, status: int, body: bytes = b"", content_type: bytes = b"", headers: Sequence[Header] = ()
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers

    def whole(self) -> bytes:
        """The body, for whoever does not send it."""
        return self.body

    async def send(self, send: Send, extra: Sequence[Header]) -> None:
        headers = [(b"content-length", b"%d" % len(self.body)), *self.headers, *extra]
        if self.content_type:
            headers.append((b"content-type", self.content_type))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class StreamResponse(Response):
    """An answer sent piece by piece; a failure after the first piece cuts the stream."""

    __slots__ = ("chunks",)

    def __init__(self, chunks: Iterable[bytes], content_type: bytes) -> None:
        super().__init__(200, b"", content_type)
        self.chunks = chunks

    def whole(self) -> bytes:
        return b"".join(self.chunks)

    async def send(self, send: Send, extra: Sequence[Header]) -> None:
        headers = [*self.headers, *extra, (b"content-type", self.content_type)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for chunk in self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def json_response(value: object, status: int = 200, headers: Sequence[Header] = ()) -> Response:
    return Response(status, jsonio.dumps(value), JSON, headers)


def json_bytes(body: bytes) -> Response:
    """An answer whose JSON text is already there."""
    return Response(200, body, JSON)


def ndjson(lines: Iterable[bytes]) -> Response:
    """One JSON text a line; a long answer is rendered and sent in pieces, so it never exists whole in memory."""
    chunks = _chunks(lines)
    first, second = next(chunks, b""), next(chunks, b"")
    if not second:
        return Response(200, first, NDJSON)
    return StreamResponse(chain((first, second), chunks), NDJSON)


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        waiting += (line, b"\n")
        size += len(line) + 1
        if size >= _CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
