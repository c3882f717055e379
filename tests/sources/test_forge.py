"""Sources github and gitee over a forge of our own on loopback: what they find, what they cost, what happens when things go wrong."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from node.io.clock import SystemClock
from node.io.http import Door
from protocol import limits
from protocol.errors import DataError, NotFoundError, OoderError, UnavailableError
from protocol.git_rules import CommitNote, RepoUrl, Tip, Tree, tree_of_rows
from protocol.http.exchange import HttpBounds
from protocol.items import Channel, Status
from protocol.messages import render
from protocol.query import Query
from sources import gitee, github
from sources.forge import ForgeProvider
from sources.ports import Context, Git, GitBounds, Http
from tests.fakes.fake_forge import FakeForge
from tests.fakes.forge_documents import MadeRepo
from tests.fakes.heard import Heard

SKILL = b"id: %s\nname: %s\nversion: %s\ndescription: Does something\n"


def skill(name: str, version: str = "1.0.0") -> bytes:
    return SKILL % (name.encode(), name.encode(), version.encode())


def made(name: str = "acme/skills", *ids: str, **more: Any) -> MadeRepo:
    files = {f"skills/{one}/skill.yaml": skill(one) for one in ids or ("a", "b")}
    return MadeRepo(name, {**files, "README.md": b"# Skills\n\nMade up.\x1b[31m\n"}, **more)


class NoGit:
    """Port `Git` of a computer without git; counts what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def _missing(self, what: str) -> UnavailableError:
        self.asked.append(what)
        return UnavailableError("git.missing")

    async def tip(self, url: RepoUrl, ref: str) -> Tip | None:
        raise self._missing("tip")

    async def tree(self, url: RepoUrl, tip: Tip) -> Tree:
        raise self._missing("tree")

    async def blobs(self, url: RepoUrl, commit: str, oids: Sequence[str], most: int) -> dict[str, bytes | int]:
        raise self._missing("blobs")

    async def rewritten(self, url: RepoUrl, old: str, new: str) -> bool | None:
        raise self._missing("rewritten")

    async def describe(self, url: RepoUrl, commit: str) -> CommitNote:
        raise self._missing("describe")

    def local_owner(self, url: RepoUrl) -> int | None:
        return None


class ForgeGit(NoGit):
    """Port `Git` that has what a fake forge has."""

    def __init__(self, forge: FakeForge) -> None:
        super().__init__()
        self.forge = forge

    def _repo(self, url: RepoUrl) -> MadeRepo:
        return self.forge.repos[url.path.strip("/").removesuffix(".git")]

    async def tip(self, url: RepoUrl, ref: str) -> Tip | None:
        self.asked.append("tip")
        return Tip(self._repo(url).commit, "refs/heads/main")

    async def tree(self, url: RepoUrl, tip: Tip) -> Tree:
        self.asked.append("tree")
        rows = self._repo(url).rows("", folded=True)
        return tree_of_rows([(row["path"], row["mode"], row["type"], row["sha"]) for row in rows], tip.commit)

    async def blobs(self, url: RepoUrl, commit: str, oids: Sequence[str], most: int) -> dict[str, bytes | int]:
        self.asked.append("blobs")
        repo = self._repo(url)
        return {oid: data for oid in oids if (data := repo.blob(oid)) is not None}


@dataclass
class Bench:
    """A provider with its ports, and what it said. `look` makes a new provider each time, as a command does."""

    forge: FakeForge
    context: Context
    heard: Heard
    door: Door
    settings: dict[str, Any]
    server: dict[str, Any]
    port: NoGit = field(default_factory=NoGit)
    provider: ForgeProvider = field(init=False)

    def git(self, bounds: GitBounds) -> Git:
        return self.port

    def http(self, bounds: HttpBounds) -> Http:
        return self.door.client(bounds)

    def make(self) -> ForgeProvider:
        module = gitee if self.forge.kind == "gitee" else github
        server = {"api": self.forge.api, "kind": self.forge.kind, "topics": [], "rate": 10_000, **self.server}
        config = module.Config.model_validate({"public": False, "servers": [server], "every": 0, **self.settings})
        self.provider = module.make(config, self)
        return self.provider

    async def look(self, query: Query = Query()) -> list[str]:  # noqa: B008 - frozen
        """Look once; what was asked of the forge."""
        self.heard.new.clear()
        before = len(self.forge.asked)
        await self.make().search(query, self.heard)
        return [line.partition("?")[0] for line in self.forge.asked[before:]]

    def codes(self) -> list[str]:
        return sorted(problem.code for problem in self.heard.problems())


