"""Asking publishers: what a record of the DHT only names is asked of its publisher in full, before a plan is made.

It guarantees: nobody is asked unless the user wants to install something of theirs; at most `limits.DHT_PUBLISHERS` strangers, each
once, at addresses that `check_published` lets through; only rows of a catalogue that the record's own key signed, and of those
only what was named and what that needs. Bytes are fetched later, by digest (`node.install.peer_deliverer`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from node.install.peer_deliverer import RECORDS, check_published
from node.io.peer_client import PeerClient, Point, read_location
from node.service import Service
from protocol import limits
from protocol.catalogue import Offered, offers_reading
from protocol.errors import DataError, OoderError, UnavailableError
from protocol.items import Reading, Sighting, Standing
from protocol.refs import Kind, Ref

HOLDS_SECONDS = 3_600.0  # as long as a publisher may take to sweep anew
Name = tuple[Kind, str]


@dataclass(slots=True)
class Learned:
    """What asking publishers came to. `asked` are keys, `found` catalogues that were of use."""

    asked: int
    found: int
    errors: list[OoderError]


def learn(service: Service, refs: Iterable[Ref], networks: Sequence[str], owners: Collection[str] = ()) -> Learned:
    """Ask the publishers of `refs`, and of what they need, where the index has no more than their records. Where somebody else has
    the bytes, only publishers that are known already, or that `owners` (principals) names, are asked.

    Blocking; not from a running event loop. Never raises OoderErrors of the network: they are returned.
    """
    wanted: list[Name] = list(dict.fromkeys((ref.kind, ref.id) for ref in refs))
    names, keys = set(wanted), set[str]()
    learned = Learned(0, 0, [])
    while wanted and not service.config.settings.offline:
        listed = [
            (name, one) for name in wanted for one in _unread(service, name, owners) if one.evidence.key not in keys
        ]
        wanted = []
        chosen = _by_key(listed)[: limits.DHT_PUBLISHERS - len(keys)]
        if not chosen:
            break
        keys |= {one.evidence.key for _, one in chosen}
        answers = asyncio.run(_ask_all(service, chosen, networks))
        learned.errors += [one for one in answers if isinstance(one, OoderError)]
        found = [one for one in answers if not isinstance(one, OoderError)]
        readings = [reading for each in found for reading in each]
        learned.asked, learned.found = len(keys), learned.found + len(found)
        service.index.apply(readings, service.rules, service.now())
        for reading in readings:
            for sighting in reading.sightings:
                wanted += [(need.kind, need.id) for need in sighting.item.requires if not need.platform]
        wanted = [name for name in dict.fromkeys(wanted) if name not in names]
        names.update(wanted)
    return learned


def _unread(service: Service, name: Name, owners: Collection[str]) -> list[Sighting]:
    """Records in force whose publisher did not tell more yet."""
    now = service.now()
    said = [one for one in service.index.sightings(*name) if not one.expires_at or one.expires_at > now]
    full = {(one.principal, one.digest) for one in said if one.standing is not Standing.LISTING}
    known = {principal for principal, _ in full} | set(owners)
    records = [one for one in said if one.source == RECORDS and one.standing is Standing.LISTING and one.digest]
    return [one for one in records if (one.principal, one.digest) not in full and (not full or one.principal in known)]


def _by_key(listed: Iterable[tuple[Name, Sighting]]) -> list[tuple[list[Name], Sighting]]:
    """Publishers, each with all that is asked of it and one of its records."""
    found: dict[str, tuple[list[Name], Sighting]] = {}
    for name, one in listed:
        names, _ = found.get(one.evidence.key, ([], one))
        found[one.evidence.key] = [*names, name], one
    return list(found.values())


async def _ask_all(
    service: Service, chosen: Sequence[tuple[list[Name], Sighting]], networks: Sequence[str]
) -> list[list[Reading] | OoderError]:
    lan = service.ports.lan
    client = PeerClient(lan.key, service.now, lan.is_friend)  # its own: what strangers say is not kept in memory
    return await asyncio.gather(*(_ask(client, service.now, names, one, networks) for names, one in chosen))


async def _ask(
    client: PeerClient, now: Callable[[], float], names: Sequence[Name], said: Sighting, networks: Sequence[str]
) -> list[Reading] | OoderError:
    """Try the places of one record one after the other; a reading for each name, or why the last one failed."""
    problem: OoderError = UnavailableError("peer.unreachable", address=said.location, reason="no address")
    for point in points_of(said):
        try:
            check_published(point, networks)
            async with asyncio.timeout(limits.CATALOGUE_SECONDS):
                rows = await client.catalogue(point)
        except OoderError as error:
            problem = error
        except TimeoutError:
            problem = UnavailableError("peer.unreachable", address=point.base, reason="silence")
        else:
            at, key = now(), said.evidence.key
            where, until = (point.agent_id, key, point.location), at + HOLDS_SECONDS
            return [
                offers_reading(
                    *where, needed(rows, name), at, until, source=RECORDS, place=f"{name[0].prefix}:{name[1]}"
                )
                for name in dict.fromkeys(names)
            ]
    return problem


def points_of(said: Sighting) -> list[Point]:
    """The peer planes that a record names, in its order."""
    try:
        agent_id = read_location(said.location)[0].agent_id
    except DataError:
        return []
    places = said.item.facts.get("places")
    found = []
    for place in places if isinstance(places, (list, tuple)) else ():
        try:
            url = urlsplit(str(place))
            point = Point(agent_id, url.hostname or "", url.port or 0, said.evidence.key)
        except ValueError:
            continue
        if url.scheme == "http" and point.ip:
            found.append(point)
    return found[: limits.DHT_PLACES]


def needed(rows: Iterable[Offered], name: Name) -> list[Offered]:
    """Of a catalogue the named item, what it needs, and who provides that, all the way."""
    rows = list(rows)
    found: dict[str, Offered] = {}
    names = {name}
    while True:
        more = [
            row
            for row in rows
            if row.ref not in found
            and (
                (row.item.kind, row.item.id) in names
                or any((Kind.CAPABILITY, given.id) in names for given in row.item.provides)
            )
        ]
        if not more:
            return list(found.values())
        for row in more:
            found[row.ref] = row
            names |= {(need.kind, need.id) for need in row.item.requires}
