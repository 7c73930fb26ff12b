"""Edge messages over HTTP (contract: engine 7.1-7.3)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.contract.http.steps import UNKNOWN, ok, refused

NEW = "/message/new/orders.created"
JSON = {"Content-Type": "application/json"}
LIMIT = 10 * 1024 * 1024
TOO_LARGE = "request payload exceeds maximum allowed limit of 10MB"
NO_OBJECT = "invalid JSON: expected an object with a 'payload' field"
NO_PAYLOAD = "missing required field: payload"
NO_LIST = "invalid JSON: expected array of UUID strings"
NO_UUID = "id list contains a value that is not a valid UUID"


async def sent(api: httpx.AsyncClient, body: object = None, path: str = NEW, **headers: str) -> str:
    """Send a message; returns its id."""
    content = body if isinstance(body, bytes) else json.dumps({"payload": 1} if body is None else body).encode()
    answer = await api.post(path, content=content, headers=JSON | headers)
    (result,) = ok(answer)
    assert set(result) == {"entityIds", "transactionId"}
    assert UUID(result["transactionId"]).version == 1
    (message_id,) = result["entityIds"]
    assert UUID(message_id).version == 1
    return message_id


async def stored(api: httpx.AsyncClient, message_id: str) -> dict[str, Any]:
    return ok(await api.get(f"/message/{message_id}"))


def not_found(answer: httpx.Response, message_id: str) -> None:
    refused(answer, 404, "ENTITY_NOT_FOUND", f"message id={message_id} not found", messageId=message_id)


# --- creating and reading -------------------------------------------------------------------------------------------


async def test_a_message_comes_back_with_its_headers_metadata_and_content(api: httpx.AsyncClient) -> None:
    body = {"payload": {"orderNo": 7, "lines": [1, 2]}, "metaData": {"region": "EU", "priority": 3}}
    text = json.dumps(body).encode()
    message_id = await sent(api, text, **{"X-Correlation-ID": "c-9", "X-User-ID": "u-17"})
    answer = await api.get(f"/message/{message_id}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "header": {
            "subject": "orders.created", "contentType": "application/json", "contentLength": len(text),
            "contentEncoding": "UTF-8", "correlationId": "c-9", "userId": "u-17",
        },
        "metaData": {"region": "EU", "priority": 3},
        "content": {"orderNo": 7, "lines": [1, 2]},
    }  # fmt: skip


async def test_all_transport_headers_are_kept_as_they_are(api: httpx.AsyncClient) -> None:
    headers = {
        "Content-Type": "text/plain; charset=x",
        "Content-Encoding": "gzip",
        "X-Message-ID": "m-1",
        "X-User-ID": "u-1",
        "X-Recipient": "Grüße",
        "X-Reply-To": "r" * 2000,
        "X-Correlation-ID": "c-1",
    }
    encoded = {name: value.encode() for name, value in headers.items()}
    answer = await api.post(NEW, content=b'{"payload":null}', headers=encoded)
    (result,) = ok(answer)
    assert await stored(api, result["entityIds"][0]) == {
        "header": {
            "subject": "orders.created", "contentType": "text/plain; charset=x", "contentLength": 16,
            "contentEncoding": "gzip", "messageId": "m-1", "userId": "u-1", "recipient": "Grüße",
            "replyTo": "r" * 2000, "correlationId": "c-1",
        },
        "metaData": {},
        "content": None,
    }  # fmt: skip


async def test_empty_optional_headers_are_left_out(api: httpx.AsyncClient) -> None:
    message_id = await sent(api, **{"X-Recipient": "", "X-User-ID": ""})
    header = (await stored(api, message_id))["header"]
    assert list(header) == ["subject", "contentType", "contentLength", "contentEncoding"]


async def test_the_texts_of_payload_and_metadata_are_kept_without_their_blanks(api: httpx.AsyncClient) -> None:
    number = "123456789012345678901234567890"
    body = f"""
        {{ "ignored": 1, "payload": 0, "payload" : {{ "b": 1.50, "a" : [ 1e2, {number}, 1.0, -0 ],
           "a": "\\u0000 <é> \\u00e9" }},
           "metaData": {{ "z" : [ 1 ], "n": 2.50, "o": {{ "x" : null }} }}, "meta-data": {{}} }}
    """
    message_id = await sent(api, body.encode())
    text = (await api.get(f"/message/{message_id}")).text
    content = f'"content":{{"b":1.50,"a":[1e2,{number},1.0,-0],"a":"\\u0000 <é> \\u00e9"}}'
    assert text.endswith('"metaData":{"z":[1],"n":2.50,"o":{"x":null}},' + content + "}")


@pytest.mark.parametrize("payload", [None, False, 0, "", [], {}, "text", [1, None]])
async def test_any_json_value_is_a_payload(api: httpx.AsyncClient, payload: object) -> None:
    assert (await stored(api, await sent(api, {"payload": payload, "metaData": None})))["content"] == payload


async def test_a_payload_of_a_hundred_thousand_bytes_stays_whole(api: httpx.AsyncClient) -> None:
    payload = ["é" * 50] * 1000
    message = await stored(api, await sent(api, {"payload": payload}))
    assert message["content"] == payload
    assert message["header"]["contentLength"] > 100_000


async def test_a_subject_is_any_text(api: httpx.AsyncClient) -> None:
    subject = "a b/c é?" + "x" * 300
    message_id = await sent(api, path="/message/new/a%20b%2Fc%20%C3%A9%3F" + "x" * 300)
    assert (await stored(api, message_id))["header"]["subject"] == subject


async def test_the_transaction_timeout_has_a_type_and_no_effect(api: httpx.AsyncClient) -> None:
    await sent(api, path=f"{NEW}?transactionTimeoutMillis=-1&unknown=x")
    for value in ("x", "", "1.5", "9223372036854775808"):
        answer = await api.post(f"{NEW}?transactionTimeoutMillis={value}", content=b"!", headers=JSON)
        refused(
            answer, 400, "BAD_REQUEST", "invalid value for parameter 'transactionTimeoutMillis'",
            parameter="transactionTimeoutMillis",
        )  # fmt: skip


async def test_missing_and_repeated_headers_are_refused(api: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"payload":1}'

    def invalid(answer: httpx.Response) -> None:
        refused(answer, 400, "BAD_REQUEST", "invalid request parameter")
        assert answer.json()["properties"] == {"errorCode": "BAD_REQUEST"}

    invalid(await api.post(NEW, content=b'{"payload":1}'))
    invalid(await api.post(NEW, content=chunks(), headers=JSON))
    for name in ("Content-Type", "X-User-ID", "X-Correlation-ID"):
        repeated = [*JSON.items(), (name, "a"), (name, "b")]
        invalid(await api.post(NEW, content=b'{"payload":1}', headers=repeated))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", NO_OBJECT),
        (b"{", NO_OBJECT),
        (b"[]", NO_OBJECT),
        (b'[{"payload":1}]', NO_OBJECT),
        (b'"text"', NO_OBJECT),
        (b"1", NO_OBJECT),
        (b'{"payload":1}x', NO_OBJECT),
        (b'{"payload":tru}', NO_OBJECT),
        (b'{"payload":"\xff"}', NO_OBJECT),
        (b'{"payload":' + b"[" * 10_000 + b"]" * 10_000 + b"}", NO_OBJECT),
        (b'{"payload":1,"metaData":[]}', NO_OBJECT),
        (b'{"payload":1,"metaData":"text"}', NO_OBJECT),
        (b'{"metaData":1}', NO_OBJECT),
        (b"{}", NO_PAYLOAD),
        (b" null ", NO_PAYLOAD),
        (b'{"metaData":{}}', NO_PAYLOAD),
        (b'{"Payload ":1,"content":1}', NO_PAYLOAD),
    ],
)
async def test_a_body_that_is_no_message_is_refused(api: httpx.AsyncClient, body: bytes, message: str) -> None:
    refused(await api.post(NEW, content=body, headers=JSON), 400, "BAD_REQUEST", message)


async def test_a_message_may_have_ten_mebibytes_and_no_more(api: httpx.AsyncClient) -> None:
    def body(size: int) -> bytes:
        return b'{"payload":"' + b"x" * (size - 14) + b'"}'

    assert len((await stored(api, await sent(api, body(LIMIT))))["content"]) == LIMIT - 14
    for content in (body(LIMIT + 1), b"!" * (LIMIT + 1)):
        refused(await api.post(NEW, content=content, headers=JSON), 413, "BAD_REQUEST", TOO_LARGE)


async def test_an_id_is_read_in_every_spelling_and_must_be_one(api: httpx.AsyncClient) -> None:
    message_id = await sent(api)
    for spelling in (message_id.upper(), f"{{{message_id}}}", f"urn:uuid:{message_id}", message_id.replace("-", "")):
        assert (await stored(api, spelling))["content"] == 1
    for method in ("GET", "DELETE"):
        refused(
            await api.request(method, "/message/x"), 400, "BAD_REQUEST", "invalid value for parameter 'messageId'",
            parameter="messageId",
        )  # fmt: skip


async def test_an_unknown_message_is_not_found(api: httpx.AsyncClient) -> None:
    not_found(await api.get(f"/message/{UNKNOWN}"), UNKNOWN)
    not_found(await api.delete(f"/message/{UNKNOWN}"), UNKNOWN)


# --- deleting -------------------------------------------------------------------------------------------------------


async def test_a_message_is_deleted_once(api: httpx.AsyncClient) -> None:
    message_id, other = await sent(api), await sent(api)
    assert ok(await api.delete(f"/message/{message_id.upper()}")) == {"entityIds": [message_id]}
    not_found(await api.get(f"/message/{message_id}"), message_id)
    not_found(await api.delete(f"/message/{message_id}"), message_id)
    assert (await stored(api, other))["content"] == 1


async def test_many_are_deleted_at_once_and_again(api: httpx.AsyncClient) -> None:
    first, second, kept = [await sent(api) for _ in range(3)]
    ids = [second.upper(), UNKNOWN, first, first]
    for _ in range(2):
        answer = await api.request("DELETE", "/message?transactionSize=1", json=ids)
        assert ok(answer) == [{"entityIds": ids, "success": True}]
    for message_id in (first, second):
        not_found(await api.get(f"/message/{message_id}"), message_id)
    assert (await stored(api, kept))["content"] == 1
    assert ok(await api.request("DELETE", "/message", json=[])) == [{"entityIds": [], "success": True}]
    assert ok(await api.request("DELETE", "/message", content=b"null")) == [{"entityIds": None, "success": True}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", NO_LIST),
        (b"{}", NO_LIST),
        (b'"{id}"', NO_LIST),
        (b'["{id}"', NO_LIST),
        (b'["{id}",1]', NO_LIST),
        (b'["{id}","x"]', NO_UUID),
        (b'["{id}",""]', NO_UUID),
        (b'["{id}",null]', NO_UUID),
    ],
)
async def test_a_list_that_is_no_id_list_deletes_nothing(api: httpx.AsyncClient, body: bytes, message: str) -> None:
    message_id = await sent(api)
    content = body.replace(b"{id}", message_id.encode())
    refused(await api.request("DELETE", "/message", content=content), 400, "BAD_REQUEST", message)
    assert (await stored(api, message_id))["content"] == 1


async def test_refusals_of_a_deletion_before_its_list_is_read(api: httpx.AsyncClient) -> None:
    refused(
        await api.request("DELETE", "/message?transactionSize=x", content=b"!"), 400, "BAD_REQUEST",
        "invalid value for parameter 'transactionSize'", parameter="transactionSize",
    )  # fmt: skip
    refused(await api.request("DELETE", "/message", content=b" " * (LIMIT + 1)), 413, "BAD_REQUEST", TOO_LARGE)


# --- who may --------------------------------------------------------------------------------------------------------


async def test_another_tenants_message_is_like_none(api: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    message_id = await sent(api)
    for method in ("GET", "DELETE"):
        foreign = await stranger.request(method, f"/message/{message_id}")
        missing = await stranger.request(method, f"/message/{UNKNOWN}")
        assert (foreign.status_code, foreign.text) == (404, missing.text.replace(UNKNOWN, message_id))
    answer = ok(await stranger.request("DELETE", "/message", json=[message_id]))
    assert answer == [{"entityIds": [message_id], "success": True}]
    assert (await stored(api, message_id))["content"] == 1
    own = await sent(stranger, {"payload": "mine"})
    assert (await stored(stranger, own))["content"] == "mine"


async def test_there_is_no_list_of_messages_and_nothing_without_a_token(api: httpx.AsyncClient) -> None:
    assert (await api.get("/message")).status_code == 405
    assert (await api.put(f"/message/{UNKNOWN}")).status_code == 405
    assert (await api.post("/message/new/")).status_code == 404
    api.headers.pop("authorization")
    for method, path in (("POST", NEW), ("GET", f"/message/{UNKNOWN}"), ("DELETE", "/message")):
        refused(await api.request(method, path), 401, "UNAUTHORIZED")


async def test_our_own_list_of_messages_is_in_pages_the_newest_first(api: httpx.AsyncClient) -> None:
    ids = [await sent(api, {"payload": "é" * n}) for n in range(5)]
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = ok(await api.get("/messages", params={"limit": 2, "cursor": cursor}))
        found += page["items"]
        if not (cursor := page.get("nextCursor", "")):
            break
    assert [item["id"] for item in found] == ids[::-1]
    # as they were written: each letter was escaped
    assert [item["payloadBytes"] for item in found] == [26, 20, 14, 8, 2]
    assert found[0]["header"]["subject"] == "orders.created"
    for query in ("limit=0", "limit=1001", "cursor=x", "cursor=1", "cursor=9e9.x", f"cursor={10**30}.{UNKNOWN}"):
        refused(await api.get(f"/messages?{query}"), 400, "BAD_REQUEST")
