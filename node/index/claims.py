"""Sightings as rows of the index and back.

A row's `claim` is the JSON of the sighting without what its place already says; `raw`, the document as read, is kept apart
because merging never needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocol.errors import DataError
from protocol.item_json import decode_sighting, encode_sighting, read_json, write_json
from protocol.items import Channel, Reading, Sighting

Row = tuple[object, ...]
MOST = 2**53
"""Bound of every number: what JSON carries exactly."""
_SEEN = "iif(s.timed, s.seen_at, max(s.seen_at, o.surveyed_at))"
COLUMNS = f"s.sighting_n, {_SEEN}, iif(s.expires_at, s.expires_at + {_SEEN} - s.seen_at, 0.0), o.source, o.origin, p.place, d.claim"
"""What `decode_row` reads, from sightings s, documents d, places p, origins o. What a place says is as young as the last whole look
at its origin, unless its times are somebody's word."""

TABLES = "sightings s JOIN documents d USING (sighting_n) JOIN places p USING (place_n) JOIN origins o USING (origin_n)"


def storable(text: str) -> str:
    """`text` itself, or with escapes for what UTF-8 cannot hold (file names that are not UTF-8 arrive as lone surrogates)."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def is_timed(sighting: Sighting) -> bool:
    """Whether its times are somebody's word (a signature, a memory) and not renewed by seeing the place again."""
    return sighting.evidence.channel is Channel.SIGNED or bool(sighting.evidence.relayed_by)


def encode_row(place_n: int, sighting: Sighting) -> Row:
    """The columns of table sightings after its number. Raises DataError `index.refused` for numbers that could not be read back."""
    item = sighting.item
    for number in (
        sighting.seen_at,
        sighting.expires_at,
        sighting.size,
        sighting.files,
        sighting.seq,
        *sighting.signals.values(),
    ):
        if not -MOST < number < MOST:  # neither is "not a number"
            raise DataError("index.refused", reason=f"{item.id}: a number beyond all bounds")
    times = (sighting.seen_at, sighting.expires_at, is_timed(sighting))
    return (place_n, item.kind.value, item.id, *times)


def encode_document(number: int, sighting: Sighting, reading: Reading) -> Row:
    """The columns of table documents. A remembered sighting keeps where it was first seen."""
    claim = encode_sighting(sighting, raw=False)
    for name, said in (("source", reading.source), ("origin", reading.origin), ("place", reading.place)):
        if claim[name] == said:
            del claim[name]
    del claim["seen_at"]
    claim.pop("expires_at", None)
    raw = write_json(sighting.item.raw) if sighting.item.raw else ""
    return (number, write_json(claim), raw)


def decode_row(row: Row, raw: Callable[[int], str] | None = None) -> Sighting:
    """The sighting of one row of `COLUMNS`; `raw` fetches the document as read when it is wanted."""
    number, seen_at, expires_at, source, origin, place, claim = row
    assert isinstance(number, int)
    assert isinstance(claim, str)
    value = read_json(claim)
    assert isinstance(value, dict)
    said = {"source": source, "origin": origin, "place": place}
    sighting = decode_sighting(said | value | {"seen_at": seen_at, "expires_at": expires_at})
    text = raw(number) if raw else ""
    if not text:
        return sighting
    document = read_json(text)
    return replace(sighting, item=replace(sighting.item, raw=document)) if isinstance(document, dict) else sighting
