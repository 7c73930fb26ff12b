"""Where a provider's URI leads: its form, and each address of its host, judged (contract: identity 10.1, 10.2)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tenants.identity.oidc.addresses import is_blocked

_PORTS = {"https": 443, "http": 80}


class InvalidUri(Exception):
    """The URI cannot be used; the text is the contract's."""


class LookupFailed(Exception):
    """The host has no address; the text names it."""


class BlockedAddress(Exception):
    """The host has an address of a blocked range."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed URI. `authority` is what the Host header says; `target` is path and query."""

    scheme: str
    host: str
    port: int
    authority: str
    target: str


def parse_endpoint(uri: str, *, require_https: bool) -> Endpoint:
    """Raises InvalidUri."""
    if not uri.isascii() or not uri.isprintable() or " " in uri:
        raise InvalidUri("wellKnownConfigUri is not a valid URI")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise InvalidUri("wellKnownConfigUri is not a valid URI") from None
    if parts.scheme not in _PORTS:
        raise InvalidUri(f'unsupported scheme "{parts.scheme}" (want https or http)')
    if require_https and parts.scheme != "https":
        raise InvalidUri("https required (CYODA_OIDC_REQUIRE_HTTPS=true)")
    if not parts.hostname:
        raise InvalidUri("missing host in URI")
    return Endpoint(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        authority=parts.netloc.rpartition("@")[2],
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host. Raises OSError or UnicodeError when there is none."""


def resolve_host(host: str, port: int) -> Sequence[str]:
    """What the machine's resolver says; numeric spellings of every kind are addresses too."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Destinations:
    """Judges hosts by all of their addresses. `allow_private` switches the block list off."""

    def __init__(self, *, allow_private: bool, resolve: Resolve = resolve_host) -> None:
        self._allow_private = allow_private
        self._resolve = resolve

    def addresses_of(self, host: str, port: int) -> Sequence[str]:
        """The addresses that may be connected to, in the resolver's order. Blocks while it asks the resolver.

        Raises LookupFailed, and BlockedAddress when one of them is blocked.
        """
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError):
            raise LookupFailed(f"DNS lookup failed for {host}") from None
        if not addresses:
            raise LookupFailed(f"DNS lookup failed for {host}")
        if not self._allow_private and any(map(is_blocked, addresses)):
            raise BlockedAddress(host)
        return addresses
