"""What every source ends in: items, and sightings of items.

An *item* is the normal form of one manifest. A *sighting* is the sentence "source S said at time T that item I, version V,
digest D is available at location L". Sources report sightings by *place*: one `Reading` holds everything one place (a file, a
device, a registry row) says now and replaces what it said before; one `Survey` says which places of an origin still stand.
Both are idempotent, so a source may repeat itself, die and start again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from protocol.refs import Kind, Ref

Json = None | str | int | float | bool | Sequence["Json"] | Mapping[str, "Json"]
"""A JSON value as read or to be written."""

NO_FACTS: Mapping[str, Json] = MappingProxyType({})


def no_facts() -> Mapping[str, Json]:
    """The one empty mapping (a factory, because a mapping proxy is no allowed default before Python 3.12)."""
    return NO_FACTS


@dataclass(frozen=True, slots=True)
class Provided:
    """A capability that a skill or agent says it implements."""

    id: str
    name: str = ""
    description: str = ""
    category: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Dependency:
    """What an item needs. `constraint` is as written ("" = any version); `platform` marks artifacts the platform brings
    (Maven libraries, WIRE section 4, 24), which never block."""

    kind: Kind
    id: str
    constraint: str = ""
    required: bool = True
    platform: bool = False
    purpose: str = ""

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.id)


@dataclass(frozen=True, slots=True)
class Item:
    """The normal form of one manifest.

    `version` is the text as written ("" when the manifest has none). `facts` holds what else was declared, under the keys of
    docs/reference/items.md (contract, permissions, config, endpoints, run, offline, distribution, form, roles, ...).
    `raw` is the document as read, every scalar still text. `repaired` lists the repairs without which it could not be read.
    """

    kind: Kind
    id: str
    version: str = ""
    name: str = ""
    description: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    author: str = ""
    license: str = ""
    provides: tuple[Provided, ...] = ()
    requires: tuple[Dependency, ...] = ()
    facts: Mapping[str, Json] = field(default_factory=no_facts)
    dialect: str = ""
    raw: Mapping[str, Json] = field(default_factory=no_facts)
    repaired: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.id, self.version)


class Channel(StrEnum):
    """How a claim reached this node; the trust door turns it into integrity (SECURITY 2.2)."""

    OWN_FILES = "own_files"  # read by ourselves from files this user owns
    FOREIGN_FILES = "foreign_files"  # read from files that another user can write
    ORIGIN = "origin"  # fetched by ourselves over TLS or SSH from the place that is authoritative for the name
    PLAIN = "plain"  # fetched without transport security
    SIGNED = "signed"  # a record whose signature was checked over the exact bytes
    HEARSAY = "hearsay"  # said by a peer, a mirror or a stranger


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why anybody should believe a sighting. Never contains a trust level: that is computed, not carried."""

    channel: Channel
    key: str = ""  # fingerprint of the signing key, only with Channel.SIGNED
    owner: str = ""  # namespace owner at the origin, e.g. "github.com/oodercn"
    commit: str = ""  # what the fetch was pinned to
    relayed_by: str = ""  # the source that remembered it (cache, peer), when not heard first hand


class Standing(StrEnum):
    """How far a sighting speaks for its name inside its own origin (SECURITY 2.1)."""

    MAIN = "main"
    COPY = "copy"  # under an archive, build or dot folder
    LISTING = "listing"  # an index says it exists; no bytes were seen


class Status(StrEnum):
    """What the publisher says about a release."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One claim that an item is available somewhere. Times are wall seconds since 1970, stamped by this node on receipt.

    `origin` is the configured root, repository or registry; `place` is where in it; `location` is a URI at which the bytes
    can be asked for. `digest` is the tree digest ("sha256:" + 64 hex) or "" while the bytes have not been seen;
    `manifest_digest` is that of the manifest file alone. `expires_at` 0 means the source made no promise.
    """

    item: Item
    source: str
    origin: str
    place: str
    location: str
    principal: str
    evidence: Evidence
    seen_at: float
    digest: str = ""
    manifest_digest: str = ""
    expires_at: float = 0.0
    size: int = 0
    files: int = 0
    seq: int = 0
    standing: Standing = Standing.MAIN
    status: Status = Status.ACTIVE
    signals: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # rating, downloads, stars


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a source met and could not use, or used only after repair: where, which line (0 = unknown), why."""

    code: str
    place: str
    line: int = 0
    params: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))
    fatal: bool = True  # False: the item is still there, with a remark


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything `place` says now; replaces what (source, origin, place) said before.

    `signature` is opaque to all but the source: it is stored with the reading and handed back before the next scan, so that
    an unchanged place need not be read again.
    """

    source: str
    origin: str
    place: str
    at: float
    sightings: tuple[Sighting, ...] = ()
    problems: tuple[Problem, ...] = ()
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """A look at `origin` ended at `at`: exactly these places stand; their sightings are fresh, all others are gone.

    Places below the folders `unseen` ("" = everything) could not be looked at: those not in `places` stay as they were, and
    grow stale. Without any, the look was complete.
    """

    source: str
    origin: str
    at: float
    places: frozenset[str]
    unseen: tuple[str, ...] = ()

    def hides(self, place: str) -> bool:
        """Whether nothing is known of `place` now, as it lies where nobody could look."""
        return any(not folder or place == folder or place.startswith(folder + "/") for folder in self.unseen)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A look at `origin` ended at `at` and found that everything it had said before stands: a `Survey` of all `count` places that
    are known, which costs the same however many they are."""

    source: str
    origin: str
    at: float
    count: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search has come; `total` 0 means not known yet."""

    source: str
    done: int
    total: int = 0
    note: str = ""


Report = Reading | Survey | Confirmation | Progress
"""What a source may say."""
