"""The door of the control plane: who may pass, decided from the head of a request alone (SECURITY 5.5, T23).

Guarantees: a page of another site, a name that was rebound to this address, and another user of this machine get nothing, on
every path there is (also unknown ones), for streams and WebSockets too. The order is part of the contract:

    Host (421) -> Origin (403) -> Sec-Fetch-Site (403) -> rate (429) -> token or session (401) -> media type (415) -> size (413)

so that what a browser can be made to send is refused before it can cost anything or tell anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from node.api.keys import Keys
from node.api.route import Access
from protocol import limits
from protocol.errors import PolicyError, UnavailableError, UsageError
from protocol.ratelimit import KeyedBuckets

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
SITES = frozenset({"none", "same-origin"})


@dataclass(frozen=True, slots=True)
class Head:
    """What the guard sees. Header names are lower case; `hosts` are all Host headers that were sent."""

    method: str
    hosts: tuple[str, ...]
    headers: Mapping[str, str]
    cookie: str
    address: str
    length: int | None
    takes_body: bool
    """Whether the route that was asked for takes a body; others refuse one by themselves."""
    most: int = limits.API_BODY_BYTES
    """Bytes the route takes."""


class Guard:
    """`names` are the hosts this plane answers to, with port where it is not the default one."""

    def __init__(self, names: Iterable[str], scheme: str, keys: Keys) -> None:
        self.names = frozenset(name.lower() for name in names)
        self.origins = frozenset(f"{scheme}://{name}" for name in self.names)
        self._keys = keys
        self.rates = KeyedBuckets(limits.API_RATE, limits.API_BURST, limits.API_CLIENTS)

    def admit(self, head: Head, access: Access, now: float) -> None:
        """Pass, or raise what the caller is told. `now` is loop time."""
        self._check_host(head)
        self._check_origin(head)
        self._check_site(head)
        if not self.rates.take(head.address, now):
            raise UnavailableError("api.too_fast", retry_after=1)
        if access is not Access.OPEN:
            self._check_key(head, access)
        check_body(head)

    def _check_host(self, head: Head) -> None:
        if len(head.hosts) != 1 or head.hosts[0].lower() not in self.names:
            raise UsageError("api.wrong_host", host=", ".join(head.hosts)[:100] or "-")

    def _check_origin(self, head: Head) -> None:
        origin = head.headers.get("origin")
        if origin is not None and origin.lower() not in self.origins:
            raise PolicyError("api.foreign_origin", origin=origin[:100] or "-")

    def _check_site(self, head: Head) -> None:
        site = head.headers.get("sec-fetch-site")
        if site is not None and site not in SITES:
            raise PolicyError("api.cross_site", site=site[:40])

    def _check_key(self, head: Head, access: Access) -> None:
        scheme, _, token = head.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._keys.is_token(token.strip()):
            return
        if not self._keys.is_session(head.cookie):
            raise UsageError("api.no_token")
        if not self._sent_by_our_page(head, access):
            raise UsageError("api.no_header")

    def _sent_by_our_page(self, head: Head, access: Access) -> bool:
        """A cookie alone proves nothing: browsers send it from pages of every port of this host."""
        if head.headers.get("x-ooder") == "1":
            return True
        own = head.headers.get("sec-fetch-site") == "same-origin" or "origin" in head.headers
        return access is Access.STREAM and own


def check_body(head: Head) -> None:
    """Media type and declared size of a request. Raises UsageError `api.media_type`, `api.too_large`."""
    if head.takes_body:
        found = head.headers.get("content-type", "")
        if found.partition(";")[0].strip().lower() != "application/json":
            raise UsageError("api.media_type", found=found[:100])
    if head.length is not None and head.length > head.most:
        raise UsageError("api.too_large", limit=head.most)
