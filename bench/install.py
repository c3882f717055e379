"""The whole pipeline offline, from a folder on this disk: plan, fetch, check, commit with every sync; beside `cp -r` and `sync`.

`python -m bench.install`. Aims of the product: a 30-skill scene (10 files each) <= 1 s; `verify` of 300 skills: see bench.commit.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from pathlib import Path

from bench import Row
from node import config as configuration
from node.install.engine import Engine
from node.install.planning import PlanOptions
from node.paths import Paths
from node.service import Service

SKILLS, FILES = 30, 10


def _catalogue(root: Path) -> None:
    needs = "".join(f"    - {{id: bench-{n}, version: '>=1.0.0'}}\n" for n in range(SKILLS))
    for n in range(SKILLS):
        folder = root / "skills" / f"bench-{n}"
        folder.mkdir(parents=True)
        (folder / "skill.yaml").write_text(f"id: bench-{n}\nname: bench {n}\nversion: 1.0.0\ndescription: a skill\n")
        for number in range(FILES - 1):
            (folder / f"part{number}.md").write_text(f"{n} {number}\n" * 300)
    folder = root / "skills" / "bench-all"
    folder.mkdir(parents=True)
    head = "id: bench-all\nname: all\nversion: 1.0.0\ndescription: needs all others\n"
    (folder / "skill.yaml").write_text(head + "dependencies:\n" + needs.replace("    - ", "  - "))


def run() -> list[Row]:
    """Seconds from the command to the committed generation, after a scan."""
    with tempfile.TemporaryDirectory(prefix="ooder-bench-") as name:
        root = Path(name)
        _catalogue(root / "catalogue")
        paths = Paths(root / "home")
        flags = {("sources", "local_fs", "folders"): [str(root / "catalogue")], ("offline",): True}
        service = Service(paths, configuration.load(paths, flags, {}))
        asyncio.run(service.scan(lambda event: None, ["local_fs"]))
        engine = Engine(service)
        began = time.perf_counter()
        plan = engine.plan("skill:bench-all", PlanOptions())
        planned = time.perf_counter()
        outcome = asyncio.run(engine.install(plan, plan.questions, lambda event: None))
        done = time.perf_counter()
        assert len(outcome.changed) == SKILLS + 1
        copied = time.perf_counter()
        subprocess.run(["cp", "-r", str(root / "catalogue"), str(root / "copy")], check=True)
        subprocess.run(["sync", "-f", str(root / "copy")], check=True)
        plain = time.perf_counter() - copied
        began_verify = time.perf_counter()
        assert engine.verify().ok
        verified = time.perf_counter() - began_verify
        service.close()
    return [
        Row(f"plan {SKILLS + 1} skills", planned - began, "s"),
        Row(
            f"install {SKILLS + 1} skills x {FILES} files offline, whole",
            done - began,
            "s",
            "<= 1 s",
            plain,
            "cp -r; sync",
        ),
        Row(f"verify {SKILLS + 1} skills, every byte", verified, "s"),
    ]


if __name__ == "__main__":
    for row in run():
        print(row)
