"""Where a URI leads: its form, spellings of private addresses, names with several addresses (identity 10.1, 10.2)."""

from __future__ import annotations

import socket

import pytest

from tenants.identity.oidc.destinations import (
    BlockedAddress,
    Destinations,
    InvalidUri,
    LookupFailed,
    parse_endpoint,
)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("ftp://a.example/x", 'unsupported scheme "ftp" (want https or http)'),
        ("a.example/x", 'unsupported scheme "" (want https or http)'),
        ("http://a.example/x", "https required (CYODA_OIDC_REQUIRE_HTTPS=true)"),
        ("https:///x", "missing host in URI"),
        ("https://user@/x", "missing host in URI"),
        ("https://[::1/x", "wellKnownConfigUri is not a valid URI"),
        ("https://a.example:99999/x", "wellKnownConfigUri is not a valid URI"),
        ("https://a.example/\r\nHost: b", "wellKnownConfigUri is not a valid URI"),
        ("https://a.example/ x", "wellKnownConfigUri is not a valid URI"),
        ("https://ä.example/x", "wellKnownConfigUri is not a valid URI"),
    ],
)
def test_a_uri_of_the_wrong_form_is_refused(uri: str, text: str) -> None:
    with pytest.raises(InvalidUri) as refusal:
        parse_endpoint(uri, require_https=True)
    assert str(refusal.value) == text


def test_a_uri_is_taken_apart() -> None:
    endpoint = parse_endpoint("HTTPS://me:pw@[2606:4700::1]:8443/a/b?c=d#e", require_https=True)
    assert (endpoint.scheme, endpoint.host, endpoint.port) == ("https", "2606:4700::1", 8443)
    assert (endpoint.authority, endpoint.target) == ("[2606:4700::1]:8443", "/a/b?c=d")
    plain = parse_endpoint("http://a.example", require_https=False)
    assert (plain.port, plain.authority, plain.target) == (80, "a.example", "/")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "::1", "::ffff:127.0.0.1"]
)
def test_the_loopback_is_blocked_however_it_is_spelled(host: str) -> None:
    with pytest.raises(BlockedAddress):
        Destinations(allow_private=False).addresses_of(host, 443)
    assert Destinations(allow_private=True).addresses_of(host, 443)


def test_one_blocked_address_blocks_the_host() -> None:
    def several(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", "2606:4700::1", "10.0.0.1"]

    with pytest.raises(BlockedAddress):
        Destinations(allow_private=False, resolve=several).addresses_of("a.example", 443)
    assert Destinations(allow_private=True, resolve=several).addresses_of("a.example", 443) == several("", 0)


def test_a_name_without_an_address_is_told_from_a_blocked_one() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    for resolve in (unknown, lambda _host, _port: []):
        with pytest.raises(LookupFailed, match=r"^DNS lookup failed for a\.example$"):
            Destinations(allow_private=False, resolve=resolve).addresses_of("a.example", 443)
    with pytest.raises(LookupFailed):
        Destinations(allow_private=False).addresses_of("a" * 64 + ".example", 443)
