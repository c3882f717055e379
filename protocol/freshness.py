"""How old is too old: freshness comes from times only, never from trust.

A claim is fresh until the end its source promised, or for the default of its source when nothing was promised; then stale;
and expired 30 days later. No promise reaches further than 30 days after the sighting. The caller passes a clock that never
runs backwards (the newest time it has written down), so nothing un-expires.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocol.items import Sighting
from protocol.query import Freshness

HOUR: Final = 3_600.0
DAY: Final = 86_400.0

EXPIRED_AFTER: Final = 30 * DAY  # seconds after the end of freshness (SECURITY 2.4: records live 30 days)
LONGEST_PROMISE: Final = 30 * DAY  # seconds after the sighting
FRESH_FOR: Final[Mapping[str, float]] = MappingProxyType(
    {
        "local_fs": 7 * DAY,  # a scan sees every change; silence means the disk was not looked at
        "udp_broadcast": 90.0,  # three announcements of 30 s missed (WIRE 4, 27)
        "mdns_dns_sd": 4_500.0,  # the record life of RFC 6762
        "llm_ipc": 90.0,
        "dht_kademlia": DAY,  # publishers repeat daily
        "skill_center": DAY,
        "github": DAY,
        "gitee": DAY,
        "git_repository": DAY,
    }
)
FRESH_FOR_OTHERS: Final = HOUR  # a source this table does not know


def fresh_until(sighting: Sighting) -> float:
    """Until when (wall seconds) this sighting counts as fresh."""
    if sighting.expires_at:
        return min(sighting.expires_at, sighting.seen_at + LONGEST_PROMISE)
    return sighting.seen_at + FRESH_FOR.get(sighting.source, FRESH_FOR_OTHERS)


def freshness(seen_at: float, expires_at: float, now: float) -> Freshness:
    """Judge times in wall seconds. `expires_at` 0 means no promise: the default of an unknown source counts."""
    end = expires_at or seen_at + FRESH_FOR_OTHERS
    if now < end:
        return Freshness.FRESH
    return Freshness.STALE if now < end + EXPIRED_AFTER else Freshness.EXPIRED
