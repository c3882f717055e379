"""What a registry pushes: small JSON texts that say which release changed. A hint to ask, never the change itself.

    {"id": 17, "type": "release.published", "ts": 1767225600000, "source": "node-...", "data": {"ref": "skill:a@1.0"}}

`id` counts without gaps over all registry replicas; who comes back says the last one it knows (`?since=17`, or the frame
`{"op": "subscribe", "types": ["release.*"], "since": 17}`) and gets what followed, or one frame of type `gap` when that is no
longer kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol.errors import DataError
from protocol.item_json import read_json, write_json
from protocol.refs import Ref, parse_ref

PUBLISHED: Final = "release.published"
DEPRECATED: Final = "release.deprecated"
RESTORED: Final = "release.restored"
WITHDRAWN: Final = "release.withdrawn"
REVOKED: Final = "release.revoked"
GAP: Final = "gap"
TYPES: Final = (PUBLISHED, DEPRECATED, RESTORED, WITHDRAWN, REVOKED, GAP)
PATTERNS: Final = 16  # types one subscription may name
FRAME_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Pushed:
    """One event. `at` is wall seconds by the registry's clock; `ref` is None for `gap`, whose `n` is where to go on."""

    n: int
    type: str
    ref: Ref | None
    at: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a listener wants: patterns like `release.*`, from a number on (None = from now)."""

    types: tuple[str, ...] = ()
    since: int | None = None

    def wants(self, type_: str) -> bool:
        """Whether an event of this type is to be sent; `gap` always is."""
        if type_ == GAP or not self.types:
            return True
        return any(type_ == one or (one.endswith("*") and type_.startswith(one[:-1])) for one in self.types)


def encode_event(event: Pushed) -> str:
    """As one JSON text."""
    return write_json(
        {
            "id": event.n,
            "type": event.type,
            "ts": int(event.at * 1000),
            "source": event.source,
            "data": {"ref": str(event.ref)} if event.ref else {},
        }
    )


def decode_event(text: str | bytes) -> Pushed:
    """Read what a registry pushed. Raises DataError `center.bad_event`."""
    values = _object(text)
    n, type_, ts, source, data = (values.get(name) for name in ("id", "type", "ts", "source", "data"))
    if type(n) is not int or not 0 <= n < 2**53 or not isinstance(type_, str) or len(type_) > 100:
        raise DataError("center.bad_event", reason="id or type")
    at = ts / 1000 if isinstance(ts, int) and not isinstance(ts, bool) and 0 <= ts < 2**53 else 0.0
    named = data.get("ref") if isinstance(data, dict) else None
    try:
        ref = parse_ref(named) if isinstance(named, str) else None
    except DataError:
        raise DataError("center.bad_event", reason="ref") from None
    return Pushed(n, type_, ref, at, source[:100] if isinstance(source, str) else "")


def encode_subscription(wanted: Subscription) -> str:
    """The frame a listener sends."""
    frame: dict[str, object] = {"op": "subscribe", "types": list(wanted.types)}
    if wanted.since is not None:
        frame["since"] = wanted.since
    return write_json(frame)


def decode_subscription(text: str | bytes) -> Subscription:
    """Read a listener's frame. Raises DataError `center.bad_event`."""
    values = _object(text)
    types, since = values.get("types", []), values.get("since")
    if values.get("op") != "subscribe" or not isinstance(types, list) or len(types) > PATTERNS:
        raise DataError("center.bad_event", reason="not a subscription")
    if not all(isinstance(one, str) and len(one) <= 100 for one in types):
        raise DataError("center.bad_event", reason="types")
    if since is not None and (type(since) is not int or not 0 <= since < 2**53):
        raise DataError("center.bad_event", reason="since")
    return Subscription(tuple(map(str, types)), since)


def _object(text: str | bytes) -> dict[str, object]:
    if len(text) > FRAME_BYTES:
        raise DataError("center.bad_event", reason=f"longer than {FRAME_BYTES} bytes")
    try:
        value = read_json(text)
    except DataError:
        raise DataError("center.bad_event", reason="no JSON") from None
    if not isinstance(value, dict):
        raise DataError("center.bad_event", reason="no object")
    return dict(value)