@pytest.fixture
async def forge() -> AsyncIterator[FakeForge]:
    async with FakeForge() as server:
        yield server


async def bench(tmp_path: Path, forge: FakeForge, settings: dict[str, Any] | None = None, **server: Any) -> Bench:
    heard, clock = Heard(), SystemClock()
    context = Context(clock, heard, tmp_path, Random(1))
    return Bench(forge, context, heard, Door(tmp_path / "http", clock, Random(1)), settings or {}, server)


@pytest.mark.parametrize("kind", ["github", "gitee", "gitea", "gitlab"])
async def test_finds_items_with_all_that_the_forge_says(tmp_path: Path, kind: str) -> None:
    async with FakeForge(kind) as forge:
        repo = forge.add(made(stars=120, forks=4, tags={"v1.0": "a" * 40}))
        here = await bench(tmp_path, forge, repositories=["acme/skills"])
        asked = await here.look()
        found = {one.item.id: one for one in here.heard.sightings()}
        assert sorted(found) == ["a", "b"]
        a = found["a"]
        host = f"127.0.0.1:{forge.port}"
        assert a.principal == f"git:{host}#1001/2001"
        assert a.location == f"git+http://{host}/acme/skills.git@{repo.commit}#skills/a"
        assert a.source == ("gitee" if kind == "gitee" else "github")
        assert a.digest.startswith("sha256:")
        assert dict(a.signals) == {"stars": 120.0, "forks": 4.0}
        assert (a.evidence.channel, a.evidence.owner, a.evidence.commit) == (Channel.PLAIN, f"{host}/acme", repo.commit)
        about = a.item.facts["forge"]
        assert isinstance(about, dict)
        assert about["readme"] == "# Skills\n\nMade up.\\x1b[31m"
        assert (about["files"], about["owner"], about["name"]) == (["skill.yaml"], "acme", "acme/skills")
        assert here.codes() == []
        assert len(asked) == 7, "repository, commit, tree, two manifests and README, tags"


async def test_an_unchanged_repository_costs_one_conditional_request(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made())
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    for _ in range(2):
        assert await here.look() == ["304 /repos/acme/skills"]
        assert here.heard.new == []
        assert len(here.heard.sightings()) == 2
    assert here.heard.surveys[-1].places >= {".", "./tags", "skills/a/skill.yaml"}


async def test_only_what_changed_is_read_again(tmp_path: Path, forge: FakeForge) -> None:
    old = forge.add(made())
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    forge.add(
        replace(old, files={**old.files, "skills/a/skill.yaml": skill("a", "2.0.0")}, pushed="2026-02-02T00:00:00Z")
    )
    await here.look()
    assert sorted(here.heard.new) == [".", "skills/a/skill.yaml"]
    assert {one.item.id: one.item.version for one in here.heard.sightings()} == {"a": "2.0.0", "b": "1.0.0"}
    forge.add(replace(forge.repos["acme/skills"], pushed="2026-03-03T00:00:00Z"))  # a push to another branch
    asked = await here.look()
    assert here.heard.new == ["."]
    assert [line.split()[1].rpartition("/")[2] for line in asked] == ["skills", "commits", "tags"]


