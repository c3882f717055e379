"""What a commit costs with every sync, on the disk of the temporary folder, and what verifying costs.

`python -m bench.commit`. Yardsticks: offline install of 30 skills x 10 files <= 1 s, `verify` of 300 skills <= 1 s.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench import Row
from node.install.files import Files
from node.install.store import Store
from node.install.unpack import PackedFile
from protocol.install.apply import Change
from protocol.install.model import Installed
from protocol.refs import Kind
from tests.fakes.disks import Counting


def _install(store: Store, skills: int, files: int) -> tuple[float, float]:
    """(seconds to stage, seconds to commit)."""
    began = time.perf_counter()
    with store.stage() as stage:
        items = []
        for number in range(skills):
            content = [PackedFile(f"part{n}/file.md", False, f"{number} {n}\n".encode() * 200) for n in range(files)]
            done = stage.files(content)
            items.append(Installed(Kind.SKILL, f"skill{number}", "1.0", "local:0", done.digest, done.size, files))
        scene = stage.files([PackedFile("scene.yaml", False, b"id: bench\n")])
        needs = tuple(item.release for item in items)
        top = Installed(Kind.SCENE, "bench", "1.0", "local:0", scene.digest, scene.size, 1, needs=needs, requested=True)
        staged = time.perf_counter()
        store.commit(Change("bench", (*items, top)), 1.0, stage)
        return staged - began, time.perf_counter() - staged


def run() -> list[Row]:
    """Every figure; the disk is that of the temporary folder."""
    rows = []
    for skills, commit_aim, verify_aim in ((30, "<= 1 s", ""), (300, "", "<= 1 s")):
        with tempfile.TemporaryDirectory(prefix="ooder-bench-") as folder:
            store = Store(Path(folder), Files())
            staged, committed = _install(store, skills, 10)
            rows.append(Row(f"install {skills} skills x 10 files, every sync", staged + committed, "s", commit_aim))
            times = []
            for _ in range(3):
                began = time.perf_counter()
                found = store.verify()
                times.append(time.perf_counter() - began)
                assert found.ok, found
            rows.append(Row(f"verify {skills} skills x 10 files, every byte", min(times), "s", verify_aim))
    with tempfile.TemporaryDirectory(prefix="ooder-bench-") as folder:
        disk = Counting()
        _install(Store(Path(folder), disk), 30, 10)
        rows.append(Row("syncs in the install of 30 x 10", sum("sync" in op.kind for op in disk.ops), "syncs"))
    return rows


if __name__ == "__main__":
    for row in run():
        print(row)
