"""Forges: what is asked, and what is made of answers - also of wrong ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.errors import DataError, IntegrityError, OoderError, UsageError
from protocol.forge.answers import (
    read_allowance,
    read_blob,
    read_head,
    read_repo,
    read_repos,
    read_tags,
    read_tree,
    seconds_of,
)
from protocol.forge.dialects import DIALECTS, GITEA, GITEE, GITHUB, GITLAB, Sort, Wanted
from tests.fakes.forge_documents import DESCRIBE, MadeRepo, blob_of, commit_of, oid_of, tags_of

REPO = MadeRepo("acme/skills", {"skills/a/skill.yaml": b"id: a", "README.md": b"# Hello"}, stars=1234, forks=56)
OID = "a" * 40


def test_addresses_of_every_forge() -> None:
    topic, text = Wanted(topic="ooder-skill"), Wanted(text="周报 daily")
    assert (
        GITHUB.at()
        .search(topic, Sort.STARS, 2)
        .endswith("?q=topic%3Aooder-skill&sort=stars&order=desc&per_page=100&page=2")
    )
    assert "q=%E5%91%A8%E6%8A%A5%20daily&sort=last_push_at" in GITEE.at().search(text, Sort.UPDATED, 1)
    assert "topic=true" in GITEA.at().search(topic, Sort.STARS, 1)
    assert "/projects?topic=ooder-skill&order_by=star_count" in GITLAB.at().search(topic, Sort.STARS, 1)
    assert GITHUB.at().tree("a/b", OID, folded=True) == f"https://api.github.com/repos/a/b/git/trees/{OID}?recursive=1"
    assert GITHUB.at().tree("a/b", OID, folded=False) == f"https://api.github.com/repos/a/b/git/trees/{OID}"
    assert GITEA.at().tree("a/b", OID, folded=False, page=3).endswith(f"/{OID}?per_page=1000&page=3")
    assert "/projects/group%2Fsub%2Fb/repository/tree?ref=" in GITLAB.at().tree("group/sub/b", OID, folded=True)
    assert GITHUB.at().commit("a/b", "feature/x").endswith("/repos/a/b/commits?sha=feature%2Fx&per_page=1")
    assert len(GITEE.at().owned("acme", 1)) == 2


def test_a_place_of_ones_own() -> None:
    company = GITHUB.at("https://git.company.example:8443/api/v3/")
    assert company.repository("a/b") == "https://git.company.example:8443/api/v3/repos/a/b"
    assert (company.host, company.clone("a/b")) == (
        "git.company.example:8443",
        "https://git.company.example:8443/a/b.git",
    )
    assert GITHUB.at().host == "github.com"
    assert GITEE.at("https://x.example/api/v5", "https://www.x.example").page_of("a/b") == "https://www.x.example/a/b"


@pytest.mark.parametrize(
    "name", ["", "a", "../b", "a/../b", "a/b?x", "a b/c", "/a/b", "a/b/", "a/b.git", "a//b", "a/..", "é/b"]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(UsageError):
        GITHUB.at().repository(name)


@pytest.mark.parametrize("kind", sorted(DIALECTS))
def test_a_repository_reads_alike_from_every_forge(kind: str) -> None:
    found = read_repo(DESCRIBE[kind](REPO))
    assert (found.name, found.ids, found.owner, found.branch) == ("acme/skills", "1001/2001", "acme", "main")
    assert (found.stars, found.forks, found.topics) == (1234, 56, ("ooder-skill",))
    assert found.changed.startswith("2026-01-02T03:04:05")
    assert seconds_of(found.changed) > 1_760_000_000
    assert read_head([commit_of(kind, REPO)]) == read_head(commit_of(kind, REPO))
    assert read_head(commit_of(kind, REPO)).commit == REPO.commit
    tagged = MadeRepo("a/b", tags={"v1": OID})
    assert read_tags(tags_of(kind, tagged), {}) == ({"v1": OID}, False)


def test_scalars_may_come_as_text() -> None:
    as_text = json.loads(json.dumps(DESCRIBE["github"](REPO)), parse_int=str)
    assert read_repo(as_text) == read_repo(DESCRIBE["github"](REPO))


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": True},
        {"id": "12a"},
        {"id": -4},
        {"owner": []},
        {"owner": {"id": 0}},
        {"full_name": "../x"},
        {"full_name": 7},
    ],
)
def test_a_repository_without_identity_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        read_repo({**DESCRIBE["github"](REPO), **change})


def test_wrong_types_count_as_absent() -> None:
    odd = {
        "stargazers_count": "many",
        "topics": "x",
        "license": 7,
        "description": ["a"],
        "archived": "yes",
        "default_branch": 3,
    }
    found = read_repo({**DESCRIBE["github"](REPO), **odd})
    assert (found.stars, found.topics, found.license, found.description, found.archived, found.branch) == (
        0,
        (),
        "",
        "",
        False,
        "",
    )


def test_pages() -> None:
    row = DESCRIBE["github"](REPO)
    page = read_repos({"total_count": 3, "items": [row, {"id": 1}, row]}, {"link": '<https://x/?page=2>; rel="next"'})
    assert (len(page.rows), page.skipped, page.total, page.more) == (2, 1, 3, True)
    assert read_repos([], {}).rows == ()
    assert read_repos({"ok": True, "data": [row]}, {"x-total-count": "1"}).total == 1
    assert read_repos([row] * 100, {"x-next-page": ""}).more is False
    assert read_repos([row] * 100, {}).more is True
    for wrong in (None, "x", {"items": {}}, {"ok": False, "error": "boom"}, 7):
        with pytest.raises(DataError):
            read_repos(wrong, {})


def test_blobs_are_what_their_name_says() -> None:
    data = b"id: a\n" * 20
    oid = oid_of("blob", data)
    assert read_blob(blob_of(data, oid), oid, 1_000) == data
    assert read_blob(blob_of(data, oid), oid, 10) == len(data)
    with pytest.raises(IntegrityError):
        read_blob(blob_of(b"id: b", oid), oid, 1_000)
    for wrong in ({}, {"content": 1}, {"content": "@@@", "encoding": "rot13"}, []):
        with pytest.raises(DataError):
            read_blob(wrong, oid, 1_000)


def test_trees_are_whole_or_nothing() -> None:
    rows = REPO.rows("", folded=True)
    page = read_tree({"sha": OID, "tree": rows, "truncated": False}, {})
    assert {path for path, *_ in page.rows} == {"README.md", "skills", "skills/a", "skills/a/skill.yaml"}
    assert read_tree({"tree": rows, "truncated": True}, {}).cut
    gitea = read_tree({"tree": rows, "truncated": True, "page": 1, "total_count": 9}, {})
    assert (gitea.cut, gitea.more) == (False, True)
    listed = [{"id": row["sha"], "path": row["path"], "type": row["type"], "mode": row["mode"]} for row in rows]
    assert read_tree(listed, {"x-next-page": "2"}).more
    for wrong in (
        {"tree": [{"path": "a"}]},
        {"tree": "x"},
        {"tree": [None]},
        {"tree": [{**rows[0], "sha": "../../x"}]},
        3,
    ):
        with pytest.raises(DataError):
            read_tree(wrong, {})


def test_allowances() -> None:
    found = read_allowance({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "1767225600"})
    assert found is not None
    assert (found.limit, found.left, found.reset, found.is_general) == (60, 3, 1767225600.0, True)
    searches = read_allowance(
        {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "9", "x-ratelimit-resource": "search"}
    )
    assert searches is not None
    assert not searches.is_general
    assert read_allowance({"ratelimit-limit": "600", "ratelimit-remaining": "599"}) is not None
    assert read_allowance({"x-ratelimit-limit": "many", "x-ratelimit-remaining": "3"}) is None


Anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "owner", "full_name", "tree", "items", "sha", "commit", "path", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(Anything)
def test_no_answer_is_more_than_an_error(value: object) -> None:
    readers = (
        read_repo,
        read_head,
        lambda v: read_repos(v, {}),
        lambda v: read_tree(v, {}),
        lambda v: read_tags(v, {}),
    )
    for reader in (*readers, lambda v: read_blob(v, OID, 100)):
        try:
            reader(value)
        except OoderError as error:
            assert error.text()
