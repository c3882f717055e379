"""What the machine tells: what it found, whom it asked on the way, who came and went. The topology picture draws from these."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.dht.contacts import Contact
from protocol.dht.record import SignedPointer


@dataclass(frozen=True, slots=True)
class Asked:
    """A lookup asked a node. `at` is loop seconds."""

    lookup: int
    target: int
    contact: Contact
    path: int
    hops: int
    at: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A node answered within `seconds`, naming `contacts` others and `records` records; or it was silent (`ok` false)."""

    lookup: int
    contact: Contact
    ok: bool
    seconds: float
    contacts: int
    records: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A lookup is over."""

    lookup: int
    target: int
    asked: int
    answered: int
    hops: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RecordFound:
    """A verified record, the node it came from and its age in seconds."""

    signed: SignedPointer
    contact: Contact
    age: float


@dataclass(frozen=True, slots=True)
class ContactJoined:
    """A node proved its key and is in the table."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class ContactLeft:
    """A node was silent twice and left the table."""

    contact: Contact


Event = Asked | Answered | Ended | RecordFound | ContactJoined | ContactLeft
