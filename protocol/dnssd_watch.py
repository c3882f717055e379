"""Which mDNS services are to be probed when, and when one that does not answer stops being fresh. Pure; loop seconds are passed in.

A record of mDNS lives for 75 minutes after a crash (RFC 6762 10), so a service nobody else vouches for is probed every `EVERY`
seconds. One silent probe (the shell tries twice) makes it suspect: with the shell's bounds within 8 s of a crash. `GONE_AFTER` silent
probes end it. Probes of all services together stay below `limits.SERVICE_PROBES_PER_SECOND`: with more than 150 services the gaps
grow, from 250 on beyond what the 8 s allow, and nobody is judged unasked.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import limits
from protocol.ratelimit import Bucket

EVERY = 3.0  # seconds between two probes of one service
SETTLED = 30.0  # the same while its responder lives but its port does not answer
GONE_AFTER = 3  # silent probes


@dataclass(slots=True)
class _Watched:
    due: float
    silent: int = 0
    asked: bool = False


class ServiceWatch:
    """All services by name. A probe starts with `due` and ends with `answered`, `silent` or `forget`."""

    def __init__(self, now: float) -> None:
        self._watched: dict[str, _Watched] = {}
        rate = limits.SERVICE_PROBES_PER_SECOND
        self._rate = Bucket(rate, rate, now)

    def add(self, name: str, now: float) -> None:
        """The service spoke: it is fresh, and probed in `EVERY` seconds."""
        self._watched[name] = _Watched(now + EVERY)

    def forget(self, name: str) -> None:
        """The service is gone."""
        self._watched.pop(name, None)

    def due(self, now: float) -> list[str]:
        """Services to probe now, longest waiting first; each is given once until its probe ends."""
        waiting = sorted((one.due, name) for name, one in self._watched.items() if not one.asked and one.due <= now)
        found = []
        for _, name in waiting:
            if not self._rate.take(now):
                break
            self._watched[name].asked = True
            found.append(name)
        return found

    def answered(self, name: str, now: float) -> bool:
        """The service lives; whether that is news."""
        one = self._watched.get(name)
        if one is None:
            return False
        news = one.silent > 0
        self._watched[name] = _Watched(now + EVERY)
        return news

    def silent(self, name: str, now: float) -> int:
        """The probe was not answered; the how-manieth in a row, 0 when the service is not watched any more."""
        one = self._watched.get(name)
        if one is None:
            return 0
        one.silent, one.asked, one.due = one.silent + 1, False, now + EVERY
        return one.silent

    def settle(self, name: str, now: float) -> None:
        """Its responder vouches for it though its port is silent: it stays suspect, and is probed more rarely."""
        if name in self._watched:
            self._watched[name].due = now + SETTLED
            self._watched[name].silent = 1

    def reason(self, name: str) -> str:
        """Why the service is not fresh (a code of `peers.why`), "" while it is."""
        one = self._watched.get(name)
        return "no_answer" if one is not None and one.silent else ""
