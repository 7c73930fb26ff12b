"""The block list, range by range, edges included (contract: identity 10.2)."""

from __future__ import annotations

import pytest

from tenants.identity.oidc.addresses import is_blocked

BLOCKED = [
    "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "10.0.0.0", "10.255.255.255",
    "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "0.0.0.0", "0.255.255.255",
    "100.64.0.0", "100.127.255.255", "192.0.0.8", "198.18.0.1", "198.19.255.255", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1", "febf::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fdff::1", "ff02::1", "100::1",
    "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:a9fe:a9fe", "::127.0.0.1", "::ffff:0:10.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::1", "2001::1",
]  # fmt: skip
PUBLIC = [
    "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "9.255.255.255", "11.0.0.0",
    "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "1.0.0.0", "100.63.255.255", "100.128.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "8.8.8.8",
    "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "fbff::1",
]  # fmt: skip


@pytest.mark.parametrize("address", BLOCKED)
def test_an_address_that_is_no_public_host_is_blocked(address: str) -> None:
    assert is_blocked(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not_blocked(address: str) -> None:
    assert not is_blocked(address)
