"""What is said today about releases that are installed: revoked, withdrawn or deprecated since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from node.install.revocations import read_revoked
from node.install.universe import IndexUniverse
from node.service import Service
from protocol.install.model import Installed
from protocol.items import Status

_GONE = {status.value for status in (Status.WITHDRAWN, Status.REVOKED)}


def standing_of(service: Service, items: Iterable[Installed]) -> Mapping[str, str]:
    """Release -> `revoked`, `withdrawn` or `deprecated`; what stands as it was is left out. Blocking."""
    universe, ended = IndexUniverse(service), read_revoked(service.paths)
    found = {}
    for item in items:
        if ended.get(item.release) == item.digest:
            found[item.release] = Status.REVOKED.value
            continue
        for one in universe.releases(item.kind, item.id):
            if one.release != item.release or one.digest not in ("", item.digest):
                continue
            if one.blocked in _GONE:
                found[item.release] = one.blocked
            elif one.deprecated:
                found[item.release] = Status.DEPRECATED.value
    return found
