"""Requests that join a transaction of another node go to that node, as they came (contract: grpc 16.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from cyoda.http.request import ClientDisconnected, Receive, Scope, Send
from cyoda.http.response import Header, Response

TOKEN = b"x-tx-token"
_OWN_AFFAIR = (b"origin", b"access-control-request-method", b"access-control-request-headers")
"""CORS is between the client and the node that it speaks to."""


class Answer(Protocol):
    """An answer of another node whose head has arrived."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Sequence[Header]: ...

    def chunks(self) -> AsyncIterator[bytes]: ...


class Owners(Protocol):
    """The nodes that own transactions."""

    def owner(self, token: str) -> str | None:
        """The other node that a valid token names; None for this one, and for a token that names none."""
        ...

    async def http(self, owner: str, scope: Scope, headers: Sequence[Header], body: AsyncIterator[bytes]) -> Answer:
        """Raises TransactionNodeUnavailable."""
        ...


async def forwarded(owners: Owners, owner: str, scope: Scope, receive: Receive) -> Response:
    """The owner's answer. Raises TransactionNodeUnavailable."""
    headers = [header for header in scope["headers"] if header[0] not in _OWN_AFFAIR]
    return ForwardedResponse(await owners.http(owner, scope, headers, _body(receive)))


class ForwardedResponse(Response):
    """An answer passed on piece by piece; when the owner is lost on the way, it is cut."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self._answer = answer

    async def send(self, send: Send, extra: Sequence[Header]) -> None:
        own = {name for name, _ in extra}
        headers = [*(header for header in self._answer.headers if header[0] not in own), *extra]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        async for chunk in self._answer.chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        if body := message.get("body", b""):
            yield body
        if not message.get("more_body", False):
            return
