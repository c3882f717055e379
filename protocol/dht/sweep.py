"""Publishing many records with few lookups: sort the keys, look up a region once, and use it for all keys it covers.

One lookup of 2K contacts around a key tells everybody within some distance of it. Another key is covered when the K contacts
nearest to it are certainly among them: then it needs no lookup of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocol import limits
from protocol.dht.contacts import Contact


@dataclass(frozen=True, slots=True)
class Region:
    """All contacts within a distance of `centre`, as far as a lookup tells. `whole` when there are no others at all."""

    centre: int
    contacts: tuple[Contact, ...]
    whole: bool = False

    def nearest(self, key: int, count: int = limits.DHT_K) -> list[Contact] | None:
        """The contacts nearest to `key`, or None when others, unknown here, may be nearer."""
        near = sorted(self.contacts, key=lambda contact: contact.id ^ key)[:count]
        if self.whole:
            return near
        if len(near) < count or not self.contacts:
            return None
        radius = max(contact.id ^ self.centre for contact in self.contacts)
        return near if near[-1].id ^ key < least_distance(radius, key ^ self.centre) else None


def least_distance(radius: int, offset: int) -> int:
    """How near to a key somebody can be who is at least `radius` away from the centre, the key being `offset` away from it.

    >>> least_distance(8, 0), least_distance(8, 1), least_distance(8, 8)
    (8, 9, 0)
    """
    least = 0
    while offset < radius:
        highest = (offset ^ radius).bit_length() - 1
        least |= 1 << highest
        mask = (1 << highest) - 1
        offset, radius = offset & mask, radius & mask
    return least


def order_keys(keys: Sequence[bytes]) -> list[int]:
    """Positions in the order in which neighbours of the key space follow each other."""
    return sorted(range(len(keys)), key=keys.__getitem__)
