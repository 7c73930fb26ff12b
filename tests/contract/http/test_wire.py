"""The same application behind the real server, on a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from cyoda.http.listener import HttpListener
from cyoda.runtime import Node
from tests.contract.http.steps import MATCH_ALL, entity, model, ok, refused


@pytest.fixture
async def wire(api: httpx.AsyncClient, node: Node) -> AsyncIterator[httpx.AsyncClient]:
    listening = await HttpListener(node.api, "127.0.0.1", 0).start()
    headers = {"Authorization": api.headers["authorization"]}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.port}/api", headers=headers) as client:
        yield client
    await listening.stop(1)


async def test_a_refused_upload_leaves_the_connection_usable(wire: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 1024 * 1024

    await model(wire)
    for content in (b"x" * 11 * 1024 * 1024, pieces()):
        refused(await wire.post("/entity/JSON/order/1", content=content), 400, "BAD_REQUEST", "failed to read body")
        assert ok(await wire.get("/entity/order/1")) == []


async def test_an_encoded_slash_reaches_the_router_as_part_of_its_segment(wire: httpx.AsyncClient) -> None:
    ok(await wire.post("/model/import/JSON/SAMPLE_DATA/a%2Fb%20c/1", json={}))
    assert ok(await wire.put("/model/a%2Fb%20c/1/lock"))["modelKey"]["name"] == "a/b c"
    answer = await wire.get("/entity/a%2Fb%20d/1")
    refused(answer, 404, "MODEL_NOT_FOUND")
    assert answer.json()["instance"] == "/entity/a/b d/1"


async def test_a_long_answer_streams_and_a_head_has_no_body(wire: httpx.AsyncClient) -> None:
    await model(wire)
    text = "x" * 2000
    ok(await wire.post("/entity/JSON/order/1", json=[{"amount": n, "name": text} for n in range(200)]))
    answer = await wire.post("/search/direct/order/1", json=MATCH_ALL)
    assert len(answer.text.splitlines()) == 200
    entity_id = await entity(wire)
    head = await wire.head(f"/entity/{entity_id}")
    assert (head.status_code, head.content) == (200, b"")
    assert (await wire.get("/health")).json() == {"status": "UP"}


async def test_an_offer_to_change_the_protocol_is_passed_over_and_the_body_is_read(wire: httpx.AsyncClient) -> None:
    await model(wire)
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"}
    for _ in range(2):  # the connection stays usable
        ok(await wire.post("/entity/JSON/order/1", json={"amount": 1, "name": "\r\nUpgrade: inside"}, headers=offer))
    stored = ok(await wire.get("/entity/order/1"))
    assert [found["data"]["name"] for found in stored] == ["\r\nUpgrade: inside"] * 2


async def test_a_body_behind_an_offer_in_pieces_is_never_taken_for_a_request(
    wire: httpx.AsyncClient, node: Node
) -> None:
    await model(wire)
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.base_url.port)
    authorization = wire.headers["authorization"]
    smuggled = f"DELETE /api/entity/order/1 HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\n\r\n".encode()
    head = f"POST /api/entity/JSON/order/1 HTTP/1.1\r\nauthorization: {authorization}\r\nconnection: upgrade\r\n"
    ok(await wire.post("/entity/JSON/order/1", json={"amount": 1, "name": "kept"}))
    with contextlib.suppress(OSError):  # the connection may be closed at any of the pieces
        for piece in (head.encode() + b"upgr", b"ade: h2c\r\ncontent-length: %d\r\n\r\n" % len(smuggled), smuggled):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)  # so that the pieces travel apart
    with contextlib.suppress(OSError):
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await writer.wait_closed()
    assert len(ok(await wire.get("/entity/order/1"))) == 1
