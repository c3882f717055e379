"""What is installed and has been revoked since: by its publisher, or because its key is not trusted any more (SECURITY T27)."""

from __future__ import annotations

from collections.abc import Iterable

from protocol.install.model import Installed
from protocol.install.universe import Universe

REVOKED = "revoked"


def revoked_among(items: Iterable[Installed], universe: Universe) -> tuple[Installed, ...]:
    """The `items` whose release, with these bytes, is revoked as far as `universe` (this node's own judgement) knows."""
    return tuple(
        item
        for item in items
        if any(
            one.release == item.release and one.blocked == REVOKED and one.digest in ("", item.digest)
            for one in universe.releases(item.kind, item.id)
        )
    )
