"""What serves an event type: the shape every handler has (contract: grpc 4, 5).

A handler takes a Call and returns the body of its reply, or yields the bodies of its frames. It raises CyodaError for
a refusal inside the reply, and InvalidPayload for a request that cannot be taken at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from cyoda.permissions import Action
from cyoda.principal import Principal
from workflows.grpc.replies import Body, InvalidPayload
from workflows.services.platform import Platform
from workflows.services.transaction import Join

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who asks, its CloudEvent id and JSON text, and the transaction it joins, if any."""

    principal: Principal
    request_id: str
    data: bytes
    platform: Platform
    join: Join | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply's body with the warnings that go to the caller."""

    body: Body
    warnings: Sequence[str] = ()


NOTHING: Body = {}
Handle = Callable[[Call], Awaitable[Answer]]
Placeholder = Callable[[Call], Body]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary:
    """One request, one reply. `placeholder` is the failing reply's body; `names_request` adds `requestId`.

    `action` is what the caller's roles must permit.
    """

    reply: str
    action: Action
    handle: Handle
    placeholder: Placeholder
    names_request: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """One request, any number of replies."""

    reply: str
    action: Action
    handle: Callable[[Call], AsyncIterator[Answer]]
    placeholder: Placeholder
    names_request: bool = True


Route = Unary | Frames


def always(body: Body) -> Placeholder:
    """A placeholder that does not depend on the request."""
    return lambda call: body


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def payload(call: Call, shape: type[T]) -> T:
    """The request's payload; unknown members are ignored. Raises InvalidPayload."""
    decoder = _decoders.get(shape)
    if decoder is None:
        decoder = _decoders[shape] = msgspec.json.Decoder(shape)
    try:
        return decoder.decode(call.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPayload(f"invalid payload: {error}") from error
