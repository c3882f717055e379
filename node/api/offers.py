"""What the peer plane serves, as a port: who this node is, what it shares, and the bytes of what it shares.

The routes (topics/peer.py) ask only this; whoever builds sharing implements it. Until then a node says its name and offers nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from node.lan import Shared
from node.version import __version__
from protocol.errors import NotFoundError
from protocol.items import Json
from protocol.refs import Ref


class Offers(Protocol):
    """`ask` is a signed record of who asks, "" for a stranger. All methods block and are called on a thread. What is not shared does not exist: NotFoundError `offer.unknown`."""

    def shared(self) -> Shared:
        """What beacon and mDNS say of it."""

    def myself(self) -> Mapping[str, Json]:
        """`name`, `version`, `agent_id`, `key` (public, may be ""), `signature` (over the rest, may be ""), `catalogue` (digest)."""

    def changes(self, since: int, limit: int, ask: str = "") -> Mapping[str, Json]:
        """`last`, `full` (forget what you knew), `items` (added or changed rows), `gone` (refs), `more`, `head` (signed)."""

    def asker(self, ask: str) -> str:
        """The key that signed `ask`, "" for a stranger. Raises as `changes` does."""

    def head(self, key: str) -> Mapping[str, Json]:
        """`last` and `digest` of what the owner of `key` may see."""

    def mark(self) -> Hashable:
        """Equal as long as `head` is the same for everybody."""

    def detail(self, ref: Ref, language: str, ask: str = "") -> Mapping[str, Json]:
        """One shared item in full."""

    def files(self, digest: str, ask: str = "") -> Sequence[Mapping[str, Json]]:
        """`path`, `size`, `digest`, `executable` of every file of a shared tree."""

    def file(self, digest: str, path: str, ask: str = "") -> Path:
        """One file of a shared tree, whose bytes were checked when they were stored."""

    def whole(self, digest: str, ask: str = "") -> Sequence[tuple[Path, int]]:
        """Every file of a shared tree and its size, sorted by path as the tree's own list is."""


class NothingOffered:
    """Shares nothing but that a node is here."""

    def shared(self) -> Shared:
        return Shared()

    def myself(self) -> Mapping[str, Json]:
        return {
            "name": "ooder",
            "version": __version__,
            "agent_id": "",
            "key": "",
            "signature": "",
            "catalogue": "",
        }

    def changes(self, since: int, limit: int, ask: str = "") -> Mapping[str, Json]:
        return {"last": 0, "full": True, "items": [], "gone": [], "more": False, "head": ""}

    def asker(self, ask: str) -> str:
        return ""

    def head(self, key: str) -> Mapping[str, Json]:
        return {"last": 0, "digest": ""}

    def mark(self) -> Hashable:
        return None

    def detail(self, ref: Ref, language: str, ask: str = "") -> Mapping[str, Json]:
        raise NotFoundError("offer.unknown", name=str(ref))

    def files(self, digest: str, ask: str = "") -> Sequence[Mapping[str, Json]]:
        raise NotFoundError("offer.unknown", name=digest)

    def file(self, digest: str, path: str, ask: str = "") -> Path:
        raise NotFoundError("offer.unknown", name=digest)

    def whole(self, digest: str, ask: str = "") -> Sequence[tuple[Path, int]]:
        raise NotFoundError("offer.unknown", name=digest)
