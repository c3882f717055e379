"""Whatever is said, in whatever batches, with restarts in between: what is shown is the merge of all that stands."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from node.index import Index, Rules
from protocol.items import Confirmation, Reading, Report, Sighting, Survey
from protocol.merge import merge_all
from protocol.query import Query
from protocol.trust import admit
from tests.fakes.claims import COMMUNITY, NOW, OFFICIAL, POLICY, STRANGER, saying

RULES = Rules(POLICY)
PLACES = ("a", "b", "c")
Key = tuple[str, str, str]

origins = st.sampled_from([("git_repository", "r1"), ("local_fs", "home"), ("udp_broadcast", "lan")])
claims = st.builds(
    lambda principal, id_, version, name: saying(principal, id=id_, version=version, name=name),
    st.sampled_from([OFFICIAL, COMMUNITY, STRANGER]),
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from(["1.0", "2.0"]),
    st.sampled_from(["", "日报"]),
)


def _reading(origin: tuple[str, str], place: str, said: list[Sighting], ttl: float) -> Reading:
    source, where = origin
    placed = tuple(
        replace(one, source=source, origin=where, place=place, expires_at=NOW + ttl if ttl else 0.0) for one in said
    )
    return Reading(source, where, place, NOW, placed, (), "sig")


steps = (
    st.builds(
        _reading, origins, st.sampled_from(PLACES), st.lists(claims, max_size=2), st.sampled_from([0.0, 0.0, 500.0])
    )
    | st.builds(lambda o, places: Survey(o[0], o[1], NOW, places), origins, st.frozensets(st.sampled_from(PLACES)))
    | st.builds(lambda o: Confirmation(o[0], o[1], NOW, len(PLACES)), origins)
)


def _timed(told: list[Report]) -> list[Report]:
    """The same reports, one second apart."""
    found: list[Report] = []
    for at, one in enumerate(told):
        now = NOW + at
        if isinstance(one, Reading):
            said = tuple(replace(s, seen_at=now) for s in one.sightings)
            one = replace(one, at=now, sightings=said)
        elif isinstance(one, Survey | Confirmation):
            one = replace(one, at=now)
        found.append(one)
    return found


def _standing(told: list[Report]) -> list[Sighting]:
    """What stands after all of it, worked out plainly."""
    places: dict[Key, tuple[Sighting, ...]] = {}
    for one in told:
        if isinstance(one, Reading):
            places[one.source, one.origin, one.place] = one.sightings
        elif isinstance(one, Survey | Confirmation):
            for key, said in list(places.items()):
                if key[:2] != (one.source, one.origin):
                    continue
                if isinstance(one, Survey) and key[2] not in one.places:
                    del places[key]
                    continue
                places[key] = tuple(
                    replace(s, seen_at=one.at, expires_at=s.expires_at + one.at - s.seen_at if s.expires_at else 0.0)
                    if not s.evidence.key
                    else s
                    for s in said
                )
    return [sighting for said in places.values() for sighting in said]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(steps, st.integers(0, 3)), max_size=14))
def test_any_batching_and_restart_shows_the_merge_of_what_stands(cuts: list[tuple[Report, int]]) -> None:
    told = _timed([step for step, _ in cuts])
    now = NOW + 100
    with tempfile.TemporaryDirectory() as folder:
        index = Index.open(Path(folder) / "index.db", lambda: now)
        batch: list[Report] = []
        for report, (_, cut) in zip(told, cuts, strict=True):
            batch.append(report)
            if cut:
                index.apply(batch, RULES, now)
                batch = []
            if cut == 3:
                index.close()
        index.apply(batch, RULES, now)
        page = index.search(Query(limit=100), now)
        found = index.search(Query("日报", limit=100), now)
        index.close()
    wanted = merge_all([admit(one, POLICY, now) for one in _standing(told)], POLICY)
    shown = {
        (r.ref.kind, r.ref.id): (r.version, r.name, r.trust, r.seen_at, r.expires_at, r.digest, r.conflicts)
        for r in page.rows
    }
    assert shown == {
        name: (
            e.item.version,
            e.item.name,
            e.chosen.trust,
            e.seen_at,
            e.expires_at,
            e.chosen.digest,
            len(e.conflicts),
        )
        for name, e in wanted.items()
    }
    assert {row.ref.id for row in found.rows} == {e.ref.id for e in wanted.values() if "日报" in e.item.name}
