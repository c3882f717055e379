"""Source git_repository: over real git where bytes matter, over a scripted port where time matters."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from pydantic import ValidationError

from node.io.clock import SystemClock
from node.io.git import GitMirrors
from protocol.digest import TreeFile, tree_digest
from protocol.errors import DataError, NotFoundError, UnavailableError, UsageError
from protocol.git_rules import CommitNote, File, RepoUrl, Tip, Tree, parse_url
from protocol.items import Channel, Standing
from protocol.query import Query
from sources.git_repository import Config, Provider, make
from sources.ports import Clock, Context, Git, GitBounds
from tests.fakes.git_repository import MadeRepository
from tests.fakes.heard import Heard
from tests.fakes.virtual_time import LoopClock, run_virtual

SKILL = "id: {id}\nname: {id}\nversion: {version}\ndescription: Does something\n"


def skill(name: str, version: str = "1.0.0") -> str:
    return SKILL.format(id=name, version=version)


@dataclass
class Bench:
    """A provider over real git, and what it said."""

    provider: Provider
    heard: Heard
    mirrors: list[GitMirrors]

    async def look(self) -> list[str]:
        """Look once; the places that were read."""
        self.heard.new.clear()
        await self.provider.search(Query(), self.heard)
        return sorted(self.heard.new)

    @property
    def commands(self) -> int:
        return sum(mirrors.process.started for mirrors in self.mirrors)


@dataclass
class Ports:
    context: Context
    port: Git | None = None
    mirrors: list[GitMirrors] | None = None

    def git(self, bounds: GitBounds) -> Git:
        if self.port is not None:
            return self.port
        made = GitMirrors(self.context.home, bounds)
        assert self.mirrors is not None
        self.mirrors.append(made)
        return made


def bench(tmp_path: Path, *entries: str | Mapping[str, object], **settings: object) -> Bench:
    repositories = [{"url": entry} if isinstance(entry, str) else entry for entry in entries]
    config = Config.model_validate({"repositories": repositories, "allow": ["https", "file", "git"], **settings})
    heard, mirrors = Heard(), list[GitMirrors]()
    context = Context(SystemClock(), heard, tmp_path / "home", Random(1))
    return Bench(make(config, Ports(context, mirrors=mirrors)), heard, mirrors)


@pytest.fixture
def repository(tmp_path: Path) -> MadeRepository:
    return MadeRepository(tmp_path / "repo")


async def test_finds_items_with_all_that_is_known_of_them(tmp_path: Path, repository: MadeRepository) -> None:
    commit = repository.commit(
        {"skills/a/skill.yaml": skill("a"), "skills/b/skill.yaml": skill("b"), "skills/b/run.py": "x"}
    )
    here = bench(tmp_path, repository.url)
    await here.look()
    found = {sighting.item.id: sighting for sighting in here.heard.sightings()}
    a, b = found["a"], found["b"]
    sha = hashlib.sha256(skill("a").encode()).hexdigest()
    assert (a.source, a.origin, a.place) == ("git_repository", repository.url, "skills/a/skill.yaml")
    assert a.location == f"git+{repository.url}@{commit}#skills/a"
    assert a.manifest_digest == f"sha256:{sha}"
    assert a.digest == tree_digest([TreeFile("skill.yaml", False, len(skill("a")), sha)])
    assert (b.digest, b.files) == ("", 2), "not all of its bytes were fetched"
    assert a.evidence.channel is Channel.OWN_FILES
    assert a.evidence.commit == commit
    assert a.principal.startswith("local:")

    delivered = await here.provider.fetch_tree(b.location)
    assert [(file.path, file.data) for file in delivered] == [("run.py", b"x"), ("skill.yaml", skill("b").encode())]
    with pytest.raises(NotFoundError):
        await here.provider.fetch_tree(b.location + "/nowhere")
    with pytest.raises(DataError):
        await here.provider.fetch_tree("git+nothing")
    assert (await here.provider.describe(b.location)).author == "Ada"


async def test_an_unchanged_repository_costs_one_command(tmp_path: Path, repository: MadeRepository) -> None:
    repository.commit({"skills/a/skill.yaml": skill("a")})
    here = bench(tmp_path, repository.url)
    assert await here.look() == [".", "skills/a/skill.yaml"]
    before = here.commands
    assert await here.look() == []
    assert here.commands == before + 1
    assert here.heard.surveys[-1].places == {".", "skills/a/skill.yaml"}
    assert len(here.heard.sightings()) == 1


async def test_only_what_changed_is_read_again(tmp_path: Path, repository: MadeRepository) -> None:
    files = {"a/skill.yaml": skill("a"), "b/skill.yaml": skill("b"), "c/skill.yaml": skill("c"), "c/x.py": "1"}
    repository.commit(files)
    here = bench(tmp_path, repository.url)
    await here.look()
    repository.commit(
        {"a/skill.yaml": skill("a"), "moved/skill.yaml": skill("b"), "c/skill.yaml": skill("c"), "c/x.py": "2"}
    )
    assert await here.look() == [".", "c/skill.yaml", "moved/skill.yaml"], "c changed beside its manifest"
    assert sorted(sighting.place for sighting in here.heard.sightings()) == [
        "a/skill.yaml",
        "c/skill.yaml",
        "moved/skill.yaml",
    ]


async def test_a_rewritten_history_is_remarked(tmp_path: Path, repository: MadeRepository) -> None:
    repository.commit({"a/skill.yaml": skill("a")})
    here = bench(tmp_path, repository.url)
    await here.look()
    repository.commit({"a/skill.yaml": skill("a", "1.1.0")})
    await here.look()
    assert here.heard.problems() == []
    repository.commit({"a/skill.yaml": skill("a", "0.9.0")}, rewrite=True)
    await here.look()
    assert [(problem.code, problem.fatal) for problem in here.heard.problems()] == [("git.history_rewritten", False)]
    assert here.heard.sightings()[0].item.version == "0.9.0"


async def test_copies_indexes_and_bad_files(tmp_path: Path, repository: MadeRepository) -> None:
    repository.commit(
        {
            "skills/a/skill.yaml": skill("a", "2.0.0"),
            "skills/.archive/a/skill.yaml": skill("a", "1.0.0"),
            "skills/big/skill.yaml": "#" * 300_000,
            "skills/odd/skill.yaml": b"\x00\x01\x02",
            "skills/\u65e5\u62a5/skill.yaml": skill("daily-report"),
        }
    )
    here = bench(tmp_path, repository.url)
    await here.look()
    standing = {(s.item.id, s.item.version): s.standing for s in here.heard.sightings()}
    assert standing["a", "2.0.0"] is Standing.MAIN
    assert standing["a", "1.0.0"] is Standing.COPY
    assert ("daily-report", "1.0.0") in standing
    codes = {problem.place: problem.code for problem in here.heard.problems()}
    assert codes["skills/big/skill.yaml"] == "git.file_too_large"
    assert "skills/odd/skill.yaml" in codes
    assert await here.look() == []


async def test_an_index_pulls_in_files_of_any_name(tmp_path: Path, repository: MadeRepository) -> None:
    index = "apiVersion: ooder.io/v1\nkind: SkillIndex\nspec:\n  includes:\n    - parts/more.yaml\n  skills:\n    - id: listed\n      version: 1.0.0\n"
    more = "apiVersion: ooder.io/v1\nkind: SkillIndex\nspec:\n  skills:\n    - id: pulled-in\n      version: 1.0.0\n"
    repository.commit({"skill-index.yaml": index, "parts/more.yaml": more})
    here = bench(tmp_path, repository.url)
    await here.look()
    assert {(s.item.id, s.standing) for s in here.heard.sightings()} == {
        ("listed", Standing.LISTING),
        ("pulled-in", Standing.LISTING),
    }
    repository.commit({"skill-index.yaml": index, "parts/more.yaml": more, "x": "y"})
    assert await here.look() == ["."], "what was pulled in before is neither lost nor read again"
    assert len(here.heard.sightings()) == 2


async def test_an_empty_repository_is_a_remark(tmp_path: Path, repository: MadeRepository) -> None:
    here = bench(tmp_path, repository.url)
    await here.look()
    assert [problem.code for problem in here.heard.problems()] == ["git.empty"]
    repository.commit({"a/skill.yaml": skill("a")})
    await here.look()
    assert (here.heard.problems(), len(here.heard.sightings())) == ([], 1)


async def test_links_and_submodules_are_remarked(tmp_path: Path, repository: MadeRepository) -> None:
    blob = repository.blob(b"../../etc/passwd")
    inner = repository.tree([("120000", "blob", blob, "skill.yaml"), ("120000", "blob", blob, "other")])
    repository.commit_tree(repository.tree([("040000", "tree", inner, "a"), ("160000", "commit", "1" * 40, "sub")]))
    here = bench(tmp_path, repository.url)
    await here.look()
    found = {(problem.code, problem.place) for problem in here.heard.problems()}
    assert found == {("git.link_ignored", "a/skill.yaml"), ("git.submodule_ignored", "sub")}


async def test_a_dead_repository_hurts_nobody_and_keeps_what_it_had(tmp_path: Path, repository: MadeRepository) -> None:
    repository.commit({"a/skill.yaml": skill("a")})
    other = MadeRepository(tmp_path / "other")
    other.commit({"b/skill.yaml": skill("b")})
    here = bench(tmp_path, repository.url, other.url)
    await here.look()
    other.path.rename(tmp_path / "gone")
    assert await here.look() == ["."]
    assert [problem.code for problem in here.heard.problems()] == ["git.unreachable"]
    assert {sighting.item.id for sighting in here.heard.sightings()} == {"a", "b"}
    assert list(here.provider.failed) == [other.url]
    repository.path.rename(tmp_path / "gone too")
    with pytest.raises(UnavailableError):
        await here.look()
    (tmp_path / "gone").rename(other.path)
    (tmp_path / "gone too").rename(repository.path)
    assert await here.look() == [".", "."], "told that the trouble is over, nothing else read again"
    assert (here.heard.problems(), here.provider.failed) == ([], {})
    before = here.commands
    await here.look()
    assert here.commands == before + 2
    other.path.rename(tmp_path / "gone")
    await here.look()
    (tmp_path / "gone").rename(other.path)
    other.commit({"b/skill.yaml": skill("b", "0.1.0")}, rewrite=True)
    await here.look()
    assert [problem.code for problem in here.heard.problems()] == ["git.history_rewritten"], (
        "a failure forgets no commit"
    )


async def test_a_pinned_commit_asks_nobody(tmp_path: Path, repository: MadeRepository) -> None:
    old = repository.commit({"a/skill.yaml": skill("a", "1.0.0")})
    repository.commit({"a/skill.yaml": skill("a", "2.0.0")})
    here = bench(tmp_path, {"url": repository.url, "ref": old})
    await here.look()
    assert [sighting.item.version for sighting in here.heard.sightings()] == ["1.0.0"]
    before = here.commands
    await here.look()
    assert here.commands == before


def test_principals_and_evidence() -> None:
    config = Config.model_validate(
        {
            "repositories": [
                {"url": "https://GitHub.com/OoderCN/Skills.git", "official": True},
                {"url": "git@gitee.com:ooderCN/skills.git"},
                {"url": "git://mirror.example.org/skills"},
                {"url": "file:///srv/repo"},
            ],
            "allow": ["https", "ssh", "git", "file"],
        }
    )
    repositories = config.parsed()
    assert [repository.principal for repository in repositories] == [
        "git:github.com/oodercn/skills",
        "git:gitee.com/oodercn/skills",
        "git:mirror.example.org/skills",
        "git:file#/srv/repo",
    ]
    assert config.official == {"git:github.com/oodercn/skills"}
    evidence = [repository.evidence("c") for repository in repositories]
    assert [e.channel for e in evidence] == [Channel.ORIGIN, Channel.ORIGIN, Channel.PLAIN, Channel.FOREIGN_FILES]
    assert evidence[0].owner == "github.com/oodercn"
    assert replace(repositories[3], uid=7).principal == "local:7"


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ({"url": "ext::sh -c id"}, "helper program"),
        ({"url": "ssh://host/a/b"}, "allow"),
        ({"url": "https://user:secret@host/a"}, "does not belong"),
        ({"url": "https://host/a", "ref": "--upload-pack=x"}, "not a branch"),
        ({"url": "https://host/a", "reff": "x"}, "reff"),
    ],
)
def test_a_bad_configuration_says_what_is_wrong(entry: Mapping[str, str], hint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"repositories": [entry]})
    message = str(caught.value.errors(include_input=False, include_url=False))
    assert hint in message
    assert "secret" not in message


def test_one_address_twice_is_refused() -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"repositories": [{"url": "https://host/a"}, {"url": "https://HOST/a/"}]})
    with pytest.raises(UsageError):
        parse_url("file:///a")


# --- Time -----------------------------------------------------------------------------------------------------------
class ScriptedGit:
    """A port that fails until `up_at` and notes when it was asked."""

    def __init__(self, clock: Clock, up_at: float) -> None:
        self.clock, self.up_at = clock, up_at
        self.asked: list[float] = []

    async def tip(self, url: RepoUrl, ref: str) -> Tip | None:
        self.asked.append(self.clock.loop())
        if self.clock.loop() < self.up_at:
            raise UnavailableError("git.unreachable", url=str(url), reason="test")
        return Tip("a" * 40, "refs/heads/main")

    async def tree(self, url: RepoUrl, tip: Tip) -> Tree:
        return Tree(tip.commit, {"a/skill.yaml": File("b" * 40, False)}, {"a": "c" * 40})

    async def blobs(self, url: RepoUrl, commit: str, oids: Sequence[str], most: int) -> Mapping[str, bytes | int]:
        return {oid: skill("a").encode() for oid in oids}

    async def rewritten(self, url: RepoUrl, old: str, new: str) -> bool | None:
        return None

    async def describe(self, url: RepoUrl, commit: str) -> CommitNote:
        raise AssertionError

    def local_owner(self, url: RepoUrl) -> int | None:
        return None


def test_a_node_asks_at_its_pace_and_a_dead_host_less_and_less_often() -> None:
    async def scenario() -> tuple[ScriptedGit, Heard]:
        import asyncio

        clock, heard = LoopClock(), Heard()
        git = ScriptedGit(clock, up_at=3_000)
        config = Config.model_validate({"repositories": [{"url": "https://host/a"}], "every": 100})
        provider = make(config, Ports(Context(clock, heard, Path("/nowhere"), Random(1)), git))
        try:
            async with asyncio.timeout(10_000):
                await provider.run(heard)
        except TimeoutError:
            pass
        return git, heard

    git, heard = run_virtual(scenario())
    pauses = [later - earlier for earlier, later in zip(git.asked, git.asked[1:], strict=False)]
    failing = [pause for pause, asked in zip(pauses, git.asked, strict=False) if asked < 3_000]
    assert len(failing) < 10
    assert all(later > 1.5 * earlier for earlier, later in itertools.pairwise(failing))
    assert all(90 <= pause <= 110 for pause in pauses[len(failing) :])
    assert heard.problems() == []
    assert [sighting.evidence.channel for sighting in heard.sightings()] == [Channel.ORIGIN]
