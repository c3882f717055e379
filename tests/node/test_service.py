"""The service: what a person wishes is asked now, what the node does by itself goes at the sources' own pace."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from node.config import load
from node.paths import Paths
from node.service import Service
from protocol.query import Query
from protocol.refs import Kind
from sources.base import Emit


class Slow:
    """Asks only once, unless it is told that somebody waits."""

    name: ClassVar[str] = "github"
    priority: ClassVar[int] = 60
    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind)
    pushes: ClassVar[bool] = False
    delivers: ClassVar[bool] = False

    def __init__(self) -> None:
        self.asked, self._due = 0, True

    def ask_at_once(self) -> None:
        self._due = True

    async def run(self, emit: Emit) -> None: ...

    async def search(self, query: Query, emit: Emit) -> None:
        self.asked += self._due
        self._due = False


async def test_only_a_wish_hurries_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Slow()
    monkeypatch.setattr("node.service.make_providers", lambda *_: {"github": source})
    paths = Paths(tmp_path / "home")
    paths.ensure()
    service = Service(paths, load(paths, {}, {}))
    counts = []
    for wished in (False, False, True, False):
        await service.scan(lambda event: None, ["github"], wished=wished)
        counts.append(source.asked)
    service.close()
    assert counts == [1, 1, 2, 2]