async def test_a_star_more_costs_nothing_but_many_are_told(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made(stars=1_200))
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    forge.add(made(stars=1_201))
    assert len(await here.look()) == 1
    forge.add(made(stars=2_400))
    await here.look()
    assert {one.signals["stars"] for one in here.heard.sightings()} == {2400.0}


async def test_owners_and_searches_after_what_is_configured(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made("acme/skills", "a", repo_id=1))
    forge.add(made("acme/more", "b", repo_id=2, topics=()))
    forge.add(made("other/found", "c", repo_id=3, owner_id=9, stars=5))
    forge.add(made("third/unasked", "d", repo_id=4, topics=("cooking",)))
    here = await bench(tmp_path, forge, repositories=["acme/skills"], owners=["acme"], topics=["ooder-skill"])
    asked = await here.look()
    assert sorted(one.item.id for one in here.heard.sightings()) == ["a", "b", "c"]
    order = [line for line in asked if "search" in line or "users" in line or line == "200 /repos/acme/skills"]
    assert order == ["200 /repos/acme/skills", "200 /users/acme/repos", "200 /search/repositories"]
    assert asked.count("200 /repos/acme/skills/tags") == 1, "found twice, looked at once"
    assert await here.look() == ["304 /repos/acme/skills", "304 /users/acme/repos", "304 /search/repositories"]


