"""What a hostile node of the DHT does, all at once, to everybody it meets: forge, replay, equivocate, flood, eclipse, hoard tokens.

`attack(live)` turns a node that has joined honestly - proof and all, so it is in people's tables - into one that

- swallows what it should store and remembers the first record it saw under each key, to show it as the newest one (replay);
- shows records with a changed byte (forge), names that lead nowhere, and says that there is more where there is nothing;
- knows only accomplices: invented keys at its own address (eclipse);
- publishes two records of one sequence under its own key, under names of others (equivocate);
- uses tokens that others gave it under other keys than they were given to (hoarded tokens), and sends noise (flood).
"""

from __future__ import annotations

import asyncio
from random import Random, SystemRandom
from typing import Any

from node.dht import LiveNode
from protocol.dht.contacts import Contact, contact
from protocol.dht.messages import MORE, STORED, Found, Place, Put, Question, Stored, encode_question
from protocol.dht.node import DhtNode
from protocol.dht.record import Pointer, SignedPointer, name_key, sign_pointer
from protocol.dht.seal import KeySeal
from protocol.identity import SigningKey
from protocol.refs import parse_ref

BEAT = 0.1  # seconds between bursts
BURST = 20  # datagrams of one burst
ACCOMPLICES = 5


class Liar:
    """Answers in the place of the honest half of a node."""

    def __init__(self, node: DhtNode, random: Random) -> None:
        self._honest, self._random = node._server, random
        self._old: dict[bytes, bytes] = {held.key: held.signed.raw for held in node.store}
        self._gang = [random.randbytes(32) for _ in range(ACCOMPLICES)]
        self._own = node

    def answer(
        self, question: Question, transaction: bytes, size: int, ip: str, port: int, now: float, wall: float
    ) -> tuple[Any, bool]:
        """As `protocol.dht.serve.Server.answer`, but lies."""
        answer, proved = self._honest.answer(question, transaction, size, ip, port, now, wall)
        if isinstance(question, Put):
            for key, _, raw in question.items:
                self._old.setdefault(key, raw)
            return (Stored(bytes([STORED] * len(question.items))) if proved else None), proved
        if not isinstance(answer, Found):
            return answer, proved
        old = self._old.get(question.key, b"")
        forged = bytearray(old)
        if forged:
            forged[self._random.randrange(len(forged))] ^= 1
        records = tuple(raw for raw in (old, bytes(forged)) if raw and size > 300)
        gang = tuple(contact(key, ip, 40_000 + number) for number, key in enumerate(self._gang))
        hashes = tuple(self._random.randbytes(8) for _ in range(3))
        return Found(answer.token, gang, MORE, hashes, records, answer.proof), proved


async def attack(live: LiveNode, seconds: float = 3_600.0) -> None:
    """Until cancelled, or for some seconds."""
    machine, random = live.machine, SystemRandom()
    machine._server = Liar(machine, random)  # type: ignore[assignment]
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        victims = [entry.contact for entry in machine.table]
        for number in range(min(BURST, len(victims))):
            victim = victims[random.randrange(len(victims))]
            live.server._send(_datagram(machine, victim, random, number, live), victim.ip, victim.port)
        await asyncio.sleep(BEAT)


def _datagram(machine: DhtNode, victim: Contact, random: Random, number: int, live: LiveNode) -> bytes:
    """Noise, an equivocation, or a put under a stranger's key with a token of ours."""
    if number % 3 == 0:
        return bytes([random.randrange(2)]) + random.randbytes(random.randrange(1_400))
    key = SigningKey(random.randbytes(32)) if number % 3 == 1 else _key(machine)
    record = _equivocation(key, machine, random)
    sender = key.public.raw
    put = Put(sender, machine.token_for(victim), ((name_key(record[0]), Place(), record[1]),))
    return encode_question(random.randbytes(20), put)


def _key(machine: DhtNode) -> SigningKey:
    seal = machine.seal
    assert isinstance(seal, KeySeal)
    return seal.key


def _equivocation(key: SigningKey, machine: DhtNode, random: Random) -> tuple[Any, bytes]:
    """One more record of sequence 7 about a name that somebody else publishes."""
    held: list[SignedPointer] = [each.signed for each in machine.store]
    ref = random.choice(held).pointer.ref if held else parse_ref("skill:town-0-0")
    pointer = Pointer(ref, str(random.randrange(10**6)), title="Hostile")
    return ref, sign_pointer(key, pointer, seq=7, issued=machine.wall, life=3_600)
