"""What the DHT may carry of a home: what is shared with everyone, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node import config
from node.dht_offers import offers_of
from node.paths import Paths
from node.service import Service
from node.sharing import EVERYONE, PAIRED, SEE, Share, add_share
from protocol.dht.record import words_of
from protocol.refs import parse_ref


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A home with one skill."""
    monkeypatch.setenv("HOME", str(tmp_path))
    skill = tmp_path / ".agents/skills/tidy-notes/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: tidy-notes\ndescription: Tidies notes. 整理笔记\n---\n# Tidy\n", "utf-8")
    paths = Paths(tmp_path / "home")
    made = Service(paths, config.load(paths))
    asyncio.run(made.scan(lambda event: None, ["local_fs"]))
    return made


def test_nothing_is_published_that_is_not_shared_with_everyone(service: Service) -> None:
    assert offers_of(service) == []
    add_share(service.paths, Share(parse_ref("skill:tidy-notes"), PAIRED), service.now())
    add_share(service.paths, Share(parse_ref("skill:unknown"), EVERYONE), service.now())
    assert offers_of(service) == []
    add_share(service.paths, Share(parse_ref("skill:tidy-notes"), EVERYONE, until=service.now() - 1), service.now())
    assert offers_of(service) == []


def test_what_is_shared_with_everyone_points_at_the_peer_plane(service: Service) -> None:
    service.ports.lan.tcp_port = 48_889
    add_share(service.paths, Share(parse_ref("skill:tidy-notes"), EVERYONE), service.now())
    (pointer,) = service.ports.dht.offers()
    assert str(pointer.ref) == "skill:tidy-notes" and pointer.digest.startswith("sha256:") and pointer.size > 0
    assert pointer.title == "tidy-notes — Tidies notes. 整理笔记" and "笔记" in words_of(pointer)
    assert all(place.endswith(":48889") for place in pointer.places) and pointer.places
    add_share(service.paths, Share(parse_ref("skill:tidy-notes"), EVERYONE, may=SEE), service.now())
    assert offers_of(service)[0].digest == ""
