"""`ooder peers`, `ooder share` and `ooder doctor lan` as a person uses them, with the network off or on the loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.cli.sentences import SENTENCES
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
        (("scan", "--source", "udp_broadcast"), 2, "source.disabled"),
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


def test_the_doctor_speaks_chinese_too(ooder: Ooder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OODER_SOURCES__UDP_BROADCAST__ENABLED", "true")
    monkeypatch.setenv("OODER_SOURCES__UDP_BROADCAST__INTERFACES", "[lo]")
    monkeypatch.setenv("OODER_LANG", "zh")
    said = {
        "problem": "lan.port_taken",
        "interfaces": [
            {"name": "eth0", "sent": 4, "received": 0, "failed": {"ENETUNREACH": 2}},
            {"name": "", "sent": 0, "received": 9, "failed": {}},
        ],
        "refused": {},
        "peers": 2,
        "clones": [{"agent_id": "node-7", "addresses": ["10.0.0.2", "10.0.0.3"]}],
    }
    monkeypatch.setattr("node.control.ask", lambda *_, **__: said)
    code, out, _ = ooder("doctor", "lan")
    assert code == 0
    for words in ("发给所有人的数据", "UDP 端口 48888", "失败 ENETUNREACH 2", "接收 9", "两台设备使用同一密钥", "无"):
        assert words in out
    monkeypatch.setenv("OODER_LANG", "en")
    out = ooder("doctor", "lan")[1]
    for words in ("UDP port 48888 is taken", "ss -ulpn", "failed ENETUNREACH 2", "two devices with one key", "nothing"):
        assert words in out


ROW = {
    "agent_id": "node-7",
    "name": "laptop",
    "key": "K" * 52,
    "light": "offline",
    "state": "gone",
    "paired": True,
    "signed": True,
    "proven": False,
    "addresses": ["10.0.0.7", "fe80::7%eth0"],
    "port": 48889,
    "seen_at": 1.0,
    "offers": 0,
    "dialect": "frame",
    "why": ["silent", "clone", "peer.too_slow", "offer.other_node", "refused:replay"],
}


def test_why_is_told_in_both_languages(ooder: Ooder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.control.ask", lambda *_, **__: {"peers": [ROW]})
    code, out, _ = ooder("peers", "--why", "laptop")
    assert code == 0 and out.count("why ") == 5 and "10.0.0.7, fe80::7%eth0" in out and " ago" in out
    for words in ("fell silent", "copied disk", "(peer.too_slow)", "(offer.other_node)", "refused: replay"):
        assert words in out
    monkeypatch.setenv("OODER_LANG", "zh")
    out = ooder("peers", "--why", "laptop")[1]
    for words in ("原因", "沉默", "同一密钥", "peer.too_slow", "离线", "最近收到", "被拒绝：replay"):
        assert words in out
    assert data(ooder("peers", "--why", "laptop", "--json"))["why"] == ROW["why"]


def test_every_reason_has_a_sentence() -> None:
    reasons = {
        "no_answer",
        "silent",
        "goodbye",
        "no_room",
        "unsigned_goodbye",
        "unsigned",
        "unproven",
        "clone",
        "not_heard",
    }
    assert {
        f"peers.why.{reason}" for reason in reasons | {"peer", "offer", "refused", "handover", "fine"}
    } <= SENTENCES.keys()
    assert {f"peers.field.{name}" for name in ROW} <= SENTENCES.keys()
