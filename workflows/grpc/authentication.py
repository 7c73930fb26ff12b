"""Who calls: the bearer token of a call's metadata, judged by the same validator as HTTP (contract: grpc 3)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
import grpc.aio

from cyoda.errors import Unauthorized
from cyoda.principal import Principal

Context = grpc.aio.ServicerContext[Any, Any]
Authenticate = Callable[[str | None], Awaitable[Principal]]
"""Takes the `authorization` value, or None when the call has none. Raises Unauthorized."""

_log = logging.getLogger(__name__)


async def authenticated(context: Context, authenticate: Authenticate) -> Principal:
    """The caller; otherwise the call ends with UNAUTHENTICATED, whatever the reason."""
    try:
        return await authenticate(metadata_value(context, "authorization"))
    except Unauthorized:
        await refuse(context)
    except Exception:  # noqa: BLE001 - the edge: a validator that breaks must not tell how
        _log.exception("the token validator failed")
        await refuse(context)


def metadata_value(context: Context, key: str) -> str | None:
    """The first value of a metadata key."""
    for name, value in context.invocation_metadata() or ():
        if name == key:
            return value if isinstance(value, str) else value.decode("utf-8", "replace")
    return None


async def refuse(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "authentication failed")
    raise AssertionError("abort returned")
