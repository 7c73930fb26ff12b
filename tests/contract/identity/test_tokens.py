"""Tokens over stored keys and clients: issued as the contract says, refused alike over HTTP and gRPC (identity 3 to 5).

The rules of each check are unit tests; here the whole node answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cyoda.clock import ManualClock
from cyoda.http.listener import HttpListener
from cyoda.runtime import grpc_options
from tests.contract.identity.conftest import GRANT, SECRET, Running, Start, accepted
from tests.unit.identity.test_bearer import hs256_with_the_public_key
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent
from workflows.grpc.generated.cyoda_cloud_api_pb2_grpc import CloudEventsServiceStub
from workflows.grpc.server import GrpcServer

UNAUTHENTICATED = (grpc.StatusCode.UNAUTHENTICATED, "authentication failed")
REFUSAL = {
    "type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "UNAUTHORIZED: authentication failed",
    "instance": "/account", "properties": {"errorCode": "UNAUTHORIZED"},
}  # fmt: skip


async def test_the_bootstrap_client_gets_a_token_as_the_contract_says(node: Running, clock: ManualClock) -> None:
    answer = await node.token(scope="ROLE_M2M")
    body = answer.json()
    assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 3600)
    assert set(body) == {"access_token", "token_type", "expires_in"}
    token = body["access_token"]
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": node.key.kid}
    claims = jwt.decode(token, options={"verify_signature": False})
    now = int(clock.now.timestamp())
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "sub": "boot", "iss": "cyoda", "caas_user_id": "admin", "caas_org_id": "acme",
        "scopes": ["ROLE_ADMIN", "ROLE_M2M"], "caas_tier": "unlimited", "iat": now, "exp": now + 3600,
    }  # fmt: skip
    assert await accepted(node, token)


async def test_bad_credentials_get_the_same_bytes(node: Running) -> None:
    answers = [
        await node.token("boot", "wrong"),
        await node.token("nobody"),
        await node.token("a\0b"),
        await node.admin.post("/oauth/token", data=GRANT | {"client_id": "boot", "client_secret": SECRET}),
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (401, b'{"error":"invalid_client","error_description":"invalid_client"}')
    }
    missing = await node.admin.post("/oauth/token", auth=("boot", SECRET))
    assert (missing.status_code, missing.json()["error"]) == (400, "unsupported_grant_type")


@pytest.fixture
async def rpc(start: Start) -> AsyncIterator[tuple[Running, CloudEventsServiceStub]]:
    """A node whose gRPC server listens."""
    node = await start(CYODA_GRPC_PORT="0", CYODA_GRPC_BIND_ADDRESS="127.0.0.1")
    server = GrpcServer(
        grpc_options(node.node.conf.grpc), authenticate=node.node.identity.authenticator.authenticate,
        registry=node.node.members, clock=node.node.platform.clock, platform=node.node.platform,
    )  # fmt: skip
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield node, CloudEventsServiceStub(channel)
    await server.stop(0)


async def over_grpc(stub: Any, *authorization: str) -> tuple[grpc.StatusCode, str]:
    metadata = tuple(("authorization", value) for value in authorization)
    call = stub.entityManage(CloudEvent(type="X", text_data="{}"), metadata=metadata)
    return await call.code(), await call.details()


async def over_http(node: Running, *authorization: str) -> httpx.Response:
    client = await node.client()
    headers = [(b"authorization", value.encode()) for value in authorization]
    request = httpx.Request("GET", "http://node/api/account", headers=headers)
    return await client.send(request, auth=None)


def wrong_tokens(node: Running, clock: ManualClock) -> dict[str, str]:
    now, key = int(clock.now.timestamp()), node.key.private_key
    claims = {"sub": "u", "iss": "cyoda", "caas_org_id": "acme", "user_roles": [], "iat": now, "exp": now + 60}
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key(), as_dict=True)

    def minted(
        signed_by: Any = key, algorithm: str = "RS256", header: dict[str, Any] | None = None, **more: Any
    ) -> str:
        headers = {"kid": node.key.kid} | (header or {})
        return jwt.encode(claims | more, signed_by, algorithm=algorithm, headers=headers)

    head, payload, signature = minted().split(".")
    return {
        "alg none": minted(None, "none"),
        "HS256 with the public key": hs256_with_the_public_key(node.key, claims),
        "RS384": minted(algorithm="RS384"),
        "PS256": minted(algorithm="PS256"),
        "unknown kid": minted(header={"kid": "f" * 32}),
        "kid as a path": minted(stranger, header={"kid": "../../dev/null"}),
        "kid as SQL": minted(stranger, header={"kid": "' OR '1'='1"}),
        "kid with NUL": minted(stranger, header={"kid": f"{node.key.kid}\0"}),
        "kid in upper case": minted(header={"kid": node.key.kid.upper()}),
        "huge kid": minted(header={"kid": "k" * 10_000}),
        "a key of its own in the header": minted(stranger, header={"jwk": jwk}),
        "a key of its own elsewhere": minted(stranger, header={"jku": "https://evil.example/jwks.json"}),
        "an extension it insists on": minted(header={"crit": ["exp"]}),
        "another key": minted(stranger),
        "other claims": f"{head}.{minted(sub='admin').split('.')[1]}.{signature}",
        "no signature": f"{head}.{payload}.",
        "more parts": f"{head}.{payload}.{signature}.{signature}",
        "expired by 31 s": minted(exp=now - 31),
        "issued 31 s ahead": minted(iat=now + 31),
        "another issuer": minted(iss="https://cyoda"),
        "no tenant": minted(caas_org_id=""),
        "reserved tenant": minted(caas_org_id="SYSTEM"),
        "oversized": minted(padding="x" * 20_000),
        "not one": "x",
        "nothing": "",
    }


async def test_whatever_is_wrong_with_a_token_http_and_grpc_say_the_same(
    rpc: tuple[Running, Any], clock: ManualClock
) -> None:
    node, stub = rpc
    for name, token in wrong_tokens(node, clock).items():
        answer = await over_http(node, f"Bearer {token}")
        assert (name, answer.status_code, answer.json()) == (name, 401, REFUSAL)
        if len(token) < 8000:  # gRPC refuses larger metadata by itself
            assert (name, await over_grpc(stub, f"Bearer {token}")) == (name, UNAUTHENTICATED)
    assert await over_grpc(stub) == UNAUTHENTICATED
    assert (await over_http(node)).json() == REFUSAL


async def test_of_two_tokens_the_first_counts_on_both(rpc: tuple[Running, Any]) -> None:
    node, stub = rpc
    good = f"Bearer {(await node.token()).json()['access_token']}"
    assert (await over_http(node, good, "Bearer x")).status_code == 200
    assert (await over_http(node, "Bearer x", good)).json() == REFUSAL
    assert (await over_grpc(stub, good, "Bearer x"))[0] != grpc.StatusCode.UNAUTHENTICATED
    assert await over_grpc(stub, "Bearer x", good) == UNAUTHENTICATED


@pytest.mark.parametrize("form", ["bearer {}", "BEARER {}", "Bearer  {}", "Bearer {} ", "{}", "Bearer {},x"])
async def test_the_header_is_exact_on_both(rpc: tuple[Running, Any], form: str) -> None:
    node, stub = rpc
    value = form.format((await node.token()).json()["access_token"])
    assert (await over_http(node, value)).json() == REFUSAL
    assert await over_grpc(stub, value) == UNAUTHENTICATED


async def test_a_pair_that_is_invalidated_ends_calls_over_grpc_too(rpc: tuple[Running, Any]) -> None:
    node, stub = rpc
    token = f"Bearer {(await node.token()).json()['access_token']}"
    assert (await over_grpc(stub, token))[0] != grpc.StatusCode.UNAUTHENTICATED
    await node.admin.post(f"/oauth/keys/keypair/{node.key.kid}/invalidate")
    assert await over_grpc(stub, token) == UNAUTHENTICATED


async def test_many_token_requests_at_once_are_all_answered(node: Running) -> None:
    answers = await asyncio.gather(*(node.token("boot", SECRET if n % 2 else "wrong") for n in range(20)))
    assert [answer.status_code for answer in answers] == [401, 200] * 10


async def over_wire(port: int, header: bytes) -> bytes:
    """The status line for a request with one more header line, as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /api/account HTTP/1.1\r\nHost: node\r\nConnection: close\r\n" + header + b"\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.partition(b"\r\n")[0]


async def test_headers_that_a_proxy_could_read_otherwise_let_nobody_in(node: Running) -> None:
    token = (await node.token()).json()["access_token"].encode()
    listening = await HttpListener(node.node.api, "127.0.0.1", 0).start()
    assert await over_wire(listening.port, b"Authorization: Bearer " + token) == b"HTTP/1.1 200 OK"
    for header in (
        b"Authorization: Bearer\r\n " + token,
        b"Authorization: Bearer \r\n\t" + token,
        b"Authorization : Bearer " + token,
        b" Authorization: Bearer " + token,
        b"X-Name: a\rAuthorization: Bearer " + token,
        b"X-Name: a\0\r\nAuthorization: Bearer " + token,
        b"Authorization: Bearer " + token + b"\0",
        b"Authorization_: Bearer " + token,
    ):
        status = await over_wire(listening.port, header)
        assert status == b"" or status.split()[1] in (b"400", b"401"), f"{header[:40]!r}: {status!r}"
    await listening.stop(1)
