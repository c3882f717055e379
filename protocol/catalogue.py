"""What one node offers others: rows of a catalogue, and the signed head that binds all of them to the node's key.

A row is one item with what names its bytes. The head is a record (`protocol.records`) under the node's agent id that carries
the digest of all rows, so that nothing can be added, left out or changed on the way; an *ask* is a record by which a
paired node says who it is when it asks for more than everybody may see. docs/protocol/peer-plane.md is the norm.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from protocol import limits
from protocol.digest import is_tree_digest
from protocol.errors import DataError, IntegrityError, OoderError
from protocol.identity import SigningKey
from protocol.item_json import decode_item, encode_item
from protocol.items import Channel, Evidence, Item, Json, Reading, Sighting, Standing
from protocol.records import OpenedRecord, open_record, sign_record

CATALOGUE = "ooder/catalogue+v1"
ASK = "ooder/ask+v1"
HEAD_SECONDS = 600
ASK_SECONDS = 120
SOURCE = "udp_broadcast"


@dataclass(frozen=True, slots=True)
class Offered:
    """One row. `principal` "" = the offering node itself; without `digest` the bytes cannot be had here. `until` is wall
    seconds, 0 = no end."""

    item: Item
    principal: str = ""
    digest: str = ""
    size: int = 0
    files: int = 0
    until: float = 0.0

    @property
    def ref(self) -> str:
        return str(self.item.ref.any_version)


def encode_row(row: Offered) -> dict[str, Json]:
    """As JSON; the twin of `decode_row`."""
    found: dict[str, Json] = {"ref": row.ref, "item": encode_item(row.item, raw=False)}
    for name in ("principal", "digest", "size", "files", "until"):
        if value := getattr(row, name):
            found[name] = value
    return found


def decode_row(value: object) -> Offered:
    """Read a row of a stranger. Raises DataError `offer.malformed`, `item.malformed`."""
    if not isinstance(value, dict):
        raise DataError("offer.malformed", reason="a row is no object")
    item = decode_item(value.get("item"))
    principal, digest = value.get("principal", ""), value.get("digest", "")
    size, files, until = value.get("size", 0), value.get("files", 0), value.get("until", 0)
    whole = all(type(number) is int and 0 <= number < 2**53 for number in (size, files))
    if not whole or not isinstance(principal, str) or len(principal) > limits.ID_CHARS * 2:
        raise DataError("offer.malformed", reason=f"{item.ref}: sizes or principal")
    if digest and not (isinstance(digest, str) and is_tree_digest(digest)):
        raise DataError("offer.malformed", reason=f"{item.ref}: digest")
    if type(until) not in (int, float) or not 0 <= until < 2**53:
        raise DataError("offer.malformed", reason=f"{item.ref}: until")
    return Offered(item, principal, digest, size, files, float(until))


def rows_digest(rows: Iterable[Mapping[str, Json]]) -> str:
    """64 hex digits over all rows, whatever their order."""
    lines = sorted(json.dumps(row, sort_keys=True, separators=(",", ":")) for row in rows)
    return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()


# --- Head -----------------------------------------------------------------------------------------------------------
def sign_head(key: SigningKey, digest: str, count: int, seq: int, now: float) -> str:
    """The head of a catalogue as text for JSON."""
    return _sign(key, CATALOGUE, key.public.agent_id, seq, now, HEAD_SECONDS, {"digest": digest, "count": count})


def open_head(text: str, key: str, now: float) -> tuple[str, int]:
    """(digest of the rows, sequence) as said by the node with fingerprint `key`. Raises DataError `record.*`,
    `offer.malformed`; IntegrityError `record.bad_signature`, `offer.other_node`."""
    record = _open(text, CATALOGUE, now)
    if record.key.fingerprint != key or record.name != record.key.agent_id:
        raise IntegrityError("offer.other_node", wanted=key[:7], found=record.key.short_id)
    digest = record.value.get("digest") if isinstance(record.value, dict) else None
    if not isinstance(digest, str):
        raise DataError("offer.malformed", reason="the head has no digest")
    return digest, record.seq


def sign_ask(key: SigningKey, agent_id: str, now: float) -> str:
    """Who asks the node `agent_id`, as a parameter of a URL."""
    return _sign(key, ASK, agent_id, int(now * 1000), now, ASK_SECONDS, {})


def open_ask(text: str, agent_id: str, now: float) -> str:
    """The fingerprint of who asks; "" when the text proves nothing. Never raises."""
    try:
        record = _open(text, ASK, now)
    except OoderError:
        return ""
    return record.key.fingerprint if record.name == agent_id else ""


def _sign(key: SigningKey, kind: str, name: str, seq: int, now: float, life: int, value: dict[str, str | int]) -> str:
    issued = int(now * 1000)
    data = sign_record(
        key,
        record_type=kind,
        name=name,
        seq=seq,
        issued_ms=issued,
        expires_ms=issued + life * 1000,
        value=dict(value),
    )
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _open(text: str, kind: str, now: float) -> OpenedRecord:
    try:
        data = base64.urlsafe_b64decode(text[: limits.RECORD_UDP_BYTES * 2] + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise DataError("offer.malformed", reason="a record is no base64") from None
    return open_record(data, expected_type=kind, now=now, max_bytes=limits.RECORD_UDP_BYTES)


# --- Sightings ------------------------------------------------------------------------------------------------------
def offers_reading(
    agent_id: str,
    key: str,
    base: str,
    rows: Iterable[Offered],
    now: float,
    until: float,
    *,
    source: str = SOURCE,
    place: str = "catalogue",
) -> Reading:
    """A verified catalogue, or what `place` names of it, as a reading. What the node says about its own items is its word (signed); about everybody else's
    names it knows nothing: only where bytes with that digest may be had (R7). `base` is `peer+http://AGENT@HOST:PORT`."""
    sightings = []
    for row in rows:
        own = row.principal in ("", f"key:{key}") or row.principal.startswith("local:")
        sightings.append(
            Sighting(
                row.item,
                source,
                f"peer:{agent_id}",
                place,
                f"{base}/{row.digest.removeprefix('sha256:')}" if row.digest else "",
                f"key:{key}" if own else row.principal,
                Evidence(Channel.SIGNED, key) if own else Evidence(Channel.HEARSAY, relayed_by=source),
                now,
                digest=row.digest,
                expires_at=min(until, row.until) if row.until else until,
                size=row.size,
                files=row.files,
                standing=Standing.MAIN if row.digest else Standing.LISTING,
            )
        )
    return Reading(source, f"peer:{agent_id}", place, now, tuple(sightings))
