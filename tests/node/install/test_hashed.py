"""Bytes that were hashed while they were fetched: what is written is what was hashed, and another tree is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.install.fetch import Fetcher
from node.install.hashed import Hashed, HashedFile
from node.install.peer_deliverer import PeerDeliverer
from node.install.store import Store
from node.install.unpack import PackedFile
from node.io.peer_client import Point
from protocol.errors import IntegrityError
from tests.node.install.test_gathering import TREE, at, item


def hashed(*parts: bytes) -> Hashed:
    content = Hashed()
    for part in parts:
        content.add(part)
    return content


def test_bytes_that_change_after_they_were_hashed_are_not_written(tmp_path: Path) -> None:
    buffer = bytearray(b"# good\n")
    content = hashed(buffer, memoryview(buffer))
    buffer[2:6] = b"evil"
    with Store(tmp_path).stage(9) as stage:
        done = stage.files([HashedFile("SKILL.md", False, content)])
        written = (stage.path(done.digest) / "SKILL.md").read_bytes()
        assert written == b"# good\n# good\n" and done.files[0].sha256 == hashlib.sha256(written).hexdigest()
        assert done == stage.files([PackedFile("SKILL.md", False, written)]), "the same tree as when hashed here"
    with pytest.raises(ValueError, match="complete"):
        content.add(b"more")
    assert content.sha256 == hashlib.sha256(written).hexdigest()


async def test_a_tree_other_than_planned_is_refused_at_the_stage(tmp_path: Path) -> None:
    class Client:
        async def tree(
            self, points: Sequence[Point], digest: str, pace: object, journal: object = None
        ) -> list[HashedFile]:
            return [HashedFile("SKILL.md", False, hashed(b"# y\n"))]

    fetcher = Fetcher({"peer+http": PeerDeliverer(Client())}, lambda digest: False)  # type: ignore[arg-type]
    with Store(tmp_path).stage(9) as stage, pytest.raises(IntegrityError):
        await fetcher.fetch(item(at("10.0.0.2"), digest=f"sha256:{TREE}"), stage)
