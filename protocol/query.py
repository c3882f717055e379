"""What can be asked, and the four scope presets that say which sources are asked, in which order (guide 2.2, FLOWS 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.refs import Kind


class Trust(StrEnum):
    """Levels, computed by this node only (SECURITY 2.2). `rank` is higher for more trust."""

    OFFICIAL = "official"
    COMMUNITY = "community"
    PERSONAL = "personal"
    UNVERIFIED = "unverified"

    @property
    def rank(self) -> int:
        return _TRUST_RANK[self]

    def lowered(self) -> Trust:
        """One level less (a repaired manifest, FORMATS 2)."""
        return _LOWER[self]


_TRUST_RANK = {Trust.OFFICIAL: 3, Trust.COMMUNITY: 2, Trust.PERSONAL: 1, Trust.UNVERIFIED: 0}
_LOWER = {
    Trust.OFFICIAL: Trust.COMMUNITY,
    Trust.COMMUNITY: Trust.PERSONAL,
    Trust.PERSONAL: Trust.UNVERIFIED,
    Trust.UNVERIFIED: Trust.UNVERIFIED,
}


class Freshness(StrEnum):
    """From times only, never from trust."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


class Order(StrEnum):
    """What an answer shows first: what fits best, or what most people like, take, praise, or what was changed last."""

    RELEVANCE = "relevance"
    STARS = "stars"
    DOWNLOADS = "downloads"
    RATING = "rating"
    UPDATED = "updated"


class Scope(StrEnum):
    """The four presets of the guide."""

    PERSONAL = "personal"
    DEPARTMENT = "department"
    COMPANY = "company"
    COMMUNITY = "community"


class Strategy(StrEnum):
    """What a scope values first (guide 2.2)."""

    SPEED = "speed"
    COVERAGE = "coverage"
    TRUST = "trust"
    RICHNESS = "richness"


@dataclass(frozen=True, slots=True)
class ScopePreset:
    """`sources` in the order of the guide; `optional` ones join when the user switches them on."""

    scope: Scope
    strategy: Strategy
    sources: tuple[str, ...]
    optional: tuple[str, ...] = ()


PRESETS: dict[Scope, ScopePreset] = {
    Scope.PERSONAL: ScopePreset(
        Scope.PERSONAL,
        Strategy.SPEED,
        ("local_fs", "udp_broadcast", "mdns_dns_sd"),
        ("llm_ipc", "git_repository", "skill_center"),
    ),
    Scope.DEPARTMENT: ScopePreset(
        Scope.DEPARTMENT,
        Strategy.COVERAGE,
        ("local_fs", "udp_broadcast", "dht_kademlia"),
        ("mdns_dns_sd", "skill_center", "git_repository"),
    ),
    Scope.COMPANY: ScopePreset(
        Scope.COMPANY, Strategy.TRUST, ("local_fs", "skill_center", "git_repository"), ("dht_kademlia",)
    ),
    Scope.COMMUNITY: ScopePreset(
        Scope.COMMUNITY,
        Strategy.RICHNESS,
        ("local_fs", "skill_center", "github", "gitee", "dht_kademlia"),
        ("git_repository",),
    ),
}


@dataclass(frozen=True, slots=True)
class Query:
    """One question to the index or to a source. Empty fields do not filter. `text` may hold words and `*` wildcards."""

    text: str = ""
    kinds: frozenset[Kind] = frozenset()
    min_trust: Trust = Trust.UNVERIFIED
    freshness: frozenset[Freshness] = frozenset()
    sources: frozenset[str] = frozenset()
    category: str = ""
    capability: str = ""  # only items that provide or require this capability id
    limit: int = 50
    offset: int = 0
    order: Order = Order.RELEVANCE
