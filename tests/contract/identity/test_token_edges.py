"""Tokens at the edges of what is let in, over HTTP and gRPC, and what bytes in headers cannot do (identity 5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import jwt
import pytest

from cyoda.clock import ManualClock
from cyoda.http.listener import HttpListener
from tests.contract.identity.conftest import Running
from tests.contract.identity.test_tokens import REFUSAL, UNAUTHENTICATED, over_grpc, over_http, rpc

__all__ = ["rpc"]  # fixture


def minted(node: Running, clock: ManualClock, **more: Any) -> str:
    now = int(clock.now.timestamp())
    claims = {"sub": "u", "iss": "cyoda", "caas_org_id": "acme", "user_roles": [], "iat": now, "exp": now + 60}
    return jwt.encode(claims | more, node.key.private_key, "RS256", {"kid": node.key.kid})


@pytest.mark.parametrize(
    ("claim", "seconds", "is_accepted"),
    [
        ("exp", -29, True), ("exp", -30, False), ("exp", -31, False), ("iat", 29, True), ("iat", 30, True),
        ("iat", 31, False), ("nbf", 30, True), ("nbf", 31, False),
    ],
)  # fmt: skip
async def test_clocks_may_differ_by_thirty_seconds_and_no_more(
    rpc: tuple[Running, Any], clock: ManualClock, claim: str, seconds: int, is_accepted: bool
) -> None:
    node, stub = rpc
    token = f"Bearer {minted(node, clock, **{claim: int(clock.now.timestamp()) + seconds})}"
    answer = await over_http(node, token)
    assert (answer.status_code == 200) is is_accepted
    assert is_accepted or answer.json() == REFUSAL
    assert (await over_grpc(stub, token) != UNAUTHENTICATED) is is_accepted


async def test_a_token_ends_at_the_same_moment_when_it_was_accepted_before(
    rpc: tuple[Running, Any], clock: ManualClock
) -> None:
    node, stub = rpc
    token = f"Bearer {minted(node, clock)}"
    for passed, is_accepted in ((0, True), (89, True), (1, False)):
        clock.advance(timedelta(seconds=passed))
        assert ((await over_http(node, token)).status_code == 200) is is_accepted
        assert (await over_grpc(stub, token) != UNAUTHENTICATED) is is_accepted


async def test_a_token_too_long_for_grpc_never_reaches_a_service(rpc: tuple[Running, Any], clock: ManualClock) -> None:
    node, stub = rpc
    token = f"Bearer {minted(node, clock, padding='x' * 30_000)}"
    assert (await over_http(node, token)).json() == REFUSAL
    assert (await over_grpc(stub, token))[0] in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAUTHENTICATED)


@pytest.fixture
async def raw(node: Running) -> AsyncIterator[Any]:
    """Sends bytes to a listening node, and returns all that comes back."""
    listening = await HttpListener(node.node.api, "127.0.0.1", 0).start()

    async def send(head: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        writer.write(b"GET /api/account HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + b"\r\n\r\n")
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer

    yield send
    await listening.stop(1)


async def test_bytes_in_a_header_make_no_second_header(raw: Any, node: Running, clock: ManualClock) -> None:
    token = minted(node, clock).encode()
    assert (await raw(b"Authorization: Bearer " + token)).startswith(b"HTTP/1.1 200")
    for name, head in {
        "a folded line": b"Authorization: Bearer\r\n " + token,
        "NUL": b"Authorization: Bearer \0" + token,
        "a space before the colon": b"Authorization : Bearer " + token,
        "an underscore": b"Authorization_: Bearer " + token,
        "in another header": b"X-A: Authorization: Bearer " + token,
    }.items():
        status = (await raw(head)).split(b"\r\n", 1)[0]
        assert status in (b"HTTP/1.1 400 Bad Request", b"HTTP/1.1 401 Unauthorized"), (name, status)


async def test_what_a_caller_sends_comes_back_in_no_header(raw: Any) -> None:
    for given in (
        b"a\r\nSet-Cookie: x=1",
        b"a\nSet-Cookie: x=1",
        b"a%0d%0aSet-Cookie:%20x=1",
        b"\xe5\x98\x8aSet-Cookie",
    ):
        for name in (b"X-Request-Id", b"Origin", b"Authorization"):
            answer = await raw(name + b": " + given)
            head = answer.split(b"\r\n\r\n", 1)[0].lower()
            assert b"set-cookie" not in head, (name, given)


async def test_answers_with_a_token_or_a_secret_are_kept_by_nobody(node: Running) -> None:
    made = await node.admin.post("/clients")
    rotated = await node.admin.put(f"/clients/{made.json()['client_id']}/secret")
    for answer in (await node.token(), await node.token("boot", "wrong"), made, rotated):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
