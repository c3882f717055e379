"""The nine attacks that TUF names, each against the whole pipeline: plan, fetch, check, commit.

>>> world = World(home)                                                                         # doctest: +SKIP
>>> world.offer("pdf", "1.0")                                                                   # doctest: +SKIP
>>> await world.install("skill:pdf")                                                            # doctest: +SKIP
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from node.install.fetch import DiskDeliverer, Fetcher
from node.install.first_seen import dated, note_first_seen
from node.install.installer import Installer
from node.install.stage import Stage
from node.install.store import Store
from node.install.universe import candidates_of
from node.install.unpack import PackedFile, Unpacked
from node.paths import Paths
from protocol.errors import OoderError
from protocol.install.model import Generation, Installed, Origin
from protocol.install.plan import PlanPolicy, make_plan
from protocol.install.planned import Asked, InstallPlan
from protocol.install.questions import Choices, ResolveRules
from protocol.install.revoked import revoked_among
from protocol.install.universe import Candidate, Location, MemoryUniverse
from protocol.items import Channel, Evidence, Sighting
from protocol.manifests import read_manifest
from protocol.query import Trust
from protocol.refs import parse_ref
from protocol.trust import EXPIRED_RECORD_SECONDS, TrustPolicy, admit

GOOD, EVIL = "github.com/good", "github.com/evil"
KEY = "A" * 52


def manifest(name: str, version: str, more: str = "") -> bytes:
    return f"id: {name}\nname: {name}\nversion: '{version}'\ndescription: a skill\n{more}".encode()


class World:
    """Publishers, mirrors and one home. `served` is what mirrors really send."""

    def __init__(self, home: Path) -> None:
        self.store = Store(home)
        self.served: dict[str, list[PackedFile]] = {}
        self.asked: list[str] = []
        self.candidates: list[Candidate] = []
        self.near = True

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        self.asked.append(location.url)
        return stage.files(self.served[location.url]), Origin(location.source, location.url)

    def offer(
        self, name: str, version: str, *, by: str = GOOD, more: str = "", digest: bool = True, blocked: str = ""
    ) -> str:
        """A release as the index knows it; its place."""
        data = manifest(name, version, more)
        url = f"mem:{by}/{name}/{version}"
        self.served[url] = [PackedFile("skill.yaml", False, data)]
        with Store(self.store.home / "scratch").stage() as stage:
            done = stage.files(self.served[url])
        item = read_manifest("skill.yaml", data).items[0]
        self.candidates.append(
            Candidate(
                item,
                by,
                Trust.COMMUNITY,
                done.digest if digest else "",
                locations=(Location("git_repository", url, by),),
                blocked=blocked,
            )
        )
        return url

    def plan(self, target: str, *, upgrade: bool = False) -> InstallPlan:
        policy = PlanPolicy(ResolveRules(upgrade=upgrade), free_trust=Trust.COMMUNITY)
        universe = MemoryUniverse(self.candidates)
        return make_plan(parse_ref(target), universe, self.now, policy, Choices(), 1e9, time.monotonic)

    @property
    def now(self) -> Generation:
        return self.store.current()

    async def carry_out(self, plan: InstallPlan) -> None:
        fetcher = Fetcher({"mem": self, "file": DiskDeliverer()}, self.store.has)
        await Installer(self.store, fetcher, lambda: 1e9).install(plan, plan.questions, lambda event: None)

    async def install(self, target: str, *, upgrade: bool = False) -> None:
        await self.carry_out(self.plan(target, upgrade=upgrade))

    async def refused(self, target: str, code: str) -> None:
        before = self.now
        with pytest.raises(OoderError) as caught:
            await self.install(target)
        assert caught.value.code == code
        assert self.now == before and self.store.verify().ok


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_arbitrary_install(world: World) -> None:
    """A mirror sends other bytes than the publisher's."""
    url = world.offer("pdf", "1.0")
    world.served[url] = [PackedFile("skill.yaml", False, manifest("pdf", "1.0", "author: evil\n"))]
    await world.refused("skill:pdf", "install.wrong_digest")


async def test_endless_data(world: World, tmp_path: Path) -> None:
    """A location that never ends, one that says it is enormous, and one that never answers."""
    big = tmp_path / "big.zip"
    with big.open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "endless.zip").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.zip")
    for name, code in (("big", "unpack.too_large"), ("endless", "unpack.special"), ("pipe", "unpack.special")):
        with world.store.stage() as stage, pytest.raises(OoderError) as caught:
            await DiskDeliverer().bring(Location("local_fs", (tmp_path / f"{name}.zip").as_uri(), GOOD), stage)
        assert caught.value.code == code
    url = world.offer("pdf", "1.0")
    world.served[url] = [PackedFile("skill.yaml", False, bytes(17 << 20))]
    await world.refused("skill:pdf", "unpack.file_too_large")


async def test_extraneous_dependencies(world: World) -> None:
    """Bytes that were not known when the plan was made want more than the plan said; nothing unplanned is ever asked for."""
    url = world.offer("pdf", "1.0", digest=False)
    world.offer("miner", "1.0", by=EVIL)
    world.served[url] = [PackedFile("skill.yaml", False, manifest("pdf", "1.0", "permissions: [network]\n"))]
    await world.refused("skill:pdf", "install.more_than_planned")
    assert set(world.asked) == {url}


