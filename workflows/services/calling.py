"""One attempt at a callout, with a note of whom it asked, how it ended and how long it took."""

from __future__ import annotations

from time import perf_counter
from uuid import UUID

from msgspec.structs import replace

from cyoda.errors import CyodaError
from cyoda.principal import Principal
from workflows.compute.dispatcher import OUTCOMES
from workflows.compute.gateway import ComputeGateway
from workflows.core.callout import Call, Callout, CalloutAnswer, CalloutFailed


async def call_once(
    principal: Principal, callout: Callout, compute: ComputeGateway, *, token: str | None, tried: set[UUID]
) -> CalloutAnswer:
    """See ComputeGateway.call; the note is with the answer, or with the error."""
    before, start = set(tried), perf_counter()

    def note(outcome: str, error: str = "") -> Call:
        asked = next(iter(tried - before), "")
        ms = round((perf_counter() - start) * 1000, 3)
        return Call(callout.kind, callout.name, str(asked), outcome, ms, error)

    try:
        answer = await compute.call(principal, callout, token=token, tried=tried)
    except (CalloutFailed, CyodaError) as error:
        error.calls = (note(OUTCOMES.get(type(error), "failed"), str(error)),)
        raise
    return replace(answer, calls=(note("answered"),))
