"""Two processes at once on one index: both get all their work done, and neither sees half of the other's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from node.index import Index
from protocol.query import Query

ROOT = Path(__file__).resolve().parents[3]
NOW = 1_800_000_000.0

_WRITER = """
import sys, pathlib
from node.index import Index, Rules
from tests.node.index.test_index import NOW, item, reading, sighted
name = sys.argv[2]
index = Index.open(pathlib.Path(sys.argv[1]), lambda: NOW)
for batch in range(10):
    told = [reading(sighted(item(f"{name}-{batch}-{n}"), origin=name)) for n in range(20)]
    index.apply(told, Rules(), NOW)
    assert index.counts().total % 20 == 0
"""


def test_two_processes_fill_one_index(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    command = [sys.executable, "-c", _WRITER, str(path)]
    writers = [subprocess.Popen([*command, name], cwd=ROOT, stderr=subprocess.PIPE) for name in ("left", "right")]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors.decode()
    index = Index.open(path, lambda: NOW)
    assert index.counts().total == 400
    assert index.search(Query("left*"), NOW).total == 200
    assert index.events_since(0, 1_000).last == 400
    index.close()
