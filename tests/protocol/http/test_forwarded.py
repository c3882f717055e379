"""Who is counted behind reverse proxies."""

from __future__ import annotations

import pytest

from protocol.http.addresses import read_networks
from protocol.http.forwarded import client_address

PROXIES = read_networks(("10.0.0.0/24", "fd00::1"))


@pytest.mark.parametrize(
    ("remote", "lines", "client"),
    [
        ("192.0.2.7", (), "192.0.2.7"),
        ("192.0.2.7", ("6.6.6.6",), "192.0.2.7"),  # no proxy of ours: whatever it says
        ("10.0.0.2", (), "10.0.0.2"),
        ("10.0.0.2", ("192.0.2.7",), "192.0.2.7"),
        ("10.0.0.2", ("6.6.6.6, 192.0.2.7",), "192.0.2.7"),  # the client wrote the first one itself
        ("10.0.0.2", ("6.6.6.6", "192.0.2.7, 10.0.0.3"), "192.0.2.7"),  # two proxies, two lines
        ("10.0.0.2", ("10.0.0.9, 10.0.0.3",), "10.0.0.9"),
        ("10.0.0.2", ("192.0.2.7, unknown",), "10.0.0.2"),
        ("10.0.0.2", (", ",), "10.0.0.2"),
        ("::ffff:10.0.0.2", ("192.0.2.7",), "192.0.2.7"),
        ("fd00::1", ("2001:db8::7",), "2001:db8::7"),
        ("", ("192.0.2.7",), ""),
        ("10.0.0.2", (",".join(["10.0.0.3"] * 100_000),), "10.0.0.3"),
    ],
)
def test_only_known_proxies_are_believed(remote: str, lines: tuple[str, ...], client: str) -> None:
    assert client_address(remote, lines, PROXIES) == client


def test_without_proxies_nobody_is_believed() -> None:
    assert client_address("127.0.0.1", ("192.0.2.7",), ()) == "127.0.0.1"
