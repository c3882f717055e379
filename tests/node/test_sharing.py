"""What is shared: the ledger, who sees what, and that nothing else ever leaves."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node import config
from node.keys import node_key
from node.offering import Offering
from node.paths import Paths
from node.service import Service
from node.sharing import Share, add_share, audiences_of, read_audience, read_duration, read_shares, stop_share
from protocol.catalogue import decode_row, open_head, rows_digest, sign_ask
from protocol.digest import TreeFile, tree_digest
from protocol.errors import NotFoundError, OoderError, StorageError
from protocol.identity import SigningKey
from protocol.refs import parse_ref

CATALOGUE = Path(__file__).resolve().parents[2] / "scenarios" / "catalogue"
SKILL = parse_ref("skill:skill-text-brief")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    shutil.copytree(CATALOGUE, tmp_path / "catalogue")
    paths = Paths(tmp_path / "home")
    paths.ensure()
    paths.config.write_text(f"sources: {{local_fs: {{folders: ['{tmp_path}/catalogue'], agent_folders: false}}}}\n")
    service = Service(paths, config.load(paths, environ={}))
    asyncio.run(service.scan(lambda event: None, ["local_fs"]))
    yield service
    service.close()


def rows(answer: Any) -> list[str]:
    return sorted(row["ref"] for row in answer["items"])


def test_the_ledger_keeps_what_holds_and_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "home")
    add_share(paths, Share(SKILL, until=100.0), now=1.0)
    add_share(paths, Share(SKILL, until=200.0), now=2.0)
    add_share(paths, Share(SKILL, "group:lab"), now=3.0)
    assert [(one.audience, one.until) for one in read_shares(paths)] == [("everyone", 200.0), ("group:lab", 0.0)]
    assert not Share(SKILL, until=100.0).holds(100.0)
    add_share(paths, Share(parse_ref("skill:other")), now=300.0)
    assert [one.audience for one in read_shares(paths)] == ["group:lab", "everyone"], "what expired is removed"
    assert stop_share(paths, SKILL, 301.0) == 1
    with pytest.raises(NotFoundError):
        stop_share(paths, SKILL, 302.0)
    paths.shares.write_text("shares: [{ref: skill:x, with: everybody}]", "utf-8")
    with pytest.raises(StorageError):
        read_shares(paths)
    for wrong in ("7", "0d", "-1h", "1y", ""):
        with pytest.raises(OoderError):
            read_duration(wrong)
    with pytest.raises(OoderError):
        read_audience("group:../x")


def test_who_sees_what() -> None:
    groups = {"lab": ("A", "B"), "shop": ("C",)}
    assert audiences_of("", ["A"], groups) == {"everyone"}
    assert audiences_of("A", ["A"], groups) == {"everyone", "paired", "group:lab"}
    assert audiences_of("C", ["A"], groups) == {"everyone", "group:shop"}


def test_nothing_is_offered_until_it_is_shared_and_strangers_see_only_what_everyone_may(service: Service) -> None:
    offering, now = Offering(service), service.now()
    assert offering.changes(0, 10)["items"] == [] and not offering.shared().digest
    add_share(service.paths, Share(SKILL), now)
    add_share(service.paths, Share(parse_ref("scene:daily-report"), "paired"), now)
    first = offering.changes(0, 10)
    assert rows(first) == [str(SKILL)] and offering.shared().count == 1
    digest, _ = open_head(str(first["head"]), node_key(service.paths).public.fingerprint, now)
    assert digest == rows_digest(first["items"])  # type: ignore[arg-type]
    friend = SigningKey(b"f" * 32)
    ask = sign_ask(friend, node_key(service.paths).public.agent_id, now)
    assert rows(offering.changes(0, 10, ask)) == [str(SKILL)], "a key nobody paired is a stranger"
    service.paths.trust.write_text(f"known_keys: [{friend.public.fingerprint}]\n", "utf-8")
    assert rows(offering.changes(0, 10, ask)) == ["scene:daily-report", str(SKILL)]
    elsewhere = sign_ask(friend, "node-other", now)
    assert rows(offering.changes(0, 10, elsewhere)) == [str(SKILL)], "an ask holds at one node only"


def test_a_delta_says_what_came_and_what_went(service: Service) -> None:
    offering, now = Offering(service), service.now()
    add_share(service.paths, Share(SKILL), now)
    first = offering.changes(0, 10)
    assert first["full"] and offering.changes(int(str(first["last"])), 10)["items"] == []
    add_share(service.paths, Share(parse_ref("scene:daily-report")), now)
    stop_share(service.paths, SKILL, now)
    delta = offering.changes(int(str(first["last"])), 10)
    assert not delta["full"] and rows(delta) == ["scene:daily-report"] and delta["gone"] == [str(SKILL)]


def test_only_whole_trees_leave_and_only_while_they_are_what_was_promised(service: Service, tmp_path: Path) -> None:
    offering, now = Offering(service), service.now()
    add_share(service.paths, Share(SKILL), now)
    row = decode_row(offering.changes(0, 10)["items"][0])  # type: ignore[index]
    files = offering.files(row.digest)
    tree = [TreeFile(str(f["path"]), bool(f["executable"]), int(str(f["size"])), str(f["digest"])[7:]) for f in files]
    assert tree_digest(tree) == row.digest
    assert offering.file(row.digest, tree[0].path).is_file()
    for path in ("../../home/node.key", "/etc/passwd", "nothing"):
        with pytest.raises(NotFoundError):
            offering.file(row.digest, path)
    with pytest.raises(NotFoundError):
        offering.files("sha256:" + "0" * 64)
    offering.file(row.digest, tree[0].path).write_text("changed", "utf-8")
    with pytest.raises(NotFoundError):
        Offering(service).files(row.digest)
    add_share(service.paths, Share(SKILL, may="see"), now)
    assert not decode_row(Offering(service).changes(0, 10)["items"][0]).digest  # type: ignore[index]
