"""Mirrors take what their rules allow, with its proofs, once - and follow what is said about it later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from node.skill_center.asking import bounds_of
from node.skill_center.mirroring import Mirror, Upstream
from protocol.errors import OoderError
from protocol.items import Status
from tests.node.skill_center.registries import ALICE, MALLORY, Running, a_registry, a_skill


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[Running]]:
    """An official registry, that of a department, and that of a team."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(a_registry(tmp_path / name)) for name in "abc"]


def mirror(of: Running, into: Running, *allow: str, owners: dict[str, str] | None = None) -> Mirror:
    http = into.door.client(bounds_of(of.base))
    return Mirror(into.center, http, Upstream(of.base, allow=allow), lambda: owners or {})


async def ids(registry: Running) -> list[str]:
    return [row["id"] for row in (await registry.get("/api/v1/skills"))[1]]


async def test_a_mirror_takes_what_is_allowed_and_nobody_takes_it_from_there(
    three: list[Running], tmp_path: Path
) -> None:
    official, department, team = three
    for name in ("acme.mail", "acme.report", "other"):
        await official.publish(ALICE, a_skill(tmp_path / "s", name))
    await department.publish(MALLORY, a_skill(tmp_path / "s", "own"))
    following = mirror(official, department, "skill:acme.*")
    assert await following.look() == 2 and await following.look() == 0
    assert await ids(department) == ["acme.mail", "acme.report", "own"]
    async with department.client.get(department.base + "/download/acme.mail/latest") as answer:
        assert answer.status == 200
    assert await mirror(department, team, "*").look() == 1
    assert await ids(team) == ["own"], "what was mirrored is not mirrored again"
    with pytest.raises(OoderError) as caught:
        await department.publish(MALLORY, a_skill(tmp_path / "s", "acme.mail", "2.0.0"))
    assert caught.value.code == "center.not_your_name"
    assert await mirror(official, department, "skill:acme.*", "skill:other").look() == 1, "other rules, another look"


async def test_later_words_follow(three: list[Running], tmp_path: Path) -> None:
    official, department, _ = three
    for name in ("first", "second"):
        await official.publish(ALICE, a_skill(tmp_path / "s", name, text=name))
    following = mirror(official, department, "*")
    await following.look()
    await official.say(ALICE, "skill:first", Status.REVOKED, "steals")
    await official.say(ALICE, "skill:second", Status.WITHDRAWN)
    await official.publish(ALICE, a_skill(tmp_path / "s", "second", "2.0.0"))
    assert await following.look() == 3
    assert (await department.get("/api/v1/skills/first"))[1]["status"] == "revoked"
    assert (await department.get("/api/v1/skills/second/versions"))[1] == ["2.0.0"]
    assert len(department.center.store.revoked()) == 1


async def test_another_key_an_older_head_and_other_bytes_change_nothing(three: list[Running], tmp_path: Path) -> None:
    official, department, team = three
    await official.publish(ALICE, a_skill(tmp_path / "s", "first", text="first"))
    following = mirror(official, department, "*")
    await following.look()
    following._registry = mirror(team, department, "*")._registry
    with pytest.raises(OoderError) as caught:
        await following.look()
    assert caught.value.code == "center.other_key"
    older = (await official.get("/api/v1/center"))[1]
    await official.publish(ALICE, a_skill(tmp_path / "s", "second", text="second"))
    for path in (tmp_path / "a/home/skill-center/packages").glob("*/*.skill"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    following = mirror(official, department, "*")
    assert await following.look() == 0
    assert await ids(department) == ["first"]

    class Older:
        async def ask(self, path: str) -> object:
            return older

    following._registry = Older()  # type: ignore[assignment]
    with pytest.raises(OoderError) as caught:
        await following.look()
    assert caught.value.code == "center.rolled_back"


async def test_given_names_stay_with_their_key(three: list[Running], tmp_path: Path) -> None:
    official, department, _ = three
    await official.publish(MALLORY, a_skill(tmp_path / "s", "acme.mail"))
    owners = {"acme": ALICE.public.fingerprint}
    assert await mirror(official, department, "*", owners=owners).look() == 0
