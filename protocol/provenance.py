"""provenance.yaml: what a cache folder remembers of who said what about its item, and when.

The cache has no authority of its own (SECURITY T11): a sighting read from here has the recorded source, origin, principal,
evidence and times, marked `relayed_by: cache`; reading never makes it fresher. The file is JSON, so also YAML.

A claim without `seen_at` was confirmed by the last look at its origin; that time stands once, in `state.json`, so that a scan
that finds nothing new need not write every file again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from protocol import limits
from protocol.errors import DataError
from protocol.item_json import decode_item, decode_sighting, encode_item, encode_sighting, read_json, write_json
from protocol.items import Json, Sighting
from protocol.yaml_out import escape

SCHEMA = 1
RELAY = "cache"

Confirmed = Mapping[tuple[str, str], float]
"""(source, origin) -> wall seconds of the newest sighting from there."""


def encode_provenance(sightings: Sequence[Sighting], confirmed: Confirmed) -> str:
    """The file for one item. The order of `sightings` is kept."""
    items: dict[str, int] = {}
    documents: list[str] = []
    claims: list[str] = []
    for sighting in sightings[: limits.CACHED_CLAIMS]:
        document = write_json(encode_item(sighting.item))
        at = items.setdefault(document, len(documents))
        if at == len(documents):
            documents.append(document)
        claims.append(write_json(_encode_claim(sighting, at, confirmed)))
    return f'{{"schema_version": {SCHEMA},\n"items": {_lines(documents)},\n"claims": {_lines(claims)}}}\n'


def decode_provenance(data: bytes, confirmed: Confirmed) -> tuple[Sighting, ...]:
    """The sightings of one file. Raises DataError `item.malformed` for anything this node would not have written."""
    value = read_json(data)
    if not isinstance(value, Mapping) or value.get("schema_version") != SCHEMA:
        raise DataError("item.malformed", field="schema_version", reason=f"not {SCHEMA}")
    items = [decode_item(item, f"items[{at}]") for at, item in enumerate(_list(value, "items"))]
    found: list[Sighting] = []
    for at, claim in enumerate(_list(value, "claims")):
        number = claim.get("item") if isinstance(claim, Mapping) else None
        if not isinstance(claim, Mapping) or not isinstance(number, int) or not 0 <= number < len(items):
            raise DataError("item.malformed", field=f"claims[{at}].item", reason="not the number of an item")
        head: dict[str, Json] = {"kind": items[number].kind.value, "id": items[number].id}
        sighting = decode_sighting({**claim, "item": head}, f"claims[{at}]")
        seen_at = sighting.seen_at or confirmed.get((sighting.source, sighting.origin), 0.0)
        evidence = replace(sighting.evidence, relayed_by=sighting.evidence.relayed_by or RELAY)
        found.append(replace(sighting, item=items[number], seen_at=seen_at, evidence=evidence))
    return tuple(found)


def _encode_claim(sighting: Sighting, item: int, confirmed: Confirmed) -> Json:
    if sighting.evidence.relayed_by == RELAY:
        sighting = replace(sighting, evidence=replace(sighting.evidence, relayed_by=""))
    claim = encode_sighting(replace(sighting, item=replace(sighting.item, raw={}, facts={})))
    claim["item"] = item
    if sighting.seen_at == confirmed.get((sighting.source, sighting.origin)):
        del claim["seen_at"]
    return claim


def _lines(values: Sequence[str]) -> str:
    """A JSON list, one value a line."""
    return "[\n" + escape(",\n".join(values)) + "]"


def _list(value: Mapping[str, Json], name: str) -> Sequence[Json]:
    found = value.get(name)
    if not isinstance(found, list):
        raise DataError("item.malformed", field=name, reason="not a list")
    return found
