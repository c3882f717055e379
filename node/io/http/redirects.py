"""Redirects by hand: few, forward only, and never to where the door would not go by itself."""

from __future__ import annotations

from urllib.parse import urljoin

from protocol import limits
from protocol.errors import DataError, OoderError, PolicyError
from protocol.http.addresses import Guard
from protocol.http.exchange import HttpRequest, Target, read_target

REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Trail:
    """Where one request has been."""

    def __init__(self, start: Target, guard: Guard) -> None:
        self._guard = guard
        self._seen = [start]

    def follow(self, request: HttpRequest, location: str) -> Target:
        """The next hop. Raises DataError or PolicyError `http.redirected_away`: a loop, too many, a change from https to http, a
        port nobody configured, a request that changes something, or no address at all."""
        last = self._seen[-1]
        try:
            target = read_target(urljoin(last.url, location.strip()[: limits.HTTP_URL_CHARS + 1])) if location else last
        except (OoderError, ValueError):
            raise self._refused(location, "no address") from None
        if request.method not in ("GET", "HEAD"):
            raise self._refused(target.shown, f"a {request.method} is not sent elsewhere")
        if target in self._seen:
            raise self._refused(target.shown, "a loop")
        if len(self._seen) > limits.HTTP_REDIRECTS:
            raise self._refused(target.shown, f"more than {limits.HTTP_REDIRECTS} redirects")
        named = self._guard.names(target.host, target.port)
        if not target.is_protected and (last.is_protected or not named):
            raise PolicyError("http.redirected_away", url=last.shown, target=target.shown, reason="from https to http")
        if target.port != 443 and not named:
            raise PolicyError("http.redirected_away", url=last.shown, target=target.shown, reason=f"port {target.port}")
        self._seen.append(target)
        return target

    def _refused(self, target: str, reason: str) -> DataError:
        shown = "".join(character for character in target[: limits.HTTP_SHOWN_CHARS] if character.isprintable())
        return DataError("http.redirected_away", url=self._seen[0].shown, target=shown, reason=reason)