async def test_fast_forward(world: World) -> None:
    """Somebody else's enormous version neither takes the name over nor keeps its owner from publishing."""
    world.offer("pdf", "1.0")
    await world.install("skill:pdf")
    world.offer("pdf", "999999999.0.0", by=EVIL)
    plan = world.plan("skill:pdf", upgrade=True)
    assert plan.is_done or Asked.PRINCIPAL in {one.asked for one in plan.questions}
    world.offer("pdf", "1.1")
    world.candidates = [one for one in world.candidates if one.principal == GOOD]
    await world.install("skill:pdf", upgrade=True)
    assert [one.version for one in world.now.skills] == ["1.1"]


async def test_freeze(world: World) -> None:
    """A mirror goes on offering what its publisher took back, or what was said too long ago to be believed."""
    world.offer("pdf", "1.0", blocked="revoked")
    await world.refused("skill:pdf", "plan.blocked")
    assert world.asked == []
    said, trusting = signed("csv", expires_at=1_000.0)
    late = 1_000.0 + EXPIRED_RECORD_SECONDS
    world.candidates = list(candidates_of([admit(said, trusting, 999.0)], trusting))
    assert {one.trust for one in world.plan("skill:csv").items} == {Trust.PERSONAL}
    world.candidates = list(candidates_of([admit(said, trusting, late)], trusting))
    plan = world.plan("skill:csv")
    assert {one.asked for one in plan.questions} == {Asked.EXPLICIT_DIGEST}


async def test_mix_and_match(world: World) -> None:
    """Parts of two times together: one part that does not match, and nothing is installed at all."""
    world.offer("base", "1.0")
    world.offer("pdf", "1.0", more="dependencies:\n  - {id: base, version: '>=1.0'}\n")
    newer = world.offer("base", "1.0.1")
    world.candidates.pop()
    old = f"mem:{GOOD}/base/1.0"
    world.served[old] = world.served[newer]
    plan = world.plan("skill:pdf")
    assert {item.id for item in plan.items} == {"pdf", "base"}
    await world.refused("skill:pdf", "install.wrong_digest")
    assert world.now.items == ()


async def test_rollback(world: World) -> None:
    """Offered only older releases, an update stays; going back is asked about."""
    world.offer("pdf", "2.0")
    await world.install("skill:pdf")
    world.candidates.clear()
    world.offer("pdf", "1.0")
    try:
        plan = world.plan("skill:pdf", upgrade=True)
    except OoderError as error:
        assert error.code.startswith("plan.")
    else:
        assert plan.is_done or Asked.DOWNGRADE in {one.asked for one in plan.questions}
    plan = world.plan("skill:pdf@1.0")
    assert Asked.DOWNGRADE in {one.asked for one in plan.questions}
    installer = Installer(world.store, Fetcher({"mem": world}, world.store.has), lambda: 1e9)
    with pytest.raises(OoderError) as caught:
        await installer.install(plan, (), lambda event: None)
    assert caught.value.code == "install.not_agreed"


def signed(name: str, *, expires_at: float = 0.0) -> tuple[Sighting, TrustPolicy]:
    """A record of a key that is known, and the policy that knows it."""
    item = read_manifest("skill.yaml", manifest(name, "1.0")).items[0]
    said = Sighting(
        item,
        "dht_kademlia",
        "o",
        "",
        "mem:x",
        f"key:{KEY}",
        Evidence(Channel.SIGNED, key=KEY),
        1.0,
        digest="sha256:" + "0" * 64,
        expires_at=expires_at,
    )
    return said, TrustPolicy(known_keys=frozenset({KEY}))


async def test_key_compromise(world: World) -> None:
    """What a revoked key ever said is not installable, also where it was believed before; what is installed of it is found."""
    said, trusting = signed("pdf")
    world.candidates = list(candidates_of([admit(said, trusting, 2.0)], trusting))
    assert world.plan("skill:pdf").changes
    revoking = replace(trusting, revoked_keys=frozenset({KEY}))
    world.candidates = list(candidates_of([admit(said, revoking, 2.0)], revoking))
    await world.refused("skill:pdf", "plan.blocked")
    there = Installed(said.item.kind, "pdf", "1.0", said.principal, said.digest)
    assert revoked_among([there], MemoryUniverse(world.candidates)) == (there,)


async def test_wrong_software(world: World) -> None:
    """A real package of the same publisher, but not the one that was asked for."""
    url = world.offer("pdf", "1.0", digest=False)
    world.served[url] = [PackedFile("skill.yaml", False, manifest("csv", "1.0"))]
    await world.refused("skill:pdf", "install.other_item")
    world.served[url] = [PackedFile("skill.yaml", False, manifest("pdf", "0.9"))]
    await world.refused("skill:pdf", "install.other_item")


async def test_a_fresh_release_waits_a_day_from_when_it_was_first_seen_here(world: World, tmp_path: Path) -> None:
    """A rug pull (SECURITY T17): counted by our own clock, whatever the publisher's dates say."""
    paths = Paths(tmp_path)
    world.offer("pdf", "1.0")
    await world.install("skill:pdf")
    assert note_first_seen(paths, MemoryUniverse(world.candidates), world.now, 0.0) == 1
    world.offer("pdf", "1.1")
    universe = MemoryUniverse(world.candidates)
    assert note_first_seen(paths, universe, world.now, 100_000.0) == 1
    assert note_first_seen(paths, universe, world.now, 103_600.0) == 0

    def update(now: float) -> list[str]:
        policy = PlanPolicy(ResolveRules(upgrade=True), free_trust=Trust.COMMUNITY)
        source = dated(paths, universe, world.now, now)
        plan = make_plan(parse_ref("skill:pdf"), source, world.now, policy, Choices(), now, time.monotonic)
        return [item.version for item in plan.changes]

    assert update(103_600.0) == []
    assert update(100_000.0 + 86_401.0) == ["1.1"]
    paths.first_seen.write_text("{")
    assert update(200_000.0) == []
