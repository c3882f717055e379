"""The ledger of what this node shares: chosen by the user, item by item, with whom, what they may do, and until when.

`OODER_HOME/shares.yaml`, written whole or not at all. Nothing is shared that is not in it; what has expired is not shared, and
is removed by the next change. A file that cannot be understood shares nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from node.config_file import dump_config, read_config_file
from node.paths import Paths
from protocol import limits
from protocol.errors import NotFoundError, OoderError, StorageError, UsageError
from protocol.refs import Ref, parse_ref

EVERYONE, PAIRED, GROUP = "everyone", "paired", "group:"
SEE, INSTALL = "see", "install"
_TIME = re.compile(r"(\d{1,6})(m|h|d)")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_GROUP_NAME = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Share:
    """One line of the ledger. `until` is wall seconds, 0 = no end."""

    ref: Ref
    audience: str = EVERYONE
    may: str = INSTALL
    until: float = 0.0
    since: float = 0.0

    def holds(self, now: float) -> bool:
        """Whether it has not expired."""
        return not self.until or now < self.until

    def describe(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "ref": str(self.ref),
            "with": self.audience,
            "may": self.may,
            "until": self.until,
            "since": self.since,
        }


def read_audience(text: str) -> str:
    """Raises UsageError `share.bad_audience`."""
    if text in (EVERYONE, PAIRED) or (text.startswith(GROUP) and _GROUP_NAME.fullmatch(text[len(GROUP) :])):
        return text
    raise UsageError("share.bad_audience", audience=text[:100])


def read_duration(text: str) -> float:
    """`30m`, `12h` or `7d` in seconds. Raises UsageError `share.bad_time`."""
    found = _TIME.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise UsageError("share.bad_time", text=text[:40])
    return float(int(found[1]) * _SECONDS[found[2]])


def read_shares(paths: Paths) -> tuple[Share, ...]:
    """The ledger. Raises StorageError `share.damaged`."""
    if not paths.shares.exists():
        return ()
    try:
        rows = read_config_file(paths.shares).values.get("shares") or []
        return tuple(_read(row) for row in list(rows)[: limits.SHARES])
    except (OoderError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise StorageError("share.damaged", path=str(paths.shares), reason=str(error)[:200]) from error


def add_share(paths: Paths, share: Share, now: float) -> None:
    """Share, or change how something is shared (one line for each ref and audience)."""
    others = [one for one in read_shares(paths) if (one.ref, one.audience) != (share.ref, share.audience)]
    _write(paths, [*others, share], now)


def stop_share(paths: Paths, ref: Ref, now: float) -> int:
    """Share no more; how many lines went. Raises NotFoundError `share.not_shared`."""
    before = read_shares(paths)
    kept = [one for one in before if one.ref.any_version != ref.any_version]
    if len(kept) == len(before):
        raise NotFoundError("share.not_shared", ref=str(ref))
    _write(paths, kept, now)
    return len(before) - len(kept)


def audiences_of(key: str, paired: Iterable[str], groups: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """As what the owner of `key` ("" = a stranger) may look: everyone, and more when it is paired or in groups."""
    found = {EVERYONE}
    if key and key in set(paired):
        found.add(PAIRED)
    found |= {f"{GROUP}{name}" for name, keys in groups.items() if key and key in set(keys)}
    return frozenset(found)


def _read(row: Mapping[str, Any]) -> Share:
    may = str(row.get("may", INSTALL))
    if may not in (SEE, INSTALL):
        raise ValueError(f"may: {may}")
    until, since = float(row.get("until") or 0), float(row.get("since") or 0)
    return Share(parse_ref(str(row["ref"])), read_audience(str(row["with"])), may, until, since)


def _write(paths: Paths, shares: Iterable[Share], now: float) -> None:
    paths.ensure()
    dump_config(paths.shares, {"shares": [one.describe() for one in shares if one.holds(now)]})
