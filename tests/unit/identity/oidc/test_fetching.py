"""Fetching from a real server: what it says beyond the limits is not believed, and where it is stays fixed (10.2)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from cyoda.conf import Oidc
from tenants.identity.oidc.destinations import BlockedAddress, Destinations, InvalidUri, LookupFailed
from tenants.identity.oidc.documents import KEY_TYPES
from tenants.identity.oidc.fetching import LIMIT_BYTES, Fetcher, FetchFailed
from tests.contract.grpc.certificates import Authority
from tests.identity_provider import DISCOVERY, KEYS, IdentityProvider, Reply

OPEN = Oidc(require_https=False, allow_private_networks=True)


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider() as provider:
        yield provider


def answering(*answers: Sequence[str]) -> Callable[[str, int], Sequence[str]]:
    """A resolver that gives each answer once, the last for ever."""
    left = list(answers)

    def resolve(_host: str, _port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


async def test_a_document_is_had_as_it_was_sent(provider: IdentityProvider) -> None:
    provider.replies[DISCOVERY] = Reply(b'{"a": 1}')
    assert await Fetcher(OPEN).get(provider.uri) == b'{"a": 1}'
    assert f"Host: localhost:{provider.port}\r\n" in provider.heads[0]


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 401, 404, 500])
async def test_every_status_but_200_is_a_failure_and_no_redirect_is_followed(
    provider: IdentityProvider, status: int
) -> None:
    provider.replies[DISCOVERY] = Reply(
        status=status, headers=(f"Location: {provider.root}{KEYS}", "Content-Length: 0")
    )
    with pytest.raises(FetchFailed, match=f"^status {status}$"):
        await Fetcher(OPEN).get(provider.uri)
    assert provider.asked == {DISCOVERY: 1}


@pytest.mark.parametrize(
    ("content_type", "is_taken"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JWK-Set+JSON", True),
        ("text/html", False),
        ("application/jsonp", False),
        ("", False),
    ],
)
async def test_keys_come_as_json_only(provider: IdentityProvider, content_type: str, is_taken: bool) -> None:
    provider.replies[KEYS] = Reply(b"{}", content_type=content_type)
    getting = Fetcher(OPEN).get(provider.root + KEYS, content_types=KEY_TYPES)
    if is_taken:
        assert await getting == b"{}"
    else:
        with pytest.raises(FetchFailed, match="content type"):
            await getting


async def test_a_huge_body_is_not_read_to_its_end(provider: IdentityProvider) -> None:
    provider.replies[DISCOVERY] = Reply(b" " * LIMIT_BYTES, headers=("X: y",), times=1)
    assert len(await Fetcher(OPEN).get(provider.uri)) == LIMIT_BYTES
    provider.replies[DISCOVERY] = Reply(b" " * LIMIT_BYTES, headers=("X: y",), times=1000)
    with pytest.raises(FetchFailed, match="too large"):
        await Fetcher(OPEN).get(provider.uri)
    provider.replies[DISCOVERY] = Reply(b"", headers=(f"Content-Length: {LIMIT_BYTES + 1}",))
    with pytest.raises(FetchFailed, match="too large"):
        await Fetcher(OPEN).get(provider.uri)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"1\r\na\r\n", headers=("Transfer-Encoding: chunked",), times=10**6),
        Reply(b"HTTP/1.1 102 Processing\r\n\r\n", head=b"", times=10**6),
        Reply(b"X: y\r\n", head=b"HTTP/1.1 200 OK\r\n", times=10**6),
    ],
    ids=["tiny chunks", "interim answers", "headers"],
)
async def test_an_answer_that_costs_more_than_it_says_is_given_up(provider: IdentityProvider, reply: Reply) -> None:
    provider.replies[DISCOVERY] = reply
    with pytest.raises(FetchFailed, match=r"too large|ProtocolError"):
        await Fetcher(OPEN).get(provider.uri)


async def test_a_compressed_body_is_refused_unopened(provider: IdentityProvider) -> None:
    provider.replies[DISCOVERY] = Reply(b"x", headers=("Content-Encoding: gzip", "Content-Length: 1"))
    with pytest.raises(FetchFailed, match="compressed"):
        await Fetcher(OPEN).get(provider.uri)


@pytest.mark.parametrize("part", ["connect_timeout_ms", "socket_timeout_ms", "connection_request_timeout_ms"])
async def test_the_whole_fetch_has_the_sum_of_the_three_times(provider: IdentityProvider, part: str) -> None:
    times = dict.fromkeys(("connect_timeout_ms", "socket_timeout_ms", "connection_request_timeout_ms"), 20)
    fetcher = Fetcher(Oidc(require_https=False, allow_private_networks=True, **times | {part: 60}))
    provider.gate.clear()
    started = asyncio.get_running_loop().time()
    with pytest.raises(FetchFailed, match="timed out"):
        await fetcher.get(provider.uri)
    assert asyncio.get_running_loop().time() - started < 2


async def test_a_body_that_trickles_is_cut_off_by_the_whole_time(provider: IdentityProvider) -> None:
    provider.replies[DISCOVERY] = Reply(b" ", headers=("X: y",), times=10**6, pause_seconds=0.01)
    times = dict.fromkeys(("connect_timeout_ms", "socket_timeout_ms", "connection_request_timeout_ms"), 50)
    with pytest.raises(FetchFailed, match="timed out"):
        await Fetcher(Oidc(require_https=False, allow_private_networks=True, **times)).get(provider.uri)


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a" * 200_000,
    ],
)
async def test_a_provider_that_talks_nonsense_is_a_failure(provider: IdentityProvider, head: bytes) -> None:
    provider.replies[DISCOVERY] = Reply(b"", head=head)
    with pytest.raises(FetchFailed):
        await Fetcher(OPEN).get(provider.uri)


async def test_a_provider_that_went_away_is_a_failure(provider: IdentityProvider) -> None:
    await provider.go_away()
    with pytest.raises(FetchFailed):
        await Fetcher(OPEN).get(provider.uri)


# --- addresses --------------------------------------------------------------------------------------------------


async def test_with_the_block_list_nothing_connects_to_a_private_address(provider: IdentityProvider) -> None:
    fetcher = Fetcher(Oidc(require_https=False))
    with pytest.raises(FetchFailed, match="blocked range"):
        await fetcher.get(provider.uri)
    with pytest.raises(BlockedAddress):
        await fetcher.check(provider.uri)
    assert provider.asked == {}


async def test_a_name_that_was_public_at_registration_and_is_private_at_the_fetch_is_not_connected_to(
    provider: IdentityProvider,
) -> None:
    destinations = Destinations(allow_private=False, resolve=answering(["8.8.8.8"], ["127.0.0.1"]))
    fetcher = Fetcher(Oidc(require_https=False), destinations)
    await fetcher.check(f"http://rebinding.example:{provider.port}/")
    with pytest.raises(FetchFailed, match="blocked range"):
        await fetcher.get(f"http://rebinding.example:{provider.port}{DISCOVERY}")
    assert provider.asked == {}


async def test_the_address_that_was_judged_is_the_one_that_is_connected_to(provider: IdentityProvider) -> None:
    """The second answer of the resolver, where nobody listens, is never asked for."""
    destinations = Destinations(allow_private=True, resolve=answering(["127.0.0.1"], ["127.0.0.9"]))
    await Fetcher(OPEN, destinations).get(f"http://rebinding.example:{provider.port}{DISCOVERY}")
    assert provider.asked == {DISCOVERY: 1}
    assert f"Host: rebinding.example:{provider.port}\r\n" in provider.heads[0]


async def test_of_several_addresses_the_first_that_answers_is_used(provider: IdentityProvider) -> None:
    destinations = Destinations(allow_private=True, resolve=answering(["127.0.0.9", "127.0.0.1"]))
    await Fetcher(OPEN, destinations).get(f"http://several.example:{provider.port}{DISCOVERY}")
    assert provider.asked == {DISCOVERY: 1}


async def test_check_tells_what_is_wrong_with_a_uri() -> None:
    fetcher = Fetcher(Oidc(require_https=True), Destinations(allow_private=False, resolve=answering([])))
    with pytest.raises(InvalidUri):
        await fetcher.check("http://a.example/")
    with pytest.raises(LookupFailed):
        await fetcher.check("https://a.example/")


# --- TLS --------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> Authority:
    return Authority("a provider's authority")


@pytest.fixture
async def secured(authority: Authority, tmp_path: Path) -> AsyncIterator[IdentityProvider]:
    certificate, key = authority.issue("provider")
    (tmp_path / "both.pem").write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    async with IdentityProvider(tls=context) as provider:
        yield provider


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.root)


async def test_a_provider_is_reached_by_tls_under_its_name_at_the_judged_address(
    secured: IdentityProvider, authority: Authority
) -> None:
    names: list[str | None] = []
    assert secured.tls is not None
    secured.tls.sni_callback = lambda _socket, name, _context: names.append(name)
    destinations = Destinations(allow_private=True, resolve=answering(["127.0.0.1"]))
    await Fetcher(Oidc(), destinations, tls=trusting(authority)).get(secured.uri)
    assert names == ["localhost"]


async def test_a_certificate_of_an_unknown_authority_or_another_name_is_refused(
    secured: IdentityProvider, authority: Authority
) -> None:
    with pytest.raises(FetchFailed):
        await Fetcher(Oidc(allow_private_networks=True)).get(secured.uri)
    destinations = Destinations(allow_private=True, resolve=answering(["127.0.0.1"]))
    fetcher = Fetcher(Oidc(), destinations, tls=trusting(authority))
    with pytest.raises(FetchFailed):
        await fetcher.get(f"https://another.example:{secured.port}/")
    assert secured.asked == {}


async def test_older_tls_than_1_3_is_refused(secured: IdentityProvider, authority: Authority) -> None:
    assert secured.tls is not None
    secured.tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(FetchFailed):
        await Fetcher(Oidc(allow_private_networks=True), tls=trusting(authority)).get(secured.uri)
    assert secured.asked == {}
