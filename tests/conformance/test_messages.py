"""Edge messages (contract: engine 7)."""

from __future__ import annotations

import asyncio

import msgspec

from tests.conformance.home import NOON, TICK, Home, new_id
from workflows.core.message import Message


def message(payload: bytes = b'{"n":1.50}') -> Message:
    return Message(
        id=new_id(), header=b'{"subject":"s"}', metadata=b'{"a":1e2,"b":"\\u0000"}', payload=payload,
        created_at=NOON + TICK,
    )  # fmt: skip


async def test_a_message_comes_back_verbatim(home: Home) -> None:
    long = b'"' + b"x" * 1_000_000 + b'"'
    payloads = [b'{"n":1.50}', b"null", b'"\\u0000 \\u00e9"', '{"é":[1e99999]}'.encode(), long]
    for sent in [message(payload) for payload in payloads]:
        await home.store.put_message(home.tenant, sent)
        assert await home.store.message(home.tenant, sent.id) == sent


async def test_an_unknown_message_is_none(home: Home) -> None:
    assert await home.store.message(home.tenant, new_id()) is None


async def test_deleting_messages_answers_which_existed(home: Home) -> None:
    one, two, kept = message(), message(), message()
    await asyncio.gather(*(home.store.put_message(home.tenant, sent) for sent in (one, two, kept)))
    deleted = await home.store.delete_messages(home.tenant, [two.id, new_id(), one.id])
    assert sorted(deleted) == sorted([one.id, two.id])
    assert await home.store.message(home.tenant, one.id) is None
    assert await home.store.message(home.tenant, kept.id) == kept
    assert list(await home.store.delete_messages(home.tenant, [one.id])) == []
    assert list(await home.store.delete_messages(home.tenant, [])) == []


async def test_messages_are_listed_newest_first_a_page_at_a_time(home: Home) -> None:
    sent = [msgspec.structs.replace(message(), created_at=NOON + n // 2 * TICK) for n in range(5)]
    for one in sent:
        await home.store.put_message(home.tenant, one)
    order = sorted(sent, key=lambda one: (one.created_at, one.id), reverse=True)
    found = await home.store.messages(home.tenant, limit=3)
    assert [head.id for head in found] == [one.id for one in order[:3]]
    assert (found[0].header, found[0].payload_bytes, found[0].created_at) == (
        order[0].header, len(order[0].payload), order[0].created_at
    )  # fmt: skip
    last = (found[-1].created_at, found[-1].id)
    rest = await home.store.messages(home.tenant, before=last, limit=3)
    assert [head.id for head in rest] == [one.id for one in order[3:]]
