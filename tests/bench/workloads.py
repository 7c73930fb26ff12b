"""What one connection sends: requests rendered before the clock starts, and what an answer changes for the next one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_TRANSACTION_ID = b'"transactionId":"'
_UUID_CHARACTERS = 36


class Workload(Protocol):
    """The requests of one connection, one after another; picklable, for it travels to a load process."""

    def next(self) -> bytes:
        """The next request, whole."""
        ...

    def answered(self, answer: bytes) -> None:
        """Called with each successful answer, head and body."""
        ...


def render(method: str, path: str, token: str, body: bytes = b"", **headers: str) -> bytes:
    """One HTTP/1.1 request; `if_match="x"` becomes `if-match: x`."""
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"authorization: Bearer {token}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines += [] if "content_type" in headers else ["content-type: application/json"]
        lines += [f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass
class Rotating:
    """Independent requests, over and over."""

    requests: Sequence[bytes]
    _position: int = 0

    def next(self) -> bytes:
        request = self.requests[self._position % len(self.requests)]
        self._position += 1
        return request

    def answered(self, answer: bytes) -> None:
        """One answer changes nothing for the next request."""


@dataclass
class Preconditioned:
    """Updates whose If-Match is the transaction that the last update of that entity answered.

    `parts` are the two halves of each entity's request around the transaction id.
    """

    parts: Sequence[tuple[bytes, bytes]]
    transactions: list[bytes]
    _position: int = 0

    def next(self) -> bytes:
        before, after = self.parts[self._position]
        return before + self.transactions[self._position] + after

    def answered(self, answer: bytes) -> None:
        start = answer.index(_TRANSACTION_ID) + len(_TRANSACTION_ID)
        self.transactions[self._position] = answer[start : start + _UUID_CHARACTERS]
        self._position = (self._position + 1) % len(self.parts)


def shares(items: Sequence[Any], connections: int) -> list[Sequence[Any]]:
    """The items dealt out so that no two connections touch the same one.

    Raises ValueError when there are too few.
    """
    if len(items) < connections:
        raise ValueError(f"{len(items)} items for {connections} connections")
    return [tuple(itertools.islice(items, number, None, connections)) for number in range(connections)]
