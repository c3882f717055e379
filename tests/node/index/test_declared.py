"""Capabilities that only skills speak of: shown from the best provider, whoever was read first, until a file describes them."""

from __future__ import annotations

from itertools import permutations

import pytest

from node.index import Index
from protocol.items import Channel, Evidence, Provided, Reading
from protocol.query import Query, Trust
from protocol.refs import Kind
from tests.node.index.test_index import NOW, RULES, fill, ids, index, item, reading, sighted

__all__ = ["index"]

OWN = item("skill-a", provides=(Provided("chat", "聊天 A"),))
OTHER = item("skill-b", provides=(Provided("chat", "聊天 B"), Provided("sing", "唱歌")))
ORIGIN = {"evidence": Evidence(Channel.ORIGIN), "source": "git_repository", "principal": "git:h/o/r"}


def gone(place: str) -> Reading:
    return Reading("local_fs", "/skills", place, NOW)


def shown(index: Index) -> dict[str, str]:
    rows = index.search(Query(kinds=frozenset({Kind.CAPABILITY})), NOW).rows
    return {row.ref.id: row.name for row in rows}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_best_provider_names_it_whoever_came_first(index: Index, order: tuple[int, ...]) -> None:
    said = [
        reading(sighted(OWN)),
        reading(sighted(OTHER)),
        reading(sighted(item("skill-c", provides=OWN.provides), **ORIGIN)),
    ]
    for number in order:
        index.apply([said[number]], RULES, NOW)
    assert shown(index) == {"chat": "聊天 A", "sing": "唱歌"}
    row = index.search(Query("cap:chat"), NOW).rows[0]
    assert (row.trust, row.principal, row.installable) == (Trust.COMMUNITY, "git:h/o/r", False)


def test_it_goes_with_its_last_provider(index: Index) -> None:
    fill(index, OWN, OTHER)
    index.apply([gone("skill-b/skill.yaml")], RULES, NOW)
    assert shown(index) == {"chat": "聊天 A"}
    index.apply([gone("skill-a/skill.yaml")], RULES, NOW)
    assert shown(index) == {} and ids(index) == []


def test_a_file_that_describes_it_is_what_is_shown(index: Index) -> None:
    fill(index, OWN, item("chat", "CHAT", kind=Kind.CAPABILITY))
    assert shown(index) == {"chat": "CHAT"}
    index.apply([gone("chat/skill.yaml")], RULES, NOW)
    assert shown(index) == {"chat": "聊天 A"}


def test_its_entry_lists_who_says_so(index: Index) -> None:
    fill(index, OWN, OTHER)
    entry = index.entry(Kind.CAPABILITY, "chat", RULES, NOW)
    assert entry is not None and not entry.chosen.installable
    assert {claim.sighting.place for claim in entry.chosen.claims} == {"skill-a/skill.yaml", "skill-b/skill.yaml"}
    assert index.entry(Kind.CAPABILITY, "nothing", RULES, NOW) is None


def test_judging_everything_anew_changes_nothing(index: Index) -> None:
    fill(index, OWN, OTHER)
    assert index.merge_again(RULES, NOW) == 0
