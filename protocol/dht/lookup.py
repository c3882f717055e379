"""The lookup: which contact to ask next on the way to a key, driven by events and not in rounds.

An answer is at once followed by the next question. A contact that is silent for the soft timeout stops counting: another is
asked in its stead, and its late answer is still welcome; it is waited for only where too few others answered. With several paths each contact belongs to the path that heard of it
first, so a hostile node can spoil only its own path (S/Kademlia). A path is done when the `width` nearest contacts it heard
of, the silent ones aside, have answered.

The machine knows no network and no time: `next_questions` names contacts, the caller says what became of them.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter

from protocol import limits
from protocol.dht.contacts import Contact

_by_distance = attrgetter("distance")


class Was(IntEnum):
    """What became of a candidate."""

    NEW = 0
    ASKED = 1
    SLOW = 2  # silent for the soft timeout
    ANSWERED = 3
    FAILED = 4


@dataclass(slots=True)
class Candidate:
    """A contact a lookup heard of. `hops` is how many answers led to it; ordered by distance."""

    contact: Contact
    distance: int
    path: int
    hops: int
    was: Was = Was.NEW

    def __lt__(self, other: Candidate) -> bool:
        return self.distance < other.distance


class Lookup:
    """One walk towards `target`. `network_of` gives the network an address is counted in, "" for none; `trusted` chooses
    among contacts that were told. `alpha`, the questions in
    flight on a path, may be lowered on the way."""

    def __init__(
        self,
        target: int,
        seeds: Iterable[Contact],
        network_of: Callable[[str], str],
        *,
        own: int = -1,
        width: int = limits.DHT_K,
        alpha: int = limits.DHT_ALPHA,
        paths: int = 1,
        trusted: Callable[[Iterable[Contact]], Iterable[Contact]] = lambda told: told,
    ) -> None:
        self.target, self._own, self._width, self.alpha = target, own, width, alpha
        self._network_of, self._trusted = network_of, trusted
        self._told: list[tuple[Candidate, Iterable[Contact]]] = []  # not looked at before somebody has to be asked
        self._paths: list[list[Candidate]] = [[] for _ in range(paths)]
        self._addresses: set[tuple[str, int]] = set()
        self._networks: Counter[str] = Counter()
        self._flying = [0] * paths
        self.asked = 0
        self.answered: list[Candidate] = []
        self.stopped = False
        for number, seed in enumerate(seeds):
            self._add(seed, number % paths, 0)

    @property
    def done(self) -> bool:
        """Whether there is nothing more to ask or to wait for."""
        return self.stopped or all(self._path_done(number) for number in range(len(self._paths)))

    def next_questions(self) -> list[Candidate]:
        """Whom to ask now; each is named once."""
        found: list[Candidate] = []
        if self.stopped:
            return found
        for number, order in enumerate(self._paths):
            if self._told and self._flying[number] < self.alpha:
                self._take_in()
            while self._flying[number] < self.alpha and self.asked < limits.DHT_LOOKUP_QUESTIONS:
                candidate = self._first_new(order)
                if candidate is None:
                    break
                candidate.was = Was.ASKED
                self._flying[number] += 1
                self.asked += 1
                found.append(candidate)
        return found

    def heard(self, candidate: Candidate, contacts: Iterable[Contact]) -> None:
        """`candidate` answered with these contacts."""
        if candidate.was is Was.ASKED:
            self._flying[candidate.path] -= 1
        if candidate.was is Was.FAILED:
            insort(self._paths[candidate.path], candidate, key=_by_distance)  # given up too early
        if candidate.was is not Was.ANSWERED:
            candidate.was = Was.ANSWERED
            self.answered.append(candidate)
        self._told.append((candidate, contacts))

    def _take_in(self) -> None:
        told, self._told = self._told, []
        for candidate, contacts in told:
            for contact in self._trusted(contacts):
                self._add(contact, candidate.path, candidate.hops + 1)

    def slow(self, candidate: Candidate) -> None:
        """`candidate` was silent for the soft timeout."""
        if candidate.was is Was.ASKED:
            candidate.was = Was.SLOW
            self._flying[candidate.path] -= 1

    def failed(self, candidate: Candidate) -> None:
        """`candidate` will not answer, or not with anything that can be read."""
        if candidate.was is Was.ASKED:
            self._flying[candidate.path] -= 1
        if candidate.was not in {Was.ANSWERED, Was.FAILED}:
            candidate.was = Was.FAILED
            self._paths[candidate.path].remove(candidate)

    def stop(self) -> None:
        """Enough is known."""
        self.stopped = True

    def nearest(self, count: int) -> list[Contact]:
        """Those that answered, nearest to the target first."""
        return [each.contact for each in sorted(self.answered)[:count]]

    @property
    def hops(self) -> int:
        """How many answers led to the nearest contact that answered."""
        return min(self.answered).hops + 1 if self.answered else 0

    def _path_done(self, number: int) -> bool:
        if self._flying[number]:
            return False
        self._take_in()
        order = self._paths[number]
        if self.asked < limits.DHT_LOOKUP_QUESTIONS and self._first_new(order) is not None:
            return False
        answered = sum(1 for candidate in order if candidate.was is Was.ANSWERED)
        return answered >= self._width or all(candidate.was is not Was.SLOW for candidate in order)

    def _first_new(self, order: list[Candidate]) -> Candidate | None:
        """The nearest candidate nobody asked among the `width` nearest that were not silent."""
        counted = 0
        for candidate in order:
            if candidate.was is Was.NEW:
                return candidate
            if candidate.was is not Was.SLOW:
                counted += 1
                if counted >= self._width:
                    return None
        return None

    def _add(self, contact: Contact, path: int, hops: int) -> None:
        address = (contact.ip, contact.port)
        if address in self._addresses or contact.id == self._own:
            return
        network = self._network_of(contact.ip)
        if network:
            if self._networks[network] >= limits.DHT_LOOKUP_NETWORK:
                return
            self._networks[network] += 1
        candidate = Candidate(contact, contact.id ^ self.target, path, hops)
        self._addresses.add(address)
        insort(self._paths[path], candidate, key=_by_distance)
