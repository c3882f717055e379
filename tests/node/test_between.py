"""Capabilities between devices of one person: asked for, handed over, and nothing for strangers."""

from __future__ import annotations

import asyncio

import pytest

from node.between import Between
from protocol import limits
from protocol.errors import PolicyError, UnavailableError
from protocol.lan_events import MessageHeard
from protocol.lan_text import CapHandover, CapSync, CapSyncRequest, Message
from protocol.peers import Address, Peer
from tests.fakes.virtual_time import run_virtual

HERE = {"a": Address("10.0.0.1", 4000), "b": Address("10.0.0.2", 4000)}


class Pair:
    """Two devices on one cable; `paired` are the keys both know."""

    def __init__(self, paired: frozenset[str] = frozenset("ab"), *, cut: bool = False) -> None:
        self.sent: list[Message] = []
        self.cut = cut
        self.ends = {
            name: Between(
                self._from(name), lambda name=name: f"node-{name}", paired.__contains__, self._offers(name), lambda: 1.0
            )
            for name in "ab"
        }

    def _offers(self, name: str):  # type: ignore[no-untyped-def]
        return lambda: [f"cap-of-{name}-{n}" for n in range(90)]

    def _from(self, name: str):  # type: ignore[no-untyped-def]
        def say(message: Message, to: Address) -> None:
            self.sent.append(message)
            other = next(each for each, address in HERE.items() if address == to)
            if not self.cut:
                self.ends[other].hear(MessageHeard(message, name, HERE[name]))

        return say


def peer(name: str) -> Peer:
    return Peer(f"node-{name}", name, name=name, addresses=(HERE[name],))


def test_a_paired_device_is_told_what_is_shared_with_it() -> None:
    pair = Pair()
    found = run_virtual(pair.ends["a"].ask(peer("b")))
    assert found[:2] == ("cap-of-b-0", "cap-of-b-1") and 10 < len(found) < 90, "as much as a datagram holds"
    assert isinstance(pair.sent[0], CapSyncRequest) and isinstance(pair.sent[1], CapSync)


def test_a_handover_waits_for_consent_and_changes_nothing() -> None:
    pair = Pair()
    pair.ends["a"].hand_over(peer("b"), "minutes", "device_sleep")
    pair.ends["a"].hand_over(peer("b"), "minutes", "device_sleep")
    assert [(one.capability, one.reason) for one in pair.ends["b"].handed.values()] == [("minutes", "device_sleep")]
    for number in range(100):
        pair.ends["a"].hand_over(peer("b"), f"cap-{number}", "")
    assert len(pair.ends["b"].handed) == limits.HANDOVERS


def test_strangers_are_neither_asked_nor_answered_nor_heard() -> None:
    pair = Pair(paired=frozenset("b"))  # b does not know a
    with pytest.raises(UnavailableError):
        run_virtual(pair.ends["a"].ask(peer("b")))
    pair.ends["a"].hand_over(peer("b"), "minutes", "")
    assert not pair.ends["b"].handed and not any(isinstance(each, CapSync) for each in pair.sent)
    with pytest.raises(PolicyError):
        pair.ends["b"].hand_over(peer("a"), "minutes", "")
    end = pair.ends["b"]
    for event in (
        MessageHeard(CapHandover("node-x", "node-b", "evil"), "", HERE["a"]),  # unsigned
        MessageHeard(CapHandover("node-b", "node-other", "evil"), "b", HERE["a"]),  # for somebody else
        MessageHeard(CapSync("node-b", "node-b", "full", ("evil",)), "b", HERE["a"]),  # nobody asked
    ):
        end.hear(event)
    assert not end.handed


def test_a_device_that_does_not_answer_is_said_soon() -> None:
    async def story() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(UnavailableError):
            await Pair(cut=True).ends["a"].ask(peer("b"))
        return asyncio.get_running_loop().time() - began

    assert run_virtual(story()) == pytest.approx(2.0, abs=0.5)
