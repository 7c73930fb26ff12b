"""Bodies in and out: limits, disconnects, NDJSON (contract: entities 1.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from cyoda.http.request import Message
from tests.unit.http.conftest import Observed, application


async def test_a_body_at_the_limit_is_read_and_one_byte_more_is_refused(api: httpx.AsyncClient) -> None:
    assert (await api.post("/api/size", content=b"x" * 1000)).json() == 1000
    answer = await api.post("/api/size", content=b"x" * 1001)
    assert (answer.status_code, answer.json()["detail"]) == (400, "BAD_REQUEST: failed to read body")


async def test_a_body_in_pieces_is_refused_when_it_passes_the_limit_not_at_its_end(observed: Observed) -> None:
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 400, "more_body": True}

    status = await post_raw(observed, receive)
    assert (status, asked) == (400, 3)


async def test_a_declared_length_over_the_limit_is_refused_unread(observed: Observed) -> None:
    async def receive() -> Message:
        raise AssertionError("nothing should be read")

    assert await post_raw(observed, receive, (b"content-length", b"1001")) == 400


async def test_a_body_in_pieces_is_joined(api: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 200

    assert (await api.post("/api/size", content=pieces())).json() == 1000


async def test_a_client_that_leaves_before_its_request_is_complete_gets_no_answer(observed: Observed) -> None:
    messages = iter([{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(messages)

    assert await post_raw(observed, receive) is None


@pytest.mark.parametrize("count", [0, 1, 5, 30_000])
async def test_ndjson_has_one_line_for_each_value(api: httpx.AsyncClient, count: int) -> None:
    answer = await api.get(f"/api/lines/{count}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert answer.text == "".join(f'{{"n":{n}}}\n' for n in range(count))


async def post_raw(observed: Observed, receive: object, *headers: tuple[bytes, bytes]) -> int | None:
    """Ask the application itself; the status, or None when nothing was sent."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/size",
        "raw_path": b"/api/size",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer good"), *headers],
    }
    await application(observed=observed)(scope, receive, send)  # type: ignore[arg-type]
    return sent[0]["status"] if sent else None
