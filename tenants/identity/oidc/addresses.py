"""Addresses that a provider's name must not lead to (contract: identity 10.2)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_BLOCKED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # between providers and their customers
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, and where clouds keep the credentials of their machines
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_BLOCKED_V6 = tuple(
    map(
        IPv6Network,
        (
            "64:ff9b:1::/48",  # NAT64 within one network
            "100::/64",
            "2001::/32",  # Teredo
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)
_EMBEDDING = (
    (IPv6Network("::/96"), 0),  # `::` and `::1` are among these
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4
)
"""Networks whose addresses carry an IPv4 address, and how many bits follow it."""


def is_blocked(address: str) -> bool:
    """Whether a textual IPv4 or IPv6 address is private, local or otherwise no public host.

    An IPv6 address that carries an IPv4 one is judged by that. Raises ValueError for a text that is no address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return any(parsed in network for network in _BLOCKED_V4)
    carried = _carried(parsed)
    if carried is not None:
        return is_blocked(str(carried))
    return any(parsed in network for network in _BLOCKED_V6)


def _carried(address: IPv6Address) -> IPv4Address | None:
    for network, bits_after in _EMBEDDING:
        if address in network:
            return IPv4Address((int(address) >> bits_after) & 0xFFFF_FFFF)
    return None
