"""The index: what was said comes back, what is shown is the merge of it, and the file survives what happens to files."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from node.index import Index, Rules
from protocol.errors import StorageError, UsageError
from protocol.items import (
    Channel,
    Confirmation,
    Dependency,
    Evidence,
    Item,
    Problem,
    Provided,
    Reading,
    Report,
    Sighting,
    Survey,
)
from protocol.query import Freshness, Query, Trust
from protocol.refs import Kind
from protocol.revoked_lists import Revoked
from protocol.trust import TrustPolicy

NOW = 1_800_000_000.0
DAY = 86_400.0
RULES = Rules()


def item(id_: str, name: str = "", version: str = "1.0.0", **more: object) -> Item:
    kind = more.pop("kind", Kind.SKILL)
    return Item(kind, id_, version, name, **more)  # type: ignore[arg-type]


def sighted(what: Item, place: str = "", *, at: float = NOW, origin: str = "/skills", **more: object) -> Sighting:
    place = place or f"{what.id}/skill.yaml"
    fields: dict[str, object] = {
        "source": "local_fs",
        "principal": "local:1000",
        "evidence": Evidence(Channel.OWN_FILES),
        "digest": "sha256:" + "0" * 64,
    }
    return Sighting(
        what, origin=origin, place=place, location=f"file://{origin}/{place}", seen_at=at, **(fields | more)
    )  # type: ignore[arg-type]


def reading(*said: Sighting, at: float = NOW, problems: tuple[Problem, ...] = ()) -> Reading:
    one = said[0]
    return Reading(one.source, one.origin, one.place, at, said, problems, "sig")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index.open(tmp_path / "index.db", lambda: NOW)
    yield made
    made.close()


def fill(index: Index, *items: Item) -> None:
    index.apply([reading(sighted(one)) for one in items], RULES, NOW)


def ids(index: Index, text: str = "", **more: object) -> list[str]:
    return [row.ref.id for row in index.search(Query(text, **more), NOW).rows]  # type: ignore[arg-type]


CATALOGUE = (
    item("daily-report", "日报汇总", description="自动生成日报 and send it", category="办公", tags=("report",)),
    item("report", "Report builder", description="builds"),
    item("weekly", "周报", description="daily report of the week", provides=(Provided("mail-out", "邮件"),)),
    item("knowledge", "企业知识库 RAG", requires=(Dependency(Kind.CAPABILITY, "vector-search"),)),
    item("onboarding", "新员工入职", kind=Kind.SCENE),
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("日报", ["daily-report"]),
        ("报", ["weekly", "daily-report"]),
        ("入职", ["onboarding"]),
        ("知识库 RAG", ["knowledge"]),
        ("report", ["report", "daily-report", "weekly"]),
        ("daily-rep*", ["daily-report", "weekly"]),
        ("*report*", ["report", "daily-report"]),
        ("skill:weekly", ["weekly"]),
        ("scene:weekly", []),
        ("cap:bad id", []),
        ("!!!", []),
        ("ＲＡＧ", ["knowledge"]),
        ("邮件", ["mail-out", "weekly"]),
        ("*", ["daily-report", "knowledge", "mail-out", "onboarding", "report", "weekly"]),
    ],
)
def test_search_finds_and_ranks(index: Index, text: str, wanted: list[str]) -> None:
    fill(index, *CATALOGUE)
    assert ids(index, text) == wanted


def test_filters(index: Index) -> None:
    fill(index, *CATALOGUE)
    assert ids(index, kinds=frozenset({Kind.SCENE})) == ["onboarding"]
    assert ids(index, category="办公") == ["daily-report"]
    assert ids(index, capability="vector-search") == ["knowledge"]
    assert ids(index, "报", capability="mail-out") == ["weekly"]
    assert ids(index, "报", sources=frozenset({"github"})) == []
    assert len(ids(index, sources=frozenset({"github", "local_fs"}))) == 6
    assert ids(index, min_trust=Trust.OFFICIAL) == []
    assert ids(index, "入职", min_trust=Trust.PERSONAL, kinds=frozenset({Kind.SCENE})) == ["onboarding"]
    assert [row.ref.id for row in index.providers("mail-out", NOW)] == ["weekly"]


def test_freshness_is_filtered_and_shown_as_of_now(index: Index) -> None:
    fill(index, item("old"))
    index.apply([reading(sighted(item("new"), at=NOW + 7 * DAY))], RULES, NOW + 7 * DAY)
    later = NOW + 8 * DAY
    for wanted, freshness in (("new", Freshness.FRESH), ("old", Freshness.STALE)):
        rows = index.search(Query(freshness=frozenset({freshness})), later).rows
        assert [(row.ref.id, row.freshness) for row in rows] == [(wanted, freshness)]
    assert index.search(Query(freshness=frozenset({Freshness.EXPIRED})), NOW + 90 * DAY).total == 2


def test_total_is_exact_or_says_that_it_is_not(index: Index) -> None:
    index.apply([reading(sighted(item(f"item-{n:04}", "常见"))) for n in range(1_200)], RULES, NOW)
    page = index.search(Query("常见", limit=7), NOW)
    assert (len(page.rows), page.total, page.more) == (7, 1_000, True)
    page = index.search(Query("item-1199"), NOW)
    assert (len(page.rows), page.total, page.more) == (1, 1, False)
    page = index.search(Query(limit=5, offset=1_198), NOW)
    assert ([row.ref.id for row in page.rows], page.total, page.more) == (["item-1198", "item-1199"], 1_200, False)


def test_an_exact_id_is_first_even_among_too_many_matches(index: Index) -> None:
    index.apply([reading(sighted(item(f"report-{n:04}", "report"))) for n in range(1_200)], RULES, NOW)
    fill(index, item("report"))
    assert ids(index, "report", limit=2) == ["report", "report-0000"]


def test_an_entry_has_everything_that_was_said(index: Index) -> None:
    said = sighted(item("a", raw={"id": "a", "port": "0x2D"}, facts={"offline": {"required": True}}))
    index.apply([reading(said)], RULES, NOW)
    entry = index.entry(Kind.SKILL, "a", RULES, NOW)
    assert entry is not None
    assert entry.item == said.item
    assert entry.chosen.claims[0].sighting == said
    assert index.entry(Kind.SKILL, "b", RULES, NOW) is None


def test_a_remembered_sighting_keeps_its_first_source_and_is_not_renewed(index: Index) -> None:
    said = sighted(
        item("a"), source="github", origin="github.com/x/y", evidence=Evidence(Channel.ORIGIN, relayed_by="local_fs")
    )
    index.apply([Reading("local_fs", "/home", "a.json", NOW, (said,), (), "sig")], RULES, NOW)
    index.apply([Survey("local_fs", "/home", NOW + DAY, frozenset({"a.json"}))], RULES, NOW + DAY)
    assert index.sightings(Kind.SKILL, "a") == [said]


def test_a_reading_replaces_and_a_survey_drops(index: Index) -> None:
    fill(index, item("a"), item("b"))
    index.apply([reading(sighted(item("c"), "a/skill.yaml"))], RULES, NOW)
    assert ids(index) == ["b", "c"]
    index.apply([Survey("local_fs", "/skills", NOW + 5, frozenset({"a/skill.yaml"}))], RULES, NOW + 5)
    assert [(row.ref.id, row.seen_at) for row in index.search(Query(), NOW + 5).rows] == [("c", NOW + 5)]
    assert index.known("local_fs", "/skills") == {"a/skill.yaml": "sig"}
    assert [event.type for event in index.events_since(0).events] == [
        "item.discovered",
        "item.discovered",
        "item.gone",
        "item.discovered",
        "item.gone",
    ]


def test_repeating_changes_nothing(index: Index) -> None:
    said = [reading(sighted(one)) for one in CATALOGUE]
    assert index.apply(said, RULES, NOW) == 6
    assert index.apply(said, RULES, NOW) == 0


def test_problems_are_kept_with_their_place(index: Index) -> None:
    problem = Problem("manifest.unreadable", "a/skill.yaml", 7, {"reason": "缩进"})
    index.apply([reading(sighted(item("a")), problems=(problem,))], RULES, NOW)
    assert [(told.source, told.place, told.problem) for told in index.problems("local_fs")] == [
        ("local_fs", "a/skill.yaml", problem)
    ]
    assert index.problems("github") == []
    assert (index.counts().problems, index.origins()[0].problems) == (1, 1)


def test_a_conflict_is_told_and_a_change_of_policy_judges_everything_again(index: Index) -> None:
    fill(index, item("a"))
    far = sighted(
        item("a", "other"),
        source="github",
        origin="github.com/x/y",
        principal="git:github.com#1/2",
        digest="sha256:" + "1" * 64,
        evidence=Evidence(Channel.ORIGIN, owner="github.com/x"),
    )
    index.apply([reading(far)], RULES, NOW)
    assert "item.conflicted" in [event.type for event in index.events_since(0).events]
    assert index.search(Query("other"), NOW).rows[0].trust is Trust.COMMUNITY
    rules = Rules(TrustPolicy(official=frozenset({"git:github.com#1/2"})))
    assert index.merge_again(rules, NOW) == 1
    row = index.search(Query("other"), NOW).rows[0]
    assert (row.trust, row.conflicts, row.sources) == (Trust.OFFICIAL, 1, ("github", "local_fs"))
    assert index.forget("github", "", rules, NOW) == 1
    assert ids(index, "other") == []
    assert [info.source for info in index.origins()] == ["local_fs"]


@pytest.mark.parametrize("what", ["sha256:" + "7" * 64, "key:k7", "key:p7"])
def test_what_a_revocation_names_is_judged_again_and_nothing_else(index: Index, what: str) -> None:
    named = {
        "digest": {"digest": "sha256:" + "7" * 64},
        "signer": {"evidence": Evidence(Channel.ORIGIN, key="k7", owner="registry:r")},
        "principal": {"principal": "key:p7"},
        "other": {},
    }
    index.apply([reading(sighted(item(id_), **more)) for id_, more in named.items()], RULES, NOW)
    rules = Rules(TrustPolicy(revoked=Revoked({what: "bad"})))
    with_sql: list[str] = []
    index._open["write"].set_trace_callback(with_sql.append)
    assert index.merge_again(rules, NOW, {what}) == 1
    index._open["write"].set_trace_callback(None)
    assert sum("INSERT INTO touched VALUES" in one for one in with_sql) == 1
    assert index.merge_again(rules, NOW) == 0  # everything else was right
    assert len(ids(index)) == 3


def test_the_event_log_is_bounded_and_says_when_something_is_missing(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocol.limits.EVENTS_KEPT", 3)
    fill(index, *CATALOGUE)
    log = index.events_since(0)
    assert ([event.n for event in log.events], log.gap, log.last) == ([4, 5, 6], True, 6)
    assert not index.events_since(4).gap
    assert index.events_since(6).events == ()
    assert index.events_since(9).gap  # a number from before the index was rebuilt


def test_the_newest_time_is_remembered(index: Index) -> None:
    fill(index, item("a"))
    index.apply([], RULES, NOW - 1_000)
    assert index.last_wall() == NOW


# --- The file -------------------------------------------------------------------------------------------------------
def test_it_is_still_there_after_a_restart(tmp_path: Path) -> None:
    first = Index.open(tmp_path / "index.db", lambda: NOW)
    fill(first, *CATALOGUE)
    first.close()
    again = Index.open(tmp_path / "index.db", lambda: NOW)
    assert ids(again, "日报") == ["daily-report"]
    again.close()


@pytest.mark.parametrize("junk", [b"this is not a database at all" * 200, b"SQLite format 3\x00" + b"\xff" * 8_000])
def test_a_damaged_file_is_put_aside_and_started_anew(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(junk)
    index = Index.open(path, lambda: NOW)
    assert index.rebuilt is not None
    assert index.rebuilt.code == "index.rebuilt"
    fill(index, item("a"))
    assert ids(index) == ["a"]
    assert [event.type for event in index.events_since(0).events] == ["index.rebuilt", "item.discovered"]
    assert (tmp_path / f"index.db.damaged-{int(NOW)}").read_bytes() == junk
    index.close()


def test_damage_in_the_middle_of_work_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    index = Index.open(path, lambda: NOW)
    index.apply([reading(sighted(item(f"a{n}"))) for n in range(500)], RULES, NOW)
    index.close()
    data = bytearray(path.read_bytes())
    data[4096 * 3 :] = b"\xaa" * (len(data) - 4096 * 3)
    path.write_bytes(data)
    fill(index, item("b"))
    assert "b" in ids(index, limit=1_000)
    assert index.rebuilt is not None
    index.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StorageError) as caught:
        Index.open(path, lambda: NOW)
    assert caught.value.code == "index.too_new"


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        Index.open(tmp_path / "file" / "index.db", lambda: NOW)
    assert caught.value.code == "index.read_only"


def test_a_full_disk_leaves_the_old_state(index: Index) -> None:
    fill(index, item("a"))
    db = index._open["write"]
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError) as caught:
        index.apply([reading(sighted(item(f"b{n}", description="x" * 2_000))) for n in range(200)], RULES, NOW)
    assert caught.value.code == "index.full"
    db.execute("PRAGMA max_page_count = 1000000")
    assert ids(index) == ["a"]
    fill(index, item("c"))
    assert ids(index) == ["a", "c"]


def test_a_read_only_file_is_named(index: Index) -> None:
    fill(index, item("a"))
    index._open["write"].execute("PRAGMA query_only = 1")
    with pytest.raises(StorageError) as caught:
        fill(index, item("b"))
    assert caught.value.code == "index.read_only"
    assert ids(index) == ["a"]


def test_where_nothing_can_be_written_what_is_known_can_be_read() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.db"
        first = Index.open(path, lambda: NOW)
        fill(first, *CATALOGUE)
        first.close()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        me = os.geteuid()
        os.seteuid(me or 65534)  # root may write everywhere
        try:
            again = Index.open(path, lambda: NOW)
            assert ids(again, "日报") == ["daily-report"]
            with pytest.raises(StorageError) as caught:
                fill(again, item("b"))
            again.close()
        finally:
            os.seteuid(me)
            Path(folder).chmod(0o700)
        assert caught.value.code == "index.read_only"


def test_a_long_question_is_refused(index: Index) -> None:
    with pytest.raises(UsageError):
        index.search(Query("a" * 300), NOW)


def test_odd_text_does_not_break_the_index(index: Index) -> None:
    odd = item("a", "x\ud800\x00y\u202e", description="'; DROP TABLE entries; --", tags=("\udfff",))
    fill(index, odd)
    assert ids(index, '"; DROP') == ["a"]


def test_reports_of_nothing(index: Index) -> None:
    said: list[Report] = [
        Reading("local_fs", "/x", "gone", NOW),
        Survey("github", "y", NOW, frozenset({"never heard"})),
    ]
    assert index.apply(said, RULES, NOW) == 0
    assert index.known("local_fs", "/x") == {}


def test_what_could_not_be_looked_at_stays_and_grows_stale_while_the_rest_is_renewed(index: Index) -> None:
    closed, both = item("closed"), item("both")
    index.apply(
        [
            reading(sighted(item("open"))),
            reading(sighted(closed, "deep/closed/skill.yaml")),
            reading(sighted(both, "deep/both/skill.yaml")),
            reading(sighted(both, "both/skill.yaml")),
            reading(sighted(item("gone"))),
        ],
        RULES,
        NOW,
    )
    standing = frozenset({"open/skill.yaml", "both/skill.yaml"})
    index.apply([Survey("local_fs", "/skills", NOW + DAY, standing, ("deep",))], RULES, NOW + DAY)
    seen = {row.ref.id: row.seen_at for row in index.rows(None, NOW + DAY)}
    assert seen == {"open": NOW + DAY, "both": NOW + DAY, "closed": NOW}
    assert {one.seen_at for one in index.sightings(Kind.SKILL, "both")} == {NOW, NOW + DAY}
    index.apply([Survey("local_fs", "/skills", NOW + 2 * DAY, standing)], RULES, NOW + 2 * DAY)
    assert {row.ref.id for row in index.rows(None, NOW + DAY)} == {"open", "both"}


def test_a_confirmation_renews_everything_of_its_origin_by_one_row(index: Index) -> None:
    both = item("b", provides=(Provided("mail-out", "mail"),))
    fill(index, item("a"), both)
    many = [item("c"), *(item(f"d{n}") for n in range(50))]
    index.apply([reading(sighted(one, origin="/other")) for one in (both, *many)], RULES, NOW)
    before = index._open["write"].total_changes
    index.apply([Confirmation("local_fs", "/other", NOW + DAY, 52)], RULES, NOW + DAY)
    assert index._open["write"].total_changes - before < 10  # of many rows only those of the name that two origins have
    seen = {row.ref.id: (row.seen_at, row.expires_at) for row in index.rows(None, NOW + DAY) if row.ref.id[0] != "d"}
    young, old = (NOW + DAY, NOW + 8 * DAY), (NOW, NOW + 7 * DAY)
    assert seen == {"a": old, "b": young, "c": young, "mail-out": young}
    later = NOW + 7.5 * DAY
    assert ids_at(index, later, Freshness.STALE) == ["a"]
    assert ids_at(index, later, Freshness.FRESH)[:2] == ["b", "c"]
    assert index.search(Query("c"), later).rows[0].freshness is Freshness.FRESH
    index.apply([Confirmation("local_fs", "/other", NOW, 52)], RULES, NOW + DAY)  # an older look makes nothing older
    assert index.sightings(Kind.SKILL, "c")[0].seen_at == NOW + DAY


def ids_at(index: Index, now: float, freshness: Freshness) -> list[str]:
    return sorted(row.ref.id for row in index.search(Query(freshness=frozenset({freshness})), now).rows)


def test_its_revision_changes_with_every_write_of_anybody_and_with_nothing_else(index: Index) -> None:
    fill(index, item("a"))
    before = index.revision()
    assert ids(index) == ["a"] and index.revision() == before
    other = Index.open(index.path, lambda: NOW)  # as another process does
    fill(other, item("b"))
    other.close()
    theirs = index.revision()
    assert theirs != before
    fill(index, item("c"))
    assert index.revision() not in (before, theirs)


def test_what_two_sources_have_seen_is_one_row(index: Index) -> None:
    both = item("both")
    fill(index, both)
    index.apply([reading(sighted(both, origin="/other", source="git_repository"))], RULES, NOW)
    for text in ("", "both"):
        page = index.search(Query(text, sources=frozenset({"local_fs", "git_repository"})), NOW)
        assert ([row.ref.id for row in page.rows], page.total) == (["both"], 1)


def test_a_long_look_at_everything_keeps_no_search_waiting(index: Index) -> None:
    fill(index, item("a"))
    with index._turn("read"), ThreadPoolExecutor(1) as threads:
        assert threads.submit(ids, index).result(timeout=5) == ["a"]


def test_a_file_that_was_removed_behind_its_back_is_left(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    mine, theirs = Index.open(path, lambda: NOW), Index.open(path, lambda: NOW)
    fill(mine, item("a"))
    before = mine.revision()
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    assert ids(mine) == [] and mine.revision() != before
    fill(theirs, item("b"))
    fill(mine, item("c"))
    assert ids(theirs) == ids(mine) == ["b", "c"]
    mine.close(), theirs.close()
