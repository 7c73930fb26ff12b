"""TLS and mutual TLS of the gRPC listener, by settings (contract: grpc 1)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from cyoda.conf import ConfError, load
from cyoda.runtime import grpc_options
from tests.contract.grpc.certificates import Authority
from tests.contract.grpc.conftest import Client, Node, authenticate
from workflows.grpc.server import GrpcServer

SERVED, REFUSED = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
OURS, THEIRS = Authority("ours"), Authority("theirs")
CERT, KEY = OURS.issue("server")
TLS = {"CYODA_GRPC_TLS_CERT": CERT, "CYODA_GRPC_TLS_KEY": KEY}
MUTUAL = TLS | {"CYODA_GRPC_TLS_CLIENT_CA": OURS.root}


@pytest.fixture
def backend() -> str:
    """Nothing here is stored."""
    return "memory"


@asynccontextmanager
async def listening(node: Node, environ: dict[str, str]) -> AsyncIterator[int]:
    """The port of a server that is set up by an environment."""
    conf = load(environ | {"CYODA_GRPC_PORT": "0", "CYODA_GRPC_BIND_ADDRESS": "127.0.0.1"})
    server = GrpcServer(
        grpc_options(conf.grpc),
        authenticate=authenticate,
        registry=node.registry,
        clock=node.platform.clock,
        platform=node.platform,
    )
    try:
        yield await server.start()
    finally:
        await server.stop(0)


def credentials(of: tuple[str, str] | None = None, *, root: str = OURS.root) -> grpc.ChannelCredentials:
    certificate, key = of or (None, None)
    return grpc.ssl_channel_credentials(
        root.encode(), key.encode() if key else None, certificate.encode() if certificate else None
    )


async def status(channel: grpc.aio.Channel) -> grpc.StatusCode:
    """What a call ends with; a refused handshake leaves the channel unavailable."""
    check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
    async with channel:
        return await check(b"", timeout=10).code()


async def test_with_a_certificate_only_encrypted_calls_are_served(node: Node) -> None:
    async with listening(node, TLS) as port:
        address = f"127.0.0.1:{port}"
        assert await status(grpc.aio.insecure_channel(address)) == REFUSED
        assert await status(grpc.aio.secure_channel(address, credentials(root=THEIRS.root))) == REFUSED
        assert await status(grpc.aio.secure_channel(address, credentials())) == SERVED


async def test_a_member_works_over_tls_and_still_needs_its_token(node: Node) -> None:
    async with listening(node, TLS) as port, grpc.aio.secure_channel(f"localhost:{port}", credentials()) as channel:
        client = Client(channel)
        assert (await client.member(("rating",))).greeting["joinedLegalEntityId"] == "acme"
        assert (await client.stream(None).end())[0] == grpc.StatusCode.UNAUTHENTICATED


async def test_mutual_tls_serves_only_clients_whose_certificate_our_authority_issued(node: Node) -> None:
    async with listening(node, MUTUAL) as port:
        address = f"127.0.0.1:{port}"
        assert await status(grpc.aio.insecure_channel(address)) == REFUSED
        assert await status(grpc.aio.secure_channel(address, credentials())) == REFUSED
        assert await status(grpc.aio.secure_channel(address, credentials(THEIRS.issue("client")))) == REFUSED
        assert await status(grpc.aio.secure_channel(address, credentials(OURS.issue("client")))) == SERVED


async def test_the_material_may_come_from_files(node: Node, tmp_path: Path) -> None:
    environ = {}
    for name, text in MUTUAL.items():
        (tmp_path / name).write_text(text)
        environ[f"{name}_FILE"] = str(tmp_path / name)
    async with listening(node, environ) as port:
        assert await status(grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials(OURS.issue("client")))) == SERVED


BOTH = "CYODA_GRPC_TLS_CERT and CYODA_GRPC_TLS_KEY must be set both or neither."


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"CYODA_GRPC_TLS_CERT": CERT}, BOTH),
        ({"CYODA_GRPC_TLS_KEY": KEY}, BOTH),
        (
            {"CYODA_GRPC_TLS_CLIENT_CA": OURS.root},
            "CYODA_GRPC_TLS_CERT and CYODA_GRPC_TLS_KEY must be set when CYODA_GRPC_TLS_CLIENT_CA is.",
        ),
        (
            TLS | {"CYODA_GRPC_TLS_KEY": OURS.issue("another")[1]},
            "CYODA_GRPC_TLS_KEY must be the key of the first certificate in CYODA_GRPC_TLS_CERT.",
        ),
        (TLS | {"CYODA_GRPC_TLS_CERT": "cert.pem"}, "CYODA_GRPC_TLS_CERT must be certificates in PEM."),
        (
            TLS | {"CYODA_GRPC_TLS_KEY": CERT},
            "CYODA_GRPC_TLS_KEY must be a private key in PEM without a password.",
        ),
        (MUTUAL | {"CYODA_GRPC_TLS_CLIENT_CA": KEY}, "CYODA_GRPC_TLS_CLIENT_CA must be certificates in PEM."),
    ],
)
def test_material_that_is_incomplete_or_unusable_stops_the_start(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfError) as caught:
        load(environ)
    assert str(caught.value) == sentence


def test_reflection_is_on_in_development_and_off_in_production() -> None:
    production = {"CYODA_ENV": "production", "CYODA_SECRET_KEY": "x" * 32}
    assert grpc_options(load({}).grpc).reflection
    assert not grpc_options(load(production).grpc).reflection
    assert grpc_options(load(production | {"CYODA_GRPC_REFLECTION": "true"}).grpc).reflection
