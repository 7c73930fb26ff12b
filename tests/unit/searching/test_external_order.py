"""Sorting with little memory (workflows.services.external_order)."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from workflows.services.external_order import ExternalOrder


@pytest.mark.parametrize("run_bytes", [1, 1000, 1 << 30])
@pytest.mark.parametrize("count", [0, 1, 500])
async def test_ids_come_in_the_order_of_their_keys_whatever_the_runs(run_bytes: int, count: int) -> None:
    dice = random.Random(3)
    keys = [dice.randbytes(4) + UUID(int=number).bytes for number in range(count)]
    order = ExternalOrder(run_bytes)
    for key in keys:
        await order.add(key)
    assert list(order.ids()) == [UUID(bytes=key[-16:]) for key in sorted(keys)]
    order.close()
