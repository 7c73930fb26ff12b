"""The Python library over TLS and mutual TLS: to a node's gRPC listener, and to its API behind TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from cyoda_member import Context, Member, Settings, TokenUnavailable
from cyoda_member.http import Http
from cyoda_member.tokens import Tokens
from tests.clients.conftest import PATIENCE_SECONDS, LiveNode, order_model, until
from tests.contract.grpc.certificates import Authority
from tests.contract.http.steps import entity, ok

OURS, THEIRS = Authority("ours"), Authority("theirs")
CERTIFICATE, KEY = OURS.issue("node")
MUTUAL = {
    "CYODA_GRPC_TLS_CERT": CERTIFICATE, "CYODA_GRPC_TLS_KEY": KEY, "CYODA_GRPC_TLS_CLIENT_CA": OURS.root,
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """PEM files by name: each authority's root, and what each issued."""
    texts: dict[str, str] = {"node.pem": CERTIFICATE, "node.key": KEY}
    for name, authority in (("ours", OURS), ("theirs", THEIRS)):
        texts[f"{name}-ca.pem"] = authority.root
        texts[f"{name}.pem"], texts[f"{name}.key"] = authority.issue("member")
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


@pytest.fixture
async def https(live: LiveNode, files: dict[str, Path]) -> AsyncIterator[str]:
    """The node's API behind mutual TLS."""
    assert live.node is not None
    config = uvicorn.Config(
        live.node.api, lifespan="off", log_config=None, ssl_certfile=files["node.pem"], ssl_keyfile=files["node.key"],
        ssl_ca_certs=str(files["ours-ca.pem"]), ssl_cert_reqs=ssl.CERT_REQUIRED,
    )  # fmt: skip
    server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    yield f"https://localhost:{listener.getsockname()[1]}/api"
    server.should_exit = True
    await serving


@pytest.fixture
def settings(live: LiveNode, https: str, files: dict[str, Path]) -> Settings:
    """Of a member that may come in."""
    return replace(
        live.settings, api=https, tls=True, ca_file=files["ours-ca.pem"],
        certificate_file=files["ours.pem"], key_file=files["ours.key"],
    )  # fmt: skip


@pytest.mark.parametrize("environ", [MUTUAL])
async def test_a_member_with_a_certificate_computes_and_calls_back_over_mutual_tls(
    live: LiveNode, api: httpx.AsyncClient, member: Member, settings: Settings
) -> None:
    @member.processor("copy")
    async def copy(order: dict[str, Any], context: Context) -> None:
        async with context.join() as joined:
            await joined.create("part", 1, order)

    serving = asyncio.create_task(member.serve(settings))
    await until(lambda: live.members or serving.done())
    await order_model(api, "processor", "copy")
    ok(await api.post("/model/import/JSON/SAMPLE_DATA/part/1", json={"amount": 1, "name": "a"}))
    ok(await api.put("/model/part/1/lock"))
    await entity(api)
    assert len(ok(await api.get("/entity/part/1"))) == 1
    member.stop()
    await asyncio.wait_for(serving, PATIENCE_SECONDS)


STRANGERS = [
    {"certificate_file": None, "key_file": None},
    {"certificate_file": "theirs.pem", "key_file": "theirs.key"},
    {"ca_file": "theirs-ca.pem"},
    {"ca_file": None},
]


def changed(settings: Settings, files: dict[str, Path], change: dict[str, str | None]) -> Settings:
    return replace(settings, **{name: None if file is None else files[file] for name, file in change.items()})


@pytest.mark.parametrize("environ", [MUTUAL])
@pytest.mark.parametrize("change", STRANGERS)
async def test_without_the_right_certificate_or_authority_grpc_does_not_connect(
    live: LiveNode, member: Member, settings: Settings, files: dict[str, Path], change: dict[str, str | None],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    stranger = replace(changed(settings, files, change), api=live.settings.api)
    serving = asyncio.create_task(member.serve(stranger))
    await until(lambda: "the connection ended: UNAVAILABLE" in caplog.text)
    assert live.members == []
    member.stop()
    await asyncio.wait_for(serving, PATIENCE_SECONDS)


@pytest.mark.parametrize("change", STRANGERS)
async def test_without_the_right_certificate_or_authority_there_is_no_token(
    settings: Settings, files: dict[str, Path], change: dict[str, str | None]
) -> None:
    assert await token_of(settings)
    with pytest.raises(TokenUnavailable, match="does not answer"):
        await token_of(changed(settings, files, change))


async def test_an_address_that_speaks_another_protocol_gives_no_token(settings: Settings, live: LiveNode) -> None:
    for api in (settings.api.replace("https:", "http:"), live.settings.api.replace("http:", "https:")):
        with pytest.raises(TokenUnavailable, match="does not answer"):
            await token_of(replace(settings, api=api))


async def token_of(settings: Settings) -> str:
    with ThreadPoolExecutor(1) as executor:
        http = Http(settings.api, executor, settings.http_tls())
        return await Tokens(http, settings.client_id, settings.client_secret).current()


async def test_a_file_that_is_missing_or_no_certificate_ends_the_start(
    member: Member, settings: Settings, files: dict[str, Path]
) -> None:
    for change in ({"ca_file": files["ours.key"]}, {"key_file": files["theirs.key"]}, {"ca_file": Path("absent")}):
        with pytest.raises(OSError):
            await member.serve(replace(settings, **change))
