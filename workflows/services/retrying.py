"""`retryPolicy: FIXED`: asking again when a member gave no answer (docs/adr/0008)."""

from __future__ import annotations

import asyncio
from time import perf_counter
from uuid import UUID

from msgspec.structs import replace

from cyoda.errors import ComputeMemberDisconnected, CyodaError, DispatchTimeout, NoComputeMemberForTag
from cyoda.principal import Principal
from workflows.compute.gateway import ComputeGateway
from workflows.core.callout import Call, Callout, CalloutAnswer
from workflows.services.calling import call_once
from workflows.services.transaction import Transaction
from workflows.services.transactions import Transactions

FIXED = "FIXED"
ATTEMPTS = 3
PAUSE_SECONDS = 0.5
_UNANSWERED = (ComputeMemberDisconnected, DispatchTimeout)


def is_repeatable(callout: Callout) -> bool:
    """Whether a callout may be asked again: declared so, and all that its callbacks write can be undone.

    Outside of a transaction callbacks commit on their own, so there one attempt is all.
    """
    return callout.retry_policy == FIXED and callout.transaction_id is not None


async def call_repeatedly(
    principal: Principal,
    callout: Callout,
    transaction: Transaction,
    transactions: Transactions,
    compute: ComputeGateway,
) -> CalloutAnswer:
    """The first answer of up to three attempts, each at another member while there is one.

    The caller holds the transaction's lock. Before the next attempt the failed one's token dies and what it joined
    is undone. Raises as ComputeGateway.call; after the last attempt what that one met.
    """
    savepoint = transaction.savepoint()
    tried: set[UUID] = set()
    failure: CyodaError | None = None
    calls: tuple[Call, ...] = ()
    failed_at = 0.0
    for remaining in reversed(range(ATTEMPTS)):
        if calls:
            calls = (*calls[:-1], replace(calls[-1], pause_ms=_ms_since(failed_at)))
        attempt = transactions.attempt(transaction)
        async with transaction.released():
            try:
                answer = await call_once(principal, callout, compute, token=attempt.token, tried=tried)
                return replace(answer, calls=(*calls, *answer.calls)) if calls else answer
            except NoComputeMemberForTag as error:
                raise failure or error from None
            except _UNANSWERED as error:
                transactions.revoke(transaction, attempt)
                failure, failed_at = error, perf_counter()
                calls = (*calls, *(call for call in error.calls if isinstance(call, Call)))
                error.calls = calls
                if not remaining:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
        transaction.roll_back_to(savepoint)
    raise AssertionError("the last attempt answers or raises")


def _ms_since(moment: float) -> float:
    return round((perf_counter() - moment) * 1000, 3)
