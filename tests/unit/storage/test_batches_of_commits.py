"""Which change sets may share a batch."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from tests.conformance.home import ORDER, change, created, new_id
from tests.conformance.test_audit_and_timers import timer
from workflows.core.entity import Document
from workflows.core.unique import Claim
from workflows.storage.base import ChangeSet
from workflows.storage.postgres.batching import Waiting
from workflows.storage.postgres.commit import MAX_BYTES, MAX_MEMBERS, take
from workflows.storage.postgres.scopes import claims_twice

A, B = new_id(), new_id()
MAIL = Claim("mail", b"m" * 32)


async def taken(*changes: ChangeSet) -> list[list[int]]:
    """The batches that the change sets form, by position."""
    loop = asyncio.get_running_loop()
    queue = deque(Waiting(one, loop.create_future()) for one in changes)
    position = {id(waiting): number for number, waiting in enumerate(queue)}
    batches: list[list[int]] = []
    while queue:
        batches.append([position[id(waiting)] for waiting in take(queue)])
    return batches


async def test_unrelated_changes_share_a_batch() -> None:
    assert await taken(change(created()), change(created(), reads={A: 1}), change(reads={A: 1})) == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (change(created(entity_id=A)), change(created(entity_id=A))),
        (change(created(entity_id=A)), change(reads={A: 1})),
        (change(reads={A: 1}), change(created(entity_id=A))),
        (change(created(claims=(MAIL,))), change(created(claims=(MAIL,)))),
        (change(arm=(timer(A),)), change(arm=(timer(A),))),
        (change(arm=(timer(A),)), change(disarm=(timer(A).id,))),
        (change(disarm=("t",)), change(disarm=("t",))),
        (change(armed=(timer(A),), disarm=(timer(A).id,)), change(armed=(timer(A),), disarm=(timer(A).id,))),
    ],
)
async def test_changes_that_touch_each_other_follow_each_other(one: ChangeSet, other: ChangeSet) -> None:
    assert await taken(one, change(created()), other, change(created())) == [[0, 1, 3], [2]]


async def test_what_was_passed_over_comes_first_next_time() -> None:
    writes = [change(created(entity_id=A)) for _ in range(3)]
    assert await taken(*writes, change(created(entity_id=B))) == [[0, 3], [1], [2]]


async def test_a_batch_is_bounded_in_members_and_bytes() -> None:
    assert [len(batch) for batch in await taken(*(change(created()) for _ in range(MAX_MEMBERS + 1)))] == [
        MAX_MEMBERS,
        1,
    ]
    large = Document(b'"' + b"x" * MAX_BYTES + b'"')
    assert await taken(*(change(created(document=large)) for _ in range(3))) == [[0], [1], [2]]


def test_one_change_cannot_claim_a_value_for_two_entities() -> None:
    assert claims_twice(change(created(claims=(MAIL,)), created(claims=(MAIL,))))
    assert not claims_twice(change(created(claims=(MAIL,)), created(claims=(Claim("name", MAIL.digest),))))
    assert not claims_twice(change(created(claims=(MAIL,)), created(model=ORDER._replace(version=2), claims=(MAIL,))))