async def test_a_topic_does_not_fill_the_index(
    tmp_path: Path, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FORGE_MANIFESTS", 3)
    files = {f"skills/{name}/skill.yaml": skill(name) for name in "abcde"} | {"skill.yaml": skill("root")}
    forge.add(MadeRepo("flood/er", files))
    here = await bench(tmp_path, forge, topics=["ooder-skill"])
    await here.look()
    assert sorted(one.item.id for one in here.heard.sightings()) == ["a", "b", "root"]
    assert here.codes() == ["forge.too_many_manifests"]
    here.server["repositories"] = ["flood/er"]
    await here.look()
    assert here.codes() == []
    assert len(here.heard.sightings()) == 6


async def test_words_of_a_query_are_searched_for(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made("acme/weekly", "weekly", topics=()))
    here = await bench(tmp_path, forge, topics=["ooder-skill"])
    await here.look(Query(text="weekly"))
    assert [one.item.id for one in here.heard.sightings()] == ["weekly"]
    assert "q=weekly&sort=stars" in forge.asked[0]


async def test_pages_are_followed_as_far_as_wished(tmp_path: Path, forge: FakeForge) -> None:
    forge.page_rows = 2
    for number in range(5):
        forge.add(made(f"acme/r{number}", f"s{number}", repo_id=10 + number, stars=number))
    here = await bench(tmp_path, forge, {"pages": 2}, topics=["ooder-skill"])
    asked = await here.look()
    assert len([line for line in asked if "search" in line]) == 2
    assert sorted(one.item.id for one in here.heard.sightings()) == ["s1", "s2", "s3", "s4"]


async def test_nothing_found_is_no_trouble(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(MadeRepo("acme/empty"))
    here = await bench(tmp_path, forge, repositories=["acme/empty"], topics=["cooking"])
    await here.look()
    assert here.codes() == ["forge.empty"]
    assert here.provider.remark() is None


async def test_a_renamed_repository_is_followed_and_told(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made("acme/old"))
    here = await bench(tmp_path, forge, repositories=["acme/old"])
    await here.look()
    principal = here.heard.sightings()[0].principal
    forge.repos = {"acme/new": replace(forge.repos["acme/old"], name="acme/new")}
    forge.moved = {"acme/old": "acme/new"}
    await here.look()
    assert here.codes() == ["forge.renamed"]
    found = here.heard.sightings()[0]
    assert (found.principal, found.origin) == (principal, forge.url("/acme/old"))
    assert "/acme/new.git@" in found.location


async def test_a_name_taken_over_is_a_new_principal_and_told(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made())
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    forge.add(made(owner_id=6666, repo_id=7777))
    for _ in range(2):  # told as long as it lasts
        await here.look()
        assert here.codes() == ["forge.owner_changed"]
        assert {one.principal for one in here.heard.sightings()} == {f"git:127.0.0.1:{forge.port}#6666/7777"}
        assert {one.evidence.owner for one in here.heard.sightings()} == {""}, "nothing granted to the name counts"
    here.server["repositories"] = [{"name": "acme/skills", "ids": "6666/7777"}]
    await here.look()
    assert here.codes() == []
    assert {one.evidence.owner for one in here.heard.sightings()} == {f"127.0.0.1:{forge.port}/acme"}


async def test_a_failed_look_forgets_nothing(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made())
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    forge.fail("/repos/acme/skills", 404, times=1)
    with pytest.raises(NotFoundError):
        await here.look()
    assert here.codes() == ["forge.not_found"]
    assert await here.look() == ["304 /repos/acme/skills"], "nothing need be read again"
    assert here.codes() == []
    forge.fail("/repos/acme/skills", 404, times=1)
    with pytest.raises(NotFoundError):  # given up, and then taken
        await here.look()
    forge.add(made(owner_id=6666, repo_id=7777))
    await here.look()
    assert here.codes() == ["forge.owner_changed"]


async def test_a_repository_made_anew_under_its_name_is_told(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made())
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    forge.add(made(repo_id=7777))
    await here.look()
    assert here.codes() == ["forge.repository_replaced"]


async def test_a_moved_tag_is_told(tmp_path: Path, forge: FakeForge) -> None:
    repo = forge.add(made(tags={"v1.0": "a" * 40}))
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    forge.add(replace(repo, tags={"v1.0": "b" * 40}, pushed="2026-02-02T00:00:00Z"))
    await here.look()
    await here.look()
    assert [(p.code, p.params["tag"], p.fatal) for p in here.heard.problems()] == [("forge.tag_moved", "v1.0", False)]


async def test_an_archived_repository_is_deprecated(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made(archived=True))
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    assert {one.status for one in here.heard.sightings()} == {Status.DEPRECATED}
    assert here.codes() == ["forge.archived"]


@pytest.mark.parametrize(("kind", "answers"), [("github", 12), ("gitee", 12), ("gitea", 2), ("gitlab", 2)])
async def test_a_tree_too_large_for_one_answer(tmp_path: Path, kind: str, answers: int) -> None:
    async with FakeForge(kind) as forge:
        repo = forge.add(made("acme/skills", *(f"s{number}" for number in range(8))))
        forge.rows = forge.page_rows = 10
        here = await bench(tmp_path, forge, {"blobs": 50}, repositories=["acme/skills"])
        asked = await here.look()
        assert len(here.heard.sightings()) == 8
        assert len(repo.rows("", folded=True)) == 18
        assert len([line for line in asked if "/tree" in line]) == answers


async def test_many_files_come_through_the_mirror(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made("acme/skills", *(f"s{number}" for number in range(20))))
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    here.port = ForgeGit(forge)
    asked = await here.look()
    assert len(here.heard.sightings()) == 20
    assert here.port.asked == ["blobs"]
    assert len(asked) == 4, "repository, commit, tree, tags"


async def test_without_git_the_api_does_it_while_the_allowance_lasts(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made("acme/skills", *(f"s{number}" for number in range(20))))
    forge.allowance = 60
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    assert len(here.heard.sightings()) == 20
    forge.add(made("acme/skills", *(f"t{number}" for number in range(30)), pushed="2026-02-02T00:00:00Z"))
    with pytest.raises(UnavailableError, match="git"):
        await here.look()
    assert here.codes() == ["git.missing"]
    assert len(here.heard.sightings()) == 20, "what was known stays"
    assert forge.allowance > 20


# --- Limits and faults --------------------------------------------------------------------------------------------------
LIMITED = [
    (403, {"message": "You have exceeded a secondary rate limit."}, {"Retry_After": "61"}),
    (403, {"message": "You have exceeded a secondary rate limit."}, {}),
    (429, {"message": "Too Many Requests"}, {"Retry_After": "120"}),
    (
        403,
        {"message": "API rate limit exceeded"},
        {"X_RateLimit_Remaining": "0", "X_RateLimit_Limit": "60", "X_RateLimit_Reset": "4102444800"},
    ),
    (429, "Retry later\n", {"RateLimit_Reset": "4102444800", "RateLimit_Remaining": "0", "RateLimit_Limit": "9"}),
]


@pytest.mark.parametrize(("status", "body", "heads"), LIMITED)
async def test_limits_end_the_look_and_are_shown(
    tmp_path: Path, forge: FakeForge, status: int, body: Any, heads: dict[str, str]
) -> None:
    forge.add(made("acme/one", "a", repo_id=1))
    forge.add(made("acme/two", "b", repo_id=2))
    here = await bench(tmp_path, forge, {"parallel": 1}, repositories=["acme/one", "acme/two"])
    await here.look()
    forge.fail("/repos/acme/one", status, body, **heads)
    with pytest.raises(UnavailableError) as told:
        await here.look()
    assert told.value.code in {"forge.rate_limited", "http.rate_limited"}
    assert float(str(told.value.params["retry_after"])) >= 60
    assert len(here.heard.sightings()) == 2
    assert here.codes() == [], "a pause is no fault of the repository; the light shows it"
    assert len([line for line in forge.asked if line.startswith(str(status))]) == 1


async def test_searches_leave_some_of_the_allowance(tmp_path: Path, forge: FakeForge) -> None:
    for number in range(6):
        forge.add(made(f"acme/r{number}", f"s{number}", repo_id=10 + number))
    forge.allowance = 25
    here = await bench(tmp_path, forge, {"parallel": 1, "reserve": 10}, topics=["ooder-skill"])
    await here.look()
    remark = here.provider.remark()
    assert remark is not None
    assert (remark.code, remark.params["waiting"]) == ("forge.low_allowance", 3)
    forge.allowance = 60
    await here.look()
    assert len(here.heard.sightings()) == 6
    assert here.provider.remark() is None


async def test_the_small_allowance_of_searches_is_not_that_of_the_rest(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made())
    forge.allowance = 5_000
    here = await bench(tmp_path, forge, {"reserve": 10}, topics=["ooder-skill"])
    await here.look()
    assert len(here.heard.sightings()) == 2, "8 searches are left, and nearly 5,000 requests"
    assert here.provider.clients[0].allowance is not None
    assert here.provider.clients[0].allowance.limit == 60


async def test_when_little_is_left_searches_go_through_git_alone(tmp_path: Path, forge: FakeForge) -> None:
    for number in range(6):
        forge.add(made(f"acme/r{number}", f"s{number}", repo_id=10 + number))
    forge.allowance = 25
    here = await bench(tmp_path, forge, {"parallel": 1, "reserve": 10}, topics=["ooder-skill"])
    here.port = ForgeGit(forge)
    asked = await here.look()
    assert len(here.heard.sightings()) == 6
    assert here.port.asked == ["tip", "tree", "blobs"] * 3
    assert forge.allowance >= 7
    assert here.provider.remark() is None
    assert len([line for line in asked if "/tags" in line]) == 3, (
        "git says nothing of tags here; they are looked at later"
    )
    assert await here.look() == ["304 /search/repositories"]


@pytest.mark.parametrize(
    ("part", "status", "body", "code"),
    [
        ("/acme/bad", 404, {"message": "Not Found"}, "forge.not_found"),
        ("/acme/bad", 451, {"message": "Repository access blocked", "block": {"reason": "dmca"}}, "forge.blocked"),
        ("/acme/bad", 403, {"message": "Resource not accessible"}, "forge.refused"),
        ("/acme/bad", 200, "<html>login</html>", "http.no_json"),
        ("/acme/bad", 200, "[]", "forge.bad_answer"),
        ("/acme/bad", 200, '{"id": "x", "full_name": 7}', "forge.bad_answer"),
        ("/acme/bad", 200, "[" * 5_000, "http.json_too_deep"),
        ("/acme/bad", 200, '{"id": 1, "id": 2, "full_name": "acme/bad", "owner": {"id": 1}}', "forge.bad_answer"),
        ("/acme/bad", 200, '{"id": 1, "owner": {"id": 1}, "full_name": "acme/bad/../../x"}', "forge.bad_answer"),
        ("/acme/bad", 500, "oops", "http.failed"),
        ("/acme/bad/git/trees", 200, '{"tree": [{"path": "a"}], "truncated": false}', "forge.bad_answer"),
        ("/acme/bad/commits", 422, {"message": "No commit found for SHA: main"}, "forge.refused"),
        ("/acme/bad/commits", 200, '{"sha": "../../etc"}', "forge.bad_answer"),
        ("/acme/bad/git/blobs", 200, '{"content": "aWQ6IHg=", "encoding": "base64", "size": 5}', "forge.wrong_content"),
        (
            "/acme/bad/git/blobs",
            403,
            {"errors": [{"code": "too_large"}], "message": "This API returns blobs up to 100 MB"},
            "forge.refused",
        ),
    ],
)
async def test_one_bad_repository_costs_only_itself(
    tmp_path: Path, forge: FakeForge, part: str, status: int, body: Any, code: str
) -> None:
    forge.add(made("acme/bad", "x", repo_id=1))
    forge.add(made("acme/good", "y", repo_id=2))
    forge.fail(part, status, body)
    here = await bench(tmp_path, forge, repositories=["acme/bad", "acme/good"])
    await here.look()
    assert [one.item.id for one in here.heard.sightings()] == ["y"]
    assert here.codes() == [code]
    remark = here.provider.remark()
    assert remark is not None and remark.code == code
    forge.faults.clear()
    await here.look()
    assert here.codes() == []
    assert sorted(one.item.id for one in here.heard.sightings()) == ["x", "y"]


async def test_a_login_page_instead_of_the_api(tmp_path: Path, forge: FakeForge) -> None:
    page = web.Response(text="<html>Please sign in</html>", content_type="text/html")
    forge.faults.append(lambda request: page)
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    with pytest.raises(DataError) as told:
        await here.look()
    assert told.value.code == "http.wrong_type"


async def test_one_bad_row_of_many_is_left_out_and_told(tmp_path: Path, forge: FakeForge) -> None:
    for number in range(20):
        forge.add(made(f"acme/r{number}", f"s{number}", repo_id=10 + number))
    forge.repos["acme/r7"].repo_id = 0
    here = await bench(tmp_path, forge, topics=["ooder-skill"])
    await here.look()
    assert len(here.heard.sightings()) == 19
    remark = here.provider.remark()
    assert remark is not None
    assert (remark.code, remark.params["count"]) == ("forge.rows_skipped", 1)


async def test_two_forges_of_one_source_fail_alone(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made())
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    dead = {"api": "http://127.0.0.1:9/api/v3", "repositories": ["x/y"], "topics": []}
    live = {"api": forge.api, "repositories": ["acme/skills"], "topics": []}
    config = github.Config.model_validate({"public": False, "servers": [dead, live]})
    provider = github.make(config, here)
    await provider.search(Query(), here.heard)
    assert sorted(one.item.id for one in here.heard.sightings()) == ["a", "b"]
    remark = provider.remark()
    assert remark is not None
    assert remark.code == "http.unreachable"


async def test_a_refused_key_is_told(tmp_path: Path, forge: FakeForge) -> None:
    forge.fail("", 401, {"message": "Bad credentials"})
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    with pytest.raises(UnavailableError):
        await here.look()


async def test_keys_go_along_as_each_forge_wants_them(
    tmp_path: Path, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORGE_TEST_KEY", "k-123")
    forge.add(made())
    here = await bench(tmp_path, forge, repositories=["acme/skills"], keys=["env:FORGE_TEST_KEY"])
    await here.look()
    assert {request.headers["Authorization"] for request in forge.requests} == {"Bearer k-123"}
    assert forge.requests[0].headers["X-GitHub-Api-Version"] == "2022-11-28"


async def test_soon_repeated_looks_only_repeat_what_was_confirmed(tmp_path: Path, forge: FakeForge) -> None:
    forge.add(made())
    here = await bench(tmp_path, forge, {"every": 900}, repositories=["acme/skills"])
    await here.look()
    before = len(forge.asked)
    await here.provider.search(Query(), here.heard)
    assert len(forge.asked) == before
    assert here.heard.surveys[-1] == here.heard.surveys[-2]
    here.provider.ask_at_once()
    await here.provider.search(Query(), here.heard)
    assert len(forge.asked) > before


async def test_delivers_by_the_api_what_git_cannot_reach(tmp_path: Path, forge: FakeForge) -> None:
    repo = made()
    repo = forge.add(
        replace(repo, files={**repo.files, "skills/a/run.sh": b"#!/bin/sh\n"}, modes={"skills/a/run.sh": "100755"})
    )
    here = await bench(tmp_path, forge, repositories=["acme/skills"])
    await here.look()
    a = next(one for one in here.heard.sightings() if one.item.id == "a")
    files = await here.provider.fetch_tree(a.location)
    assert [(one.path, one.executable, one.data) for one in files] == [
        ("run.sh", True, b"#!/bin/sh\n"),
        ("skill.yaml", False, skill("a")),
    ]
    with pytest.raises(NotFoundError):
        await here.provider.fetch_tree(a.location + "/nowhere")
    with pytest.raises(OoderError):
        await here.provider.fetch_tree(f"git+https://elsewhere.example/a/b.git@{repo.commit}#x")
    with pytest.raises(DataError):
        await here.provider.fetch_tree("git+nothing")


@pytest.mark.parametrize(
    "settings",
    [
        {"repositories": ["acme"]},
        {"repositories": ["../x/y"]},
        {"repositories": ["a/b", "A/B"]},
        {"repositories": [{"name": "a/b", "ids": "x/y"}]},
        {"repositories": [{"name": "a/b", "ref": "--upload-pack"}]},
        {"owners": ["a/../b"]},
        {"servers": [{"api": "ftp://x"}]},
        {"servers": [{"api": "https://user:pw@x.example/api/v3"}]},
        {"servers": [{"api": "https://x.example", "kind": "svn"}]},
        {"sort": "luck"},
    ],
)
def test_settings_that_do_not_hold(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        github.Config.model_validate(settings)


# --- Bad lines ----------------------------------------------------------------------------------------------------------
class BadLine(FakeForge):
    """A forge behind a line that does something to every body of a path with `part` in it."""

    def __init__(self, part: str, harm: str) -> None:
        super().__init__()
        self.part, self.harm = part, harm

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        whole = await super()._answer(request)
        if self.part not in request.path or not isinstance(whole, web.Response) or whole.status != 200:
            return whole
        assert isinstance(whole.body, bytes)
        body = whole.body
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        answer.content_length = len(body)
        if self.harm == "flip":
            body = body.replace(b'"blob"', b'"blub"', 1)
            answer.content_length = len(body)
        if self.harm == "bomb":
            body = gzip.compress(b"[" + b" " * 2_000_000 + b"]", 1)
            answer.headers["Content-Encoding"] = "gzip"
            answer.content_length = len(body)
        await answer.prepare(request)
        if self.harm == "cut":
            await answer.write(body[: len(body) // 2])
            assert request.transport is not None
            request.transport.abort()
        elif self.harm == "drip":
            for at in range(len(body)):
                await answer.write(body[at : at + 1])
                await asyncio.sleep(0.05)
        else:
            await answer.write(body)
        return answer


@pytest.mark.parametrize(
    ("part", "harm", "codes"),
    [
        ("/acme/bad/git/trees", "cut", {"http.broken"}),
        ("/acme/bad/git/trees", "drip", {"http.timed_out"}),
        ("/acme/bad/git/trees", "flip", {"forge.bad_answer"}),
        ("/acme/bad/git/trees", "bomb", {"http.too_large"}),
        ("/acme/bad/git/blobs", "cut", {"http.broken"}),
    ],
)
async def test_a_bad_line_costs_only_what_is_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, harm: str, codes: set[str]
) -> None:
    monkeypatch.setattr(limits, "FORGE_BODY_BYTES", 200_000)
    seconds = 2.0 if harm == "drip" else 20.0
    async with BadLine(part, harm) as forge:
        forge.add(made("acme/bad", "x", repo_id=1))
        forge.add(made("acme/good", "y", repo_id=2))
        here = await bench(tmp_path, forge, repositories=["acme/good", "acme/bad"], timeout_s=seconds)
        await here.look()
        assert [one.item.id for one in here.heard.sightings()] == ["y"]
        remark = here.provider.remark()
        assert remark is not None
        resting = remark.code == "http.resting"  # after many broken answers in a row the whole forge is left alone
        assert resting or set(here.codes()) == codes


Anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def mangled(value: Any, random: Random, junk: Any) -> Any:
    """`value` with one part somewhere in it replaced by `junk`, left out, or doubled."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(sorted(value))
        if random.random() < 0.2:
            return {name: one for name, one in value.items() if name != key}
        return {**value, key: mangled(value[key], random, junk)}
    if isinstance(value, list) and value and random.random() < 0.85:
        at = random.randrange(len(value))
        return [*value[:at], mangled(value[at], random, junk), *value[at + random.randrange(2) :]]
    return junk


class Mangling(FakeForge):
    """Replaces a part of one in three answers."""

    def __init__(self, kind: str, seed: int, junk: Any) -> None:
        super().__init__(kind)
        self.random, self.junk = Random(seed), junk

    def _value(self, path: str, request: web.Request) -> tuple[Any, int, bool]:
        value, status, more = super()._value(path, request)
        return (mangled(value, self.random, self.junk) if self.random.random() < 0.33 else value), status, more


@pytest.mark.parametrize("kind", ["github", "gitee", "gitea", "gitlab"])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(seed=st.integers(0, 10_000), junk=Anything)
def test_whatever_a_forge_answers_nothing_worse_than_an_error_comes_of_it(
    tmp_path: Path, kind: str, seed: int, junk: Any
) -> None:
    async def look() -> None:
        async with Mangling(kind, seed, junk) as forge:
            forge.add(made("acme/one", "a", repo_id=1, tags={"v1": "a" * 40}))
            forge.add(made("acme/two", "b", repo_id=2))
            here = await bench(
                tmp_path / str(uuid4()), forge, repositories=["acme/one"], topics=["ooder-skill"], timeout_s=20.0
            )
            for _ in range(3):
                with suppress(OoderError):
                    await here.look()
            for one in here.heard.sightings():
                assert one.principal.startswith("git:127.0.0.1:")
            for problem in here.heard.problems():
                assert render(problem.code, problem.params, "zh").text

    asyncio.run(look())


async def test_a_forge_that_is_never_there_is_told_by_its_cause(tmp_path: Path) -> None:
    async with FakeForge() as forge:
        here = await bench(tmp_path, forge, topics=["a", "b", "c"])
    with pytest.raises(UnavailableError) as told:
        await here.look()
    assert told.value.code == "http.unreachable", "not that it is left alone by now"


async def test_a_dead_forge_is_told_and_what_was_known_stays(tmp_path: Path) -> None:
    async with FakeForge() as forge:
        forge.add(made())
        here = await bench(tmp_path, forge, repositories=["acme/skills"], timeout_s=20.0)
        await here.look()
    with pytest.raises(UnavailableError, match="reached"):
        await here.look()
    assert len(here.heard.sightings()) == 2
    assert here.codes() == ["http.unreachable"]
