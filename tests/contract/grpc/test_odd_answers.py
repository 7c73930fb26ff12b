"""Members that answer twice, late, never, with garbage, or with very much, and what their entities become of it.

(contract: grpc 11.7, 11.8, 13, 15.3)
"""

from __future__ import annotations

import json
from typing import Any

from tests.contract.grpc.conftest import Client, MemberClient, Node
from tests.contract.grpc.flows import PROCESSED, asked, flow, rate, say
from tests.contract.grpc.orders import created, read

RESPONSE = "EntityProcessorCalculationResponse"
LARGE = "x" * (5 * 1024 * 1024)
TIMED_OUT = {
    "code": "CLIENT_ERROR", "message": "DISPATCH_TIMEOUT: processor dispatch timed out after 500ms", "retryable": True,
}  # fmt: skip


async def number(client: Client, entity_id: str) -> tuple[str, str, int]:
    """State, number and how often it was written."""
    payload = await read(client, entity_id)
    changes = await client.many("entitySearchCollection", "EntityChangesMetadataGetRequest", {"entityId": entity_id})
    return payload["meta"]["state"], payload["data"]["orderNo"], len(changes)


def document(text: str) -> dict[str, Any]:
    return {"payload": {"type": "JSON", "data": {"orderNo": text}}}


async def served(member: MemberClient, client: Client, text: str) -> None:
    """The member's stream still works."""
    entity_id = await created(client)
    moving = rate(client, entity_id)
    await say(member, (await asked(member))[0], **document(text))
    assert (await moving)["success"]
    assert await number(client, entity_id) == ("RATED", text, 2)


async def test_the_first_of_two_answers_counts(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    entity_id = await created(orders)
    moving = rate(orders, entity_id)
    request, _ = await asked(member)
    await say(member, request, **document("first"))
    await say(member, request, **document("second"))
    await say(member, request, success=False, error={"message": "no"})
    assert (await moving)["success"]
    await served(member, orders, "third")
    assert await number(orders, entity_id) == ("RATED", "first", 2)


async def test_silence_garbage_and_late_answers_time_out_and_change_nothing(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    entity_id = await created(orders)
    for garbage in ("", "{", "[1]", "null", '{"requestId":null}'):
        moving = rate(orders, entity_id)
        request, _ = await asked(member)
        if garbage:
            await member.send(RESPONSE, garbage)
            await member.send("Whatever", json.dumps({"requestId": request["requestId"], "success": True}))
        assert (await moving)["error"] == TIMED_OUT
        await say(member, request, **document("late"))
    await served(member, orders, "in time")
    assert await number(orders, entity_id) == ("NEW", "A-1", 1)


async def test_an_answer_over_a_new_stream_to_a_question_of_the_old_one_is_ignored(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    entity_id = await created(orders)
    moving = rate(orders, entity_id)
    request, _ = await asked(member)
    again = await orders.member(("rating",))
    member.call.cancel()
    assert (await moving)["error"]["message"].startswith("COMPUTE_MEMBER_DISCONNECTED: ")
    await say(again, request, **document("late"))
    await served(again, orders, "in time")
    assert await number(orders, entity_id) == ("NEW", "A-1", 1)


async def test_five_mebibytes_go_to_a_member_and_back_into_the_store(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    entity_id = await created(orders, {"orderNo": LARGE})
    moving = rate(orders, entity_id)
    request, _ = await asked(member)
    assert request["payload"]["data"] == {"orderNo": LARGE}
    await say(member, request, **document(LARGE[1:]))
    assert (await moving)["success"]
    assert await number(orders, entity_id) == ("RATED", LARGE[1:], 2)
