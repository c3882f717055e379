"""Datagrams: golden bytes, every dialect, sizes, Java neighbours, and 100,000 broken ones."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.announce import FrameType, Heard, Junk, compose, decode, encode_frame
from protocol.dialects import Dialect, Foreign, read_foreign, write_skill_response
from protocol.identity import SigningKey
from protocol.lan_extension import Extension, Flag, decode_extension, encode_extension
from protocol.lan_seal import KeySeal
from protocol.lan_text import (
    AgentAnnounce,
    CapHandover,
    CapShare,
    CapSync,
    CapSyncRequest,
    DiscoveryRequest,
    DiscoveryResponse,
    Heartbeat,
    Message,
    SceneCreate,
    decode_text,
    encode_text,
)
from tests.fakes.fake_lan import FakeLan
from tests.fakes.java_receiver import JavaReceiver

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "lan.json").read_text("utf-8"))
SEAL = KeySeal(SigningKey(bytes(range(32))))
EXTENSION = Extension(
    SEAL.agent_id(SEAL.key),
    b"\x01" * 8,
    7,
    1_767_225_600_000,
    tcp_port=48889,
    dht_port=48890,
    name="书房",
    digest=b"d" * 16,
)


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda vector: vector["says"])
def test_golden_frames(vector: dict[str, str]) -> None:
    heard = decode(bytes.fromhex(vector["hex"]))
    assert isinstance(heard, Heard) and not isinstance(heard.message, Foreign)
    assert encode_text(heard.message) == vector["text"]
    if "payload" in vector:
        assert encode_frame(FrameType(vector["type"]), vector["payload"].encode()).hex() == vector["hex"]


@pytest.mark.parametrize("vector", VECTORS["signed"], ids=lambda vector: vector["says"])
def test_golden_signed_datagrams(vector: dict[str, str]) -> None:
    message = decode_text(vector["text"])
    assert message is not None
    data = compose(message, EXTENSION, SEAL)
    assert data is not None and data.hex() == vector["hex"]
    heard = decode(data)
    assert isinstance(heard, Heard)
    opened = SEAL.claim(heard.record)
    assert opened is not None and opened[0] == SEAL.key and SEAL.holds(heard.record)
    extension = decode_extension(opened[1])
    assert extension is not None and extension.text == heard.text and extension.name == "书房"


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["says"])
def test_golden_refusals(vector: dict[str, str]) -> None:
    assert decode(bytes.fromhex(vector["hex"])) == Junk(vector["junk"])


words = st.text(max_size=12).map(lambda text: "".join(char for char in text if char.isprintable()).strip())
lists = st.lists(words.filter(bool), max_size=6).map(tuple)
times = st.integers(0, 1 << 50)
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
MESSAGES = st.one_of(
    st.builds(AgentAnnounce, ids, words, words, lists, lists, words, times),
    st.builds(DiscoveryResponse, ids, words, words, lists, lists, words, times),
    st.builds(CapShare, ids, words, words, words, lists, times, times),
    st.builds(SceneCreate, ids, words, words, words, lists, lists, times),
    st.builds(CapHandover, ids, words, words, words, times),
    st.builds(CapSyncRequest, ids, words, words, times),
    st.builds(CapSync, ids, words, words, lists, times),
    st.builds(DiscoveryRequest, ids, words, words, words, words, times),
    st.builds(Heartbeat, ids, words, lists, times),
)


@given(MESSAGES)
def test_text_comes_back_as_it_was(message: Message) -> None:
    assert decode_text(encode_text(message)) == message


@given(MESSAGES)
def test_signed_datagrams_come_back_and_stay_short(message: Message) -> None:
    data = compose(message, EXTENSION, SEAL)
    assert data is not None and len(data) <= limits.DATAGRAM_SENT
    heard = decode(data)
    assert isinstance(heard, Heard) and heard.dialect is Dialect.FRAME and heard.message == message


def test_separators_control_and_percent_signs_survive_in_names() -> None:
    name = "a;b,c:d|e%41 100% f&g=h"
    message = AgentAnnounce("n1", device_name=name)
    assert encode_text(message).count(";") == 6
    assert decode_text(encode_text(message)) == message


def test_direction_changing_characters_do_not_reach_a_screen() -> None:
    message = decode_text("AGENT_ANNOUNCE:n1;u;evil\u202egpj.exe\u200b%0D%0A;;;online;0")
    assert isinstance(message, AgentAnnounce) and message.device_name == "evilgpj.exe"


def test_missing_fields_are_empty_and_surplus_ones_ignored() -> None:
    assert decode_text("CAP_SHARE:n1") == CapShare("n1")
    assert decode_text("CAP_HANDOVER:a;b;c;d;5;what;else") == CapHandover("a", "b", "c", "d", 5)
    said = decode_text("AGENT_ANNOUNCE:n1;u;d;;;online;5;api=http%3A//1.2.3.4&v=0.8.0;more")
    assert isinstance(said, AgentAnnounce) and said.extra == (("api", "http://1.2.3.4"), ("v", "0.8.0"))


def test_long_lists_are_shortened_before_the_signature_and_no_character_is_cut() -> None:
    message = AgentAnnounce("n1", "林", "书房的电脑" * 60, tuple(f"能力-{n}" for n in range(400)), ("日报",) * 100)
    data = compose(message, EXTENSION, SEAL)
    assert data is not None and len(data) <= limits.DATAGRAM_SENT
    heard = decode(data)
    assert isinstance(heard, Heard) and isinstance(heard.message, AgentAnnounce) and "\ufffd" not in str(heard.message)
    opened = SEAL.claim(heard.record)
    extension = decode_extension(opened[1]) if opened else None
    assert extension is not None and extension.flags & Flag.LISTS_CUT and extension.text == heard.text


def test_what_does_not_fit_becomes_a_bare_id_and_then_nothing() -> None:
    assert compose(AgentAnnounce("n1", device_name="d" * 90), None, SEAL, limit=10) == b"OODE\x01\x00\x02n1"
    assert compose(AgentAnnounce("n1"), None, SEAL, limit=8) is None


def test_a_changed_byte_breaks_the_signature_or_the_binding() -> None:
    data = compose(AgentAnnounce("n1", device_name="desk"), EXTENSION, SEAL)
    assert data is not None
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        heard = decode(bytes(changed))
        if isinstance(heard, Heard) and heard.record:
            opened = SEAL.claim(heard.record) if SEAL.holds(heard.record) else None
            extension = decode_extension(opened[1]) if opened else None
            assert extension is None or extension.text != heard.text, at


@pytest.mark.parametrize("vector", VECTORS["dialects"], ids=lambda vector: vector["text"][:40])
def test_other_dialects_are_understood(vector: dict[str, object]) -> None:
    heard = decode(str(vector["text"]).encode())
    assert isinstance(heard, Heard)
    assert heard.dialect == vector["dialect"]
    said = heard.message.id if isinstance(heard.message, Foreign) else heard.message.agent_id
    assert said == vector["id"]


def test_the_answer_to_dialect_b_is_what_it_reads() -> None:
    said = read_foreign(write_skill_response("daily", "日报", "1.0", "work", ("a", "b")).decode())
    assert said == Foreign(
        Dialect.SKILL_QUERY, "OODER_SKILL_RESPONSE", "daily", "日报", fields=("1.0", "work", "a", "b")
    )


def test_a_chinese_windows_charset_is_read() -> None:
    heard = decode(encode_frame(FrameType.AGENT_ANNOUNCE, "书房".encode("gb18030")))
    assert isinstance(heard, Heard) and heard.message == AgentAnnounce("书房")


def test_nothing_a_node_sends_by_default_kills_a_java_neighbour() -> None:
    java, lan = JavaReceiver(), FakeLan(seed=3)
    for _ in range(3):
        lan.add().beacon.say(CapShare("n1", cap_id="daily"), lan.now)
    lan.run(10.0)
    lan.nodes[0].beacon.watch(10.0, lan.now)
    lan.nodes[0].up = False
    lan.run(30.0)
    lan.nodes[1].beacon.close(lan.now)
    lan.run(1.0)
    for _, _, data in lan.recorded:
        java.receive(data)
    assert java.alive and {kind for kind, _ in java.understood} == {"AGENT_ANNOUNCE", "CAP_SHARE"}


@given(MESSAGES, st.integers(0, 1100))
def test_no_message_kills_java(message: Message, pad: int) -> None:
    java = JavaReceiver()
    java.receive(compose(message, EXTENSION, SEAL, pad_to=pad) or b"OODE\1\0\0")
    assert java.alive


@pytest.mark.parametrize(
    "killer", [b"", b"OODE", b"AGENT_ANNOUNCE:n1", b"{}", b"OODE\1\xff\xff", b"OODE\1\x04\x00" + b"x" * 1100]
)
def test_the_model_dies_of_what_the_real_one_dies_of(killer: bytes) -> None:
    java = JavaReceiver()
    java.receive(killer)
    assert not java.alive


def junk(random: Random, count: int) -> Iterator[bytes]:
    """Random bytes, and real datagrams with some bytes changed, cut, doubled or moved."""
    samples = [bytes.fromhex(vector["hex"]) for group in ("frames", "signed") for vector in VECTORS[group]]
    samples += [str(vector["text"]).encode() for vector in VECTORS["dialects"]]
    for number in range(count):
        if number % 2:
            yield random.randbytes(random.randrange(0, 1_300))
            continue
        data = bytearray(random.choice(samples))
        for _ in range(random.randrange(1, 6)):
            at = random.randrange(len(data) or 1)
            match random.randrange(4):
                case 0:
                    data[at : at + 1] = bytes([random.randrange(256)])
                case 1:
                    del data[at:]
                case 2:
                    data[at:at] = data[: random.randrange(200)]
                case _:
                    data[at:at] = random.choice((b";", b",", b"%", b":", b"|", b"\0", b"\xff", b"{", b'"'))
        yield bytes(data)


def read_everything(count: int) -> None:
    for data in junk(Random(1), count):
        heard = decode(data)
        if isinstance(heard, Heard) and heard.record:
            opened = SEAL.claim(heard.record)
            SEAL.holds(heard.record)
            decode_extension(opened[1] if opened else heard.record[96:])


def test_broken_datagrams_are_never_an_exception() -> None:
    read_everything(5_000)


@pytest.mark.exhaustive
def test_two_hundred_thousand_broken_datagrams_in_flat_memory() -> None:
    read_everything(1_000)
    tracemalloc.start()
    read_everything(200_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 5 * limits.MIB


def test_extension_codec_is_strict() -> None:
    payload = encode_extension(EXTENSION)
    assert decode_extension(payload) == EXTENSION
    for at in range(len(payload)):
        decode_extension(payload[:at])
        decode_extension(payload + payload[:at])
    assert decode_extension(b"\xc0") is None and decode_extension(b"") is None
