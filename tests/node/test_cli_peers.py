"""`ooder peers`, `ooder share` and `ooder doctor lan` as a person uses them, with the network off or on the loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.node.test_cli import Ooder, catalogue, data, ooder

__all__ = ["catalogue", "ooder"]


def test_sharing_by_hand(ooder: Ooder, catalogue: Path) -> None:
    ooder("scan", str(catalogue))
    assert ooder("share")[1].startswith("Nothing is shared")
    code, out, _ = ooder("share", "skill:skill-text-brief", "--for", "7d")
    assert code == 0 and "everyone" in out
    rows = data(ooder("share", "list", "--json"))["shares"]
    assert [(row["ref"], row["with"], row["may"]) for row in rows] == [
        ("skill:skill-text-brief", "everyone", "install")
    ]
    assert rows[0]["until"] - rows[0]["since"] == pytest.approx(7 * 86_400)
    assert ooder("share", "stop", "skill:skill-text-brief")[0] == 0
    assert ooder("share", "stop", "skill:skill-text-brief")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("share", "skill:nope"), 3, "item.unknown"),
        (("share", "skill:skill-text-brief", "--with", "me"), 2, "share.bad_audience"),
        (("share", "skill:skill-text-brief", "--for", "soon"), 2, "share.bad_time"),
        (("peers", "--why", "nobody"), 3, "peer.unknown"),
        (("peers", "unpair", "nobody"), 3, "peer.unknown"),
        (("peers", "pair"), 5, "node.not_running"),
    ],
)
def test_wrong_wishes_end_in_one_clear_error(
    ooder: Ooder, catalogue: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ooder("scan", str(catalogue))
    got, _, err = ooder(*arguments)
    assert (got, said in err, "Traceback" in err) == (code, True, False)


def test_peers_without_a_network_and_what_the_doctor_says(
    ooder: Ooder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nobody else was heard" in ooder("peers")[1]
    assert "switched off" in ooder("doctor", "lan")[1]
    monkeypatch.setenv("OODER_SOURCES__UDP_BROADCAST__ENABLED", "true")
    monkeypatch.setenv("OODER_SOURCES__UDP_BROADCAST__INTERFACES", "[lo]")
    found = data(ooder("doctor", "lan", "--json"))["findings"]
    assert {"broadcast", "multicast", "node"} <= {row["check"] for row in found}
    monkeypatch.setenv("OODER_SOURCES__UDP_BROADCAST__INTERFACES", "[nothing0]")
    assert ooder("doctor", "lan")[0] == 1
    code, _, err = ooder("scan", "--source", "udp_broadcast")
    assert code == 5 and "no network interface" in err
