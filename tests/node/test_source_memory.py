"""What sources and registries must not forget: on disk when it is kept, nothing when it is spoilt, bounded when it is a cache."""

from __future__ import annotations

import os
from collections.abc import Set
from pathlib import Path

import pytest

from node.io.http.kept import KeptAnswers
from node.revocation_lists import Revocations
from node.source_memory import SourceMemory
from protocol.errors import OoderError
from protocol.http.caching import Kept, slot
from protocol.skill_center.revocations import Revocation

DIGEST = "sha256:" + "a" * 64


async def test_what_is_kept_comes_back_and_only_under_its_name(tmp_path: Path) -> None:
    memory = SourceMemory(tmp_path / "sources")
    assert await memory.load("a") == {}
    await memory.keep("a", {"seq": 7})
    assert await SourceMemory(tmp_path / "sources").load("a") == {"seq": 7}
    assert await memory.load("b") == {}
    (path,) = (tmp_path / "sources").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    for spoilt in (b"", b"{", b"[]", b'{"name": "b", "values": {}}', b'{"name": "a", "values": 3}'):
        path.write_bytes(spoilt)
        assert await memory.load("a") == {}


async def test_a_disk_that_takes_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("a file")
    with pytest.raises(OoderError) as caught:
        await SourceMemory(tmp_path / "sources").keep("a", {})
    assert caught.value.code == "home.unwritable"


async def test_lists_of_registries_replace_each_other_by_owner_and_tell_when_they_do(tmp_path: Path) -> None:
    told: list[Set[str]] = []
    lists = Revocations(tmp_path / "lists.json", told.append)
    await lists.keep("registry:a", 1, (Revocation(DIGEST, "bad", 5.0),))
    await lists.keep("registry:a", 1, (Revocation(DIGEST, "bad", 5.0),))
    await lists.keep("registry:b", 4, ())
    await lists.keep("registry:b", 5, (Revocation("key:b"),))
    await lists.keep("registry:b", 6, (Revocation("key:c"),))
    assert told == [{DIGEST}, {"key:b"}, {"key:b", "key:c"}]  # an empty list ends nothing
    again = Revocations(tmp_path / "lists.json")
    assert (await again.seq("registry:a"), await again.seq("registry:b"), await again.seq("registry:c")) == (1, 6, 0)
    assert again.amount_to(frozenset()).reason("registry:a/x", DIGEST, "") == "bad"
    (tmp_path / "lists.json").write_text("{")
    assert not again.amount_to(frozenset())


def test_kept_answers_stay_within_their_bounds(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path / "http")
    names = [slot(f"https://h/{at}", "", "") for at in range(10)]
    for at, name in enumerate(names):
        kept.put(name, Kept(f"https://h/{at}", "", 1.0, {"etag": '"1"'}, b"x" * 1_000))
        os.utime(tmp_path / "http" / name[:2] / name[2:], (at, at))
    assert kept.shrink(most=10_000_000, files=6) == 4
    assert [kept.get(name) is not None for name in names] == [False] * 4 + [True] * 6
    assert kept.shrink(most=3_000) == 4
    assert KeptAnswers(tmp_path / "none").get(names[0]) is None
