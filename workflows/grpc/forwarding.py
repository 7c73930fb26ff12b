"""Calls that join a transaction of another node go to that node, as they came (contract: grpc 16.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NoReturn, Protocol

import grpc.aio

from workflows.grpc.authentication import Context, metadata_value

TOKEN = "tx-token"
_OF_THE_CONNECTION = ("user-agent", "content-type", "te")
Metadata = Sequence[tuple[str, str | bytes]]


class Owners(Protocol):
    """The nodes that own transactions. `method` is a whole path; times are seconds, None without end."""

    def owner(self, token: str) -> str | None:
        """The other node that a valid token names; None for this one, and for a token that names none."""
        ...

    async def unary(
        self, owner: str, method: str, message: bytes, metadata: Metadata, timeout_s: float | None
    ) -> bytes:
        """Raises TransactionNodeUnavailable, AioRpcError (the status that the owner gave)."""
        ...

    def frames(
        self, owner: str, method: str, message: bytes, metadata: Metadata, timeout_s: float | None
    ) -> AsyncIterator[bytes]:
        """Raises as `unary`."""
        ...


def other_owner(owners: Owners | None, context: Context) -> str | None:
    """The other node whose transaction a call joins."""
    token = None if owners is None else metadata_value(context, TOKEN)
    return owners.owner(token) if owners is not None and token else None


def metadata(context: Context) -> Metadata:
    """All that the client sent, without what belongs to its connection."""
    return [
        (name, value)
        for name, value in context.invocation_metadata() or ()
        if not name.startswith((":", "grpc-")) and name not in _OF_THE_CONNECTION
    ]


async def same_end(context: Context, error: grpc.aio.AioRpcError) -> NoReturn:
    """End the call as the owner has ended it."""
    await context.abort(error.code(), error.details() or "")
    raise AssertionError("abort returned")
