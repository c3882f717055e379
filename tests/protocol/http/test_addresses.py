"""Which addresses may be connected to."""

from __future__ import annotations

import ipaddress

import pytest

from protocol.errors import UsageError
from protocol.http.addresses import Guard, is_public, read_networks

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "100.64.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1", "203.0.113.5"),
    *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a00:1::", "2001:db8::1", "2001:0:7f00:1::"),
]


@pytest.mark.parametrize("ip", PRIVATE)
def test_private_addresses_are_not_public(ip: str) -> None:
    assert not is_public(ipaddress.ip_address(ip))
    assert not Guard().allows(ip, named=False)


@pytest.mark.parametrize("ip", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are(ip: str) -> None:
    assert Guard().allows(ip, named=False)


@pytest.mark.parametrize(
    "ip", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0", "ff02::1", "x"]
)
def test_metadata_is_refused_even_when_configured(ip: str) -> None:
    assert not Guard(read_networks(["0.0.0.0/0", "::/0"])).allows(ip, named=True)


def test_a_configured_network_and_a_named_host() -> None:
    guard = Guard(read_networks(["10.1.0.0/16", "fd12::/16"]), frozenset({"reg.example:8443"}))
    assert guard.allows("10.1.2.3", named=False)
    assert guard.allows("::ffff:10.1.2.3", named=False)
    assert guard.allows("fd12::5", named=False)
    assert not guard.allows("10.2.0.1", named=False)
    assert guard.allows("10.2.0.1", named=True)
    assert guard.names("REG.example.", 8443)
    assert not guard.names("reg.example", 443)


def test_what_is_no_network() -> None:
    with pytest.raises(UsageError):
        read_networks(["10.0.0.0/99"])
